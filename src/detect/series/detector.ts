import type { EpochMs } from '../../model/index.ts';
import { Expectation } from './calendar.ts';
import { Digest } from './digest.ts';
import { Rolling } from './rolling.ts';

/** Samples over which a deviation from the expectation, the value itself, and the spread are looked at. */
const deviationSpans = [1, 3, 9, 27, 81] as const;
const valueSpans = [1, 8, 32] as const;
const spreadSpans = [8, 32] as const;
/** A jump is what the mean of the last so many samples doesn't foretell. */
const jumpSamples = 10;

/** A feature with a rarer value than e^−4 counts, by as much as it is rarer. */
const surpriseMin = 4;
/** Values a feature must have seen before it may count. */
const featureSamplesMin = 30;
/** Before so many samples every other one would be news; from the second number on the score counts in full. */
const silentSamples = 50;
const learnedSamples = 200;
/** Tails fall no faster than by e per so many usual distances: rounding is no news in a series without noise. */
const floorShare = 1e-3;

/** Summed surprise of an alarm, nats. It maps to a score of 0.99. */
const alarmNats = 14;
/** After an alarm, only what is clearly worse is a new one for so many samples. */
const restSamples = 200;
const worseNats = 5;
/** Beyond, squares overflow. */
const valueMax = 1e150;

export type AnomalyAspect = 'deviation' | 'value' | 'spread' | 'jump';

/** Why the newest sample scored as it did. */
export interface AnomalyDetail {
  /** What was expected from the samples before it. */
  expected: number;
  /** Usual distance from what is expected, as a standard deviation. */
  sigma: number;
  /** What was most unusual, and over how many samples. */
  aspect: AnomalyAspect;
  span: number;
  direction: 'up' | 'down';
}

interface Feature {
  aspect: AnomalyAspect;
  span: number;
  digest: Digest;
}

/** A score of 0.99 or more is an alarm: one in 1 200 or more samples where nothing happens. */
export const alarmScore = 0.99;

const scoreOf = (nats: number): number => 1 - (1 - alarmScore) ** (nats / alarmNats);

/**
 * Scores the samples of one series as they come, each by those before it: 0 = usual, 1 = never seen like this. No setting:
 * each feature (deviation from the expectation of the calendar, value, spread, jump, over several spans) is compared with
 * its own past, and what all of them find rare is summed. About 40 kB per series and constant work per sample.
 */
export class SeriesDetector {
  readonly #expectation = new Expectation();
  readonly #deviations = deviationSpans.map((span) => new Rolling(span));
  readonly #values = valueSpans.map((span) => new Rolling(span));
  readonly #spreads = spreadSpans.map((span) => new Rolling(span));
  readonly #features: Feature[] = [
    ...deviationSpans.map((span) => feature('deviation', span)),
    ...valueSpans.map((span) => feature('value', span)),
    ...spreadSpans.map((span) => feature('spread', span)),
    feature('jump', 1),
  ];
  #samples = 0;
  #lastTime = 0;
  #recent = 0;
  #floor = 0;
  #nats = 0;
  #expected = 0;
  #top = 0;
  #topNats = 0;
  #topUp = true;
  #restUntil = 0;
  #peak = 0;

  /** Values that are no numbers score 0 and teach nothing; a time that is none is taken for the one before. */
  push(time: EpochMs, value: number): number {
    if (!Number.isFinite(value)) return 0;
    if (Number.isFinite(time)) this.#lastTime = time;
    const bounded = Math.max(-valueMax, Math.min(valueMax, value));
    return scoreOf(this.#rested(this.#surprise(bounded) * this.#learned()));
  }

  /** About the newest sample that was a number. */
  detail(): AnomalyDetail {
    const { aspect, span } = this.#features[this.#top] as Feature;
    return {
      expected: this.#expected,
      sigma: 1.2533 * (this.#expectation.residualScale || 0),
      aspect,
      span,
      direction: this.#topUp ? 'up' : 'down',
    };
  }

  #surprise(value: number): number {
    const first = this.#samples++ === 0;
    this.#expected = this.#expectation.next(this.#lastTime, value);
    const { spread, level } = this.#expectation;
    this.#floor = floorShare * spread + 1e-12 * Math.abs(level) + 1e-300;
    this.#nats = 0;
    this.#topNats = 0;
    let at = 0;
    for (const deviations of this.#deviations) {
      // The first expectations are of the first values.
      if (this.#samples > 20) deviations.push(value - this.#expected);
      this.#look(at++, deviations.mean(), this.#floor);
    }
    for (const values of this.#values) {
      values.push(value);
      this.#look(at++, values.mean(), this.#floor);
    }
    for (const spreads of this.#spreads) {
      spreads.push(value);
      this.#look(at++, Math.log(spreads.deviation() + this.#floor), floorShare);
    }
    if (first) this.#recent = value;
    else this.#look(at, value - this.#recent, this.#floor);
    this.#recent += (value - this.#recent) / jumpSamples;
    return this.#nats;
  }

  #look(at: number, value: number, scaleMin: number): void {
    if (Number.isNaN(value)) return;
    const { digest } = this.#features[at] as Feature;
    const rarity = digest.total >= featureSamplesMin ? digest.rarity(value, scaleMin) : 0;
    if (rarity !== 0) {
      const nats = Math.abs(rarity);
      this.#nats += nats;
      if (nats > this.#topNats) {
        this.#topNats = nats;
        this.#top = at;
        this.#topUp = rarity > 0;
      }
    }
    digest.add(value);
  }

  #learned(): number {
    const share = (this.#samples - silentSamples) / (learnedSamples - silentSamples);
    return Math.max(0, Math.min(1, share));
  }

  /** One event, one alarm: what follows it is held below an alarm unless it is clearly worse. */
  #rested(nats: number): number {
    if (this.#samples >= this.#restUntil) {
      if (nats < alarmNats) return nats;
      this.#restUntil = this.#samples + restSamples;
      this.#peak = nats;
      return nats;
    }
    if (nats <= this.#peak + worseNats) return Math.min(nats, alarmNats) / 2;
    this.#peak = nats;
    return nats;
  }
}

function feature(aspect: AnomalyAspect, span: number): Feature {
  // Means of overlapping spans repeat themselves: a record comes with its neighbours.
  const overlap = span <= 1 ? 0 : Math.log(Math.sqrt(span / 2));
  return { aspect, span, digest: new Digest(surpriseMin + overlap) };
}
