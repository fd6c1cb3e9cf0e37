import type { Queryable } from '../ledger/index.ts';
import { serviceRef, type TimeWindow } from '../model/index.ts';
import type { ExemplarRow } from './exemplars.ts';
import type { MetricRow } from './metrics.ts';
import { type LocatorRow, type MetricWrite, upsertLocators, upsertMetrics, type Written } from './write.ts';

const keyOf = (row: { metric: string; service: string; labels: Record<string, string> }): string =>
  // The labels come sorted.
  `${row.service} ${row.metric} ${JSON.stringify(row.labels)}`;

/** Metrics of one window; a series with exemplars leads by `sample_ref` to the trace behind its largest value. */
export async function writeMetrics(
  tx: Queryable,
  tenantId: number,
  window: TimeWindow,
  given: { metrics: readonly MetricRow[]; exemplars: readonly ExemplarRow[] },
  ids: ReadonlyMap<string, string>,
): Promise<Written> {
  const unique = new Map<string, MetricRow>();
  // The same name with the same labels as a gauge and as a histogram: the one with more samples stays.
  for (const row of given.metrics) {
    const key = keyOf(row);
    if ((unique.get(key)?.samples ?? -1) < row.samples) unique.set(key, row);
  }
  const found = exemplarsOf(unique, given.exemplars);
  const locators = await upsertLocators(tx, tenantId, [...found].map(locatorOf(window)));
  const writes = [...unique].flatMap(([key, row]): MetricWrite[] => {
    const resourceId = ids.get(serviceRef(row.service).urn);
    if (resourceId === undefined) return [];
    const { metric, labels, avg_val: avg, max_val: max, p95_val: p95 } = row;
    return [{ resourceId, metric, labels, avg, max, p95, sampleRef: locators.get(objectKey(key)) ?? null }];
  });
  return upsertMetrics(tx, tenantId, window.from, writes);
}

/** A counter's exemplars belong to its rate. */
function exemplarsOf(
  metrics: ReadonlyMap<string, MetricRow>,
  exemplars: readonly ExemplarRow[],
): Map<string, ExemplarRow> {
  const found = new Map<string, ExemplarRow>();
  for (const row of exemplars) {
    const keys = [keyOf(row), keyOf({ ...row, metric: `${row.metric}.per_second` })];
    const key = keys.find((each) => metrics.has(each));
    if (key !== undefined) found.set(key, row);
  }
  return found;
}

/** Labels may be long and the key stands in an index: what is longer than a name is cut, and its end tells it apart. */
const objectKey = (key: string): string =>
  key.length <= 700 ? `metric/${key}` : `metric/${key.slice(0, 600)}…${key.length}/${hash(key)}`;

const hash = (text: string): string => {
  let value = 0n;
  for (let i = 0; i < text.length; i++)
    value = (value * 1_099_511_628_211n + BigInt(text.charCodeAt(i))) & 0xffffffffffffffffn;
  return value.toString(16);
};

const locatorOf =
  (window: TimeWindow) =>
  ([key, row]: [string, ExemplarRow]): LocatorRow => ({
    dataset: 'metrics',
    objectKey: objectKey(key),
    window,
    filter: { dataset: 'otel_traces', window: aroundExemplar(window), equals: { TraceId: row.trace_id } },
    attributes: { trace_id: row.trace_id, span_id: row.span_id, value: row.value },
  });

/** A measurement is taken when its request ends, so the trace began before; most within this time. */
const traceMs = 300_000;
const aroundExemplar = (window: TimeWindow): TimeWindow => ({ from: window.from - traceMs, to: window.to });
