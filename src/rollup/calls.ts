import type { DetailQuery } from '../detail/index.ts';
import {
  databaseRef,
  externalRef,
  queueRef,
  type ResourceRef,
  serviceRef,
  type TimeWindow,
} from '../model/index.ts';
import { sidesSql, sketch } from './call-sides.ts';

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
export const callMarginS = 60;

// A call in the making is a tuple (src, dst, peer, at, ms, failed, trace), a peer (kind, system, name, address, key): the
// engine takes a millisecond to analyse each further column of each step.
export const edgeKeys = 'src, dst, kind, system, name, address, key';
const noPeer = `tuple('', '', '', '', '')`;
const answeredBy = (src: string, peer: string): string => `(${src}, a.1, ${peer}, a.2, a.3, a.4, a.5)`;
const askedOf = (dst: string, peer: string): string => `(o.1, ${dst}, ${peer}, o.2, o.3, any_failed, o.4)`;

/**
 * The calls of one group. A client span is one call, of each service that answered it, or of the database or address that
 * it names; its duration is the caller's, so it includes the network and every retry below it. Without a client span each
 * answer is a call. Over a queue there are two: the producer calls the queue, and the queue each consumer.
 */
const edgesOfGroup = `multiIf(
    is_caller AND queue.1 != '',
      arrayPushFront(arrayMap(a -> ${answeredBy("''", 'queue')}, answers), ${askedOf("''", 'queue')}),
    is_caller AND notEmpty(others), arrayMap(s -> ${askedOf('s', "tuple('', '', '', o_peer.4, o_peer.5)")}, others),
    is_caller AND notEmpty(answers), [],
    is_caller, [${askedOf("''", 'o_peer')}],
    arrayMap(a -> if(a.6.1 = 'mq', ${answeredBy("''", 'a.6')}, ${answeredBy('o.1', noPeer)}), arrayFilter(a -> a.1 != o.1, answers)))`;

/** Groups by the id of the asking span. */
const groupedSql = (traces: string): string => `
    SELECT max(role = 1) AS is_caller, max(failed) AS any_failed,
      anyIf((service, at, ms, trace), role < 3) AS o, anyIf(peer, role = 1) AS o_peer,
      groupArrayIf((service, at, ms, failed, trace, peer, own_id), role = 3) AS given
    FROM (${sidesSql(traces)})
    GROUP BY id`;

/** Rows of calls with mergeable sketches, one per slice, caller and callee. `slice` is an expression over `e.4`, the time. */
export const partialCallsSql = (traces: string, slice: string): string => `
SELECT slice, src, dst, peer.1 AS kind, peer.2 AS system, peer.3 AS name, peer.4 AS address, peer.5 AS key,
  calls, errors, ms_state, slow.1 AS slowest_ms, slow.2 AS slowest_trace, failed_trace
FROM (
  SELECT ${slice} AS slice, e.1 AS src, e.2 AS dst, e.3 AS peer, count() AS calls, countIf(e.6) AS errors,
    ${sketch.replace('(', 'State(')}(e.5) AS ms_state, max((e.5, e.7)) AS slow, maxIf(e.7, e.6) AS failed_trace
  FROM (
    SELECT arrayJoin(${edgesOfGroup}) AS e
    FROM (
      SELECT is_caller, any_failed, o, o_peer,
        -- The same span may have been stored twice.
        if(length(given) > 1, arrayDistinct(given), given) AS answers,
        arrayDistinct(arrayFilter(s -> s != o.1, given.1)) AS others,
        if(o_peer.1 = 'mq', o_peer, arrayFirst(p -> p.1 = 'mq', given.6)) AS queue
      FROM (${groupedSql(traces)})
    )
  )
  WHERE e.4 >= t_from AND e.4 < t_to
  GROUP BY slice, src, dst, peer
)`;

/** Back to the 32 digits that a span carries; empty for 0. */
const traceHex = (value: string): string =>
  `if(${value} = 0, '', lower(hex(reinterpretAsFixedString(${value}))))`;

export const callsHead =
  '{from:DateTime64(9)} AS t_from, {to:DateTime64(9)} AS t_to, toIntervalSecond({margin:UInt32}) AS margin';

/** Calls from rows of `partialCallsSql`, whatever they were grouped by in time. */
export const mergedCallsSql = (partials: string): string => `
SELECT
  src, dst_resolved AS dst, kind, system, name,
  -- Several addresses of one service (replicas) are one edge; of outside peers each is its own.
  if(dst_resolved = '', address, '') AS address, max(key) AS key,
  toFloat64(sum(calls)) AS calls, toFloat64(sum(errors)) AS errors,
  ${sketch.replace('(', 'Merge(')}(ms_state) AS q, q[1] AS p50_ms, q[2] AS p95_ms,
  ${traceHex('argMax(slowest_trace, slowest_ms)')} AS slowest_trace, ${traceHex('max(failed_trace)')} AS failed_trace
FROM (
  SELECT *, if(at_address = 1 AND dst = '' AND kind = '' AND address != '', only_dst, dst) AS dst_resolved
  FROM (
    SELECT *, uniqExactIf(dst, dst != '') OVER (PARTITION BY address) AS at_address, max(dst) OVER (PARTITION BY address) AS only_dst
    FROM (${partials})
  )
)
GROUP BY src, dst_resolved, kind, system, name, address
ORDER BY calls DESC, src, dst, address, system, name
LIMIT {edges_max:UInt32}`;

/** Calls of any window straight from the spans. */
export const callsQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.calls',
  tenant,
  window,
  sql: `WITH ${callsHead} ${mergedCallsSql(partialCallsSql('otel_traces', '0'))}`,
  params: { margin: callMarginS, edges_max: callEdgesMax + 1 },
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
