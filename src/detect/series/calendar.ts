import type { EpochMs } from '../../model/index.ts';

const dayMs = 86_400_000;
const slotsPerDay = 48;
/** A slot's newest mean counts at least so much: profiles follow a changing habit within a week. */
const slotWeightMin = 0.2;
/** Cycles before a slot is believed: a day needs two, a week would never begin to help. */
const daysMin = 2;
const weeksMin = 1;
const scaleSamples = 200;
const skillSamples = 500;
const levelSamples = 2_000;
/** A residual beyond so many scales teaches the scale no more than this. */
const clipScales = 5;
const firstSamples = 50;
const expectations = 4;

/** The mean of each slot of a calendar, a slot's samples being averaged before they count as one cycle. */
class Profile {
  readonly #means: Float64Array;
  readonly #cycles: Float64Array;
  readonly #cyclesMin: number;
  #open = -1;
  #sum = 0;
  #count = 0;

  constructor(slots: number, cyclesMin: number) {
    this.#means = new Float64Array(slots);
    this.#cycles = new Float64Array(slots);
    this.#cyclesMin = cyclesMin;
  }

  /** NaN while too few cycles were seen. */
  at(slot: number): number {
    return (this.#cycles[slot] as number) >= this.#cyclesMin ? (this.#means[slot] as number) : Number.NaN;
  }

  add(slot: number, value: number): void {
    if (slot !== this.#open && this.#count > 0) {
      const done = this.#open;
      const cycles = (this.#cycles[done] as number) + 1;
      this.#cycles[done] = cycles;
      const known = this.#means[done] as number;
      this.#means[done] = known + Math.max(1 / cycles, slotWeightMin) * (this.#sum / this.#count - known);
      this.#sum = 0;
      this.#count = 0;
    }
    this.#open = slot;
    this.#sum += value;
    this.#count++;
  }
}

/**
 * What a series usually is at this time: a mixture of its long mean and its profiles by time of day, by working day or
 * weekend, and by time of week. Each counts by how well it foretold the last `skillSamples` samples (heavy-tailed
 * likelihood), so a series without any rhythm is judged by its mean and one with a weekly rhythm by its week.
 */
export class Expectation {
  readonly #profiles = [
    new Profile(slotsPerDay, daysMin),
    new Profile(2 * slotsPerDay, weeksMin),
    new Profile(7 * slotsPerDay, weeksMin),
  ];
  readonly #foretold = new Float64Array(expectations);
  readonly #skill = new Float64Array(expectations);
  readonly #scale = new Float64Array(expectations).fill(Number.NaN);
  readonly #slots = new Int32Array(expectations - 1);
  #count = 0;
  #level = 0;
  #spread = 0;
  #best = 0;

  /** Long mean. */
  get level(): number {
    return this.#level;
  }

  /** Usual distance from the long mean. */
  get spread(): number {
    return this.#spread;
  }

  /** Usual distance from what is expected. */
  get residualScale(): number {
    return this.#scale[this.#best] as number;
  }

  /** What was expected at `time`, from the samples before it; then learns `value`. */
  next(time: EpochMs, value: number): number {
    if (this.#count++ === 0) this.#level = value;
    this.#foretell(time);
    const expected = this.#weighted();
    this.#learnSkill(value);
    this.#learnLevel(value);
    for (let k = 0; k < this.#profiles.length; k++)
      (this.#profiles[k] as Profile).add(this.#slots[k] as number, value);
    return expected;
  }

  #foretell(time: EpochMs): void {
    const day = Math.floor(time / dayMs);
    const slot = Math.min(slotsPerDay - 1, Math.floor(((time - day * dayMs) / dayMs) * slotsPerDay));
    // 1970-01-01 was a Thursday; Monday is 0.
    const weekday = (((day + 3) % 7) + 7) % 7;
    this.#slots[0] = slot;
    this.#slots[1] = slot + (weekday >= 5 ? slotsPerDay : 0);
    this.#slots[2] = slot + weekday * slotsPerDay;
    this.#foretold[0] = this.#level;
    for (let k = 0; k < this.#profiles.length; k++) {
      const usual = (this.#profiles[k] as Profile).at(this.#slots[k] as number);
      this.#foretold[k + 1] = Number.isNaN(usual) ? (this.#foretold[k] as number) : usual;
    }
  }

  #weighted(): number {
    const skill = this.#skill;
    this.#best = 0;
    for (let k = 1; k < expectations; k++)
      if ((skill[k] as number) > (skill[this.#best] as number)) this.#best = k;
    let weights = 0;
    let sum = 0;
    for (let k = 0; k < expectations; k++) {
      const weight = Math.exp((skill[k] as number) - (skill[this.#best] as number));
      weights += weight;
      sum += weight * (this.#foretold[k] as number);
    }
    return sum / weights;
  }

  #learnSkill(value: number): void {
    const tiny = 1e-12 * Math.max(1e-280, Math.abs(value), this.#spread);
    // A first scale of nothing must be able to grow.
    const clip = (scale: number) =>
      this.#count <= firstSamples ? Number.POSITIVE_INFINITY : Math.max(clipScales * scale, this.#spread);
    for (let k = 0; k < expectations; k++) {
      const away = Math.abs(value - (this.#foretold[k] as number));
      const known = this.#scale[k] as number;
      const scale = (Number.isNaN(known) ? away : known) + tiny;
      const z = Math.min(1e6, away / scale);
      this.#skill[k] =
        (1 - 1 / skillSamples) * (this.#skill[k] as number) - Math.log(scale) - 2 * Math.log(1 + (z * z) / 3);
      this.#scale[k] = scale + (Math.min(away, clip(scale)) - scale) / Math.min(this.#count, scaleSamples);
    }
  }

  #learnLevel(value: number): void {
    const weight = 1 / Math.min(this.#count, levelSamples);
    const away = Math.abs(value - this.#level);
    const clipped = this.#count > firstSamples && this.#spread > 0 ? Math.min(away, 6 * this.#spread) : away;
    this.#spread += weight * (clipped - this.#spread);
    this.#level += weight * (value - this.#level);
  }
}
