/** Robust statistics on arrays of finite numbers. Pure; nothing is changed in place. */

/** Scales a median absolute deviation to the standard deviation of normal noise. */
export const madScale = 1.4826;

/** NaN for an empty array. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const n = sorted.length;
  if (n === 0) return Number.NaN;
  const at = q * (n - 1);
  const low = Math.floor(at);
  const a = sorted[low] as number;
  const b = sorted[Math.min(n - 1, low + 1)] as number;
  return a + (b - a) * (at - low);
}

export function sortedOf(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** NaN for an empty array. By selection, in linear time. */
export function median(values: ArrayLike<number>): number {
  const a = Float64Array.from(values);
  const n = a.length;
  if (n === 0) return Number.NaN;
  const half = n >> 1;
  selectAt(a, half);
  const upper = a[half] as number;
  if (n % 2 === 1) return upper;
  let lower = a[0] as number;
  for (let i = 1; i < half; i++) lower = Math.max(lower, a[i] as number);
  return lower + (upper - lower) / 2;
}

/** Hoare's selection: afterwards nothing before `k` is larger than what stands at `k`, nothing after it smaller. */
function selectAt(a: Float64Array, k: number): void {
  let low = 0;
  let high = a.length - 1;
  while (low < high) {
    const pivot = a[(low + high) >> 1] as number;
    let i = low;
    let j = high;
    while (i <= j) {
      while ((a[i] as number) < pivot) i++;
      while ((a[j] as number) > pivot) j--;
      if (i > j) break;
      const swapped = a[i] as number;
      a[i++] = a[j] as number;
      a[j--] = swapped;
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else return;
  }
}

/**
 * Spread around `middle` as a standard deviation. Where more than half of the values are equal the MAD is 0 and the mean
 * absolute deviation takes its place.
 */
export function spread(values: ArrayLike<number>, middle: number): number {
  const away = Float64Array.from(values, (value) => Math.abs(value - middle));
  const mad = madScale * median(away);
  if (mad > 0 || away.length === 0) return mad;
  return 1.2533 * mean(away);
}

export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}

/** P(|Z| ≥ z) of a standard normal variable, relative error below 1e-6 for z ≥ 0; never 0. */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const poly =
    -1.26551223 +
    t *
      (1.00002368 +
        t *
          (0.37409196 +
            t *
              (0.09678418 +
                t *
                  (-0.18628806 +
                    t *
                      (0.27886807 +
                        t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return Math.max(1e-300, Math.min(1, t * Math.exp(-x * x + poly)));
}

/** Lag-one correlation of neighbours, 0 … 0.98, of values winsorised to ± 3 spreads. */
export function persistence(values: ArrayLike<number>, middle: number, sigma: number): number {
  if (values.length < 8 || !(sigma > 0)) return 0;
  const clip = (value: number) => Math.max(-3, Math.min(3, (value - middle) / sigma));
  let cross = 0;
  let square = 0;
  let last = clip(values[0] as number);
  for (let i = 1; i < values.length; i++) {
    const now = clip(values[i] as number);
    cross += last * now;
    square += last * last;
    last = now;
  }
  return square > 0 ? Math.max(0, Math.min(0.98, cross / square)) : 0;
}
