import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ClewError } from '../../lib/index.ts';
import { decodeBody } from './body.ts';
import { MalformedError } from './wire.ts';

const bytesMax = 33_554_432;
const mebibyte = 1_048_576;

describe.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['zstd', zstdCompressSync],
])('a body in %s', (encoding, pack) => {
  it.each([0, 1, 100_000, 2 * mebibyte, bytesMax])('of %i bytes comes out whole', async (length) => {
    const body = Buffer.alloc(length, 'ab');
    expect(body.equals(await decodeBody(pack(body), encoding, bytesMax))).toBe(true);
  });

  it.each([bytesMax, 1000])('is refused beyond %i bytes, however small it came', async (limit) => {
    const packed = pack(Buffer.alloc(limit + 1));
    const refused = decodeBody(packed, encoding, limit);
    await expect(refused).rejects.toThrow(ClewError);
    await expect(refused).rejects.toThrow(/ingest\.body_bytes_max/);
  });

  it.each([40, 60_000])('that is broken is refused, at %i bytes', async (length) => {
    await expect(decodeBody(Buffer.alloc(length, 7), encoding, bytesMax)).rejects.toThrow(MalformedError);
  });
});

it('many bombs at once are unpacked in turn, not side by side', { timeout: 60_000 }, async () => {
  const bomb = gzipSync(Buffer.alloc(30_000_000));
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 2);
  const sizes = Array.from({ length: 32 }, async () => (await decodeBody(bomb, 'gzip', bytesMax)).length);
  expect(new Set(await Promise.all(sizes))).toEqual(new Set([30_000_000]));
  clearInterval(watch);
  // Side by side they are 960 MB.
  expect(most).toBeLessThan(500_000_000);
});
