import type { ChangeEvent } from '../../model/index.ts';
import { changeBlock } from '../changes/block.ts';
import { LogSink } from '../log-sink.ts';
import { maskedChanges } from '../masked.ts';
import type { Transcoded, TranscodeLimits } from '../otlp/transcoder.ts';

/** Reasons that stand in an answer, as many as refused records of a request are kept as dead letters; all are counted. */
const errorsMax = 100;

/** What became of the records of one request. */
export interface Report {
  accepted: number;
  rejected: number;
  /** Understood, but nothing to keep: a ping, a deletion, a state in between. */
  ignored: number;
  /** How many of the accepted ones are changes too. */
  changes: number;
  errors: { index: number; reason: string }[];
}

/**
 * Where events go: every one is a row of `otel_logs`, so that search and diagnosis see it; one that tells of a change is a
 * row of `change_events` too, where diagnosis looks for what was changed before the onset.
 */
export class EventSink {
  readonly logs: LogSink;
  report: Report = newReport();
  private changes: ChangeEvent[] = [];
  private readonly clockSkewMs: number;
  private latest = 0;
  private readonly limits: TranscodeLimits;

  constructor(limits: TranscodeLimits) {
    this.logs = new LogSink(limits, 'events');
    this.clockSkewMs = limits.clockSkewS * 1_000;
    this.limits = limits;
  }

  collect(tenant: string, nowMs: number, fill: () => void): Transcoded {
    this.report = newReport();
    this.changes = [];
    this.latest = nowMs + this.clockSkewMs;
    const result = this.logs.collect(tenant, nowMs, fill);
    const { changes } = this;
    this.changes = [];
    // A change that is no event of its own, as a deploy hook is, counts as a record.
    this.report.accepted = Math.max(result.records, changes.length);
    if (changes.length > 0)
      result.blocks.push(changeBlock(tenant, maskedChanges(this.limits, tenant, changes)));
    this.report.changes = changes.length;
    return { ...result, records: this.report.accepted };
  }

  change(event: ChangeEvent): void {
    this.changes.push(event.at <= this.latest ? event : { ...event, at: this.latest - this.clockSkewMs });
  }

  ignore(): void {
    this.report.ignored += 1;
  }

  refuse(index: number, reason: string, payload: Uint8Array): void {
    const where = `record ${index}: ${reason}`;
    this.logs.reject(where, payload);
    this.report.rejected += 1;
    if (this.report.errors.length < errorsMax) this.report.errors.push({ index, reason });
  }
}

const newReport = (): Report => ({ accepted: 0, rejected: 0, ignored: 0, changes: 0, errors: [] });
