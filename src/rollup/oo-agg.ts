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
import { ownSource, type Sources } from './source/index.ts';
import type { Tables } from './source/tables.ts';
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
  /** Where each tenant's details are; in the detail store without it. */
  sources?: Sources;
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
  const buckets: SliceWindows[] = [];
  for (const bucket of bucketsOf(context)) buckets.push(await missingSlices(deps, context, bucket));
  const wanted = buckets.flatMap((bucket) => bucket.missing);
  const source = (deps.sources?.(tenant.code) ?? ownSource).open(tenant.code, {
    from: Math.min(window.from, ...wanted.map(({ from }) => from)),
    to: Math.max(window.to, ...wanted.map(({ to }) => to)),
  });
  const { tables, release } = await source;
  try {
    return await runOver(deps, context, buckets, tables);
  } finally {
    await release();
  }
}

async function runOver(
  deps: OoAggDeps,
  context: JobContext,
  buckets: readonly SliceWindows[],
  tables: Tables,
): Promise<JobResult> {
  const { tenant, window } = context;
  const read = new Reader(deps.detail);
  const volume = await read.rows<VolumeRow>(volumeQuery(tenant.code, window, tables));
  read.countVolume(volume);
  // Most windows of a first start, and those of a quiet night: nothing in their five minutes, so nothing to compute again.
  const quiet = read.count === 0 && (await isEmpty(read, tenant, buckets, tables));
  if (quiet) return { rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} };
  const { present } = read;
  const places = present.has('spans')
    ? await read.rows<ServicePlace>(placesQuery(tenant.code, window, tables))
    : [];
  const metrics = await readMetrics(read, tenant, window, tables);
  const exemplars = present.has('exemplars')
    ? await read.rows<ExemplarRow>(exemplarsQuery(tenant.code, window, tables))
    : [];
  const filled: Bucket[] = [];
  for (const bucket of buckets) {
    for (const step of bucket.missing)
      await computeSlices(deps.detail, {
        tenant: tenant.code,
        tables,
        sliceMs: bucket.sliceMs,
        window: step,
        runAfter: bucket.runAfter,
        now: deps.clock.now(),
      });
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
  const { present } = read;
  const code = tenant.code;
  const services = present.has('spans')
    ? await read.rows<ServiceRow>(servicesQuery(code, window, tables))
    : [];
  const series = present.has('samples') ? await read.rows<MetricRow>(samplesQuery(code, window, tables)) : [];
  const histograms = present.has('histograms')
    ? await read.rows<HistogramRow>(histogramsQuery(code, window, tables))
    : [];
  if (present.has('samples') || present.has('histograms')) {
    const [overlong] = await read.rows<{ n: number }>(overlongLabelsQuery(code, window, tables));
    read.addLeftOut('series_with_long_labels', overlong?.n ?? 0);
  }
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

interface SliceWindows extends BucketWindows {
  /** Stretches of whole slices that have to be computed. */
  missing: TimeWindow[];
  /** Highest run of the slices that are there. */
  runAfter: number;
}

/**
 * The slices of the window, and those before it in its bucket that are not there (after a start, a pause, a window that
 * failed for good). Later ones are left to their own windows, unless slices of that time have been forgotten.
 */
async function missingSlices(
  deps: OoAggDeps,
  context: JobContext,
  bucket: BucketWindows,
): Promise<SliceWindows> {
  const { tenant, window } = context;
  const { complete, sliceMs } = bucket;
  const known = await knownSlices(deps.detail, tenant.code, complete);
  const forgotten = complete.from < deps.clock.now() - slicesKeptMs;
  const missing: TimeWindow[] = [];
  for (let at = complete.from; at < complete.to; at += sliceMs) {
    const own = at >= window.from && at < window.to;
    if (!own && (known.has(at) || (at > window.from && !forgotten))) continue;
    const last = missing.at(-1);
    if (last?.to === at) last.to = at + sliceMs;
    else missing.push({ from: at, to: at + sliceMs });
  }
  return { ...bucket, missing, runAfter: Math.max(0, ...known.values()) };
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
