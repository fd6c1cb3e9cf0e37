import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Our own metrics, served at /metrics. One process, one registry. */
export const metricsRegistry = new Registry();

/** Declares a counter once; a second declaration of the same name returns the first. */
export function counter<L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Counter<L> {
  const known = metricsRegistry.getSingleMetric(name);
  if (known instanceof Counter) return known as Counter<L>;
  return new Counter<L>({ name, help, labelNames: [...labelNames], registers: [metricsRegistry] });
}

/** `read` tells the value at every scrape; without it the value is the last one that was set. */
export function gauge<L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[] = [],
  read?: () => number,
): Gauge<L> {
  const known = metricsRegistry.getSingleMetric(name);
  if (known instanceof Gauge) return known as Gauge<L>;
  return new Gauge<L>({
    name,
    help,
    labelNames: [...labelNames],
    registers: [metricsRegistry],
    collect() {
      if (read) this.set(read());
    },
  });
}

export function histogram<L extends string>(
  name: string,
  help: string,
  labelNames: readonly L[] = [],
  buckets: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
): Histogram<L> {
  const known = metricsRegistry.getSingleMetric(name);
  if (known instanceof Histogram) return known as Histogram<L>;
  return new Histogram<L>({
    name,
    help,
    labelNames: [...labelNames],
    buckets: [...buckets],
    registers: [metricsRegistry],
  });
}
