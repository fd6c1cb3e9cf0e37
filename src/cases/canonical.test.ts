import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, storable } from './canonical.ts';

test('the order of keys does not change the text', () => {
  expect(canonicalJson({ b: 1, a: { d: [1, { z: 0, y: 0 }], c: 2 } })).toBe(
    canonicalJson({ a: { c: 2, d: [1, { y: 0, z: 0 }] }, b: 1 }),
  );
});

test('whatever comes in, the text is stable and free of what PostgreSQL refuses', () => {
  fc.assert(
    fc.property(fc.anything({ withDate: true, withBigInt: true }), (value) => {
      const text = canonicalJson(storable(value));
      expect(text).not.toMatch(/(?<!\\)(?:\\\\)*\\u0000/);
      expect(text.isWellFormed()).toBe(true);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

test('a long string is cut and says how much is missing', () => {
  expect(storable('x'.repeat(10_000))).toMatch(/^x{8192}… \(1808 more\)$/);
});
