import { type Column, takeBlock } from '../../lib/index.ts';
import type { Block, DetailTable } from '../../model/index.ts';
import type { Refinery } from '../refine.ts';

/** A record that can't be kept, with its bytes for the dead-letter table; empty ones get no letter. */
export interface Rejection {
  reason: string;
  payload: Uint8Array;
}
export const notKept = new Uint8Array(0);

/** Where the refused records of a request are, for its answer. */
export const whereabouts = (rejections: readonly Rejection[]): string =>
  rejections.some(({ payload }) => payload.length > 0) ? ' They are in the dead letters.' : '';

/** What one request became. */
export interface Transcoded {
  blocks: Block[];
  /** Records (log records, spans, data points) kept. */
  records: number;
  rejected: number;
  /** At most `rejectionsKeptMax` of the rejected ones. */
  rejections: Rejection[];
}

export interface TranscodeLimits {
  attributeBytesMax: number;
  bodyFieldBytesMax: number;
  clockSkewS: number;
  /** What is done to records before they are stored. It travels with the limits so that no receiver can leave it out. */
  refinery?: Refinery;
}

/** Turns the protobuf bytes of one export request into blocks. Synchronous; throws MalformedError. */
export interface Transcoder {
  transcode(tenant: string, body: Uint8Array, nowMs: number): Transcoded;
}

/** Rejected records kept as dead letters per request; the count is exact, the copies are a sample. */
const rejectionsKeptMax = 100;

export class Rejections {
  count = 0;
  kept: Rejection[] = [];

  add(reason: string, bytes: Uint8Array, start: number, end: number, records = 1): void {
    this.count += records;
    if (this.kept.length < rejectionsKeptMax) this.kept.push({ reason, payload: bytes.slice(start, end) });
  }

  /** The same for a record that is kept in another form than it came in. */
  addMade(reason: string, make: () => Uint8Array): void {
    this.count += 1;
    if (this.kept.length < rejectionsKeptMax) this.kept.push({ reason, payload: make() });
  }

  take(): { rejected: number; rejections: Rejection[] } {
    const taken = { rejected: this.count, rejections: this.kept };
    this.count = 0;
    this.kept = [];
    return taken;
  }
}

/** The rows that were collected as one block, none without rows. The engine numbers them: `EventId` stays empty. */
export const blocksOf = (table: DetailTable, columns: Record<string, Column>, rows: number): Block[] =>
  rows === 0 ? [] : [{ table, rows, bytes: takeBlock(columns, rows, 'EventId') }];
