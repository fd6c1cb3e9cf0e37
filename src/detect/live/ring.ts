import type { EpochMs } from '../../model/index.ts';

/** Width of a live bucket. Detection in 20 s needs several buckets inside the fault; 1 s buckets would be mostly noise. */
export const bucketMs = 5_000;
/** One hour of buckets: the longest baseline plus the longest burn window. */
export const ringBuckets = 720;
/** Log-scale bins: 8 to an octave, so a bin is 9 % wide; 256 bins reach from 4 µs to 4 hours. */
export const binsPerOctave = 8;
export const binOffset = 64;
export const binCount = 256;

export const bucketOf = (at: EpochMs): number => Math.floor(at / bucketMs);
export const bucketStart = (bucket: number): EpochMs => bucket * bucketMs;

const slotOf = (bucket: number): number => bucket % ringBuckets;

/** A number per bucket over the last hour; a bucket that was never written reads as `empty`. */
export class Ring {
  readonly #values: Float32Array;
  readonly #empty: number;
  #last = -1;

  constructor(empty = 0) {
    this.#empty = empty;
    this.#values = new Float32Array(ringBuckets).fill(empty);
  }

  get(bucket: number): number {
    if (bucket > this.#last || bucket <= this.#last - ringBuckets || bucket < 0) return this.#empty;
    return this.#values[slotOf(bucket)] ?? this.#empty;
  }

  set(bucket: number, value: number): void {
    if (!this.#reach(bucket)) return;
    this.#values[slotOf(bucket)] = value;
  }

  add(bucket: number, value: number): void {
    if (!this.#reach(bucket)) return;
    const slot = slotOf(bucket);
    this.#values[slot] = (this.#values[slot] ?? 0) + value;
  }

  clear(from: number, to: number): void {
    for (let bucket = from; bucket < to; bucket++) if (bucket <= this.#last) this.set(bucket, this.#empty);
  }

  sum(from: number, to: number): number {
    let total = 0;
    for (let bucket = from; bucket < to; bucket++) total += this.get(bucket);
    return total;
  }

  /** Makes room up to `bucket`; false when it is older than the ring. */
  #reach(bucket: number): boolean {
    if (bucket <= this.#last - ringBuckets || bucket < 0) return false;
    if (bucket <= this.#last) return true;
    const fresh = Math.min(bucket - this.#last, ringBuckets);
    for (let i = 0; i < fresh; i++) this.#values[slotOf(bucket - i)] = this.#empty;
    this.#last = bucket;
    return true;
  }
}

/** Durations as counts per log-scale bin; any two can be merged, any quantile read with 9 % precision. */
export class Histogram {
  readonly counts = new Float64Array(binCount);
  total = 0;

  add(bin: number, count: number): void {
    if (bin < 0 || bin >= binCount) return;
    this.counts[bin] = (this.counts[bin] ?? 0) + count;
    this.total += count;
  }

  /** Milliseconds; null when empty. */
  quantile(q: number): number | null {
    if (this.total === 0) return null;
    let left = q * this.total;
    for (let bin = 0; bin < binCount; bin++) {
      left -= this.counts[bin] ?? 0;
      if (left <= 1e-9 && (this.counts[bin] ?? 0) > 0) return binMs(bin + 0.5);
    }
    return binMs(binCount - 0.5);
  }

  /** How many lasted longer than `ms`; the bin that holds `ms` counts as not longer. */
  countAbove(ms: number): number {
    let above = 0;
    for (let bin = binOf(ms) + 1; bin < binCount; bin++) above += this.counts[bin] ?? 0;
    return above;
  }

  meanMs(): number | null {
    if (this.total === 0) return null;
    let sum = 0;
    for (let bin = 0; bin < binCount; bin++) sum += (this.counts[bin] ?? 0) * binMs(bin + 0.5);
    return sum / this.total;
  }
}

const binMs = (bin: number): number => 2 ** ((bin - binOffset) / binsPerOctave);
export const binOf = (ms: number): number =>
  Math.max(0, Math.min(binCount - 1, Math.floor(Math.log2(Math.max(ms, 1e-6)) * binsPerOctave) + binOffset));

/** Sparse histograms per bucket: pairs of bin and count, because a bucket seldom fills twenty of 256 bins. */
export class HistogramRing {
  readonly #cells: (Uint32Array | undefined)[] = new Array(ringBuckets);
  readonly #stamps = new Int32Array(ringBuckets).fill(-1);

  addPairs(bucket: number, bins: readonly number[], counts: readonly number[]): void {
    const slot = slotOf(bucket);
    const before = this.#stamps[slot] === bucket ? this.#cells[slot] : undefined;
    const cell = new Uint32Array((before?.length ?? 0) + bins.length * 2);
    if (before) cell.set(before);
    let at = before?.length ?? 0;
    for (let i = 0; i < bins.length; i++) {
      cell[at++] = bins[i] ?? 0;
      cell[at++] = counts[i] ?? 0;
    }
    this.#cells[slot] = cell;
    this.#stamps[slot] = bucket;
  }

  clear(from: number, to: number): void {
    for (let bucket = from; bucket < to; bucket++) {
      const slot = slotOf(bucket);
      if (this.#stamps[slot] === bucket) this.#cells[slot] = undefined;
    }
  }

  mergeInto(target: Histogram, from: number, to: number): void {
    for (let bucket = Math.max(0, from); bucket < to; bucket++) {
      const slot = slotOf(bucket);
      const cell = this.#stamps[slot] === bucket ? this.#cells[slot] : undefined;
      if (!cell) continue;
      for (let i = 0; i < cell.length; i += 2) target.add(cell[i] ?? 0, cell[i + 1] ?? 0);
    }
  }
}
