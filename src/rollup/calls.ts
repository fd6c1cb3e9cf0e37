import type { DetailQuery } from '../detail/index.ts';
import {
  databaseRef,
  externalRef,
  queueRef,
  type ResourceRef,
  serviceRef,
  type TimeWindow,
} from '../model/index.ts';
import { noPeer, sidesSql, sketch } from './call-sides.ts';

/** One row of `callsQuery`: everything that one caller asked of one callee. */
export interface CallRow {
  /** Service that called; empty when a queue delivered, or when nobody of ours is known to have called. */
  src: string;
  /** Service that answered; empty when none of ours did. */
  dst: string;
  /**
   * `db`: the callee is a database of this system and namespace. `mq`: a queue or topic, that `src` publishes to or, with an
   * empty `src`, `dst` takes from. Empty: neither.
   */
  kind: '' | 'db' | 'mq';
  system: string;
  name: string;
  /** `host:port` or host, as the caller knew it. */
  address: string;
  /** Attribute key that `system` of a database, or else `address`, was read from, to find the spans again. */
  key: string;
  calls: number;
  errors: number;
  p50_ms: number;
  p95_ms: number;
  /** Trace of the slowest call and of a failed one, 32 hex digits; empty when its id has another form or there is none. */
  slowest_trace: string;
  failed_trace: string;
}

/** Most edges that one answer may hold; beyond them the quietest are left out. */
export const callEdgesMax = 5_000;

/**
 * A caller's span may start this long before the window and its callee's this long after it and still be found, seconds.
 * A call is counted where the caller's span starts (without a client span: where the callee's does), so margins never
 * count a call twice.
 */
const callMarginS = 60;

// A call in the making is a tuple ((src, dst, peer), failed, span), with peer and span as `sidesSql` makes them: tuples inside
// of tuples, because the engine takes a fifth of a millisecond to analyse each expression that takes one apart, and two for
// each column that rows are ordered by.
export const edgeKeys = 'src, dst, kind, system, name, address, key';
/** When the call of a tuple `e` was. */
export const callTime = 'e.3.1';

/** Groups by the id of the asking span. */
const groupedSql = (traces: string): string => `
SELECT max(role = 1) AS is_caller, max(failed) AS any_failed,
  anyIf(service, role < 3) AS o, anyIf(span, role < 3) AS o_span, anyIf(peer, role = 1) AS o_peer,
  groupArrayIf((service, span, peer, failed, own_id), role = 3) AS given
FROM (${sidesSql(traces)})
GROUP BY id`;

/**
 * The calls of each group. A client span is one call, of each service that answered it, or of the database or address that
 * it names; its duration is the caller's, so it includes the network and every retry below it. Without a client span each
 * answer is a call. Over a queue there are two: the producer calls the queue, and the queue each consumer.
 */
const edgesSql = (traces: string): string => `
SELECT arrayJoin(arrayConcat(
  arrayMap(s -> ((o, s, asked_peer), any_failed, o_span), asked),
  arrayMap((a, p) -> ((if(empty(p.1.1), o, ''), a.1, p), a.4, a.2), answers,
    arrayMap(a -> multiIf(queued, (queue, '', ''), a.3.1.1 = 'mq', a.3, ${noPeer}), answers)))) AS e
FROM (
  SELECT any_failed, o, o_span, queued, queue,
    multiIf(NOT is_caller, [], queued, [''], notEmpty(others), others, empty(unique), [''], []) AS asked,
    multiIf(queued, (queue, '', ''), notEmpty(others), (('', '', ''), o_peer.2, o_peer.3), o_peer) AS asked_peer,
    multiIf(NOT is_caller, arrayFilter(a -> a.1 != o, unique), queued, unique, []) AS answers
  FROM (
    SELECT is_caller, any_failed, o, o_span, o_peer,
      -- The same span may have been stored twice.
      if(length(given) > 1, arrayDistinct(given), given) AS unique,
      arrayDistinct(arrayFilter(s -> s != o, given.1)) AS others,
      if(o_peer.1.1 = 'mq', o_peer.1, arrayFirst(p -> p.1 = 'mq', given.3.1)) AS queue, is_caller AND notEmpty(queue.1) AS queued
    FROM (${groupedSql(traces)})))`;

/**
 * Rows of calls with mergeable sketches, one per slice, caller and callee. `slice` is an expression over `callTime`; `limit`
 * orders by `calls` and `who` where there may be too many.
 */
