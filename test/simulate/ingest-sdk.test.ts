import { SpanStatusCode } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { tracing } from '@opentelemetry/sdk-node';
import { describe, expect, it } from 'vitest';
import { address, rows, useIngest } from './ingest-harness.ts';

useIngest();

describe('OpenTelemetry SDK', () => {
  it('logs over protobuf arrive whole', async () => {
    const provider = new LoggerProvider({
      resource: resourceFromAttributes({ 'service.name': 'sdk-logs', 'service.version': '1.2.3' }),
      processors: [
        new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${address()}/v1/logs` }) }),
      ],
    });
    provider.getLogger('lib', '0.1').emit({
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      body: 'payment 17 declined – ü',
      attributes: { count: 3, ratio: 0.5, ok: true, list: ['a', 'b'], nested: { deep: [1, null] } },
    });
    await provider.forceFlush();
    await provider.shutdown();
    const [row] = await rows('otel_logs', 'sdk-logs');
    expect(row).toMatchObject({
      Body: 'payment 17 declined – ü',
      SeverityText: 'WARN',
      SeverityNumber: 13,
      ScopeName: 'lib',
      ScopeVersion: '0.1',
      ResourceAttributes: { 'service.name': 'sdk-logs', 'service.version': '1.2.3' },
      LogAttributes: { count: '3', ratio: '0.5', ok: 'true', list: '["a","b"]', nested: '{"deep":[1,null]}' },
    });
  });

  it.each([
    ['protobuf', OTLPTraceExporter],
    ['JSON', JsonTraceExporter],
  ])('traces over %s arrive with events, links and status', async (name, Exporter) => {
    const service = `sdk-traces-${name}`;
    const provider = new tracing.BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new tracing.SimpleSpanProcessor(new Exporter({ url: `${address()}/v1/traces` }))],
    });
    const tracer = provider.getTracer('lib');
    const other = tracer.startSpan('other');
    const span = tracer.startSpan('GET /cart', {
      kind: 1,
      links: [{ context: other.spanContext(), attributes: { why: 'x' } }],
    });
    span.setAttributes({ 'http.response.status_code': 500 });
    span.addEvent('exception', { 'exception.message': 'boom' });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' });
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
    const [row] = await rows('otel_traces', service);
    expect(row).toMatchObject({
      TraceId: span.spanContext().traceId,
      SpanId: span.spanContext().spanId,
      ParentSpanId: '',
      SpanName: 'GET /cart',
      SpanKind: 'Server',
      StatusCode: 'Error',
      StatusMessage: 'boom',
      SpanAttributes: { 'http.response.status_code': '500' },
      'Events.Name': ['exception'],
      'Events.Attributes': [{ 'exception.message': 'boom' }],
      'Links.TraceId': [other.spanContext().traceId],
      'Links.Attributes': [{ why: 'x' }],
    });
    expect(Number(row?.Duration)).toBeGreaterThan(0);
  });

  it('metrics over protobuf arrive as series, samples and histograms; a series gets one row', async () => {
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ 'service.name': 'sdk-metrics' }),
      readers: [
        new PeriodicExportingMetricReader({
          exporter: new OTLPMetricExporter({ url: `${address()}/v1/metrics` }),
          exportIntervalMillis: 3_600_000,
        }),
      ],
    });
    const meter = provider.getMeter('lib');
    meter
      .createCounter('requests', { unit: '1', description: 'Requests.' })
      .add(5, { route: '/cart', method: 'GET' });
    meter.createHistogram('duration', { unit: 'ms' }).record(12, { route: '/cart' });
    meter.createGauge('pool').record(0.25);
    await provider.forceFlush();
    await provider.forceFlush();
    await provider.shutdown();
    const series = await rows('metric_series', 'sdk-metrics');
    expect(series.map((row) => [row.MetricName, row.MetricType, row.Temporality, row.IsMonotonic])).toEqual([
      ['requests', 'sum', 'cumulative', 1],
      ['duration', 'histogram', 'cumulative', 0],
      ['pool', 'gauge', '', 0],
    ]);
    expect(series[0]).toMatchObject({ Unit: '1', Attributes: { route: '/cart', method: 'GET' } });
    const samples = await rows('metric_samples', 'sdk-metrics');
    expect(samples.filter((row) => row.MetricName === 'requests').map((row) => row.Value)).toContain(5);
    expect(samples.every((row) => series.some((one) => one.SeriesId === row.SeriesId))).toBe(true);
    const [histogram] = await rows('metric_histograms', 'sdk-metrics');
    expect(histogram).toMatchObject({ Count: '1', Sum: 12, Min: 12, Max: 12 });
    expect([histogram?.BucketCounts].flat(2)).toHaveLength([histogram?.ExplicitBounds].flat(2).length + 1);
  });
});
