import { seriesName } from '../series-name.ts';
import {
  type ForeignFile,
  type ImportedSpan,
  isObject,
  listOf,
  objects,
  parseJson,
  type RowSink,
  textOf,
  unreadable,
} from './rows.ts';

/** Traces as Jaeger's UI and API give them (`{"data": [{"spans": […], "processes": {…}}]}`). Times are microseconds. */
export function importJaeger(file: ForeignFile, sink: RowSink): void {
  const document = parseJson(file);
  const traces = isObject(document) ? listOf(document.data) : [];
  for (const [index, trace] of traces.entries()) {
    if (!isObject(trace)) throw unreadable(file.name, `field "data[${index}]"`, 'it is not an object.');
    const processes = isObject(trace.processes) ? trace.processes : {};
    for (const [at, span] of listOf(trace.spans).entries()) {
      const where = `data[${index}].spans[${at}]`;
      if (!isObject(span)) throw unreadable(file.name, `field "${where}"`, 'it is not an object.');
      sink.span(jaegerSpan(span, processes, file.name, where));
    }
  }
}

function jaegerSpan(
  span: Record<string, unknown>,
  processes: Record<string, unknown>,
  file: string,
  where: string,
): ImportedSpan {
  const of = isObject(span.process) ? span.process : processes[textOf(span.processID)];
  const { start, duration } = { start: Number(span.startTime), duration: Number(span.duration) };
  if (!Number.isFinite(start) || !Number.isFinite(duration))
    throw unreadable(file, `field "${where}.startTime"`, 'it is not a number of microseconds.');
  const attributes: Record<string, string> = {};
  for (const tag of listOf(span.tags)) if (isObject(tag)) attributes[textOf(tag.key)] = textOf(tag.value);
  const parent = listOf(span.references).find(
    (reference) => isObject(reference) && reference.refType !== 'FOLLOWS_FROM',
  );
  const status =
    attributes.error === 'true' || attributes['otel.status_code'] === 'ERROR'
      ? 'ERROR'
      : (attributes['otel.status_code'] ?? '');
  return {
    trace_id: textOf(span.traceID),
    span_id: textOf(span.spanID),
    parent_id: isObject(parent) ? textOf(parent.spanID) : textOf(span.parentSpanID),
    service: isObject(of) ? textOf(of.serviceName) : '',
    name: textOf(span.operationName),
    start: start / 1000,
    duration_ms: duration / 1000,
    status,
    attributes,
  };
}

const severities = ['', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/**
 * OTLP as JSON: one export request, or one a line as the Collector's file exporter writes them. Traces, logs, and gauges and
 * sums of metrics; histograms become their count and mean.
 */
export function importOtlp({ name, text }: ForeignFile, sink: RowSink): void {
  const whole = text.trimStart().startsWith('{') && !/\}\s*\n\s*\{/.test(text);
  const parts = whole ? [text] : text.split('\n').filter((line) => line.trim() !== '');
  for (const [index, part] of parts.entries()) {
    const request = parseJson({ name: whole ? name : `${name}, line ${index + 1}`, text: part });
    if (!isObject(request)) continue;
    for (const resource of objects(request.resourceSpans)) eachSpan(resource, sink);
    for (const resource of objects(request.resourceLogs)) eachLog(resource, sink);
    for (const resource of objects(request.resourceMetrics)) eachMetric(resource, sink);
  }
}

type Json = Record<string, unknown>;
const nanoseconds = (value: unknown): number => Number(value) / 1e6;

/** As whole numbers: nanoseconds since 1970 do not fit into a double. */
function millisecondsBetween(from: unknown, to: unknown): number {
  const [start, end] = [from, to].map((value) =>
    /^\d{1,20}$/.test(textOf(value)) ? BigInt(textOf(value)) : 0n,
  );
  return Number((end ?? 0n) - (start ?? 0n)) / 1e6;
}

function attributesOf(list: unknown): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const { key, value } of objects(list)) attributes[textOf(key)] = anyValue(value);
  return attributes;
}

/** The value of an OTLP AnyValue as text; lists and maps as JSON. */
function anyValue(value: unknown): string {
  if (!isObject(value)) return textOf(value);
  const [inner] = Object.values(value);
  return isObject(inner) || Array.isArray(inner) ? JSON.stringify(inner) : textOf(inner);
}

const serviceOf = (holder: Json): string =>
  attributesOf(isObject(holder.resource) ? holder.resource.attributes : [])['service.name'] ?? '';

function eachSpan(resource: Json, sink: RowSink): void {
  const service = serviceOf(resource);
  for (const scope of objects(resource.scopeSpans))
    for (const span of objects(scope.spans)) {
      const start = nanoseconds(span.startTimeUnixNano);
      const code = isObject(span.status) ? textOf(span.status.code) : '';
      const attributes = attributesOf(span.attributes);
      if (isObject(span.status) && textOf(span.status.message) !== '')
        attributes['status.message'] = textOf(span.status.message);
      sink.span({
        trace_id: textOf(span.traceId),
        span_id: textOf(span.spanId),
        parent_id: textOf(span.parentSpanId),
        service,
        name: textOf(span.name),
        start,
        duration_ms: millisecondsBetween(span.startTimeUnixNano, span.endTimeUnixNano),
        status: /^(2|STATUS_CODE_ERROR)$/.test(code) ? 'ERROR' : code === '1' ? 'OK' : '',
        attributes,
      });
    }
}

function eachLog(resource: Json, sink: RowSink): void {
  const service = serviceOf(resource);
  for (const scope of objects(resource.scopeLogs))
    for (const record of objects(scope.logRecords)) {
      const number = Number(record.severityNumber);
      sink.log({
        ts: nanoseconds(record.timeUnixNano ?? record.observedTimeUnixNano),
        service,
        severity: textOf(record.severityText) || (severities[Math.ceil(number / 4)] ?? ''),
        body: anyValue(record.body),
        trace_id: textOf(record.traceId),
        attributes: attributesOf(record.attributes),
      });
    }
}

function eachMetric(resource: Json, sink: RowSink): void {
  const service = serviceOf(resource);
  for (const scope of objects(resource.scopeMetrics))
    for (const metric of objects(scope.metrics)) {
      const name = textOf(metric.name);
      const points = (kind: string) => {
        const data = metric[kind];
        return isObject(data) ? objects(data.dataPoints) : [];
      };
      for (const point of [...points('gauge'), ...points('sum')]) {
        const value = Number(point.asDouble ?? point.asInt);
        if (Number.isFinite(value))
          sink.metric(nanoseconds(point.timeUnixNano), service, named(name, point), value);
      }
      for (const point of points('histogram')) {
        const at = nanoseconds(point.timeUnixNano);
        const count = Number(point.count);
        sink.metric(at, service, named(`${name}.count`, point), count);
        if (count > 0 && point.sum !== undefined)
          sink.metric(at, service, named(`${name}.mean`, point), Number(point.sum) / count);
      }
    }
}

const named = (name: string, point: Json): string => seriesName(name, attributesOf(point.attributes));
