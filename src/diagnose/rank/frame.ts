import { type EpochMs, sentence, type TimeWindow } from '../../model/index.ts';
import { type Caveat, caveat, type Incident, type Series } from '../incident.ts';
import { distance, median, normalOf } from './stats.ts';
import { metricClass, wordsOf, worseDirection } from './words.ts';

/** What an instant belongs to. `before` is inside the stated window but earlier than the onset. */
export type Phase = 'baseline' | 'before' | 'during' | 'outside';

/** The time in which an incident is looked at. */
export interface Frame {
  /** First instant at which something is believed to be wrong, and how far before it may have begun. */
  onset: EpochMs;
  onsetEarliest: EpochMs;
  /** The same for records and spans, which are stamped to the millisecond: no step of a metric makes their time doubtful. */
  began: EpochMs;
  end: EpochMs;
  /** Null when nothing is known from a better time. */
  baseline: TimeWindow | null;
  window: TimeWindow;
  phase(at: EpochMs): Phase;
  phaseOfValue(at: EpochMs): Phase;
  caveats: Caveat[];
}

/** Without a stated window, this much after the notice still belongs to the incident. */
const tailMs = 3_600_000;
/** An incident is noticed after it began; nobody looks further back than this for its beginning. */
const lookbackMs = 6 * 3_600_000;
const badDistance = 4;

export function frameOf(incident: Incident): Frame {
  const span = extentOf(incident);
  const caveats: Caveat[] = [];
  const { window, baseline, at } = incident;
  if (window !== null) {
    if (at < window.from || at > window.to)
      caveats.push(caveat('meta.json', sentence('caveat.outside_window', {})));
    const { onset, earliest, began } = onsetInside(incident, window);
    return frame({ onset, onsetEarliest: earliest, began, end: window.to, window, baseline, caveats });
  }
  const began = symptomOnset(incident);
  const onset = began?.onset ?? at;
  const end = Math.max(at, Math.min(span?.to ?? at, at + tailMs));
  const from = span?.from ?? onset;
  if (baseline === null && from >= onset)
    caveats.push(caveat('meta.json', sentence('caveat.no_baseline', {})));
  return frame({
    onset,
    onsetEarliest: began?.earliest ?? onset,
    began: onset,
    end,
    window: { from: onset, to: end },
    baseline: baseline ?? (from < onset ? { from, to: onset } : null),
    caveats,
  });
}

/** Inside a stated window: when the symptom left its usual range, else when it was noticed. */
function onsetInside(
  incident: Incident,
  window: TimeWindow,
): { onset: EpochMs; earliest: EpochMs; began: EpochMs } {
  const { at } = incident;
  const symptom = incident.baseline === null ? null : symptomOnset(incident, true);
  if (symptom === null || symptom.onset <= window.from) {
    const told = at > window.from && at < window.to;
    if (symptom !== null || !told) return { onset: window.from, earliest: window.from, began: window.from };
    return { onset: at - stepAllowance(incident.series, window, at), earliest: window.from, began: at };
  }
  // The first odd value stands for a time that began after the value before it.
  const earliest = Math.max(window.from, symptom.earliest);
  const onset = Math.min(earliest + 1, window.to);
  return { onset, earliest, began: onset };
}

function frame(parts: Omit<Frame, 'phase' | 'phaseOfValue'>): Frame {
  const { window, baseline, onset, began } = parts;
  const phases =
    (first: EpochMs) =>
    (at: EpochMs): Phase => {
      if (at >= window.from && at <= window.to) return at < first ? 'before' : 'during';
      if (baseline !== null && at >= baseline.from && at <= baseline.to) return 'baseline';
      // What was measured shortly before counts as usual too; what came after may still be the incident.
      return at < window.from && (baseline === null || baseline.to < window.from) ? 'baseline' : 'outside';
    };
  return { ...parts, phase: phases(began), phaseOfValue: phases(onset) };
}

/** The baseline ends right before the window: what differs then began with the window, and is no other time of day. */
export const adjoining = ({ baseline, window }: Frame): boolean =>
  baseline !== null &&
  baseline.to <= window.from &&
  window.from - baseline.to <= 0.5 * (baseline.to - baseline.from);

