import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { floorTo, iso, serviceRef, type TimeWindow } from '../model/index.ts';
import { type Bucket, type BucketWindows, readBucket, resourcesOf, writeBucket } from './bucket.ts';
import { type ExemplarRow, exemplarsQuery } from './exemplars.ts';
import {
  type HistogramRow,
  histogramMetrics,
  histogramSeriesMax,
  histogramsQuery,
  overlongLabelsQuery,
} from './histograms.ts';
import type { Job, JobContext, JobResult, Tenant } from './job.ts';
import { KeyedLock } from './lock.ts';
import {
  derivedRows,
  type MetricRow,
  type ServiceRow,
  samplesQuery,
  seriesMax,
  servicesMax,
  servicesQuery,
} from './metrics.ts';
import { Reader } from './reader.ts';
import { placesQuery, type ServicePlace } from './resources.ts';
import { computeSlices, knownSlices, slicesKeptMs } from './slices.ts';
import { ownTables, type Tables } from './source/tables.ts';
import { anyQuery, type VolumeRow, volumeQuery } from './volume.ts';
import { addWritten, type ResourceRow, upsertResources } from './write.ts';
import { writeMetrics } from './write-metrics.ts';

/** Calls and patterns are counted in buckets of five minutes. */
export const bucketMs = 300_000;

export interface OoAggDeps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
  config: { delayS: number; alignS: number; initialLookbackS: number };
}

/** `oo-agg`: details of one window into the ledger's aggregates. Everything is read first and written in one transaction. */
export function ooAgg(deps: OoAggDeps): Job {
  // Two windows of one bucket at once: the later writer must have seen the slices of the other.
  const locks = new KeyedLock();
  return {
    name: 'oo-agg',
    after: [],
    alignMs: deps.config.alignS * 1_000,
    delayMs: deps.config.delayS * 1_000,
    initialLookbackMs: deps.config.initialLookbackS * 1_000,
    lateTables: ['otel_logs', 'otel_traces', 'metric_samples', 'metric_histograms'],
    run: (context) =>
      locks.run(`${context.tenant.code} ${floorTo(context.window.from, bucketMs)}`, () =>
        runWindow(deps, context),
      ),
  };
}

async function runWindow(deps: OoAggDeps, context: JobContext): Promise<JobResult> {
  const { tenant, window } = context;
  const tables = ownTables;
  const read = new Reader(deps.detail);
  const volume = await read.rows<VolumeRow>(volumeQuery(tenant.code, window, tables));
  read.countVolume(volume);
  const buckets = bucketsOf(context);
  // Most windows of a first start, and those of a quiet night: nothing in their five minutes, so nothing to compute again.
  const quiet = read.count === 0 && (await isEmpty(read, tenant, buckets, tables));
  if (quiet) return { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };
  const places = await read.rows<ServicePlace>(placesQuery(tenant.code, window, tables));
  const metrics = await readMetrics(read, tenant, window, tables);
  const exemplars = await read.rows<ExemplarRow>(exemplarsQuery(tenant.code, window, tables));
  const filled: Bucket[] = [];
  for (const bucket of buckets) {
    await fillSlices(deps, context, bucket, tables);
    filled.push(await readBucket(deps, read, tenant, bucket, tables));
  }
  await deps.ledger.query('SELECT ensure_partitions($1)', [iso(window.from)]);
  return context.commit(async (tx) => {
    const resources = [
      ...places.map(resourceOf),
      ...metrics.map((row) => serviceRef(row.service)),
      ...filled.flatMap(resourcesOf),
    ];
    const ids = await upsertResources(tx, tenant.id, oneOfEach(resources));
    let sum = await writeMetrics(tx, tenant.id, window, { metrics, exemplars }, ids);
    for (const bucket of filled) sum = addWritten(sum, await writeBucket(tx, tenant, bucket, ids));
    return {
      rowsRead: read.count,
      rowsWritten: sum.rows,
      rowsConflict: sum.conflicts,
      leftOut: read.leftOut,
    };
  });
}

