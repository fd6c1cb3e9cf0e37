/**
 * Least and greatest of any number of values; `Infinity` and `-Infinity` of none. `Math.min(...values)` passes every value on
 * the stack, which overflows at about 120 000 of them.
 */
export const leastOf = (values: readonly number[]): number =>
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
export const mostOf = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
