/** What `${…}` may name in a playbook, flattened: `cause.service`, `facts.previous_version`, `change.labels.key`. */
export type Values = ReadonlyMap<string, string>;

export type Filled = { ok: true; value: unknown } | { ok: false; missing: string[] };

const placeholder = /\$\{([^}]*)\}/g;
/** A whole string `${name | number}` becomes a number: configuration values are often not text. */
const wholeNumber = /^\$\{([^}|]*)\|\s*number\s*\}$/;

/** Replaces every placeholder in strings, at any depth. Names without a value are reported, never left in. */
export function fill(template: unknown, values: Values): Filled {
  const missing = new Set<string>();
  const value = walk(template, values, missing);
  return missing.size === 0 ? { ok: true, value } : { ok: false, missing: [...missing].sort() };
}

function walk(template: unknown, values: Values, missing: Set<string>): unknown {
  if (typeof template === 'string') {
    const name = wholeNumber.exec(template)?.[1]?.trim();
    if (name !== undefined) {
      const value = Number(values.get(name) || Number.NaN);
      if (!Number.isFinite(value)) missing.add(`${name} (as a number)`);
      return value;
    }
    return template.replace(placeholder, (_, name: string) => {
      const value = values.get(name.trim());
      if (value === undefined || value === '') missing.add(name.trim());
      return value ?? '';
    });
  }
  if (Array.isArray(template)) return template.map((item) => walk(item, values, missing));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, item]) => [key, walk(item, values, missing)]),
  );
}

/** Adds `prefix.key` for every string, number and boolean of a record, nested ones too. */
export function addValues(into: Map<string, string>, prefix: string, record: object): void {
  for (const [key, value] of Object.entries(record)) {
    if (typeof value === 'string') into.set(`${prefix}.${key}`, value);
    else if (typeof value === 'number' || typeof value === 'boolean')
      into.set(`${prefix}.${key}`, String(value));
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      addValues(into, `${prefix}.${key}`, value);
  }
}