export const partialCallsSql = (traces: string, slice: string, limit = ''): string => `
SELECT slice, who.1 AS src, who.2 AS dst, who.3.1.1 AS kind, who.3.1.2 AS system, who.3.1.3 AS name, who.3.2 AS address, who.3.3 AS key,
  calls, errors, ms_state, slow.1 AS slowest_ms, slow.2 AS slowest_trace, failed_trace
FROM (
  SELECT ${slice} AS slice, e.1 AS who, count() AS calls, countIf(e.2) AS errors,
    ${sketch.replace('(', 'State(')}(e.3.2) AS ms_state, max((e.3.2, e.3.3)) AS slow, maxIf(e.3.3, e.2) AS failed_trace
  FROM (${edgesSql(traces)})
  WHERE ${callTime} >= {from:DateTime64(9)} AND ${callTime} < {to:DateTime64(9)}
  GROUP BY slice, who ${limit})`;

/** Where spans are read that belong to calls of the window: parameters of `partialCallsSql`. */
export const nearParams = ({ from, to }: TimeWindow): Record<'near_from' | 'near_to', string> => ({
  near_from: (from / 1_000 - callMarginS).toFixed(3),
  near_to: (to / 1_000 + callMarginS).toFixed(3),
});

/** Back to the 32 digits that a span carries; empty for 0. */
const traceHex = (value: string): string =>
  `if(${value} = 0, '', lower(hex(reinterpretAsFixedString(${value}))))`;

/** Calls from rows of `partialCallsSql`, whatever they were grouped by in time. */
export const mergedCallsSql = (partials: string): string => `
SELECT who.1 AS src, who.2 AS dst, who.3 AS kind, who.4 AS system, who.5 AS name, who.6 AS address, some_key AS key, n AS calls, failed AS errors,
  q[1] AS p50_ms, q[2] AS p95_ms, ${traceHex('slowest')} AS slowest_trace, ${traceHex('some_failed')} AS failed_trace
FROM (
  SELECT who, max(key) AS some_key, toFloat64(sum(calls)) AS n, toFloat64(sum(errors)) AS failed,
    ${sketch.replace('(', 'Merge(')}(ms_state) AS q, argMax(slowest_trace, slowest_ms) AS slowest, max(failed_trace) AS some_failed
  FROM (
    SELECT key, calls, errors, ms_state, slowest_ms, slowest_trace, failed_trace,
      -- Several addresses of one service (replicas) are one edge; of outside peers each is its own.
      (src, resolved, kind, system, name, if(empty(resolved), address, '')) AS who
    FROM (
      SELECT *, if(uniqExactIf(dst, dst != '') OVER (PARTITION BY address) = 1 AND dst = '' AND kind = '' AND address != '',
        max(dst) OVER (PARTITION BY address), dst) AS resolved
      FROM (${partials})))
  GROUP BY who ORDER BY n DESC, who LIMIT {edges_max:UInt32})`;

/** Calls of any window straight from the spans. */
export const callsQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.calls',
  tenant,
  window,
  sql: mergedCallsSql(partialCallsSql('otel_traces', '0')),
  params: { ...nearParams(window), edges_max: callEdgesMax + 1 },
});

/** What was called: another service, a queue, a database, or an address outside. Null when the call names nothing. */
export function calleeOf(
  row: Pick<CallRow, 'src' | 'dst' | 'kind' | 'system' | 'name' | 'address'>,
): ResourceRef | null {
  if (row.dst !== '') return serviceRef(row.dst);
  if (row.kind === 'mq') return queueRef(row.system, row.name);
  if (row.kind === 'db') {
    // A database without an address runs inside its service; of a path the query keeps the file's name.
    const cluster = row.address === '' ? row.src : row.address;
    return databaseRef(row.system, cluster, row.name);
  }
  return row.address === '' ? null : externalRef(row.address);
}

/** Callers of whom there is no span: users, senders without telemetry, spans that were lost or not sampled. */
export const unknownCaller: ResourceRef = externalRef('unknown');

/** Who called: a service, the queue that delivered, or somebody unknown. */
export function callerOf(row: Pick<CallRow, 'src' | 'kind' | 'system' | 'name'>): ResourceRef {
  if (row.src !== '') return serviceRef(row.src);
  return row.kind === 'mq' ? queueRef(row.system, row.name) : unknownCaller;
}
