import { promisify } from 'node:util';
import { gunzip, gunzipSync, inflate, inflateSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { ClewError } from '../../lib/index.ts';
import { MalformedError } from './wire.ts';

interface Bound {
  maxOutputLength: number;
}
type Now = (body: Buffer, bound: Bound) => Uint8Array;
type Later = (body: Buffer, bound: Bound) => Promise<Uint8Array>;
const gunzipLater = promisify<Buffer, Bound, Buffer>(gunzip);
const inflateLater = promisify<Buffer, Bound, Buffer>(inflate);
const zstdLater = promisify<Buffer, Bound, Buffer>(zstdDecompress);

const decoders = new Map<string, { now: Now; later: Later }>([
  ['gzip', { now: (body, bound) => gunzipSync(body, bound), later: gunzipLater }],
  ['x-gzip', { now: (body, bound) => gunzipSync(body, bound), later: gunzipLater }],
  ['deflate', { now: (body, bound) => inflateSync(body, bound), later: inflateLater }],
  ['zstd', { now: (body, bound) => zstdDecompressSync(body, bound), later: zstdLater }],
]);
export const acceptedEncodings = 'gzip, zstd, deflate';

/** Up to here decompressing takes less time (0.3 ms) than a way through the worker threads, which queries share. */
const inlineBytesMax = 32_768;

/** The request body without its Content-Encoding; never more than `bytesMax` bytes, however much was packed into it. */
export async function decodeBody(body: Buffer, encoding: string, bytesMax: number): Promise<Uint8Array> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return body;
  const decoder = decoders.get(name);
  if (decoder === undefined) {
    throw new ClewError(
      'unsupported_media_type',
      `Content-Encoding ${JSON.stringify(name.slice(0, 40))} is not understood; send ${acceptedEncodings} or none.`,
    );
  }
  try {
    const options = { maxOutputLength: bytesMax };
    return body.length <= inlineBytesMax ? decoder.now(body, options) : await decoder.later(body, options);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new ClewError(
        'too_large',
        `The decompressed body is larger than ${bytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`,
        { details: { limit: bytesMax, setting: 'ingest.body_bytes_max' } },
      );
    }
    throw new MalformedError(
      `The body is not valid ${name}: ${error instanceof Error ? error.message : 'error'}.`,
    );
  }
}
