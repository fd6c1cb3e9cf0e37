import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { systemClock } from '../lib/index.ts';
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
  line: Line | undefined;
  /** Monotonic, where answers of a connection may cross. */
  answeredAt: number;
}

/** What is open on a connection. */
interface Line {
  /** Requests that were read and not answered. */
  open: Set<Receipt>;
  /** Answered, but nothing shows yet that the answer was read. */
  unread: Set<Receipt>;
  /** Fingerprint of the last request whose answer was read: who sends it again here means it again. */
  readLast: string;
  gone: boolean;
}

/** What is known of the requests that came past one door. */
interface Known {
  lines: Set<Line>;
  /** The program is stopping, which cuts what was not read yet. */
  stopping: boolean;
  /** Stored, or about to be, and answered or not: whether their senders have read it is open. By fingerprint. */
  inDoubt: Map<string, Set<Receipt>>;
}

const receipts = new WeakMap<Uint8Array, Receipt>();
const lines = new WeakMap<Socket, Line>();
const doors = new WeakMap<Door, Known>();

function knownOf(door: Door): Known {
  const known = doors.get(door) ?? { lines: new Set(), stopping: false, inDoubt: new Map() };
  doors.set(door, known);
  return known;
}

/** From now on the program may be gone before an answer is read, so every answer counts as lost. */
export function expectCuts(door: Door): void {
  const known = knownOf(door);
  known.stopping = true;
  for (const line of known.lines) lose(door, line.unread);
}

function lose(door: Door, from: Set<Receipt>): void {
  for (const receipt of from) loseAnswer(door, receipt);
  from.clear();
}

/** The sender has the answers. */
function trust(door: Door, line: Line): void {
  for (const receipt of line.unread) {
    endDoubt(door, receipt);
    line.readLast = receipt.id;
  }
  line.unread.clear();
}

const nobody: ReadonlySet<Receipt> = new Set();
const inDoubt = (door: Door, id: string): ReadonlySet<Receipt> => knownOf(door).inDoubt.get(id) ?? nobody;

function doubt(door: Door, receipt: Receipt): void {
  const all = knownOf(door).inDoubt;
  const same = all.get(receipt.id) ?? new Set();
  all.set(receipt.id, same.add(receipt));
}

function endDoubt(door: Door, receipt: Receipt): void {
  const all = knownOf(door).inDoubt;
  const same = all.get(receipt.id);
  same?.delete(receipt);
  if (same?.size === 0) all.delete(receipt.id);
}

/**
 * Writes the receipt of a body that has come whole. `about` tells apart what bytes alone don't: path and credentials.
 * `socket`: that of a connection that is watched.
 */
export function writeReceipt(raw: Buffer, about: string, socket?: Socket): Receipt {
  const line = socket === undefined ? undefined : lines.get(socket);
  const receipt: Receipt = {
    id: fingerprint(raw, about),
    lost: line?.gone ?? false,
    underway: undefined,
    line,
    answeredAt: 0,
  };
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
  endDoubt(door, receipt);
  if (receipt.underway !== undefined) door.answerLost(receipt.id, receipt.underway);
}

/** Turns of the event loop after which a broken connection is known: one reads its last bytes, the next its end. */
const turnsToKnow = 3;
/**
 * A sender that gives up closes its connection before it repeats on another, but in a network the end may come after the
 * repetition: it waits so long for it. Longer than TCP needs to send a packet once more.
 */
const doubtMsMax = 300;
const lookMs = 10;

/**
 * Connections that came to life at the same time are read in any order, and their end is seen after their last bytes. So
 * where the same bytes came twice, it takes a moment to know which of them nobody waits for any more.
 */
async function awaitEnds(door: Door, receipt: Receipt, elsewhere: readonly Receipt[]): Promise<void> {
  for (let turn = 0; turn < turnsToKnow; turn++) await new Promise((resolve) => setImmediate(resolve));
  const open = () => !receipt.lost && elsewhere.some((earlier) => inDoubt(door, receipt.id).has(earlier));
  for (let waited = 0; waited < doubtMsMax && open(); waited += lookMs) await systemClock.sleep(lookMs);
}

function doubtsElsewhere(door: Door, { id, line }: Receipt): Receipt[] {
  if (line?.readLast === id) return [];
  return [...inDoubt(door, id)].filter((earlier) => earlier.line !== line);
}

