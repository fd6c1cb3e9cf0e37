/** Centroids kept of a distribution; beyond it neighbours in the middle are merged. */
const centroidsMax = 160;
/** Values at either end that are kept as they are: tails are what scores are made of. */
const exactEnds = 24;
/** After so many values each counts half, so that what was long ago fades; extremes are forgotten after two halvings. */
const forgetAfter = 20_000;
const forgottenWeight = 0.2;
/** Largest values whose mean excess tells how fast the tail falls. */
const tailMin = 4;
const tailMax = 12;
const tailShare = 0.02;
/** The bounds of what is usual are drawn where values are so many times commoner than rare ones. */
const usualMargin = 1.5;

/**
 * The distribution of a statistic as it comes, in bounded memory, for the question: how unusual is this value compared
 * with all before it? Answers are nats, −ln P: ranks within what was seen, an exponential tail beyond.
 */
export class Digest {
  #size = 0;
  #total = 0;
  readonly #values = new Float64Array(centroidsMax + 1);
  readonly #weights = new Float32Array(centroidsMax + 1);
  readonly #from: number;
  readonly #share: number;
  #adds = 0;
  #drawAt = 0;
  #usualMin = Number.POSITIVE_INFINITY;
  #usualMax = Number.NEGATIVE_INFINITY;

  /** Only what is rarer than e^−`from` will ever be asked for. */
  constructor(from: number) {
    this.#from = from;
    this.#share = Math.exp(-from);
  }

  /** How much was seen, halved as it fades. */
  get total(): number {
    return this.#total;
  }

  add(value: number): void {
    const values = this.#values;
    const weights = this.#weights;
    let at = 0;
    let end = this.#size;
    while (at < end) {
      const middle = (at + end) >> 1;
      if ((values[middle] as number) < value) at = middle + 1;
      else end = middle;
    }
    this.#total++;
    if (at < this.#size && values[at] === value) weights[at] = (weights[at] as number) + 1;
    else {
      values.copyWithin(at + 1, at, this.#size);
      weights.copyWithin(at + 1, at, this.#size);
      values[at] = value;
      weights[at] = 1;
      this.#size++;
    }
    if (this.#size > centroidsMax) this.#merge();
    if (this.#total > forgetAfter) this.#fade();
    if (++this.#adds >= this.#drawAt) this.#drawUsual();
  }

  /**
   * How much rarer than e^−`from` a value so large (answer > 0) or so small (answer < 0) is, in nats; 0 for the rest.
   * `scaleMin`: the tail falls no faster than by e per so much.
   */
  rarity(value: number, scaleMin: number): number {
    const values = this.#values;
    if (value > this.#usualMin && value < this.#usualMax) return 0;
    const top = values[this.#size - 1] as number;
    const bottom = values[0] as number;
    const record = Math.log(this.#total + 1) - this.#from;
    if (value > top) return Math.max(0, record + (value - top) / Math.max(this.#excess(1), scaleMin));
    if (value < bottom) return -Math.max(0, record + (bottom - value) / Math.max(this.#excess(-1), scaleMin));
    const countMax = (this.#total + 1) * this.#share;
    let count = 1;
    let at = this.#size - 1;
    for (; at >= 0 && (values[at] as number) >= value && count < countMax; at--)
      count += this.#weights[at] as number;
    if (count < countMax) return Math.log((this.#total + 1) / count) - this.#from;
    count = 1;
    for (at = 0; at < this.#size && (values[at] as number) <= value && count < countMax; at++)
      count += this.#weights[at] as number;
    return count < countMax ? this.#from - Math.log((this.#total + 1) / count) : 0;
  }

  /** Bounds well inside which no value is rare; they need not be exact, so they are drawn now and then. */
  #drawUsual(): void {
    const countMax = (this.#total + 1) * this.#share * usualMargin;
    let at = this.#size - 1;
    for (let count = 1; at >= 0 && count < countMax; at--) count += this.#weights[at] as number;
    this.#usualMax = at >= 0 ? (this.#values[at] as number) : Number.NEGATIVE_INFINITY;
    at = 0;
    for (let count = 1; at < this.#size && count < countMax; at++) count += this.#weights[at] as number;
    this.#usualMin = at < this.#size ? (this.#values[at] as number) : Number.POSITIVE_INFINITY;
    this.#drawAt = this.#adds + Math.max(1, this.#total >> 6);
  }

  /** Mean distance of the outermost values from the one inside them: the scale of an exponential tail. */
  #excess(side: 1 | -1): number {
    const wanted = Math.max(tailMin, Math.min(tailMax, this.#total * tailShare));
    let at = side > 0 ? this.#size - 1 : 0;
    let count = 0;
    let sum = 0;
    while (at >= 0 && at < this.#size && count < wanted) {
      const weight = this.#weights[at] as number;
      count += weight;
      sum += weight * (this.#values[at] as number);
      at -= side;
    }
    const inner = this.#values[Math.max(0, Math.min(this.#size - 1, at))] as number;
    return Math.abs(sum / count - inner);
  }

  #merge(): void {
    const values = this.#values;
    const weights = this.#weights;
    const end = this.#size - exactEnds;
    let to = exactEnds;
    let from = exactEnds;
    for (; from + 1 < end; from += 2) {
      const a = weights[from] as number;
      const b = weights[from + 1] as number;
      values[to] = ((values[from] as number) * a + (values[from + 1] as number) * b) / (a + b);
      weights[to++] = a + b;
    }
    for (; from < this.#size; from++) {
      values[to] = values[from] as number;
      weights[to++] = weights[from] as number;
    }
    this.#size = to;
  }

  #fade(): void {
    let to = 0;
    let total = 0;
    for (let from = 0; from < this.#size; from++) {
      const weight = (this.#weights[from] as number) / 2;
      if (weight < forgottenWeight) continue;
      this.#values[to] = this.#values[from] as number;
      this.#weights[to++] = weight;
      total += weight;
    }
    this.#size = to;
    this.#total = total;
  }
}
