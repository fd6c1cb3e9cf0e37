/** Counts of observations, in explicit buckets (`counts` has one more than `bounds`) or exponential ones (base 2^(2^-scale)). */
export interface Buckets {
  bounds: readonly number[];
  counts: readonly number[];
  scale: number;
  /** Observations that are zero, of exponential histograms. */
  zero: number;
  /** Bucket index i holds (base^i, base^(i+1)]. */
  positive: ReadonlyMap<number, number>;
  negative: ReadonlyMap<number, number>;
}

interface Range {
  from: number;
  to: number;
  count: number;
}

/**
 * The value below which the share `q` of the observations lies, taken as evenly spread within a bucket; null without
 * observations. The bucket above the last bound has no upper end: the last bound is the answer there, as in Prometheus.
 */
export function bucketQuantile(buckets: Buckets, q: number): number | null {
  const ranges = rangesOf(buckets);
  const total = ranges.reduce((sum, range) => sum + range.count, 0);
  if (total <= 0) return null;
  const rank = q * total;
  let below = 0;
  for (const range of ranges) {
    if (below + range.count < rank) {
      below += range.count;
      continue;
    }
    if (!Number.isFinite(range.to)) return finiteOr(range.from, null);
    if (!Number.isFinite(range.from)) return range.to;
    return range.from + (range.to - range.from) * ((rank - below) / range.count);
  }
  return finiteOr(ranges.at(-1)?.to, finiteOr(ranges.at(-1)?.from, null));
}

/** Upper end of the highest bucket with observations, or its lower end where it has none; null without observations. */
export function bucketMaximum(buckets: Buckets): number | null {
  const highest = rangesOf(buckets).at(-1);
  return highest === undefined ? null : finiteOr(highest.to, finiteOr(highest.from, null));
}

const finiteOr = <T>(value: number | undefined, other: T): number | T =>
  value !== undefined && Number.isFinite(value) ? value : other;

/** Buckets with observations, the lowest values first. */
function rangesOf(buckets: Buckets): Range[] {
  const ranges = buckets.counts.map((count, i): Range => {
    const to = buckets.bounds[i] ?? Number.POSITIVE_INFINITY;
    // The first bucket has no lower end; of values that are not negative it is 0.
    const from = i === 0 ? (to > 0 ? 0 : Number.NEGATIVE_INFINITY) : (buckets.bounds[i - 1] ?? 0);
    return { from, to, count };
  });
  const edge = (index: number): number => 2 ** (index * 2 ** -buckets.scale);
  for (const [index, count] of buckets.negative)
    ranges.push({ from: -edge(index + 1), to: -edge(index), count });
  if (buckets.zero > 0) ranges.push({ from: 0, to: 0, count: buckets.zero });
  for (const [index, count] of buckets.positive)
    ranges.push({ from: edge(index), to: edge(index + 1), count });
  return ranges.filter((range) => range.count > 0).sort((a, b) => a.from - b.from || a.to - b.to);
}

/**
 * Histograms of replicas as one. Exponential ones meet at the smallest scale; explicit ones with other bounds than those of
 * the most observations can't be added, and are left out of quantile and maximum.
 */
export function mergeBuckets(all: readonly Buckets[]): Buckets {
  const total = (buckets: Buckets) => buckets.counts.reduce((sum, count) => sum + count, 0);
  const [most] = [...all].sort((a, b) => total(b) - total(a));
  if (most === undefined)
    return { bounds: [], counts: [], scale: 0, zero: 0, positive: new Map(), negative: new Map() };
  const same = all.filter((buckets) => buckets.bounds.join() === most.bounds.join());
  const exponential = all.filter(
    (buckets) => buckets.zero > 0 || buckets.positive.size > 0 || buckets.negative.size > 0,
  );
  const scale = Math.min(...(exponential.length > 0 ? exponential : [most]).map((buckets) => buckets.scale));
  const merged = (side: 'positive' | 'negative') => {
    const sums = new Map<number, number>();
    for (const buckets of exponential)
      for (const [index, count] of buckets[side]) {
        const coarse = Math.floor(index / 2 ** (buckets.scale - scale));
        sums.set(coarse, (sums.get(coarse) ?? 0) + count);
      }
    return sums;
  };
  return {
    bounds: most.bounds,
    counts: most.counts.map((_, i) => same.reduce((sum, buckets) => sum + (buckets.counts[i] ?? 0), 0)),
    scale,
    zero: exponential.reduce((sum, buckets) => sum + buckets.zero, 0),
    positive: merged('positive'),
    negative: merged('negative'),
  };
}
