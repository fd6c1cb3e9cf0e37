import type { EpochMs } from '../../model/index.ts';
import type { LogRow, SpanRow } from '../incident.ts';
import { isServer, kindOf, Owners, type Peer, type PeerKind, peerOf } from './peers.ts';

/** One stay of a request in one service: the spans of that service from its entry until it answers. */
export interface Visit {
  index: number;
  service: string;
  /** Name of the entry span. */
  operation: string;
  traceId: string;
  start: EpochMs;
  durationMs: number;
  /** Time in which the service waited for no other service. */
  ownMs: number;
  parent: Visit | null;
  /** What the caller waited beyond what this visit took: the way, queues, connection set-up. Null for roots. */
  gapMs: number | null;
  failed: boolean;
  spans: SpanRow[];
  /** Visits of other services that this one called. */
  calls: Visit[];
  logs: LogRow[];
  /** What it is, when only its caller tells of it; null when it tells itself. */
  peer: PeerKind | null;
  /** The caller's span, when only the caller tells of it. */
  call: SpanRow | null;
}

/** Joins spans into visits, and logs to the visits that wrote them (by span id, else by trace and service). */
export function visitsOf(
  spans: readonly SpanRow[],
  logs: readonly LogRow[],
  known: ReadonlySet<string> = new Set(),
): Visit[] {
  const parents = parentsOf(spans);
  const visitOf = new Map<SpanRow, Visit>();
  const visits: Visit[] = [];
  const entryOf = (span: SpanRow): SpanRow => {
    let at = span;
    for (let steps = 0; steps < 1_000; steps++) {
      const parent = parents.get(at);
      if (parent === undefined || parent.service !== at.service) return at;
      at = parent;
    }
    return at;
  };
  for (const span of spans) {
    const entry = entryOf(span);
    let visit = visitOf.get(entry);
    if (visit === undefined) {
      visit = newVisit(entry, visits.length);
      visits.push(visit);
      visitOf.set(entry, visit);
    }
    visitOf.set(span, visit);
    visit.spans.push(span);
    if (isError(span)) visit.failed = true;
  }
  const children = new Map<SpanRow, number>();
  for (const parent of parents.values()) children.set(parent, (children.get(parent) ?? 0) + 1);
  for (const visit of visits) {
    const entry = visit.spans.find((span) => visitOf.get(span) === visit && entryOf(span) === span);
    const parent = entry && parents.get(entry);
    const caller = parent && visitOf.get(parent);
    if (caller === undefined || caller === visit || caller.traceId === '' || parent === undefined) continue;
    visit.parent = caller;
    caller.calls.push(visit);
    // A span with this one child stands for the call and little else, unless it is the one that serves.
    visit.gapMs =
      children.get(parent) === 1 && !isServer(parent)
        ? Math.max(0, parent.durationMs - visit.durationMs)
        : null;
  }
  const owners = new Owners();
  for (const [span, parent] of parents) owners.answered(parent, span.service);
  for (const span of spans) {
    const caller = visitOf.get(span);
    const peer = children.has(span) || caller === undefined ? null : peerOf(span, known, owners);
    if (caller === undefined || peer === null || peer.name === span.service) continue;
    const visit = peerVisit(span, peer, caller, visits.length);
    visit.failed = isError(span);
    visits.push(visit);
    caller.calls.push(visit);
  }
  const calling = callingSpans(spans, parents);
  for (const visit of visits) if (visit.peer === null) visit.ownMs = ownTime(visit, parents, calling);
  giveLogs(visits, visitOf, spans, logs);
  return visits;
}

export const isError = (span: SpanRow): boolean =>
  /^(ERROR|STATUS_CODE_ERROR|2|FAIL(ED|URE)?)$/.test(span.status) ||
  /^5\d\d$/.test(span.attributes['http.status_code'] ?? span.attributes['http.response.status_code'] ?? '') ||
  (span.status !== 'OK' && (span.attributes.error === 'true' || 'exception.type' in span.attributes));

const newVisit = (entry: SpanRow, index: number): Visit => ({
  index,
  service: entry.service,
  operation: entry.name,
  traceId: entry.traceId,
  start: entry.start,
  durationMs: entry.durationMs,
  ownMs: entry.durationMs,
  parent: null,
  gapMs: null,
  failed: false,
  spans: [],
  calls: [],
  logs: [],
  peer: null,
  call: null,
});

