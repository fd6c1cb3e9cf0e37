import { isIP } from 'node:net';
import { canonicalAddress } from '../flow/address.ts';
import { flowSkipped } from '../flow/events.ts';
import { type Flow, FlowSink } from '../flow-sink.ts';
import { RecordError, shown } from '../json.ts';
import type { Transcoded, TranscodeLimits } from '../otlp/transcoder.ts';
import { MalformedError } from '../otlp/wire.ts';

/** Reasons that stand in an answer; every refused record is counted, and its bytes are in the dead letters. */
const errorsMax = 20;
/** Flows of one request. 32 MB of text are some 300 000. */
const flowsMax = 1_000_000;

/** What became of one request. */
export interface FlowReport {
  accepted: number;
  rejected: number;
  /** Records that tell of no flow: NODATA, SKIPDATA, lost_events, control messages. */
  skipped: number;
  errors: { index: number; reason: string }[];
}

export const newReport = (): FlowReport => ({ accepted: 0, rejected: 0, skipped: 0, errors: [] });

export type SkipReason = 'nodata' | 'skipdata' | 'lost_events' | 'control';

/** Where the readers of cloud flow logs put the records of one request. */
export class CloudFlowSink {
  report = newReport();
  private readonly sink: FlowSink;
  private tenant = '';
  private index = 0;

  constructor(limits: TranscodeLimits) {
    this.sink = new FlowSink(limits);
  }

  /** `fill` reads one request; what it throws is passed on, and nothing of the request is left then. */
  collect(tenant: string, nowMs: number, fill: () => void): Transcoded {
    this.tenant = tenant;
    this.index = 0;
    this.report = newReport();
    this.sink.receivedAt(nowMs);
    try {
      fill();
      const result = this.sink.take();
      this.report.accepted = result.records;
      return result;
    } catch (error) {
      this.sink.reset();
      throw error;
    }
  }

  flow(flow: Flow): void {
    this.index += 1;
    if (this.sink.rows >= flowsMax)
      throw new MalformedError(`More than ${flowsMax} flows in one request; send smaller batches.`);
    this.sink.row(this.tenant, flow);
  }

  skip(reason: SkipReason, count = 1): void {
    this.index += 1;
    this.report.skipped += 1;
    flowSkipped.inc({ reason }, count);
  }

  refuse(reason: string, payload: string): void {
    const index = this.index++;
    this.report.rejected += 1;
    if (this.report.errors.length < errorsMax) this.report.errors.push({ index, reason });
    this.sink.reject(`record ${index}: ${reason}`, Buffer.from(payload));
  }

  /** Runs `read` for one record; what is wrong with it is its own trouble. */
  attempt(payload: () => string, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      this.refuse(error.message, payload());
    }
  }
}

const digits = /^\d{1,19}$/;

/** A whole number as text or number, 0 for nothing. `name` is the field's. */
export function whole(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
  if (value === undefined || value === null || value === '' || value === '-') return 0;
  const number = typeof value === 'string' && digits.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > max)
    throw new RecordError(`field ${name} is ${shown(value)}; a whole number from 0 to ${max} is needed`);
  return number;
}

/** An IP address, or '' for nothing. */
export function ipAddress(value: unknown, name: string): string {
  if (value === undefined || value === null || value === '' || value === '-') return '';
  if (typeof value !== 'string' || isIP(value) === 0)
    throw new RecordError(`field ${name} is ${shown(value)}; an IP address is needed`);
  return canonicalAddress(value);
}

export const secondsNs = (value: unknown, name: string): bigint =>
  BigInt(whole(value, name, 4_294_967_295)) * 1_000_000_000n;
