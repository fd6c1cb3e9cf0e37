import type { SqlDetail } from './detail.ts';
import type { Telemetry } from './random-telemetry.ts';

const time = (ms: number) => {
  const whole = Math.floor(ms);
  // Tenths of a millisecond survive as nanoseconds.
  const nanos = Math.round((ms - whole) * 1e6);
  return `${new Date(whole).toISOString().slice(0, 23)}${String(nanos).padStart(6, '0')}`.replace('T', ' ');
};
const milli = (ms: number) => new Date(ms).toISOString().slice(0, 23).replace('T', ' ');
/** The engine reads these words as numbers; JSON has none for them. */
const number = (value: number) =>
  Number.isFinite(value) ? value : String(value).toLowerCase().replace('infinity', 'inf');

/** Puts rows of another form of telemetry into the tables of the detail store. */
export async function insertTelemetry(detail: SqlDetail, tenant: string, sent: Telemetry): Promise<void> {
  let eventId = 0;
  const insert = async (table: string, rows: readonly Record<string, unknown>[]) => {
    if (rows.length === 0) return;
    const lines = rows.map((row) => JSON.stringify({ Tenant: tenant, EventId: ++eventId, ...row }));
    await detail.exec(`INSERT INTO ${table} FORMAT JSONEachRow ${lines.join('\n')}`);
  };
  await insert(
    'otel_traces',
    sent.spans.map((span) => ({
      Timestamp: time(span.at),
      TraceId: span.trace,
      SpanId: span.id,
      ParentSpanId: span.parent,
      SpanName: 'x',
      SpanKind: span.kind,
      ServiceName: span.service,
      SpanAttributes: span.attributes,
      Duration: Math.round(span.ms * 1e6),
      StatusCode: span.error ? 'Error' : 'Unset',
      'Links.TraceId': span.link ? [span.link.trace] : [],
      'Links.SpanId': span.link ? [span.link.id] : [],
      'Links.TraceState': span.link ? [''] : [],
      'Links.Attributes': span.link ? [{}] : [],
    })),
  );
  await insert(
    'otel_logs',
    sent.logs.map((log) => ({
      Timestamp: time(log.at),
      SeverityNumber: log.severity,
      ServiceName: log.service,
      Body: `step ${['one', 'two', 'three', 'four', 'five', 'six', 'seven'][Number(log.shape) % 7]} of ${log.shape} done`,
      Shape: log.shape,
    })),
  );
  await insert(
    'metric_series',
    sent.series.map((series) => ({
      SeriesId: String(series.id),
      MetricName: series.metric,
      MetricType: series.type,
      Temporality: series.temporality,
      IsMonotonic: series.monotonic ? 1 : 0,
      ServiceName: series.service,
      Attributes: series.labels,
      LastSeen: milli(sent.samples[0]?.at ?? 0),
    })),
  );
  const nameOf = new Map(sent.series.map((series) => [series.id, series]));
  const identity = (point: { series: number; at: number; start: number }) => ({
    SeriesId: String(point.series),
    MetricName: nameOf.get(point.series)?.metric,
    ServiceName: nameOf.get(point.series)?.service,
    Timestamp: milli(point.at),
    StartTimestamp: point.start === 0 ? '1970-01-01 00:00:00.000' : milli(point.start),
  });
  await insert(
    'metric_samples',
    sent.samples.map((sample) => ({
      ...identity(sample),
      Value: sample.stale ? 'nan' : number(sample.value),
      Flags: sample.stale ? 1 : 0,
    })),
  );
  await insert(
    'metric_histograms',
    sent.histograms.map((point) => {
      const explicit = nameOf.get(point.series)?.type === 'histogram';
      const indexes = [...point.buckets.keys()];
      const first = Math.min(...indexes);
      const filled = explicit || indexes.length === 0 ? 0 : Math.max(...indexes) - first + 1;
      return {
        ...identity(point),
        Count: [...point.buckets.values()].reduce((a, b) => a + b, 0) + point.zero,
        Sum: point.sum,
        Min: 'nan',
        Max: number(point.max),
        BucketCounts: explicit ? [...point.buckets.values()] : [],
        ExplicitBounds: explicit ? indexes.filter(Number.isFinite) : [],
        Scale: explicit ? 0 : point.scale,
        ZeroCount: point.zero,
        PositiveOffset: filled > 0 ? first : 0,
        PositiveBucketCounts: Array.from({ length: filled }, (_, i) => point.buckets.get(first + i) ?? 0),
      };
    }),
  );
}
