import { hostname } from 'node:os';
import {
  type Attributes,
  type Context,
  context,
  type Meter,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type Logger as OtelLogger, SeverityNumber } from '@opentelemetry/api-logs';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Settings } from './settings.ts';

/** Spans and logs leave after a second, so that a person who watches sees them at once. */
const batchDelayMs = 1_000;
/** Often enough that the short life of a process that leaks memory is seen as a rise, not as two points. */
const metricIntervalMs = 2_000;
/** A batch that can't be delivered is given up after this; the shop must not suffer from its observer. */
const exportTimeoutMs = 4_000;
/** Room for five seconds of a log storm. */
const queueRecordsMax = 8_192;
const batchRecordsMax = 2_048;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
const severity: Record<LogLevel, SeverityNumber> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
};

export const propagator = new W3CTraceContextPropagator();

function createProviders(settings: Settings) {
  const resource = resourceFromAttributes({
    'service.name': settings.service,
    'service.version': settings.version,
    'service.instance.id': settings.instanceId,
    'deployment.environment.name': 'demo',
    'host.name': hostname(),
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.creation.time': new Date(performance.timeOrigin).toISOString(),
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.name': 'opentelemetry',
  });
  const to = (path: string) => ({
    url: `${settings.otlpEndpoint}${path}`,
    timeoutMillis: exportTimeoutMs,
  });
  const batch = {
    scheduledDelayMillis: batchDelayMs,
    maxQueueSize: queueRecordsMax,
    maxExportBatchSize: batchRecordsMax,
    exportTimeoutMillis: exportTimeoutMs,
  };
  const traces = new TracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor({ ...batch, exporter: new OTLPTraceExporter(to('/v1/traces')) })],
  });
  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ ...batch, exporter: new OTLPLogExporter(to('/v1/logs')) })],
  });
  const metrics = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(to('/v1/metrics')),
        exportIntervalMillis: metricIntervalMs,
        exportTimeoutMillis: metricIntervalMs,
      }),
    ],
  });
  return { traces, logs, metrics };
}

/** Traces, metrics and logs of one process, through the OpenTelemetry SDK. */
export class Telemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** Least severity that is sent; it follows the configuration value `log.level`. */
  level: LogLevel = 'info';
  readonly #logger: OtelLogger;
  readonly #providers: ReturnType<typeof createProviders>;

  constructor(settings: Settings) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    this.#providers = createProviders(settings);
    this.tracer = this.#providers.traces.getTracer('shop', settings.version);
    this.meter = this.#providers.metrics.getMeter('shop', settings.version);
    this.#logger = this.#providers.logs.getLogger('shop', settings.version);
  }

  enabled(level: LogLevel): boolean {
    return severity[level] >= severity[this.level];
  }

  /** A log record in the context of the running span, or of `within`. */
  log(level: LogLevel, body: string, attributes: Attributes = {}, within?: Context): void {
    if (!this.enabled(level)) return;
    this.#logger.emit({
      severityNumber: severity[level],
      severityText: level.toUpperCase(),
      body,
      attributes: attributes as Record<string, string | number | boolean>,
      context: within ?? context.active(),
    });
  }

  /** Marks the span failed, records the exception on it and as a log record with its stack. */
  fail(span: Span, error: Error, message: string, attributes: Attributes = {}): void {
    span.recordException(error);
    span.setAttribute('error.type', error.name);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.log(
      'error',
      `${message}: ${error.message}`,
      {
        ...attributes,
        'exception.type': error.name,
        'exception.message': error.message,
        'exception.stacktrace': error.stack ?? '',
      },
      trace.setSpan(context.active(), span),
    );
  }

  /** Sends what is still waiting; a collector that is gone does not hold up the end for more than two seconds. */
  async shutdown(): Promise<void> {
    const all = Promise.allSettled([
      this.#providers.traces.shutdown(),
      this.#providers.logs.shutdown(),
      this.#providers.metrics.shutdown(),
    ]);
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
  }
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
