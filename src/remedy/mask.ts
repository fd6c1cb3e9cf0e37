/** Words before a value that make the value a secret. */
const named =
  /((?:pass(?:word|wd)?|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|authorization|credential)s?["']?\s*[:=]\s*["']?)([^\s"',;&]+)/gi;
const bearer = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi;
const inUrl = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;

/** Secrets in text that is kept or shown become `***`. */
export const maskSecrets = (text: string): string =>
  text.replace(bearer, '$1 ***').replace(inUrl, '$1***@').replace(named, '$1***');

const secretKey = /pass(word|wd)?|secret|token|api[-_]?key|authorization|credential|cookie/i;

/** The same for parameters: values under a secret's name are hidden, strings are masked. */
export function maskValues(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return secretKey.test(key) ? '***' : maskSecrets(value);
  if (Array.isArray(value)) return value.map((item) => maskValues(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, maskValues(item, name)]));
}
