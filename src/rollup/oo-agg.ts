import type { DetailStore } from '../detail/index.ts';
import type { Ledger, Queryable } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { type EpochMs, floorTo, iso, serviceRef, type TimeWindow } from '../model/index.ts';
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
import { computeSlices, knownSlices, type Slices, slicesKeptMs } from './slices.ts';
import { ownSource, type Sources } from './source/index.ts';
import type { Tables } from './source/tables.ts';
import { anyQuery, type VolumeRow, volumeQuery } from './volume.ts';
import { addWritten, type ResourceRow, upsertResources } from './write.ts';
import { writeMetrics } from './write-metrics.ts';

/** Calls and patterns are counted in buckets of five minutes. */
export const bucketMs = 300_000;

const jobName = 'oo-agg';

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
  return {
    name: jobName,
    after: [],
    alignMs: deps.config.alignS * 1_000,
    delayMs: deps.config.delayS * 1_000,
    initialLookbackMs: deps.config.initialLookbackS * 1_000,
    // Whoever writes a bucket last must have seen the slices of all that wrote it before, in whichever process.
    groupMs: bucketMs,
    lateTables: ['otel_logs', 'otel_traces', 'metric_samples', 'metric_histograms'],
    run: (context) => runWindow(deps, context),
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
  const places = await ifPresent(read, 'spans', () =>
    read.rows<ServicePlace>(placesQuery(tenant.code, window, tables)),
  );
  const metrics = await readMetrics(read, tenant, window, tables);
  const exemplars = await ifPresent(read, 'exemplars', () =>
    read.rows<ExemplarRow>(exemplarsQuery(tenant.code, window, tables)),
  );
  const filled = await fillBuckets(deps, read, tenant, buckets, tables);
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

const ifPresent = async <Row>(read: Reader, dataset: VolumeRow['dataset'], rows: () => Promise<Row[]>) =>
  read.present.has(dataset) ? rows() : [];

async function fillBuckets(
  deps: OoAggDeps,
  read: Reader,
  tenant: Tenant,
  buckets: readonly SliceWindows[],
  tables: Tables,
): Promise<Bucket[]> {
  const filled: Bucket[] = [];
  for (const bucket of buckets) {
    const { sliceMs } = bucket;
    const slices = new Map(bucket.known);
    const runAfter = Math.max(0, ...slices.values());
    for (const window of bucket.missing) {
      const step = { tenant: tenant.code, sliceMs, window, runAfter, now: deps.clock.now() };
      const run = await computeSlices(deps.detail, { ...step, tables });
      for (let at = window.from; at < window.to; at += sliceMs) slices.set(at, run);
    }
    filled.push(await readBucket(deps, read, tenant, { ...bucket, slices }, tables));
  }
  return filled;
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
  const { code } = tenant;
  const services = await ifPresent(read, 'spans', () =>
    read.rows<ServiceRow>(servicesQuery(code, window, tables)),
  );
  const series = await ifPresent(read, 'samples', () =>
    read.rows<MetricRow>(samplesQuery(code, window, tables)),
  );
  const histograms = await ifPresent(read, 'histograms', () =>
    read.rows<HistogramRow>(histogramsQuery(code, window, tables)),
  );
  if (read.present.has('samples') || read.present.has('histograms')) {
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
  /** Slices that are there, with the run of each that counts. */
  known: Slices;
}

/**
 * The slices of the window, and those of its bucket that are not there and should be: of the time before it (after a start, a
 * pause, a window that failed for good), and of windows after it that were done, when slices of that time have been
 * forgotten or are in another process's detail store. The rest is left to its own windows.
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
  const all: EpochMs[] = [];
  for (let at = complete.from; at < complete.to; at += sliceMs) all.push(at);
  const isOwn = (at: EpochMs) => at >= window.from && at < window.to;
  const isLater = (at: EpochMs) => at >= window.to && !known.has(at);
  const done = all.some(isLater) && !forgotten ? await windowsDone(deps.ledger, tenant, complete) : [];
  const wasDone = (at: EpochMs) => forgotten || done.some((each) => at >= each.from && at < each.to);
  const missing: TimeWindow[] = [];
  for (const at of all) {
    if (!isOwn(at) && (known.has(at) || (isLater(at) && !wasDone(at)))) continue;
    const last = missing.at(-1);
    if (last?.to === at) last.to = at + sliceMs;
    else missing.push({ from: at, to: at + sliceMs });
  }
  return { ...bucket, missing, known };
}

async function windowsDone(ledger: Queryable, tenant: Tenant, within: TimeWindow): Promise<TimeWindow[]> {
  const rows = await ledger.query<{ window_from: Date; window_to: Date }>(
    `SELECT window_from, window_to FROM etl_job_run
      WHERE job = $1 AND tenant_id = $2 AND window_from >= $3 AND window_to <= $4 AND successes > 0`,
    [jobName, tenant.id, iso(within.from), iso(within.to)],
  );
  return rows.map((row) => ({ from: row.window_from.getTime(), to: row.window_to.getTime() }));
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
