import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SequenceSum, scrambled, sequenceMax, unscrambled, writeSpanId } from './identity.ts';

test('a sequence number can be read back from its span id, so no two have the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: sequenceMax }), (sequence) => {
      expect(unscrambled(scrambled(sequence))).toBe(sequence);
      const view = new DataView(new ArrayBuffer(8));
      writeSpanId(view, 0, sequence);
      expect(unscrambled(view.getUint32(0))).toBe(sequence);
    }),
  );
});

test('ranges sum up to what adding each number would give, in any order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 1, max: 300 }))),
      (ranges) => {
        const sum = new SequenceSum();
        let total = 0n;
        let xor = 0;
        let count = 0;
        for (const [first, length] of ranges) {
          sum.add(first, length);
          for (let n = first; n < first + length; n++) {
            total += BigInt(n);
            xor = (xor ^ n) >>> 0;
            count++;
          }
        }
        expect(sum.toJSON()).toEqual({ count, sum: String(total), xor });
      },
    ),
  );
});

test('one number in place of another is noticed', () => {
  const right = new SequenceSum();
  right.add(10, 5);
  const wrong = new SequenceSum();
  wrong.add(10, 4);
  wrong.add(15, 1);
  expect(wrong.toJSON()).not.toEqual(right.toJSON());
});
