import type { Series } from '../incident.ts';

/** Collects values by (service, metric) in whatever order they come. */
export class SeriesBook {
  readonly #byKey = new Map<string, Series & { sorted: boolean }>();

  #unordered = 0;

  add(service: string, metric: string, at: number, value: number): void {
    const key = `${service}\u0000${metric}`;
    let series = this.#byKey.get(key);
    if (series === undefined) {
      series = { service, metric, times: [], values: [], sorted: true };
      this.#byKey.set(key, series);
    }
    const last = series.times.at(-1);
    if (last !== undefined && at <= last) series.sorted = false;
    if (last !== undefined && at < last) this.#unordered++;
    series.times.push(at);
    series.values.push(value);
  }

  done(): { series: Series[]; repeated: number; contradictory: number; unordered: number } {
    let repeated = 0;
    let contradictory = 0;
    const series = [...this.#byKey.values()].map(({ sorted, ...one }) => {
      if (sorted) return one;
      const order = one.times
        .map((_, i) => i)
        .sort((a, b) => (one.times[a] ?? 0) - (one.times[b] ?? 0) || a - b);
      const times: number[] = [];
      const values: number[] = [];
      for (const i of order) {
        const at = one.times[i] ?? 0;
        const value = one.values[i] ?? 0;
        if (times.at(-1) === at) {
          if (values.at(-1) === value) repeated++;
          else contradictory++;
          values[values.length - 1] = value;
        } else {
          times.push(at);
          values.push(value);
        }
      }
      return { ...one, times, values };
    });
    const name = (one: Series) => `${one.service}\u0000${one.metric}`;
    series.sort((a, b) => (name(a) < name(b) ? -1 : 1));
    return { series, repeated, contradictory, unordered: this.#unordered };
  }
}
