/**
 * A value of AGE as JSON: `{"id": 1, "label": "Resource", "properties": {…}}::vertex` without its types. Numbers that JSON
 * has no form for become null.
 */
export function agtypeValue(text: string | null): unknown {
  if (text === null) return null;
  const json = text.replaceAll(
    /"(?:[^"\\]|\\.)*"|::(?:vertex|edge|path|numeric)\b|-?\b(?:Infinity|NaN)\b/g,
    (part) => (part.startsWith('"') ? part : part.startsWith('::') ? '' : 'null'),
  );
  try {
    return JSON.parse(json);
  } catch {
    return text;
  }
}