/** Aggregated values are stamped at the beginning or the end of what they stand for: one step of doubt. */
function stepAllowance(series: readonly Series[], window: TimeWindow, at: EpochMs): number {
  const steps = series.slice(0, 200).flatMap((one) => {
    const gaps = one.times.slice(1, 20).map((time, i) => time - (one.times[i] ?? time));
    return gaps.length > 0 ? [median(gaps)] : [];
  });
  const step = steps.length > 0 ? median(steps) : 0;
  return Math.min(step, Math.max(0, at - window.from));
}

function extentOf(incident: Incident): TimeWindow | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  const reach = (first: number | undefined, last: number | undefined): void => {
    if (first !== undefined) from = Math.min(from, first);
    if (last !== undefined) to = Math.max(to, last);
  };
  for (const one of incident.series) reach(one.times[0], one.times.at(-1));
  reach(incident.logs[0]?.at, incident.logs.at(-1)?.at);
  reach(incident.spans[0]?.start, incident.spans.at(-1)?.start);
  for (const call of incident.calls) reach(call.at, call.at);
  return from <= to ? { from, to } : null;
}

/**
 * When the symptom left its usual range for good: its own series first, then those of its service that measure the same,
 * then others of its service, then any.
 */
function symptomOnset(incident: Incident, strict = false): { onset: EpochMs; earliest: EpochMs } | null {
  const service = incident.symptom?.service || incident.alert?.service || '';
  const metric = incident.symptom?.metric || incident.alert?.metric || '';
  const words = new Set(wordsOf(metric));
  const named = incident.series.filter(
    (one) =>
      one.service === service && wordsOf(one.metric).filter((word) => words.has(word)).length === words.size,
  );
  const own = incident.series.filter((one) => one.service === service);
  const kind = metricClass(metric);
  const alike = own.filter((one) => kind !== 'other' && metricClass(one.metric) === kind);
  const likely = words.size > 0 ? [named, alike] : [];
  for (const group of strict ? likely : [...likely, own, incident.series]) {
    const found = group.flatMap((one) => departure(one, incident.at, incident.baseline) ?? []);
    if (found.length === 0) continue;
    // One noisy series must not move the onset: the middle of those that left.
    const ordered = found.sort((a, b) => a.onset - b.onset);
    return ordered[Math.floor((ordered.length - 1) / (group === named ? 2 : 4))] ?? null;
  }
  return null;
}

/**
 * When a series left its usual range so as to still be out of it when the incident was noticed. Usual is the stated
 * baseline, else the earliest two fifths of what lies before the notice: a slow drift must not become its own baseline.
 */
export function departure(
  series: Series,
  at: EpochMs,
  baseline: TimeWindow | null,
): { onset: EpochMs; earliest: EpochMs } | null {
  const { times, values } = series;
  const until = times.findLastIndex((time) => time <= at);
  if (until < 4) return null;
  const calm =
    baseline === null
      ? values.slice(0, Math.max(4, Math.floor((until + 1) * 0.4)))
      : values.filter((_, i) => (times[i] ?? 0) >= baseline.from && (times[i] ?? 0) <= baseline.to);
  if (calm.length < 4) return null;
  const normal = normalOf(calm);
  const worse = worseDirection(metricClass(series.metric));
  const odd = (index: number): boolean => {
    const z = distance(normal, values[index] ?? normal.level);
    return worse === 'up' ? z > badDistance : worse === 'down' ? z < -badDistance : Math.abs(z) > badDistance;
  };
  // The notice may come a little before or after the first odd value.
  const last = Math.min(values.length - 1, until + 3);
  let index = last;
  while (index > 0 && !odd(index)) index--;
  if (index <= until - 3 || !odd(index)) return null;
  let first = index;
  let calmRun = 0;
  for (let i = index; i >= 0 && (times[i] ?? 0) >= at - lookbackMs; i--) {
    if (odd(i)) {
      first = i;
      calmRun = 0;
    } else if (++calmRun >= 3) break;
  }
  return { onset: times[first] ?? at, earliest: times[Math.max(0, first - 1)] ?? at };
}
