import { expect, test } from 'vitest';
import { parseSearch } from './search.ts';

const terms = (q: string) => parseSearch(q).map((term) => `${term.exclude ? '-' : '+'}${term.text}`);

test('words and quoted phrases are terms of their own', () => {
  expect(terms('timeout "card declined"  retry')).toEqual(['+timeout', '+card declined', '+retry']);
});

test('a leading minus excludes a word or a phrase, a lone or inner minus is text', () => {
  expect(terms('-debug -"health check" - a-b')).toEqual(['-debug', '-health check', '+-', '+a-b']);
});

test('a backslash inside quotes keeps the next character', () => {
  expect(terms('"say \\"hi\\" \\\\o"')).toEqual(['+say "hi" \\o']);
});

test('empty searches and empty phrases ask for nothing', () => {
  expect(terms('   ')).toEqual([]);
  expect(terms('""')).toEqual([]);
});

test('an open quote, too many words and too long a text are refused with the limit', () => {
  expect(() => parseSearch('"never closed')).toThrow(/position 1 that is never closed/);
  expect(() => parseSearch('a '.repeat(21))).toThrow(/21 words; the limit is 20/);
  expect(() => parseSearch('x'.repeat(1_001))).toThrow(/the limit is 1000/);
});
