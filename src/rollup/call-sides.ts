/** Longer names are nobody's names, and would not fit an index of the ledger, bytes. */
export const nameBytesMax = 512;

/**
 * Quantiles of durations are within 1 % of the true value: DDSketch, whose states of two slices merge without adding to the
 * error, whatever the order. Exact states hold every duration. (The engine's sketch of parameter a answers between 1 − a
 * and 1 + 3a times the value, measured over 20 000 values.)
 */
export const sketch = 'quantilesDD(0.003, 0.5, 0.95)';

const bounded = (expression: string): string =>
  `if(length(${expression}) > ${nameBytesMax}, '', ${expression})`;

const inWindow = 'Timestamp >= t_from AND Timestamp < t_to';
const nearWindow = 'Timestamp >= t_from - margin AND Timestamp < t_to + margin';
const isDatabase = `(mapContains(SpanAttributes, 'db.system') OR mapContains(SpanAttributes, 'db.system.name'))`;
const named = `ServiceName != '' AND length(ServiceName) <= ${nameBytesMax}`;
const client = `SpanKind IN ('Client', 'Producer')`;
const server = `SpanKind IN ('Server', 'Consumer')`;

const ownId = 'cityHash64(TraceId, SpanId)';
/** Whom a server's or consumer's span answers: its parent; for a consumer without one, the message that it was linked to. */
const linked = `ParentSpanId = '' AND SpanKind = 'Consumer' AND notEmpty(Links.SpanId)`;
/** 0 when it answers nobody. */
const parentId = `multiIf(ParentSpanId != '', cityHash64(TraceId, ParentSpanId), ${linked}, cityHash64(Links.TraceId[1], Links.SpanId[1]), 0)`;

/**
 * What a client, producer, consumer or database span says about its peer, in the names of several conventions. In steps,
 * each a query of its own: the engine resolves an alias anew wherever it is used, and long chains of them took 200 ms to
 * analyse before the first row was read.
 */
const attributes = `SpanAttributes['db.system.name'] AS db_new, SpanAttributes['db.system'] AS db_old,
    if(SpanAttributes['db.namespace'] != '', SpanAttributes['db.namespace'], SpanAttributes['db.name']) AS db_name,
    SpanAttributes['messaging.system'] AS mq,
    if(SpanAttributes['messaging.destination.name'] != '', SpanAttributes['messaging.destination.name'], SpanAttributes['messaging.destination']) AS mq_name,
    SpanAttributes['server.address'] AS host_new, SpanAttributes['net.peer.name'] AS host_old,
    if(SpanAttributes['server.address'] != '', SpanAttributes['server.port'], SpanAttributes['net.peer.port']) AS port_any,
    if(SpanAttributes['url.full'] != '', SpanAttributes['url.full'], SpanAttributes['http.url']) AS url`;

/** Host and port of a URL. The engine's own domain() knows no host without a dot, as `http://payments:8080/`. */
const authority = '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]+)';

const peerSteps: readonly string[] = [
  `multiIf(mq != '' AND mq_name != '', 'mq', db_new != '' OR db_old != '', 'db', '') AS kind_any,
    multiIf(kind_any = 'mq', mq, db_new != '', db_new, db_old) AS system_any,
    multiIf(kind_any = 'mq', mq_name, kind_any = 'db', splitByChar('/', db_name)[-1], '') AS name_any,
    multiIf(kind_any = 'db' AND db_new != '', 'db.system.name', kind_any = 'db', 'db.system',
            host_new != '', 'server.address', host_old != '', 'net.peer.name', '') AS key,
    multiIf(host_new != '' OR host_old != '', concat(if(host_new != '', host_new, host_old), if(port_any != '', concat(':', port_any), '')),
            url != '', extract(url, '${authority}'), '') AS address_any`,
  `tuple(if(length(system_any) > ${nameBytesMax}, '', kind_any), ${bounded('system_any')}, ${bounded('name_any')},
    ${bounded('address_any')}, key) AS peer`,
];
const noPeer = `tuple('', '', '', '', '') AS peer`;
/** Outside the window only the queue matters: a consumer may not say it, when its producer did. */
const queueColumns = `SpanAttributes['messaging.system'] AS mq,
    if(SpanAttributes['messaging.destination.name'] != '', SpanAttributes['messaging.destination.name'], SpanAttributes['messaging.destination']) AS mq_name`;
const isQueue = `(mq != '' AND mq_name != '' AND length(mq) <= ${nameBytesMax} AND length(mq_name) <= ${nameBytesMax})`;
const queuePeer = `if(${isQueue}, tuple('mq', mq, mq_name, '', ''), tuple('', '', '', '', '')) AS peer`;

/** A span as one side of a call. Trace ids of 32 hex digits are kept as a number: 16 bytes and no text. */
const spanNames = 'service, at, ms, failed, trace, own_id, parent_id, roles';
const spanColumns = (
  traces: string,
): string => `toString(ServiceName) AS service, Timestamp AS at, Duration / 1e6 AS ms,
    StatusCode = 'Error' AS failed, if(length(TraceId) = 32, reinterpretAsUInt128(unhex(TraceId)), toUInt128(0)) AS trace,
    ${ownId} AS own_id, ${parentId} AS parent_id,
    arrayFilter(r -> r > 0, [multiIf(${client} OR ${isDatabase}, 1,
      -- Most spans are nobody's remote parent; asking first keeps them out of the grouping.
      own_id IN (SELECT ${parentId} FROM ${traces} WHERE Tenant = {tenant:String} AND ${nearWindow} AND ${server}), 2, 0),
      if(${server}, 3, 0)]) AS roles`;

/**
 * The sides of calls: each client, producer and database span under its own id (role 1), spans of another kind that were
 * answered from elsewhere under their own id too (role 2), each server and consumer span under the id of the span that it
 * answers (role 3; under one that nobody has when it answers nobody). Grouping by id then joins the sides without a join. What is
 * outside the window has no attributes but queues: it is read to find out that a span was answered, or who called it.
 */
export function sidesSql(traces: string): string {
  const rows = `FROM ${traces} WHERE Tenant = {tenant:String} AND ${named}`;
  const inside = peerSteps.reduce(
    (inner, step) => `(SELECT ${spanNames}, ${step} FROM ${inner})`,
    `(SELECT ${spanColumns(traces)}, ${attributes} ${rows} AND ${inWindow})`,
  );
  const columns = spanColumns(traces).replace(`OR ${isDatabase}`, '');
  const outside = `${rows} AND ${nearWindow} AND NOT (${inWindow}) AND SpanKind`;
  const queued = `IN ('Producer', 'Consumer')`;
  return `SELECT arrayJoin(roles) AS role, multiIf(role < 3, own_id, parent_id != 0, parent_id, bitNot(own_id)) AS id, *
FROM (SELECT ${spanNames}, peer FROM ${inside}
UNION ALL SELECT ${spanNames}, ${noPeer} FROM (SELECT ${columns} ${outside} NOT ${queued})
UNION ALL SELECT ${spanNames}, ${queuePeer} FROM (SELECT ${columns}, ${queueColumns} ${outside} ${queued}))`;
}
