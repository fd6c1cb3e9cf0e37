import type { DetailStore } from '../detail/index.ts';
import type { Ledger, Queryable } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { iso, type ResourceRef, type RowFilter, serviceRef, type TimeWindow } from '../model/index.ts';
import { type CallRow, callEdgesMax, calleeOf, callerOf } from './calls.ts';
import type { Tenant } from './job.ts';
import { noteClustered } from './pattern/access.ts';
import { writePatternCounts } from './pattern/counts.ts';
import { planPatterns, writePatterns } from './pattern-store.ts';
import { type ShapeRow, shapesMax } from './patterns.ts';
import type { Reader } from './reader.ts';
import { mergedCalls, mergedShapes, type Slices } from './slices.ts';
import type { Tables } from './source/tables.ts';
import {
  addWritten,
  type LocatorRow,
  type ResourceRow,
  removeOtherCalls,
  upsertCalls,
  upsertLocators,
  type Written,
} from './write.ts';

export interface BucketWindows {
  /** The whole five minutes, whatever of them is complete. */
  whole: TimeWindow;
  complete: TimeWindow;
  sliceMs: number;
}

/** Five minutes of calls and patterns, merged from slices. */
export interface Bucket {
  /** The whole five minutes, whatever of them is complete. */
  whole: TimeWindow;
  completeTo: number;
  /** Seconds of it that are in the slices; rates are over these. */
  completeS: number;
  calls: Call[];
  shapes: ShapeRow[];
  plan: Awaited<ReturnType<typeof planPatterns>>;
}

interface Call {
  row: CallRow;
  src: ResourceRef;
  dst: ResourceRef;
}

export async function readBucket(
  deps: { ledger: Ledger; detail: DetailStore; clock: Clock },
  read: Reader,
  tenant: Tenant,
  bucket: BucketWindows & { slices: Slices },
  tables: Tables,
): Promise<Bucket> {
  const { whole, complete, sliceMs, slices } = bucket;
  const rows = await read.rows<CallRow>(mergedCalls(tenant.code, complete, slices));
  const calls = callsOf(read, read.bounded('calls', callEdgesMax, rows));
  const shapes = read.bounded(
    'shapes',
    shapesMax,
    await read.rows<ShapeRow>(mergedShapes(tenant.code, complete, slices)),
  );
  const plan = await planPatterns({ ...deps, logs: tables.logs }, tenant, complete, shapes);
  read.addLeftOut('patterns', plan.leftOut);
  const completeS = (slices.size * sliceMs) / 1_000;
  const last = Math.max(complete.from, ...[...slices.keys()].map((at) => at + sliceMs));
  return { whole, completeTo: last, completeS, calls, shapes, plan };
}

/** One call per caller and callee. Two rows can name one database in two ways; the quantiles of the busier one stay. */
function callsOf(read: Reader, rows: readonly CallRow[]): Call[] {
  const unique = new Map<string, Call>();
  for (const row of rows) {
    const src = callerOf(row);
    const dst = calleeOf(row);
    if (dst === null) {
      read.addLeftOut('calls_without_callee', row.calls);
      continue;
    }
    const key = callKey(src, dst);
    const same = unique.get(key);
    if (same === undefined) unique.set(key, { row, src, dst });
    else {
      const sum = { calls: same.row.calls + row.calls, errors: same.row.errors + row.errors };
      unique.set(key, { ...same, row: { ...same.row, ...sum } });
    }
  }
  return [...unique.values()];
}

const callKey = (src: ResourceRef, dst: ResourceRef): string => `call/${src.urn}/${dst.urn}`;

export const resourcesOf = (bucket: Bucket): ResourceRow[] => [
  ...bucket.calls.flatMap((call) => [call.src, call.dst]),
  ...bucket.shapes.map((row) => serviceRef(row.service)),
];

export async function writeBucket(
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
  const { whole } = bucket;
  const locators = await upsertLocators(
    tx,
    tenant.id,
    bucket.calls.map(
      ({ row, src, dst }): LocatorRow => ({
        dataset: 'traces',
        objectKey: callKey(src, dst),
        window: whole,
        filter: callFilter(row, whole),
        attributes: {
          ...(row.slowest_trace === '' ? {} : { slowest_trace: row.slowest_trace }),
          ...(row.failed_trace === '' ? {} : { failed_trace: row.failed_trace }),
        },
      }),
    ),
  );
  const writes = bucket.calls.flatMap(({ row, src, dst }) => {
    const srcId = ids.get(src.urn);
    const dstId = ids.get(dst.urn);
    if (srcId === undefined || dstId === undefined) return [];
    return [
      {
        srcId,
        dstId,
        rps: row.calls / bucket.completeS,
        errorRate: row.errors / row.calls,
        p50Ms: row.p50_ms,
        p95Ms: row.p95_ms,
        sampleRef: locators.get(callKey(src, dst)) ?? null,
      },
    ];
  });
  // An address may turn out to be a service when more of the bucket is known; the edge to the address must go then.
  await removeOtherCalls(tx, tenant.id, iso(whole.from), writes);
  return upsertCalls(tx, tenant.id, whole.from, writes);
}

/** How to find the spans behind a call again: what the callee served, or what the caller asked where nobody of ours answered. */
export function callFilter(row: CallRow, window: TimeWindow): RowFilter {
  const filter = { dataset: 'otel_traces' as const, window };
  if (row.kind === 'mq') {
    const equals = {
      ServiceName: row.src === '' ? row.dst : row.src,
      'SpanAttributes.messaging.system': row.system,
    };
    return { ...filter, equals };
  }
  if (row.dst !== '') return { ...filter, equals: { ServiceName: row.dst }, only: 'server_spans' };
  const equals: Record<string, string> = { ServiceName: row.src };
  if (row.kind === 'db') equals[`SpanAttributes.${row.key}`] = row.system;
  else if (row.key !== '') equals[`SpanAttributes.${row.key}`] = hostOf(row.address);
  return row.kind === 'db' ? { ...filter, equals } : { ...filter, equals, only: 'client_spans' };
}

/** `host` of `host:port`; an IPv6 address keeps its colons. */
const hostOf = (address: string): string => /^(.*):\d+$/.exec(address)?.[1] ?? address;
