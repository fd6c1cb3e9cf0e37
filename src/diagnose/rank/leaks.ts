import { type EpochMs, sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import { metricReference } from './metric-facts.ts';
import { shownNumber } from './show.ts';
import { clamp } from './stats.ts';
import { metricClass, wordsOf } from './words.ts';

/** Memory in use, not what there is of it. */
const used = /\b(usage|used|rss|resident|working set|heap)\b/;
const given = /\b(limit|max|total|free|available|committed|capacity|count|pause|duration)\b/;
/** A rise counts from this long before the onset: a leak is there before it hurts. */
const lookbackMs = 300_000;
/** What died of it is missed a little later. */
const hurtsLaterMs = 15_000;

/** Memory that only grew until the process hurt or died. */
export function leakFacts(incident: Incident, frame: Frame): Fact[] {
  return incident.series.flatMap((series): Fact[] => {
    const words = wordsOf(series.metric).join(' ');
    if (metricClass(series.metric) !== 'memory' || !used.test(words) || given.test(words)) return [];
    const points = series.times
      .map((at, i) => ({ at, value: series.values[i] ?? 0 }))
      .filter(({ at }) => at >= frame.onset - lookbackMs && at <= frame.end);
    const rise = steadyRise(points);
    if (rise === null || rise.at < frame.onsetEarliest - hurtsLaterMs) return [];
    return [
      {
        resource: series.service,
        layer: 'host',
        check: 'memory',
        kind: 'memory_leak',
        strength: clamp(0.45 + 0.3 * Math.log2(rise.to / rise.from)),
        // Growing alone hurts nobody; it names what killed a process.
        own: 0.2,
        onset: rise.at - rise.ms,
        says: sentence('rca.leak', {
          service: series.service,
          metric: series.metric,
          from: shownNumber(rise.from),
          to: shownNumber(rise.to),
          seconds: Math.round(rise.ms / 1000),
        }),
        evidence: [{ dim: 'metric', ref: metricReference(incident, frame, series) }],
      },
    ];
  });
}

interface Rise {
  from: number;
  to: number;
  at: EpochMs;
  ms: number;
}

/** Fewer values are no trend; less growth is how a program breathes. */
const pointsMin = 4;
const factorMin = 1.35;
/** A value this much below the one before it ends a rise: a collection, or a restart. */
const slack = 0.02;

/** The steady rise that ends at the highest value; null when there is none to speak of. */
function steadyRise(points: readonly { at: EpochMs; value: number }[]): Rise | null {
  let top = 0;
  for (const [i, point] of points.entries()) if (point.value >= (points[top]?.value ?? 0)) top = i;
  let start = top;
  while (start > 0 && (points[start - 1]?.value ?? 0) <= (points[start]?.value ?? 0) * (1 + slack)) start--;
  const from = points[start];
  const to = points[top];
  if (from === undefined || to === undefined || top - start + 1 < pointsMin) return null;
  if (from.value <= 0 || to.value < factorMin * from.value) return null;
  return { from: from.value, to: to.value, at: to.at, ms: to.at - from.at };
}
