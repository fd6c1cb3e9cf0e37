import type { DetailQuery, DetailStore } from '../detail/index.ts';
import type { Ledger, Queryable } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { floorTo, iso, type RowFilter, serviceRef, type TimeWindow } from '../model/index.ts';
import { type CallRow, callEdgesMax, calleeOf, callsQuery } from './calls.ts';
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
import { noteClustered } from './pattern/access.ts';
import { writePatternCounts } from './pattern/counts.ts';
import { planPatterns, writePatterns } from './pattern-store.ts';
import { type ShapeRow, shapesMax, shapesQuery } from './patterns.ts';
import { placesQuery, type ServicePlace } from './resources.ts';
import {
  addWritten,
  type CallWrite,
  type LocatorRow,
  type ResourceRow,
  upsertCalls,
  upsertLocators,
  upsertMetrics,
  upsertResources,
  type Written,
} from './write.ts';

/** Calls and patterns are counted in buckets of five minutes. */
export const bucketMs = 300_000;

export interface OoAggDeps {
  ledger: Ledger;
  detail: DetailStore;
  clock: Clock;
  config: { delayS: number; alignS: number; initialLookbackS: number };
}

/** `oo-agg`: details of one window into the ledger's aggregates. Everything is read first and written in one transaction. */
export const ooAgg = (deps: OoAggDeps): Job => ({
  name: 'oo-agg',
  after: [],
  alignMs: deps.config.alignS * 1_000,
  delayMs: deps.config.delayS * 1_000,
  initialLookbackMs: deps.config.initialLookbackS * 1_000,
  groupMs: bucketMs,
  lateTables: ['otel_logs', 'otel_traces', 'metric_samples', 'metric_histograms'],
  run: (context) => runWindow(deps, context),
});

async function runWindow(deps: OoAggDeps, context: JobContext): Promise<JobResult> {
  const read = new Reader(deps.detail);
  const { tenant, window } = context;
  const code = tenant.code;
  const [touched] = await read.rows<{ any: number }>(anyQuery(code, wholeOf(bucketsOf(context))));
  // Most windows of a first start, and those of a quiet night: nothing in their five minutes, so nothing to compute again.
  if (touched?.any !== 1) return { rowsRead: read.count, rowsWritten: 0, rowsConflict: 0, leftOut: {} };
  const places = await read.rows<ServicePlace>(placesQuery(code, window));
  const services = read.bounded(
    'services',
    servicesMax,
    await read.rows<ServiceRow>(servicesQuery(code, window)),
  );
  const series = read.bounded('series', seriesMax, await read.rows<MetricRow>(samplesQuery(code, window)));
  const metrics = [...derivedRows(services, (window.to - window.from) / 1_000), ...series];
  const buckets: Bucket[] = [];
  for (const bucket of bucketsOf(context)) buckets.push(await readBucket(deps, read, tenant, bucket));
  await deps.ledger.query('SELECT ensure_partitions($1)', [iso(window.from)]);
  return context.commit(async (tx) => {
    const resources = [
      ...places.map(resourceOf),
      ...metrics.map((row) => serviceRef(row.service)),
      ...buckets.flatMap((bucket) => bucket.resources),
    ];
    const ids = await upsertResources(tx, tenant.id, oneOfEach(resources));
    let sum = await writeMetrics(tx, tenant, window, metrics, ids);
    for (const bucket of buckets) sum = addWritten(sum, await writeBucket(tx, tenant, bucket, ids));
    return {
      rowsRead: read.count,
      rowsWritten: sum.rows,
      rowsConflict: sum.conflicts,
      leftOut: read.leftOut,
    };
  });
}

/** Runs queries of one window, counting rows and what bounds left out. */
class Reader {
  readonly #detail: DetailStore;
  count = 0;
  readonly leftOut: Record<string, number> = {};

  constructor(detail: DetailStore) {
    this.#detail = detail;
  }

  async rows<Row>(query: DetailQuery): Promise<Row[]> {
    const { rows, statistics } = await this.#detail.query<Row>(query);
    this.count += statistics.rows_read;
    return rows;
  }

  /** Queries ask for one row more than the bound, to see that there is more without counting it all. */
  bounded<Row>(what: string, max: number, rows: Row[]): Row[] {
    if (rows.length > max) this.addLeftOut(what, rows.length - max);
    return rows.slice(0, max);
  }

  addLeftOut(what: string, n: number): void {
    if (n > 0) this.leftOut[what] = (this.leftOut[what] ?? 0) + n;
  }
}

interface Bucket {
  /** The whole five minutes, whatever of them is complete. */
  whole: TimeWindow;
  completeTo: number;
  /** Seconds of it that are complete; rates are over these. */
  completeS: number;
  calls: CallRow[];
  shapes: ShapeRow[];
  plan: Awaited<ReturnType<typeof planPatterns>>;
  resources: ResourceRow[];
}

/** Whether there is any record at all. */
const anyQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.any',
  tenant,
  window,
  sql: `SELECT 1 AS any FROM (${['otel_logs', 'otel_traces', 'metric_samples', 'metric_histograms']
    .map(
      (table) =>
        `SELECT 1 FROM ${table} WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)} LIMIT 1`,
    )
    .join(' UNION ALL ')}) LIMIT 1`,
});

const wholeOf = (buckets: readonly { whole: TimeWindow }[]): TimeWindow => ({
  from: Math.min(...buckets.map(({ whole }) => whole.from)),
  to: Math.max(...buckets.map(({ whole }) => whole.to)),
});

