import type { Ledger } from '../../ledger/index.ts';
import { counter } from '../../lib/index.ts';
import type { TimeWindow } from '../../model/index.ts';
import type { Job, JobContext, JobResult } from '../../rollup/index.ts';
import { type RecordedAnomaly, recordAnomalies } from './record.ts';
import { readSamples, rowsMax, type StoredSample, type StoredTable } from './series.ts';
import { SeriesWatch, type StoredAlarm } from './watch.ts';

const windowMs = 300_000;
/** Bucket length and how much of the past a start reads, per table: enough samples to know what is usual. */
const tables: readonly { table: StoredTable; bucketMs: number; lookBackMs: number; pageMs: number }[] = [
  { table: 'service_call_5m', bucketMs: 300_000, lookBackMs: 48 * 3_600_000, pageMs: 6 * 3_600_000 },
  { table: 'log_pattern_5m', bucketMs: 300_000, lookBackMs: 48 * 3_600_000, pageMs: 6 * 3_600_000 },
  { table: 'metric_1m', bucketMs: 60_000, lookBackMs: 12 * 3_600_000, pageMs: 3_600_000 },
];
/** Detectors are kept for so many tenants; the one that waited longest makes room and reads its past again. */
const tenantsMax = 8;
/** Worst first; more in one window is one event that shows everywhere. */
const alarmsMax = 50;
/** Older windows are a replay: what they find is history. */
const freshMs = 900_000;

const anomaliesTotal = counter('clew_detect_anomalies_total', 'Anomalies found in series of the ledger.', [
  'table',
]);

export interface AnomalyJobDeps {
  ledger: Ledger;
  delayMs: number;
  initialLookbackMs: number;
  /** Told of each new anomaly once it is stored. */
  notice(tenant: string, anomalies: readonly RecordedAnomaly[]): void;
}

interface Kept {
  upTo: number;
  watch: SeriesWatch;
}

/**
 * `anomaly-watch`: each new sample of the ledger's metrics, calls and log patterns is scored by its series' past; what is
 * unusual becomes an event with its row as evidence, in a group with what began with it nearby. Detectors live in memory;
 * after a start, a failure or for a window out of turn they learn again from the ledger.
 */
export function anomalyJob(deps: AnomalyJobDeps): Job {
  const kept = new Map<number, Kept>();
  return {
    name: 'anomaly-watch',
    after: ['oo-agg'],
    alignMs: windowMs,
    delayMs: deps.delayMs,
    initialLookbackMs: Math.max(windowMs, deps.initialLookbackMs),
    run: (context) => runWindow(deps, kept, context),
  };
}

async function runWindow(
  deps: AnomalyJobDeps,
  kept: Map<number, Kept>,
  { tenant, window, completeTo, signal, commit }: JobContext,
): Promise<JobResult> {
  const known = kept.get(tenant.id);
  // Put back only once the window is stored: a watch that saw a window which failed must not see it twice.
  kept.delete(tenant.id);
  const reader = { rows: 0, ledger: deps.ledger, tenantId: tenant.id };
  let watch = known?.upTo === window.from ? known.watch : null;
  if (watch === null) {
    watch = new SeriesWatch();
    await learn(reader, watch, window.from, signal);
  }
  watch.takeLeftOut();
  const alarms: StoredAlarm[] = [];
  for (const { table, bucketMs } of tables)
    alarms.push(...(await feed(reader, watch, table, bucketMs, window)));
  const worst = alarms.sort((a, b) => b.score - a.score || (a.series.key < b.series.key ? -1 : 1));
  const told = worst.slice(0, alarmsMax);
  const recorded: RecordedAnomaly[] = [];
  const leftOut = { series: watch.takeLeftOut(), anomalies: worst.length - told.length };
  const result = await commit(async (tx) => {
    recorded.push(...(await recordAnomalies(tx, tenant.id, told, window.to)));
    return {
      rowsRead: reader.rows,
      rowsWritten: recorded.length,
      rowsConflict: 0,
      leftOut: positive(leftOut),
    };
  });
  kept.set(tenant.id, { upTo: window.to, watch });
  for (const id of kept.keys()) if (kept.size > tenantsMax) kept.delete(id);
  for (const { series } of recorded) anomaliesTotal.inc({ table: series.table });
  if (recorded.length > 0 && completeTo - window.to < freshMs) deps.notice(tenant.code, recorded);
  return result;
}

interface Reader {
  ledger: Ledger;
  tenantId: number;
  rows: number;
}

async function learn(reader: Reader, watch: SeriesWatch, to: number, signal: AbortSignal): Promise<void> {
  for (const { table, bucketMs, lookBackMs, pageMs } of tables)
    for (let from = to - lookBackMs; from < to; from += pageMs) {
      if (signal.aborted) return;
      await feed(reader, watch, table, bucketMs, { from, to: Math.min(to, from + pageMs) });
    }
}

/** Reads a window of a table and gives it to the watch bucket by bucket. */
async function feed(
  reader: Reader,
  watch: SeriesWatch,
  table: StoredTable,
  bucketMs: number,
  window: TimeWindow,
): Promise<StoredAlarm[]> {
  const samples = await readSamples(reader.ledger, table, reader.tenantId, window);
  reader.rows += samples.length;
  const byBucket = new Map<number, StoredSample[]>();
  for (const each of samples) {
    const bucket = byBucket.get(each.bucket);
    if (bucket) bucket.push(each);
    else byBucket.set(each.bucket, [each]);
  }
  // Where the read was cut, its last bucket may lack rows, and what lacks would be taken for zero.
  const to = samples.length < rowsMax ? window.to : (samples.at(-1)?.bucket ?? window.from);
  const alarms: StoredAlarm[] = [];
  const first = Math.ceil(window.from / bucketMs) * bucketMs;
  for (let at = first; at < to; at += bucketMs)
    alarms.push(...watch.bucket(table, at, byBucket.get(at) ?? []));
  return alarms;
}

const positive = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
