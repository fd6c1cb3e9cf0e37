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
/** What is open on a connection. */
interface Line {
  /** Requests that were read and not answered. */
  open: Set<Receipt>;
  /** Answered, but nothing shows yet that the answer was read; the next request on the connection does. */
  unread: Set<Receipt>;
  gone: boolean;
}
const lines = new WeakMap<Socket, Line>();
/** Connections that are open, by door; and doors whose program is stopping, which cuts what was not read yet. */
const openLines = new WeakMap<Door, Set<Line>>();
const stopping = new WeakSet<Door>();

/** From now on the program may be gone before an answer is read, so every answer counts as lost. */
export function expectCuts(door: Door): void {
  stopping.add(door);
  for (const line of openLines.get(door) ?? []) lose(door, line.unread);
}

function lose(door: Door, from: Set<Receipt>): void {
  for (const receipt of from) loseAnswer(door, receipt);
  from.clear();
}

/**
 * Writes the receipt of a body that has come whole. `about` tells apart what bytes alone don't: path and credentials.
 * `socket`: that of a connection that is watched.
 */
export function writeReceipt(raw: Buffer, about: string, socket?: Socket): Receipt {
  const line = socket === undefined ? undefined : lines.get(socket);
  const receipt: Receipt = { id: fingerprint(raw, about), lost: line?.gone ?? false, underway: undefined };
  receipts.set(raw, receipt);
  line?.open.add(receipt);
  return receipt;
}

/** Of each quarter of a large request so many bytes at its start and its end are looked at: some hundred records. */
const lookedAtBytes = 16_384;

/**
 * Four checksums of a quarter each: two requests of one sender differ all over (in every time), so all four differ. A hash
 * made for strangers would cost as much as reading the request.
 */
function fingerprint(raw: Buffer, about: string): string {
  let id = '';
  let seed = crc32(`${raw.length}\n${about}`);
  const quarter = Math.ceil(raw.length / 4);
  for (let i = 0; i < 4; i++) {
    const start = i * quarter;
    const end = Math.min(start + quarter, raw.length);
    const rest = Math.max(start, end - lookedAtBytes);
    seed = crc32(raw.subarray(start, Math.min(end, start + lookedAtBytes)), seed);
    if (rest > start) seed = crc32(raw.subarray(rest, end), seed);
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

/** Turns of the event loop after which a broken connection is known: one reads its last bytes, the next its end. */
const turnsToKnow = 3;

/**
 * Connections that came to life at the same time are read in any order, and their end is seen after their last bytes. So
 * where the same bytes came twice, it takes a moment to know which of them nobody waits for any more.
 */
async function awaitEarlier(door: Door, request: string): Promise<void> {
  for (let turn = 0; turn < turnsToKnow; turn++) await new Promise((resolve) => setImmediate(resolve));
  await door.repeated(request);
}

/** Delivers a request of which `raw` is the body. */
export async function deliverOnce(door: Door, raw: Uint8Array, delivery: Delivery): Promise<void> {
  const receipt = receipts.get(raw);
  if (receipt === undefined) return door.deliver(delivery);
  if (door.cameLately(receipt.id)) await awaitEarlier(door, receipt.id);
  const underway = door.deliver({ ...delivery, request: receipt.id, abandoned: receipt.lost });
  receipt.underway = underway;
  if (receipt.lost) door.answerLost(receipt.id, underway);
  await underway;
}

/** Watches whether the answer to an HTTP request is read. Called before its body comes. */
export function watchAnswer(door: Door, request: FastifyRequest, reply: FastifyReply): void {
  const line = lineOf(door, request.raw.socket);
  // Who asks again has read the answers before; not those that were still to come, when requests are sent ahead.
  line.unread.clear();
  reply.raw.once('close', () => {
    const receipt = Buffer.isBuffer(request.body) ? receipts.get(request.body) : undefined;
    if (receipt === undefined) return;
    line.open.delete(receipt);
    const read = reply.raw.writableFinished && !line.gone && !stopping.has(door);
    if (read) line.unread.add(receipt);
    else loseAnswer(door, receipt);
  });
}

/** `close` would be too late: between a broken connection and its `close`, its sender's next request may be read already. */
function lineOf(door: Door, socket: Socket): Line {
  const known = lines.get(socket);
  if (known !== undefined) return known;
  const line: Line = { open: new Set(), unread: new Set(), gone: false };
  lines.set(socket, line);
  const all = openLines.get(door) ?? new Set();
  openLines.set(door, all.add(line));
  const broken = () => {
    line.gone = true;
    lose(door, line.open);
    lose(door, line.unread);
  };
  socket.once('error', broken);
  // Who closes in order has read what was answered until then.
  socket.once('end', () => {
    line.gone = true;
    lose(door, line.open);
  });
  socket.once('close', (hadError: boolean) => {
    all.delete(line);
    if (hadError) broken();
  });
  return line;
}
