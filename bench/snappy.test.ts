import fc from 'fast-check';
import { expect, test } from 'vitest';
import { snappyDecompress } from '../src/lib/index.ts';
import { snappyCompress } from './snappy.ts';

const ranges = (cuts: number[], length: number): [number, number][] => {
  const sorted = [...new Set(cuts.map((cut) => cut % (length + 1)))].sort((a, b) => a - b);
  return sorted.flatMap((start, at): [number, number][] => {
    const end = sorted[at + 1];
    return at % 2 === 0 && end !== undefined ? [[start, end]] : [];
  });
};
/** Much repetition, so that there is something to copy. */
const repetitive = fc.array(fc.constantFrom('abcdefgh', 'http_requests_total', 'x', '0123456789'), {
  maxLength: 200,
});

test('whatever is written into the volatile ranges afterwards comes out, and the rest as it was', () => {
  fc.assert(
    fc.property(repetitive, fc.array(fc.nat(4_000), { maxLength: 40 }), (parts, cuts) => {
      const plain = Buffer.from(parts.join(''));
      const marked = ranges(cuts, plain.length);
      const { bytes, offsets } = snappyCompress(plain, marked);
      expect(offsets).toHaveLength(marked.length);
      for (const [at, [start, end]] of marked.entries()) {
        plain.fill(0x21 + (at % 90), start, end);
        bytes.fill(0x21 + (at % 90), offsets[at], (offsets[at] ?? 0) + end - start);
      }
      expect(Buffer.from(snappyDecompress(bytes, 1_000_000)).equals(plain)).toBe(true);
    }),
  );
});

test('a literal longer than an element may be is cut outside the volatile ranges', () => {
  const plain = Buffer.from(
    Array.from({ length: 140_000 }, (_, at) => (Math.imul(at, 2_654_435_761) >>> 13) & 255),
  );
  const { bytes, offsets } = snappyCompress(plain, [[65_530, 65_545]]);
  bytes.fill(7, offsets[0], (offsets[0] ?? 0) + 15);
  plain.fill(7, 65_530, 65_545);
  expect(Buffer.from(snappyDecompress(bytes, 1_000_000)).equals(plain)).toBe(true);
});