/** The five-minute buckets that the window touches, each to be computed again whole: that makes a replay an overwrite. */
function bucketsOf(context: JobContext): { whole: TimeWindow; complete: TimeWindow }[] {
  const buckets = [];
  for (let from = floorTo(context.window.from, bucketMs); from < context.window.to; from += bucketMs) {
    const whole = { from, to: from + bucketMs };
    const to = Math.min(whole.to, Math.max(context.completeTo, context.window.to));
    buckets.push({ whole, complete: { from, to } });
  }
  return buckets;
}

async function readBucket(
  deps: OoAggDeps,
  read: Reader,
  tenant: Tenant,
  bucket: { whole: TimeWindow; complete: TimeWindow },
): Promise<Bucket> {
  const { whole, complete } = bucket;
  const calls = read.bounded(
    'calls',
    callEdgesMax,
    await read.rows<CallRow>(callsQuery(tenant.code, complete)),
  );
  const shapes = read.bounded(
    'shapes',
    shapesMax,
    await read.rows<ShapeRow>(shapesQuery(tenant.code, complete)),
  );
  const plan = await planPatterns(deps, tenant, complete, shapes);
  read.addLeftOut('patterns', plan.leftOut);
  const resources = [
    ...calls.flatMap((row) => [serviceRef(row.src), calleeOf(row)]),
    ...shapes.map((row) => serviceRef(row.service)),
  ];
  return {
    whole,
    completeTo: complete.to,
    completeS: (complete.to - complete.from) / 1_000,
    calls,
    shapes,
    plan,
    resources,
  };
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

async function writeMetrics(
  tx: Queryable,
  tenant: Tenant,
  window: TimeWindow,
  rows: readonly MetricRow[],
  ids: ReadonlyMap<string, string>,
): Promise<Written> {
  const unique = new Map<string, Parameters<typeof upsertMetrics>[3][number]>();
  for (const row of rows) {
    const resourceId = ids.get(serviceRef(row.service).urn);
    if (resourceId === undefined) continue;
    // Series that differ only in resource attributes (replicas) fall together here; the one with more samples stays.
    const key = `${resourceId} ${row.metric} ${JSON.stringify(Object.entries(row.labels).sort())}`;
    if (unique.has(key)) continue;
    unique.set(key, {
      resourceId,
      metric: row.metric,
      labels: row.labels,
      avg: row.avg_val,
      max: row.max_val,
      p95: row.p95_val,
    });
  }
  return upsertMetrics(tx, tenant.id, window.from, [...unique.values()]);
}

async function writeBucket(
  tx: Queryable,
  tenant: Tenant,
  bucket: Bucket,
  ids: ReadonlyMap<string, string>,
): Promise<Written> {
  const calls = await writeCalls(tx, tenant, bucket, ids);
  const idOf = await writePatterns(tx, tenant.id, bucket.plan, bucket.shapes);
  const counts = await writePatternCounts(tx, tenant.id, bucket.whole, bucket.shapes, idOf, ids);
  await noteClustered(tx, tenant.id, bucket);
  return addWritten(calls, counts);
}

async function writeCalls(tx: Queryable, tenant: Tenant, bucket: Bucket, ids: ReadonlyMap<string, string>) {
  const edges = bucket.calls.map((row) => ({ row, src: serviceRef(row.src), dst: calleeOf(row) }));
  const keyOf = (edge: (typeof edges)[number]) => `call/${edge.src.urn}/${edge.dst.urn}`;
  const unique = [...new Map([...edges].reverse().map((edge) => [keyOf(edge), edge])).values()];
  const locators = await upsertLocators(
    tx,
    tenant.id,
    unique.map(
      (edge): LocatorRow => ({
        dataset: 'traces',
        objectKey: keyOf(edge),
        window: bucket.whole,
        filter: callFilter(edge.row, bucket.whole),
      }),
    ),
  );
  const writes = unique.flatMap((edge): CallWrite[] => {
    const srcId = ids.get(edge.src.urn);
    const dstId = ids.get(edge.dst.urn);
    if (srcId === undefined || dstId === undefined) return [];
    return [
      {
        srcId,
        dstId,
        rps: edge.row.calls / bucket.completeS,
        errorRate: edge.row.errors / edge.row.calls,
        p50Ms: edge.row.p50_ms,
        p95Ms: edge.row.p95_ms,
        sampleRef: locators.get(keyOf(edge)) ?? null,
      },
    ];
  });
  return upsertCalls(tx, tenant.id, bucket.whole.from, writes);
}

/** How to find the spans behind a call again: what the callee served, or what the caller asked where nobody of ours answered. */
export function callFilter(row: CallRow, window: TimeWindow): RowFilter {
  if (row.dst !== '')
    return { dataset: 'otel_traces', window, equals: { ServiceName: row.dst }, only: 'server_spans' };
  const equals: Record<string, string> = { ServiceName: row.src };
  if (row.db_key !== '') equals[`SpanAttributes.${row.db_key}`] = row.db_system;
  else if (row.address_key !== '') equals[`SpanAttributes.${row.address_key}`] = hostOf(row.address);
  return row.db_key === ''
    ? { dataset: 'otel_traces', window, equals, only: 'client_spans' }
    : { dataset: 'otel_traces', window, equals };
}

/** `host` of `host:port`; an IPv6 address keeps its colons. */
const hostOf = (address: string): string => /^(.*):\d+$/.exec(address)?.[1] ?? address;
