import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClewError, SnappyError } from '../../src/lib/index.ts';
import { BulkError } from '../../src/receive/elastic/failure.ts';
import { LabelError } from '../../src/receive/loki/labels.ts';
import { MalformedError } from '../../src/receive/otlp/wire.ts';

/** Reads one request and answers how many bytes it became; throws where it refuses. */
export type Decode = (bytes: Uint8Array) => number | Promise<number>;

/** Longest time for one small message; hundreds of times what the slowest takes. */
const decodeMsMax = 5_000;
/** A message may grow by what its rows cost besides, not without bound. */
const growthMax = 512;
const keptBytesMin = 262_144;

/** Evenly spread; doubles of fast-check are nearly all close to 0. */
const part = fc.integer({ min: 0, max: 9_999 }).map((number) => number / 10_000);

const edit = fc.record({
  kind: fc.constantFrom('set', 'insert', 'remove', 'repeat'),
  /** Where, as a part of the length. */
  at: part,
  byte: fc.oneof(
    fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x22, 0x7b, 0x5b, 0x2d),
    fc.integer({ min: 0, max: 255 }),
  ),
  length: fc.integer({ min: 1, max: 40 }),
});
type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never;

function applied(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let result = Buffer.from(bytes);
  for (const { kind, at, byte, length } of edits) {
    const position = Math.floor(at * result.length);
    const before = result.subarray(0, position);
    const after = result.subarray(position);
    if (kind === 'set' && after.length > 0) result[position] = byte;
    if (kind === 'insert') result = Buffer.concat([before, Buffer.alloc(length, byte), after]);
    if (kind === 'remove') result = Buffer.concat([before, after.subarray(length)]);
    if (kind === 'repeat') result = Buffer.concat([before, after.subarray(0, length), after]);
  }
  return result;
}

/** Broken forms of a message: some bytes changed, added, taken out or repeated, or nothing but noise. */
const brokenBytes = (message: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.array(edit, { maxLength: 6 }).map((edits) => applied(message, edits)) },
    // One byte of a name or a number leaves most messages readable, so that the fuzz also gets behind the first check.
    { weight: 4, arbitrary: edit.map((one) => applied(message, [{ ...one, kind: 'set' }])) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    '-1',
    '1e3',
    'NaN',
    1.5,
    -1,
    1e300,
    2 ** 63,
    [],
    {},
    [[]],
    [null],
    '\ud800',
  ),
  fc.constantFrom('18446744073709551616', '9'.repeat(400), 'x'.repeat(3_000), '\u0000', '{"a":'.repeat(50)),
  fc.jsonValue({ maxDepth: 3 }),
);
const jsonEdit = fc.record({
  /** The way down the tree: which child, as a part of their number. */
  way: fc.array(part, { maxLength: 12 }),
  value: oddValue,
});

function replaced(node: unknown, way: readonly number[], value: unknown): unknown {
  const [here, ...further] = way;
  if (here === undefined || typeof node !== 'object' || node === null) return value;
  const entries = Object.entries(node);
  const chosen = Math.floor(here * entries.length);
  const changed = entries.map(([key, item], index): [string, unknown] => [
    key,
    index === chosen ? replaced(item, further, value) : item,
  ]);
  return Array.isArray(node) ? changed.map(([, item]) => item) : Object.fromEntries(changed);
}

/** JSON in which some values are others than the format wants, and now and then JSON with broken bytes. */
const brokenJson = (message: unknown): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .array(jsonEdit, { maxLength: 3 })
        .map((edits) =>
          Buffer.from(
            JSON.stringify(edits.reduce((node, { way, value }) => replaced(node, way, value), message)),
          ),
        ),
    },
    { weight: 1, arbitrary: brokenBytes(Buffer.from(JSON.stringify(message))) },
  );

/** A decoder with a message that it reads, and broken forms of it. */
export interface Decoder {
  decode: Decode;
  whole: Uint8Array;
  forms: fc.Arbitrary<Uint8Array>;
}
export const ofBytes = (decode: Decode, whole: Uint8Array): Decoder => ({
  decode,
  whole,
  forms: brokenBytes(whole),
});
export const ofJson = (decode: Decode, value: unknown): Decoder => ({
  decode,
  whole: Buffer.from(JSON.stringify(value)),
  forms: brokenJson(value),
});
/** Broken before it was packed, or afterwards. */
export const ofPacked = (
  decode: Decode,
  whole: Uint8Array,
  pack: (bytes: Uint8Array) => Uint8Array = gzipSync,
): Decoder => ({
  decode,
  whole: pack(whole),
  forms: fc.oneof(brokenBytes(whole).map(pack), brokenBytes(pack(whole))),
});

/** The guarantee of every decoder, and that a decoder without it would be found. */
export function describeDecoders(decoders: readonly [string, Decoder][], seed: number): void {
  const runs = { seed, numRuns: 600 };
  describe.each(decoders)('%s', (_name, { decode, whole, forms }) => {
    it('broken messages are read or refused by a typed error, bounded, and harm nothing', async () => {
      // What a series is called is told the first time alone.
      const again = async () => {
        await decode(whole);
        return decode(whole);
      };
      const kept = await again();
      expect(kept).toBeGreaterThan(100);
      await fc.assert(neverBreaks(decode, forms), runs);
      expect(await again()).toBe(kept);
    });

    it.each(Object.entries(canaries))('the fuzz finds a decoder that %s', async (_canary, breakIt) => {
      const found = await fc.check(neverBreaks(breakIt(decode), forms), { ...runs, endOnFailure: true });
      expect(found.failed).toBe(true);
    });
  });
}

/** Whatever the bytes: they are read or refused with a typed error, soon, and don't become many times as much. */
const neverBreaks = (decode: Decode, forms: fc.Arbitrary<Uint8Array>) =>
  fc.asyncProperty(forms, async (bytes) => {
    const startedAt = performance.now();
    let kept = 0;
    try {
      kept = await decode(bytes);
    } catch (error) {
      if (!isTyped(error)) throw error;
    }
    if (kept > keptBytesMin + growthMax * bytes.length)
      throw new Error(`${bytes.length} bytes became ${kept}`);
    const tookMs = performance.now() - startedAt;
    if (tookMs > decodeMsMax) throw new Error(`it took ${tookMs} ms`);
  });

const isTyped = (error: unknown): boolean =>
  [MalformedError, SnappyError, BulkError, LabelError].some((kind) => error instanceof kind) ||
  (error instanceof ClewError && error.code !== 'internal');

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0);

/** Decoders that are broken on purpose: a fuzz that does not find them would find nothing. */
const canaries: Record<string, (decode: Decode) => Decode> = {
  'throws what no sender understands': (decode) => async (bytes) => {
    try {
      return await decode(bytes);
    } catch (error) {
      throw isTyped(error) ? new TypeError('canary') : error;
    }
  },
  'reads past the end': (decode) => async (bytes) => {
    const kept = await decode(bytes);
    if (sumOf(bytes) % 7 === 3) throw new RangeError('canary');
    return kept;
  },
  'grows without bound': (decode) => async (bytes) => {
    const kept = await decode(bytes);
    return sumOf(bytes) % 5 === 0 ? kept + 1_000_000_000 : kept;
  },
};