/** Delivers a request of which `raw` is the body. */
export async function deliverOnce(door: Door, raw: Uint8Array, delivery: Delivery): Promise<void> {
  const receipt = receipts.get(raw);
  if (receipt === undefined) return door.deliver(delivery);
  const elsewhere = doubtsElsewhere(door, receipt);
  if (elsewhere.length > 0 || door.storedLately(receipt.id) !== undefined)
    await awaitEnds(door, receipt, elsewhere);
  // From the last look on nothing may be waited for: of two that waited for a third, the second has to see the first.
  for (let earlier = door.repeated(receipt.id); earlier; earlier = door.repeated(receipt.id)) await earlier;
  // Nobody waits for it, and its repetition may have been read first. What was stored then has a receipt of its own.
  const stored = receipt.lost ? door.storedLately(receipt.id) : undefined;
  if (stored !== undefined) return stored;
  const underway = door.deliver({ ...delivery, request: receipt.id });
  receipt.underway = underway;
  if (receipt.lost) door.answerLost(receipt.id, underway);
  else if (receipt.line !== undefined) doubt(door, receipt);
  // What was refused can't come twice.
  underway.catch(() => endDoubt(door, receipt));
  await underway;
}

/** Watches whether the answer to an HTTP request is read. Called before its body comes. */
export function watchAnswer(door: Door, request: FastifyRequest, reply: FastifyReply): void {
  const { socket } = request.raw;
  const line = lineOf(door, socket);
  // Who asks again has read the answers before; not those that were still to come, when requests are sent ahead.
  trust(door, line);
  reply.raw.prependOnceListener('finish', () => {
    // It is closed right after the answer.
    if (!reply.raw.shouldKeepAlive) tellIfClosed(socket);
  });
  reply.raw.once('close', () => {
    const receipt = Buffer.isBuffer(request.body) ? receipts.get(request.body) : undefined;
    if (receipt === undefined) return;
    line.open.delete(receipt);
    const read = reply.raw.writableFinished && !line.gone && !knownOf(door).stopping;
    if (read) line.unread.add(receipt);
    else loseAnswer(door, receipt);
  });
}

/** Watches a connection on which answers may cross with later requests. Called before the first one. */
export function watchConnection(door: Door, socket: Socket): void {
  lineOf(door, socket);
}

/** An answer of such a connection is read within this, or the connection is broken. */
const readMsMax = 1_000;

/** The answer to a request of such a connection was sent. */
export function noteAnswered(door: Door, receipt: Receipt, now: number): void {
  const { line } = receipt;
  if (line === undefined) return;
  line.open.delete(receipt);
  if (line.gone || knownOf(door).stopping) {
    loseAnswer(door, receipt);
    return;
  }
  for (const earlier of line.unread) {
    if (now - earlier.answeredAt < readMsMax) break;
    line.unread.delete(earlier);
  }
  receipt.answeredAt = now;
  line.unread.add(receipt);
  // Nothing on the connection would end the doubt soon.
  endDoubt(door, receipt);
  line.readLast = receipt.id;
}

/**
 * An answer that comes where the sender has closed is refused by the sender's kernel; ours reports that with the next write,
 * even an empty one, and only an end with the next read. Then the socket has an error.
 */
function tellIfClosed(socket: Socket): void {
  if (socket.writable) socket.write('');
}

/** `close` would be too late: between a broken connection and its `close`, its sender's next request may be read already. */
function lineOf(door: Door, socket: Socket): Line {
  const seen = lines.get(socket);
  if (seen !== undefined) return seen;
  const line: Line = { open: new Set(), unread: new Set(), readLast: '', gone: false };
  lines.set(socket, line);
  const known = knownOf(door);
  known.lines.add(line);
  const broken = () => {
    line.gone = true;
    lose(door, line.open);
    lose(door, line.unread);
  };
  socket.once('error', broken);
  // Who closes in order has read what came before; first of all listeners, for the server's own ends our side too.
  socket.prependOnceListener('end', () => {
    line.gone = true;
    lose(door, line.open);
    if (line.unread.size > 0) tellIfClosed(socket);
  });
  socket.once('close', (hadError: boolean) => {
    known.lines.delete(line);
    if (!hadError) trust(door, line);
    broken();
  });
  return line;
}
