/** Fields taken out of one record, and how deep its JSON may be nested: more is data, not fields. */
const fieldsMax = 256;
const depthMax = 8;

/** The fields of a JSON object, those inside of objects under names with dots; a reason when it is none. */
export function jsonFields(text: string): Map<string, string> | string {
  if (!/^\s*\{/.test(text)) return 'not a JSON object';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object';
  const fields = new Map<string, string>();
  flatten(value, '', 0, fields);
  return fields;
}

function flatten(value: object, prefix: string, depth: number, fields: Map<string, string>): void {
  for (const [name, item] of Object.entries(value)) {
    if (fields.size >= fieldsMax) return;
    const key = prefix + name;
    if (typeof item === 'object' && item !== null && !Array.isArray(item) && depth < depthMax)
      flatten(item, `${key}.`, depth + 1, fields);
    else if (item !== null) fields.set(key, typeof item === 'string' ? item : JSON.stringify(item));
  }
}

const pair = /(?<![\w.@/-])([A-Za-z_@][\w.@/-]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g;

/** The fields of `key=value key="some value"`; a reason when there are none. */
export function logfmtFields(text: string): Map<string, string> | string {
  const fields = new Map<string, string>();
  for (const match of text.matchAll(pair)) {
    if (fields.size >= fieldsMax) break;
    const [, key = '', quoted, plain = ''] = match;
    fields.set(key, quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
  }
  return fields.size === 0 ? 'no key=value in it' : fields;
}
