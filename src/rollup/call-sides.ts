/** Longer names are nobody's names, and would not fit an index of the ledger, bytes. */
export const nameBytesMax = 512;

/**
 * Quantiles of durations are within 1 % of the true value: DDSketch, whose states of two slices merge without adding to the
 * error, whatever the order. Exact states hold every duration. (The engine's sketch of parameter a answers between 1 − a
 * and 1 + 3a times the value, measured over 20 000 values.)
 */
export const sketch = 'quantilesDD(0.003, 0.5, 0.95)';

// The engine takes longer to analyse this statement than to run it over a thousand spans: 0.2 ms a function. So everything
// is said once: both kinds of rows are brought together before anything is computed of them, and no alias stands twice
// in the step that makes it (it would be resolved anew at each place).
const tenantRows = 'WHERE Tenant = {tenant:String}';
const inWindow = 'Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}';
const nearWindow = 'Timestamp >= {near_from:DateTime64(9)} AND Timestamp < {near_to:DateTime64(9)}';
const named = `notEmpty(ServiceName) AND length(ServiceName) <= ${nameBytesMax}`;
const queued = `SpanKind IN ('Producer', 'Consumer')`;
const server = `IN ('Server', 'Consumer')`;

/**
 * Whom a server's or consumer's span answers: its parent; for a consumer without one, the message that it was linked to.
 * 0 when it answers nobody.
 */
const parentId = `multiIf(notEmpty(ParentSpanId), cityHash64(TraceId, ParentSpanId),
    SpanKind = 'Consumer' AND notEmpty(Links.SpanId), cityHash64(Links.TraceId[1], Links.SpanId[1]), 0)`;

const rawColumns =
  'ServiceName, Timestamp, Duration, StatusCode, SpanKind, TraceId, SpanId, ParentSpanId, Links.TraceId, Links.SpanId';

/** What is outside the window is read without its attributes, to find out that a span was answered, or who called it. */
const rawSpans = (traces: string): string => {
  const rows = `FROM ${traces} ${tenantRows} AND ${named} AND ${nearWindow} AND`;
  return `SELECT ${rawColumns}, SpanAttributes ${rows} (${queued} OR ${inWindow})
UNION ALL SELECT ${rawColumns}, CAST(map(), 'Map(LowCardinality(String), String)') ${rows} NOT (${queued} OR ${inWindow})`;
};

const attribute = (key: string): string => `SpanAttributes['${key}']`;
const either = (...keys: string[]): string => `firstNonDefault(${keys.map(attribute).join(', ')})`;

/** Host and port of a URL. The engine's own domain() knows no host without a dot, as `http://payments:8080/`. */
const authority = '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]+)';

const spanColumns = 'service, span, failed, own_id, parent_id, span_kind';
/** Trace ids of 32 hex digits are kept as a number: 16 bytes and no text. */
const spans = (traces: string): string => `
SELECT toString(ServiceName) AS service,
  (Timestamp, Duration / 1e6, if(length(TraceId) = 32, reinterpretAsUInt128(unhex(TraceId)), toUInt128(0))) AS span,
  StatusCode = 'Error' AS failed, cityHash64(TraceId, SpanId) AS own_id, ${parentId} AS parent_id, SpanKind AS span_kind,
  ${either('db.system.name', 'db.system')} AS db, if(empty(${attribute('db.system.name')}), 'db.system', 'db.system.name') AS db_key,
  mapContains(SpanAttributes, 'db.system') OR mapContains(SpanAttributes, 'db.system.name') AS is_db,
  ${either('db.namespace', 'db.name')} AS db_name,
  ${attribute('messaging.system')} AS mq, ${either('messaging.destination.name', 'messaging.destination')} AS mq_name,
  ${either('server.address', 'net.peer.name')} AS host, ${either('url.full', 'http.url')} AS url,
  if(empty(${attribute('server.address')}), (${attribute('net.peer.port')}, 'net.peer.name'), (${attribute('server.port')}, 'server.address')) AS port
FROM (${rawSpans(traces)})`;

/** Nobody in particular. */
const unnamed = "('', '', '')";
export const noPeer = `(${unnamed}, '', '')`;

/** What a span says about its peer, in the names of several conventions. */
const peers = (traces: string): string => `
SELECT ${spanColumns}, is_db,
  multiIf(notEmpty(mq) AND notEmpty(mq_name), ('mq', mq, mq_name),
    notEmpty(db), ('db', db, splitByChar('/', db_name)[-1]), ${unnamed}) AS what,
  multiIf(empty(host), extract(url, '${authority}'), empty(port.1), host, concat(host, ':', port.1)) AS address,
  multiIf(notEmpty(db), db_key, empty(host), '', port.2) AS key
FROM (${spans(traces)})`;

const boundedPeer = `(if(length(what.2) + length(what.3) > ${nameBytesMax}, ${unnamed}, what),
    if(length(address) > ${nameBytesMax}, '', address), key)`;

/**
 * The sides of calls: each client, producer and database span under its own id (role 1), spans of another kind that were
 * answered from elsewhere under their own id too (role 2), each server and consumer span under the id of the span that it
 * answers (role 3; under one that nobody has when it answers nobody). Grouping by id then joins the sides without a join.
 * `span` is (time, milliseconds, trace), `peer` is ((kind, system, name), address, key).
 */
export function sidesSql(traces: string): string {
  // Most spans are nobody's remote parent; asking first keeps them out of the grouping.
  const answered = `own_id IN (SELECT ${parentId} FROM ${traces} ${tenantRows} AND ${nearWindow} AND SpanKind ${server})`;
  return `
SELECT arrayJoin(arrayFilter(r -> r > 0, [multiIf(asks, 1, ${answered}, 2, 0), if(answers, 3, 0)])) AS role,
  multiIf(role < 3, own_id, parent_id != 0, parent_id, bitNot(own_id)) AS id, service, span, failed, own_id, peer
FROM (
  SELECT ${spanColumns}, is_db OR span_kind IN ('Client', 'Producer') AS asks, span_kind ${server} AS answers, ${boundedPeer} AS peer
  FROM (${peers(traces)}))`;
}
