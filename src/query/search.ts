import { ClewError } from '../lib/index.ts';

/** One word or phrase of a search: the body holds it (or, excluded, does not), whatever its case. */
export interface SearchTerm {
  text: string;
  exclude: boolean;
}

// Every term is a scan of the bodies; more than this many is a mistake or an attack.
const termsMax = 20;
const queryCharsMax = 1_000;

/**
 * `timeout "card declined" -retry`: words and quoted phrases must all stand in the body; a leading `-` excludes.
 * Inside quotes a backslash takes the next character as it is. A lone `-` is a word.
 */
export function parseSearch(query: string): SearchTerm[] {
  if (query.length > queryCharsMax) {
    throw new ClewError(
      'bad_request',
      `q is ${query.length} characters long; the limit is ${queryCharsMax}.`,
    );
  }
  const terms: SearchTerm[] = [];
  let at = 0;
  while (at < query.length) {
    if (/\s/.test(query.charAt(at))) {
      at++;
      continue;
    }
    const exclude = query.charAt(at) === '-' && at + 1 < query.length && !/\s/.test(query.charAt(at + 1));
    if (exclude) at++;
    const [text, end] = query.charAt(at) === '"' ? readPhrase(query, at) : readWord(query, at);
    at = end;
    if (text !== '') terms.push({ text, exclude });
  }
  if (terms.length > termsMax) {
    throw new ClewError('bad_request', `q has ${terms.length} words; the limit is ${termsMax}.`);
  }
  return terms;
}

function readWord(query: string, start: number): [string, number] {
  let end = start;
  while (end < query.length && !/\s/.test(query.charAt(end))) end++;
  return [query.slice(start, end), end];
}

function readPhrase(query: string, start: number): [string, number] {
  let text = '';
  for (let at = start + 1; at < query.length; at++) {
    const char = query.charAt(at);
    if (char === '"') return [text, at + 1];
    if (char === '\\' && at + 1 < query.length) at++;
    text += query.charAt(at);
  }
  throw new ClewError('bad_request', `q has a quote at position ${start + 1} that is never closed.`);
}
