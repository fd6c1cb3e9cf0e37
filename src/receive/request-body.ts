import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ClewError, giveBuffer, takeBuffer } from '../lib/index.ts';
import { writeReceipt } from './receipt.ts';

const firstBytes = 65_536;

export const bodyTooLarge = (bytesMax: number): ClewError =>
  new ClewError(
    'too_large',
    `The body is larger than ${bytesMax} bytes, the limit of ingest.body_bytes_max. Send smaller batches.`,
    { details: { limit: bytesMax, setting: 'ingest.body_bytes_max' } },
  );

/**
 * Reads a body of at most `bytesMax` bytes into a buffer that is used again: whoever gets it calls `giveBuffer` when
 * nothing reads it any more.
 */
function readBody(request: FastifyRequest, stream: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (announced > bytesMax) return Promise.reject(bodyTooLarge(bytesMax));
  let buffer = takeBuffer(Number.isFinite(announced) ? announced : firstBytes);
  let length = 0;
  const add = (chunk: Buffer) => {
    if (length + chunk.length > buffer.length) {
      const grown = takeBuffer(Math.min(Math.max(buffer.length * 2, length + chunk.length), bytesMax));
      grown.set(buffer.subarray(0, length));
      giveBuffer(buffer);
      buffer = grown;
    }
    buffer.set(chunk, length);
    length += chunk.length;
    // The parser made this memory for the chunk alone; left to the garbage collector it would make it run all the time.
    if (chunk.buffer instanceof ArrayBuffer && chunk.buffer.byteLength === chunk.length)
      chunk.buffer.transfer(0);
  };
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      stream.off('data', onData);
      stream.off('end', onEnd);
      stream.off('error', onClose);
      stream.off('close', onClose);
      if (error === undefined) resolve(buffer.subarray(0, length));
      else {
        giveBuffer(buffer);
        reject(error);
      }
    };
    const onData = (chunk: Buffer) => {
      if (length + chunk.length > bytesMax) end(bodyTooLarge(bytesMax));
      else add(chunk);
    };
    const onEnd = () => end();
    const onClose = () => end(new ClewError('bad_request', 'The connection was closed inside the body.'));
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.on('error', onClose);
    stream.on('close', onClose);
  });
}

/** Bodies of this plugin's routes come as bytes, whatever their content type, and are given back by `takeRequest`. */
export function parseBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const body = await readBody(request, payload, request.routeOptions.bodyLimit);
    const { socket } = request.raw;
    writeReceipt(body, `${request.url}\n${request.headers.authorization ?? ''}`, socket);
    return body;
  });
}
