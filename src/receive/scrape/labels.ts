import { Hash64 } from '../otlp/series.ts';

/** Names and values; the order means nothing. */
export type Labels = Map<string, string>;

/** Any text is a name since Prometheus 3. */
export const isLabelName = (name: string): boolean => name !== '' && name.isWellFormed();

const one = new Hash64();

/** A number of 53 bits that does not depend on the labels' order. */
export function hashOfLabels(labels: Labels): number {
  let low = 0;
  let high = 0;
  for (const [name, value] of labels) {
    one.reset();
    one.text(name);
    one.text(value);
    one.finish();
    low = (low + one.low) | 0;
    high = (high + one.high) | 0;
  }
  one.reset();
  one.number(low);
  one.number(high);
  one.number(labels.size);
  one.finish();
  return (one.high & 0x1f_ffff) * 0x1_0000_0000 + one.low;
}

/** Labels that are for the scraper only. */
export const isInternal = (name: string): boolean => name.startsWith('__');

/** A text that is equal for equal labels. */
export const keyOfLabels = (labels: Labels): string =>
  JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