async function isEmpty(
  read: Reader,
  tenant: Tenant,
  buckets: readonly { complete: TimeWindow }[],
  tables: Tables,
): Promise<boolean> {
  const from = Math.min(...buckets.map(({ complete }) => complete.from));
  const to = Math.max(...buckets.map(({ complete }) => complete.to));
  const [touched] = await read.rows<{ any: number }>(anyQuery(tenant.code, { from, to }, tables));
  return touched === undefined;
}

async function readMetrics(
  read: Reader,
  tenant: Tenant,
  window: TimeWindow,
  tables: Tables,
): Promise<MetricRow[]> {
  const services = await read.rows<ServiceRow>(servicesQuery(tenant.code, window, tables));
  const series = await read.rows<MetricRow>(samplesQuery(tenant.code, window, tables));
  const histograms = await read.rows<HistogramRow>(histogramsQuery(tenant.code, window, tables));
  const [overlong] = await read.rows<{ n: number }>(overlongLabelsQuery(tenant.code, window, tables));
  read.addLeftOut('series_with_long_labels', overlong?.n ?? 0);
  return [
    ...derivedRows(read.bounded('services', servicesMax, services), (window.to - window.from) / 1_000),
    ...read.bounded('series', seriesMax, series),
    ...histogramMetrics(read.bounded('histograms', histogramSeriesMax, histograms)),
  ];
}

/** The five-minute buckets that the window touches. */
function bucketsOf(context: JobContext): BucketWindows[] {
  const { window } = context;
  const buckets = [];
  for (let from = floorTo(window.from, bucketMs); from < window.to; from += bucketMs) {
    const whole = { from, to: from + bucketMs };
    const to = Math.min(whole.to, Math.max(context.completeTo, window.to));
    buckets.push({ whole, complete: { from, to }, sliceMs: sliceMsOf(window.to - window.from) });
  }
  return buckets;
}

/** Slices fit into windows and into buckets: a minute for windows of a minute. */
const sliceMsOf = (windowMs: number): number => {
  let [a, b] = [windowMs, bucketMs];
  while (b > 0) [a, b] = [b, a % b];
  return a;
};

/**
 * Computes the slices of the window anew, and those before it in its bucket that are not there (after a start, a pause, a
 * window that failed for good). Later ones are left to their own windows, unless slices of that time have been forgotten.
 */
async function fillSlices(
  deps: OoAggDeps,
  context: JobContext,
  bucket: BucketWindows,
  tables: Tables,
): Promise<void> {
  const { tenant, window } = context;
  const { complete, sliceMs } = bucket;
  const now = deps.clock.now();
  const known = await knownSlices(deps.detail, tenant.code, complete);
  const forgotten = complete.from < now - slicesKeptMs;
  const wanted = (at: number): boolean => {
    if (at >= window.from && at < window.to) return true;
    return !known.has(at) && (at < window.from || forgotten);
  };
  const runAfter = Math.max(0, ...known.values());
  let from: number | null = null;
  for (let at = complete.from; at <= complete.to; at += sliceMs) {
    if (at < complete.to && wanted(at)) from ??= at;
    else if (from !== null) {
      const step = { tenant: tenant.code, tables, sliceMs, window: { from, to: at } };
      await computeSlices(deps.detail, { ...step, runAfter, now });
      from = null;
    }
  }
}

const resourceOf = (place: ServicePlace): ResourceRow => ({
  ...serviceRef(place.service),
  env: place.env,
  region: place.region,
  zone: place.zone,
  labels: {
    ...(place.version === '' ? {} : { version: place.version }),
    ...(place.namespace === '' ? {} : { namespace: place.namespace }),
  },
});

/** One row per URN; the first one wins, because the ones that know places and labels come first. */
const oneOfEach = (rows: readonly ResourceRow[]): ResourceRow[] => [
  ...new Map([...rows].reverse().map((row) => [row.urn, row])).values(),
];
