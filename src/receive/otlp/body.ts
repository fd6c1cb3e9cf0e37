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

interface Decoder {
  now: Now;
  later: Later;
}
const decoders = new Map<string, Decoder>([
  ['gzip', { now: (body, bound) => gunzipSync(body, bound), later: gunzipLater }],
  ['x-gzip', { now: (body, bound) => gunzipSync(body, bound), later: gunzipLater }],
  ['deflate', { now: (body, bound) => inflateSync(body, bound), later: inflateLater }],
  ['zstd', { now: (body, bound) => zstdDecompressSync(body, bound), later: zstdLater }],
]);
export const acceptedEncodings = 'gzip, zstd, deflate';

/** Up to here decompressing takes less time (0.3 ms) than a way through the worker threads, which queries share. */
const inlineBytesMax = 32_768;
/** What 32 kB usually become is less; a body that becomes more goes the other way, or it would hold up everybody. */
const inlineResultBytesMax = 1_048_576;
/** Bodies in the worker threads at once: each may become the largest there is, and they would all grow side by side. */
const unpackedAtOnceMax = 4;
const waiting: (() => void)[] = [];
let unpacking = 0;

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
    return unpackNow(decoder, body, bytesMax) ?? (await unpackLater(decoder, body, bytesMax));
  } catch (error) {
    if (isTooLarge(error)) {
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

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';

function unpackNow({ now }: Decoder, body: Buffer, bytesMax: number): Uint8Array | undefined {
  if (body.length > inlineBytesMax) return undefined;
  try {
    return now(body, { maxOutputLength: Math.min(bytesMax, inlineResultBytesMax) });
  } catch (error) {
    if (isTooLarge(error) && bytesMax > inlineResultBytesMax) return undefined;
    throw error;
  }
}

/** In turn; how many wait is bounded by the door, which they have passed. */
async function unpackLater({ later }: Decoder, body: Buffer, bytesMax: number): Promise<Uint8Array> {
  if (unpacking < unpackedAtOnceMax) unpacking += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await later(body, { maxOutputLength: bytesMax });
  } finally {
    // The place goes to the next one in the queue without becoming free.
    const next = waiting.shift();
    if (next === undefined) unpacking -= 1;
    else next();
  }
}
