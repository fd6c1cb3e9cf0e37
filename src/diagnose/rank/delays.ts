import type { EpochMs } from '../../model/index.ts';
import type { Frame } from './frame.ts';
import { findShift, levelRatio, type Observed, type Shift } from './shift.ts';
import { ascending, mean, median, quantile } from './stats.ts';
import type { Visit } from './visits.ts';

/** Time that was not there before: inside a service, or on the way to it. */
export interface Delay {
  /** Who is slow: the service, or the called one. */
  service: string;
  kind: 'own' | 'way';
  peer: Visit['peer'];
  /** Of an own delay the operation, of a way the caller. */
  other: string;
  /** Added milliseconds since the onset, all visits together. */
  addedMs: number;
  before: number;
  after: number;
  shift: Shift<Visit>;
  weight: number;
  /** How many times as long as before, beyond what everything became slower. */
  beyond: number;
}

const weightMin = 2;
/** Spread of logarithms of durations below which no operation is believed to be steadier: ±35 %. */
const spreadMin = 0.35;
/** Less than this a visit is lost in scheduling. */
const addedMsMin = 3;
/** Spreads above the middle beyond which a visit says no more. */
const slowMost = 4;

export function delaysOf(visits: readonly Visit[], frame: Frame, noticed: EpochMs): Delay[] {
  const groups = new Map<
    string,
    { service: string; kind: Delay['kind']; other: string; seen: [Visit, number][] }
  >();
  const put = (service: string, kind: Delay['kind'], other: string, visit: Visit, ms: number): void => {
    const key = `${kind} ${service} ${other}`;
    const group = groups.get(key);
    if (group) group.seen.push([visit, ms]);
    else groups.set(key, { service, kind, other, seen: [[visit, ms]] });
  };
  for (const visit of visits) {
    put(visit.service, 'own', visit.operation, visit, visit.ownMs);
    if (visit.gapMs !== null && visit.parent !== null)
      put(visit.service, 'way', visit.parent.service, visit, visit.gapMs);
  }
  const found: Delay[] = [];
  const common = commonRise(
    [...groups.values()].map((group) => group.seen),
    frame,
  );
  const chance = Math.log(1 + groups.size);
  for (const { service, kind, other, seen } of groups.values()) {
    const observed: Observed<Visit>[] = seen.map(([visit, ms]) => ({
      at: visit.start,
      value: Math.log(ms + 1) - (frame.phase(visit.start) === 'during' ? common : 0),
      what: visit,
    }));
    const { middle, spread } = usualOf(observed, frame);
    // A few very long visits are a burst, not a state: each counts as no more than clearly slow.
    for (const one of observed) one.value = Math.min(one.value, middle + slowMost * spread);
    const shift = findShift(observed, frame, noticed, levelRatio(spread));
    if (shift === null || shift.weight - chance < weightMin) continue;
    const since = new Set(shift.since.map((one) => one.what));
    const after = mean(seen.filter(([visit]) => since.has(visit)).map(([, ms]) => ms));
    const usual = seen
      .filter(([visit]) => !since.has(visit) && frame.phase(visit.start) !== 'outside')
      .map(([, ms]) => ms);
    const before = usual.length > 0 ? median(usual) : 0;
    if (after - before < addedMsMin) continue;
    const beyond = (after + 1) / Math.exp(common) / (before + 1);
    if (common > commonMin && beyond < beyondMin) continue;
    found.push({
      service,
      kind,
      peer: kind === 'own' ? (seen[0]?.[0].peer ?? null) : null,
      other,
      addedMs: (after - before) * shift.since.length,
      before,
      after,
      shift,
      weight: shift.weight - chance,
      beyond,
    });
  }
  return found.sort((a, b) => b.weight - a.weight || (a.service < b.service ? -1 : 1));
}

/** Everything being so much slower (as a logarithm), only what is clearly slower than that is told. */
const commonMin = 0.7;
const beyondMin = 1.5;
/** With fewer groups than this a few slow ones are already the half. */
const groupsMin = 8;

/**
 * By how much (as a logarithm) nearly everything became slower: a crowded machine slows all alike, so that much is
 * nobody's own. Half of the groups rose by more.
 */
function commonRise(groups: readonly (readonly [Visit, number][])[], frame: Frame): number {
  const rises = groups.flatMap((seen) => {
    const values = (during: boolean): number[] =>
      seen.flatMap(([visit, ms]) => {
        const phase = frame.phase(visit.start);
        return phase !== 'outside' && (phase === 'during') === during ? [Math.log(ms + 1)] : [];
      });
    const before = values(false);
    const after = values(true);
    return before.length >= 3 && after.length >= 3 ? [median(after) - median(before)] : [];
  });
  return rises.length < groupsMin ? 0 : Math.max(0, median(rises));
}

/** Where logarithms of durations usually lie and how far apart, from what is not the incident. */
function usualOf(observed: readonly Observed<Visit>[], frame: Frame): { middle: number; spread: number } {
  const calm = observed.filter((one) => {
    const phase = frame.phase(one.at);
    return phase === 'baseline' || phase === 'before';
  });
  const sorted = ascending((calm.length >= 3 ? calm : observed).map((one) => one.value));
  const spread = Math.max(spreadMin, (quantile(sorted, 0.9) - quantile(sorted, 0.1)) / 2.56);
  return { middle: quantile(sorted, 0.5), spread: spread * (1 + 2 / sorted.length) };
}
