import type { DetailQuery } from '../detail/index.ts';
import { databaseRef, externalRef, type ResourceRef, serviceRef, type TimeWindow } from '../model/index.ts';

/** One row of `callsQuery`: everything that one caller asked of one callee. */
export interface CallRow {
  src: string;
  /** Service that answered; empty when none of ours did. */
  dst: string;
  /** `db.system` of the calls, empty for others; with its namespace. */
  db_system: string;
  db_name: string;
  /** `host:port` or host, as the caller knew it. */
  address: string;
  /** Attribute keys that `address` and `db_system` were read from, to find the spans again. */
  address_key: string;
  db_key: string;
  calls: number;
  errors: number;
  p50_ms: number;
  p95_ms: number;
}

/** Most edges that one answer may hold; beyond them the quietest are left out. */
export const callEdgesMax = 5_000;

/**
 * A caller's span may start this long before the window and its callee's this long after it and still be found, seconds.
 * Calls are counted where the caller's span starts, so margins never count a call twice.
 */
export const callMarginS = 60;

/**
 * Calls as the caller saw them (they include waiting for the network), in one pass. Each span gives a row under its own
 * id, each server span another under its parent's id; grouping by id joins the two without a join. A call is the group
 * that has an answering service, or that is a client span or names a database.
 *
 * A client span that no service answered is attributed to the service that answered at the same address in the window,
 * when there is exactly one: a service that is down is still itself, not an unknown outside peer.
 *
 * The parent side of a join would have to hold the whole window twice; this needs one hash of ids (cityHash64, 8 bytes)
 * and reads attributes of client and database spans only.
 */
