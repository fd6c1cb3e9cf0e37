/** What in the rows themselves should make a reader doubt: spans of time that hold nothing, clocks that disagree. */
import { type EpochMs, sentence, type TimeWindow } from '../../model/index.ts';
import { type Caveat, caveat, type Incident, type SpanRow } from '../incident.ts';

/** A called span that lies wholly outside its caller's, by more than this, was stamped by another clock … */
const apartMsMin = 1_000;
/** … when so many of a service's are, and at least as many were seen. */
const apartShareMin = 0.5;
const pairsMin = 5;
/** Services named. */
const clocksMax = 5;

export function doubtsOf(incident: Incident, file: string): Caveat[] {
  return [...windowDoubts(incident, file), ...clockDoubts(incident)];
}

function windowDoubts(incident: Incident, file: string): Caveat[] {
  const { window, baseline } = incident;
  const extent = extentOf(incident);
  if (extent === null) return [];
  const found: Caveat[] = [];
  for (const [field, given] of [
    ['window', window],
    ['baseline', baseline],
  ] as const)
    if (given !== null && !holdsRows(incident, given))
      found.push(
        caveat(
          file,
          sentence('caveat.no_rows_inside', { field, from: shown(extent.from), to: shown(extent.to) }),
        ),
      );
  if (window !== null && baseline !== null && overlap(window, baseline) > 0)
    found.push(
      caveat(
        file,
        sentence('caveat.baseline_overlaps', { seconds: Math.round(overlap(window, baseline) / 1000) }),
      ),
    );
  return found;
}

const shown = (at: EpochMs): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
const overlap = (a: TimeWindow, b: TimeWindow): number => Math.min(a.to, b.to) - Math.max(a.from, b.from);
const within = (at: EpochMs, { from, to }: TimeWindow): boolean => at >= from && at <= to;

const holdsRows = ({ series, spans, logs, calls }: Incident, window: TimeWindow): boolean =>
  series.some(({ times }) => times.some((at) => within(at, window))) ||
  spans.some(({ start }) => within(start, window)) ||
  logs.some(({ at }) => within(at, window)) ||
  calls.some(({ at }) => within(at, window));

function extentOf({ series, spans, logs, calls }: Incident): TimeWindow | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  const reach = (at: EpochMs): void => {
    from = Math.min(from, at);
    to = Math.max(to, at);
  };
  for (const { times } of series) for (const at of times) reach(at);
  for (const { start } of spans) reach(start);
  for (const { at } of logs) reach(at);
  for (const { at } of calls) reach(at);
  return from <= to ? { from, to } : null;
}

/** Services whose spans lie outside those of their callers; what is compared across them is compared by two clocks. */
function clockDoubts({ spans, files }: Incident): Caveat[] {
  const byId = new Map<string, SpanRow>();
  for (const span of spans) byId.set(`${span.traceId} ${span.spanId}`, span);
  const apart = new Map<string, { pairs: number; offsets: number[] }>();
  for (const span of spans) {
    const caller = span.parentId === '' ? undefined : byId.get(`${span.traceId} ${span.parentId}`);
    if (caller === undefined || caller.service === span.service) continue;
    const entry = apart.get(span.service) ?? { pairs: 0, offsets: [] };
    apart.set(span.service, entry);
    entry.pairs++;
    const early = caller.start - (span.start + span.durationMs);
    const late = span.start - (caller.start + caller.durationMs);
    if (Math.max(early, late) > apartMsMin) entry.offsets.push(span.start - caller.start);
  }
  return [...apart]
    .filter(([, { pairs, offsets }]) => pairs >= pairsMin && offsets.length >= apartShareMin * pairs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, clocksMax)
    .map(([service, { offsets }]) => {
      const sorted = offsets.sort((a, b) => a - b);
      const seconds = Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) / 1000);
      return caveat(
        files.spans ?? 'spans',
        sentence('caveat.clock', { service, seconds: seconds > 0 ? `+${seconds}` : seconds }),
      );
    });
}