/** A visit of a peer as its caller saw it. */
const peerVisit = (span: SpanRow, peer: Peer, caller: Visit, index: number): Visit => ({
  index,
  service: peer.name,
  operation: span.name,
  traceId: span.traceId,
  start: span.start,
  durationMs: span.durationMs,
  ownMs: span.durationMs,
  parent: caller,
  gapMs: null,
  failed: false,
  spans: [],
  calls: [],
  logs: [],
  peer: peer.kind,
  call: span,
});

/** By trace and id; where the trace does not hold the parent, by an id that is unique among all spans. */
function parentsOf(spans: readonly SpanRow[]): Map<SpanRow, SpanRow> {
  const inTrace = new Map<string, SpanRow>();
  const anywhere = new Map<string, SpanRow | null>();
  for (const span of spans) {
    inTrace.set(`${span.traceId} ${span.spanId}`, span);
    anywhere.set(span.spanId, anywhere.has(span.spanId) ? null : span);
  }
  const parents = new Map<SpanRow, SpanRow>();
  for (const span of spans) {
    if (span.parentId === '') continue;
    const parent = inTrace.get(`${span.traceId} ${span.parentId}`) ?? anywhere.get(span.parentId);
    if (parent && parent !== span) parents.set(span, parent);
  }
  return parents;
}

/** The visit's time without the union of the times in which it waited for others. */
function ownTime(
  visit: Visit,
  parents: ReadonlyMap<SpanRow, SpanRow>,
  calling: ReadonlySet<SpanRow>,
): number {
  const end = visit.start + visit.durationMs;
  const answered = visit.calls.map((call) => {
    const entry = call.spans[0];
    const client = entry && call.gapMs !== null ? parents.get(entry) : undefined;
    const from = client?.start ?? call.start;
    return { from, to: from + (client?.durationMs ?? call.durationMs) };
  });
  const unanswered = visit.spans
    .filter((span) => calling.has(span))
    .map((span) => ({ from: span.start, to: span.start + span.durationMs }));
  const waits = [...answered, ...unanswered].sort((a, b) => a.from - b.from);
  let waited = 0;
  let until = visit.start;
  for (const { from, to } of waits) {
    const begin = Math.max(from, until);
    const stop = Math.min(to, end);
    if (stop > begin) waited += stop - begin;
    until = Math.max(until, Math.min(to, end));
  }
  return Math.max(0, visit.durationMs - waited);
}

/**
 * Spans that wait for another service although no span of that service is there: it never got the call, or did not tell.
 * They bear the name of spans that do have such children.
 */
function callingSpans(spans: readonly SpanRow[], parents: ReadonlyMap<SpanRow, SpanRow>): Set<SpanRow> {
  const withChild = new Set<SpanRow>();
  for (const [span, parent] of parents) if (span.service !== parent.service) withChild.add(parent);
  const counts = new Map<string, [number, number]>();
  for (const span of spans) {
    const key = `${span.service}\u0000${span.name}`;
    const [calls, all] = counts.get(key) ?? [0, 0];
    counts.set(key, [calls + (withChild.has(span) ? 1 : 0), all + 1]);
  }
  return new Set(
    spans.filter((span) => {
      const [calls, all] = counts.get(`${span.service}\u0000${span.name}`) ?? [0, 1];
      return !withChild.has(span) && (calls >= 0.5 * all || /^(client|producer)$/.test(kindOf(span)));
    }),
  );
}

function giveLogs(
  visits: readonly Visit[],
  visitOf: ReadonlyMap<SpanRow, Visit>,
  spans: readonly SpanRow[],
  logs: readonly LogRow[],
): void {
  const bySpan = new Map(spans.map((span) => [`${span.traceId} ${span.spanId}`, span]));
  const byTrace = new Map<string, Visit[]>();
  for (const visit of visits) {
    if (visit.peer !== null) continue;
    const key = `${visit.traceId} ${visit.service}`;
    const list = byTrace.get(key);
    if (list) list.push(visit);
    else byTrace.set(key, [visit]);
  }
  for (const log of logs) {
    if (log.traceId === '') continue;
    const span = log.spanId === '' ? undefined : bySpan.get(`${log.traceId} ${log.spanId}`);
    const candidates = byTrace.get(`${log.traceId} ${log.service}`) ?? [];
    const visit =
      (span && visitOf.get(span)) ??
      candidates.find((one) => log.at >= one.start - 5 && log.at <= one.start + one.durationMs + 5) ??
      candidates[0];
    visit?.logs.push(log);
  }
}
