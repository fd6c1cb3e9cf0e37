import type { Masker } from './refine.ts';

/** `text` with everything hidden that the rules find; for receivers that hold their records as text. */
export function maskedText(masker: Masker | null | undefined, text: string, tenant: string): string {
  if (masker === null || masker === undefined || text === '') return text;
  const bytes = Buffer.from(text);
  return masker.suspects(bytes, 0, bytes.length) ? masker.mask(text, tenant) : text;
}

/** The same for the value of an attribute, whose name alone may say that it is a secret. */
export function maskedValue(
  masker: Masker | null | undefined,
  key: string,
  value: string,
  tenant: string,
): string {
  if (masker === null || masker === undefined) return value;
  const bytes = Buffer.from(key);
  if (masker.suspectsKey(bytes, 0, bytes.length) && masker.maskKey(key, tenant)) return masker.maskedValue;
  return maskedText(masker, value, tenant);
}

/** All values of a set of labels. */
export const maskedLabels = (
  masker: Masker | null | undefined,
  labels: Readonly<Record<string, string>>,
  tenant: string,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key, maskedValue(masker, key, value, tenant)]),
  );
