import { describe, expect, it } from 'vitest';
import { testSeed } from '../../test/support/seed.ts';
import { SnappyError, snappyDecompress } from './snappy.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const bytesOf = (...parts: (number | string)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...text(part)])));

describe('blocks written by hand after the format', () => {
  const table: [string, Uint8Array, string][] = [
    ['nothing', bytesOf(0), ''],
    ['a literal', bytesOf(5, 4 << 2, 'hello'), 'hello'],
    ['a literal with a length byte', bytesOf(70, 60 << 2, 69, 'x'.repeat(70)), 'x'.repeat(70)],
    ['a literal with two length bytes', bytesOf(70, 61 << 2, 69, 0, 'x'.repeat(70)), 'x'.repeat(70)],
    ['a literal with four length bytes', bytesOf(3, 63 << 2, 2, 0, 0, 0, 'abc'), 'abc'],
    ['a copy with one byte of offset', bytesOf(8, 3 << 2, 'abcd', 1, 4), 'abcdabcd'],
    ['a copy with two bytes of offset', bytesOf(7, 3 << 2, 'abcd', (2 << 2) | 2, 4, 0), 'abcdabc'],
    ['a copy with four bytes of offset', bytesOf(7, 3 << 2, 'abcd', (2 << 2) | 3, 3, 0, 0, 0), 'abcdbcd'],
    ['a copy that runs over itself', bytesOf(11, 0, 'a', (9 << 2) | 2, 1, 0), 'a'.repeat(11)],
    [
      'a long copy that does not',
      bytesOf(80, 39 << 2, 'abcdefghij'.repeat(4), (39 << 2) | 2, 40, 0),
      'abcdefghij'.repeat(8),
    ],
    [
      'an offset beyond 255 in the short form',
      bytesOf(0x84, 2, 61 << 2, 255, 0, 'q'.repeat(256), 1 | (1 << 5), 0),
      'q'.repeat(260),
    ],
  ];
  it.each(table)('%s is read', (_name, block, expected) => {
    expect(new TextDecoder().decode(snappyDecompress(block, 1_000))).toBe(expected);
  });
});

describe('malformed blocks are refused with a reason', () => {
  const table: [string, Uint8Array, string][] = [
    ['no bytes', bytesOf(), 'it ends inside its length'],
    ['a length without end', bytesOf(0x80, 0x80, 0x80, 0x80, 0x80, 0), 'its length is no 32-bit number'],
    ['a length above 32 bits', bytesOf(0xff, 0xff, 0xff, 0xff, 0x1f), 'its length is no 32-bit number'],
    ['a cut literal', bytesOf(5, 4 << 2, 'hel'), 'it ends inside a literal'],
    ['a cut length of a literal', bytesOf(5, 61 << 2, 1), 'it ends inside an element'],
    ['a cut copy', bytesOf(8, 3 << 2, 'abcd', 2, 4), 'it ends inside an element'],
    ['an offset of zero', bytesOf(8, 3 << 2, 'abcd', 1, 0), 'a copy starts before the first byte'],
    ['an offset too far back', bytesOf(8, 3 << 2, 'abcd', 1, 5), 'a copy starts before the first byte'],
    ['a copy too long', bytesOf(6, 3 << 2, 'abcd', 1, 4), 'it holds more bytes than announced'],
    ['a literal too long', bytesOf(3, 3 << 2, 'abcd'), 'it holds more bytes than announced'],
    ['too little', bytesOf(9, 3 << 2, 'abcd', 1, 4), 'it holds 8 bytes where 9 are announced'],
    [
      'an impossible length',
      bytesOf(0xe8, 7, 0, 'a'),
      "4 bytes can't hold the 1000 bytes that are announced",
    ],
  ];
  it.each(table)('%s', (_name, block, reason) => {
    expect(() => snappyDecompress(block, 10_000)).toThrow(`The snappy block can't be read: ${reason}.`);
  });

  it('a block that announces more than allowed is refused before anything is allocated', () => {
    const block = bytesOf(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 'a');
    const refused = () => snappyDecompress(block, 1_000);
    expect(refused).toThrow('announces 4294967295 bytes; at most 1000 are taken');
    try {
      refused();
    } catch (error) {
      expect(error instanceof SnappyError && error.reason).toBe('too_large');
    }
  });
});

/** Mulberry32: the same numbers for the same seed. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Random elements together with what they mean, made without the code under test. */
function randomBlock(random: () => number): { block: number[]; plain: number[] } {
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const body: number[] = [];
  const plain: number[] = [];
  for (let elements = upTo(20); elements >= 0; elements--) {
    if (plain.length === 0 || random() < 0.4) {
      const literal = Array.from({ length: 1 + upTo(100) }, () => upTo(4));
      if (literal.length <= 60) body.push((literal.length - 1) << 2);
      else body.push(60 << 2, literal.length - 1);
      body.push(...literal);
      plain.push(...literal);
      continue;
    }
    const count = 4 + upTo(8);
    const offset = 1 + upTo(Math.min(plain.length, 2047));
    if (random() < 0.5) body.push(1 | ((count - 4) << 2) | ((offset >> 8) << 5), offset & 255);
    else body.push(2 | ((count - 1) << 2), offset & 255, offset >> 8);
    for (let i = 0; i < count; i++) plain.push(plain[plain.length - offset] ?? 0);
  }
  const length: number[] = [];
  for (let rest = plain.length; ; rest >>>= 7) {
    length.push(rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest);
    if (rest < 0x80) break;
  }
  return { block: [...length, ...body], plain };
}

it('random blocks are read exactly; damaged ones are read within bounds or refused', () => {
  const seed = testSeed;
  const random = numbers(seed);
  for (let run = 0; run < 2_000; run++) {
    const { block, plain } = randomBlock(random);
    const where = `seed ${seed}, run ${run}`;
    expect([...snappyDecompress(Uint8Array.from(block), 10_000)], where).toEqual(plain);
    const damaged = Uint8Array.from(block).slice(0, 1 + Math.floor(random() * block.length));
    for (let flips = Math.floor(random() * 4); flips >= 0; flips--)
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
    try {
      expect(snappyDecompress(damaged, 4_000).length, where).toBeLessThanOrEqual(4_000);
    } catch (error) {
      expect(error, where).toBeInstanceOf(SnappyError);
    }
  }
});
