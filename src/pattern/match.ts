import { wildcard } from './tokens.ts';

const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Whether a message is what a template says: equal but for white space, anything where a wildcard stands. */
export function matches(template: string, message: string): boolean {
  const parts = plain(template).split(wildcard);
  const text = plain(message);
  const first = parts[0] ?? '';
  if (parts.length === 1) return text === first;
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return at <= end && text.endsWith(last);
}
