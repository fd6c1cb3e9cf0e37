import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listOf, momentOf, numberOf, oneOf, parseSearch, stringifySearch, textOf } from './url.ts';

describe('the query string', () => {
  test('what is written is read back: lists, special characters, numbers as text', () => {
    const search = { service: ['a&b', 'c=d'], q: 'x "y" 100%', trace_id: '0012', attr: ['!k=v=w', 'ü=中'] };
    expect(parseSearch(stringifySearch(search))).toEqual(search);
  });

  test('any non-empty texts survive the way there and back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 5 }), (values) => {
        expect(parseSearch(stringifySearch({ k: values }))).toEqual({ k: values });
      }),
    );
  });

  test('empty and missing values are left out', () => {
    expect(stringifySearch({ a: undefined, b: '', c: null, d: [] })).toBe('');
  });

  test('a key given once reads as text, twice as a list', () => {
    expect(parseSearch('?a=1&b=2&b=3')).toEqual({ a: '1', b: ['2', '3'] });
  });
});

describe('reading values', () => {
  test('a list takes one value, drops empty ones and duplicates', () => {
    expect(listOf('a')).toEqual(['a']);
    expect(listOf(['a', '', 'a', 'b'])).toEqual(['a', 'b']);
    expect(listOf('')).toBeUndefined();
  });

  test('text is the first value', () => {
    expect(textOf(['x', 'y'])).toBe('x');
    expect(textOf(undefined)).toBeUndefined();
  });

  test('what is no number is no number', () => {
    expect(numberOf('250')).toBe(250);
    expect(numberOf('abc')).toBeUndefined();
    expect(numberOf('Infinity')).toBeUndefined();
  });

  test('only listed words pass', () => {
    expect(oneOf('error', ['error', 'ok'])).toBe('error');
    expect(oneOf('odd', ['error', 'ok'])).toBeUndefined();
  });

  test('a moment is epoch milliseconds or ISO 8601', () => {
    expect(momentOf('1700000000000')).toBe(1_700_000_000_000);
    expect(momentOf('2026-01-02T03:04:05Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(momentOf('yesterday')).toBeUndefined();
  });
});
