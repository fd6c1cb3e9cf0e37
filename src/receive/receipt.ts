import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Delivery, Door } from './door.ts';

/**
 * What is remembered of a request until its sender has the answer. A sender that loses the answer repeats the request byte
 * by byte; by its fingerprint the repetition is known, and what is durable already is not stored once more.
 */
export interface Receipt {
  /** Fingerprint: 32 hexadecimal digits. */
  id: string;
  /** The sender can't have got the answer. */
  lost: boolean;
  /** Settles when the request's blocks are durable, or were refused. */
  underway: Promise<unknown> | undefined;
}

const receipts = new WeakMap<Uint8Array, Receipt>();
/** The last request of each connection: when the next one comes, the answer to it has been read. */
const lastOf = new WeakMap<Socket, Receipt>();

/** Writes the receipt of a body that has come whole. `about` tells apart what bytes alone don't: path and credentials. */
export function writeReceipt(raw: Buffer, about: string): Receipt {
  const receipt: Receipt = { id: fingerprint(raw, about), lost: false, underway: undefined };
  receipts.set(raw, receipt);
  return receipt;
}

export const receiptOf = (raw: Uint8Array): Receipt | undefined => receipts.get(raw);

/**
 * Four checksums of a quarter each: two requests of one sender differ all over (in every time), so all four differ. A hash
 * made for strangers would cost as much as reading the request.
 */
function fingerprint(raw: Buffer, about: string): string {
  let id = '';
  let seed = crc32(`${raw.length}\n${about}`);
  const quarter = Math.ceil(raw.length / 4);
  for (let i = 0; i < 4; i++) {
    seed = crc32(raw.subarray(i * quarter, (i + 1) * quarter), seed);
    id += seed.toString(16).padStart(8, '0');
  }
  return id;
}

/** The answer to this request did not reach its sender. */
export function loseAnswer(door: Door, receipt: Receipt): void {
  if (receipt.lost) return;
  receipt.lost = true;
  if (receipt.underway !== undefined) door.answerLost(receipt.id, receipt.underway);
}

/** Delivers a request of which `raw` is the body. */
export async function deliverOnce(door: Door, raw: Uint8Array, delivery: Delivery): Promise<void> {
  const receipt = receipts.get(raw);
  if (receipt === undefined) return door.deliver(delivery);
  const underway = door.deliver({ ...delivery, request: receipt.id });
  receipt.underway = underway;
  if (receipt.lost) door.answerLost(receipt.id, underway);
  await underway;
}

/** Watches whether the answer to an HTTP request is read. Called before its body comes. */
export function watchAnswer(door: Door, request: FastifyRequest, reply: FastifyReply): void {
  const { socket } = request.raw;
  if (!lastOf.has(socket)) {
    socket.once('close', (hadError: boolean) => {
      const last = lastOf.get(socket);
      if (hadError && last !== undefined) loseAnswer(door, last);
    });
  }
  reply.raw.once('close', () => {
    const receipt = Buffer.isBuffer(request.body) ? receipts.get(request.body) : undefined;
    if (receipt === undefined) return;
    if (reply.raw.writableFinished) lastOf.set(socket, receipt);
    else loseAnswer(door, receipt);
  });
}