const callsSql = `
WITH
  {from:DateTime64(9)} AS t_from, {to:DateTime64(9)} AS t_to,
  toIntervalSecond({margin:UInt32}) AS margin
SELECT
  src, dst_resolved AS dst, db_system, db_name,
  -- Several addresses of one service (replicas) are one edge; of outside peers each is its own.
  if(dst_resolved = '', address, '') AS address,
  any(address_key) AS address_key, any(db_key) AS db_key,
  toFloat64(sum(n)) AS calls, toFloat64(sum(failed)) AS errors,
  quantilesExactMerge(0.5, 0.95)(ms) AS q, q[1] AS p50_ms, q[2] AS p95_ms
FROM (
  SELECT *,
    if(dst != '' OR db_system != '' OR address = '', dst,
       if(length(arrayFilter(x -> x != '', groupUniqArray(2)(nullIf(dst, '')) OVER (PARTITION BY address))) = 1,
          any(nullIf(dst, '')) OVER (PARTITION BY address), '')) AS dst_known,
    coalesce(dst_known, '') AS dst_resolved
  FROM (
    SELECT src, dst, db_system, db_name, address, address_key, db_key,
      count() AS n, countIf(is_error) AS failed, quantilesExactState(0.5, 0.95)(duration / 1e6) AS ms
    FROM (
      SELECT id,
        anyIf(service, own) AS src,
        anyIf(service, NOT own) AS dst,
        max(is_client) AS client,
        anyIf(attr_db, own) AS db_system, anyIf(attr_db_name, own) AS db_name,
        anyIf(attr_address, own) AS address, anyIf(attr_address_key, own) AS address_key, anyIf(attr_db_key, own) AS db_key,
        max(is_error) AS is_error,
        if(client, maxIf(Duration, own), max(Duration)) AS duration,
        if(client, minIf(Timestamp, own), min(Timestamp)) AS at
      FROM (
        SELECT cityHash64(TraceId, SpanId) AS id, 1 AS own, ServiceName AS service, Timestamp, Duration,
          StatusCode = 'Error' AS is_error, SpanKind IN ('Client', 'Producer') AS is_client,
          SpanAttributes['db.system.name'] AS db_new,
          if(db_new != '', db_new, SpanAttributes['db.system']) AS attr_db,
          if(db_new != '', 'db.system.name', if(attr_db != '', 'db.system', '')) AS attr_db_key,
          if(attr_db = '', '', coalesce(nullIf(SpanAttributes['db.namespace'], ''), SpanAttributes['db.name'])) AS attr_db_name,
          SpanAttributes['server.address'] AS host_new, SpanAttributes['net.peer.name'] AS host_old,
          if(host_new != '', SpanAttributes['server.port'], SpanAttributes['net.peer.port']) AS port,
          coalesce(nullIf(SpanAttributes['url.full'], ''), SpanAttributes['http.url']) AS url,
          multiIf(host_new != '', 'server.address', host_old != '', 'net.peer.name', '') AS attr_address_key,
          multiIf(host_new != '' OR host_old != '', concat(if(host_new != '', host_new, host_old), if(port != '', concat(':', port), '')),
                  url != '', concat(domain(url), if(port(url) > 0, concat(':', toString(port(url))), '')), '') AS attr_address
        FROM otel_traces
        WHERE Tenant = {tenant:String} AND Timestamp >= t_from - margin AND Timestamp < t_to + margin
          AND (SpanKind IN ('Client', 'Producer') OR mapContains(SpanAttributes, 'db.system') OR mapContains(SpanAttributes, 'db.system.name'))
        UNION ALL
        SELECT cityHash64(TraceId, SpanId), 1, ServiceName, Timestamp, Duration, StatusCode = 'Error', false, '', '', '', '', '', '', '', '', '', ''
        FROM otel_traces
        WHERE Tenant = {tenant:String} AND Timestamp >= t_from - margin AND Timestamp < t_to + margin
          AND SpanKind NOT IN ('Client', 'Producer')
          -- Most spans are nobody's remote parent; asking first keeps them out of the grouping.
          AND cityHash64(TraceId, SpanId) IN (
            SELECT cityHash64(TraceId, ParentSpanId) FROM otel_traces
            WHERE Tenant = {tenant:String} AND Timestamp >= t_from - margin AND Timestamp < t_to + margin
              AND SpanKind IN ('Server', 'Consumer') AND ParentSpanId != '')
          AND NOT mapContains(SpanAttributes, 'db.system') AND NOT mapContains(SpanAttributes, 'db.system.name')
        UNION ALL
        SELECT cityHash64(TraceId, ParentSpanId), 0, ServiceName, Timestamp, Duration, StatusCode = 'Error', false, '', '', '', '', '', '', '', '', '', ''
        FROM otel_traces
        WHERE Tenant = {tenant:String} AND Timestamp >= t_from - margin AND Timestamp < t_to + margin
          AND SpanKind IN ('Server', 'Consumer') AND ParentSpanId != ''
      )
      GROUP BY id
      HAVING src != '' AND src != dst AND (dst != '' OR ((client OR db_system != '') AND (address != '' OR db_system != '')))
         AND at >= t_from AND at < t_to
    )
    GROUP BY src, dst, db_system, db_name, address, address_key, db_key
  )
)
GROUP BY src, dst_resolved, db_system, db_name, address
ORDER BY calls DESC, src, dst, address
LIMIT {edges_max:UInt32}`;

export const callsQuery = (tenant: string, window: TimeWindow): DetailQuery => ({
  name: 'rollup.calls',
  tenant,
  window,
  sql: callsSql,
  params: { margin: callMarginS, edges_max: callEdgesMax + 1 },
});

/** What was called: another service, a database, or an address outside. */
export function calleeOf(
  row: Pick<CallRow, 'src' | 'dst' | 'db_system' | 'db_name' | 'address'>,
): ResourceRef {
  if (row.dst !== '') return serviceRef(row.dst);
  if (row.db_system !== '') {
    // A database without an address runs inside its service; a path names the file.
    const cluster = row.address === '' ? row.src : row.address;
    return databaseRef(row.db_system, cluster, row.db_name.split('/').at(-1) ?? '');
  }
  return externalRef(row.address);
}
