import { firstOf, type LogSink, namedService, type Pair, takeFirst, takeSeverity } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import { LabelError, parseLabels } from './labels.ts';

/** Which label names the service; the first that is there counts. */
export const serviceLabels = [
  'service_name',
  'service',
  'app',
  'application',
  'app_name',
  'name',
  'app_kubernetes_io_name',
  'container',
  'container_name',
  'k8s_container_name',
  'component',
  'workload',
  'job',
  'k8s_job_name',
] as const;
const severityNames = ['detected_level', 'level', 'severity', 'severity_text', 'lvl', 'log_level'] as const;
const traceNames = ['trace_id', 'traceid', 'traceID', 'traceId', 'trace.id'] as const;
const spanNames = ['span_id', 'spanid', 'spanID', 'spanId', 'span.id'] as const;
const nothing: readonly Pair[] = [];

/** Streams and their entries into a sink: labels become the resource, structured metadata the attributes. */
export class StreamWriter {
  private readonly sink: LogSink;
  private severity = '';

  constructor(sink: LogSink) {
    this.sink = sink;
  }

  stream(labels: readonly Pair[]): void {
    const fields = new Map(labels);
    const service = firstOf(fields, serviceLabels);
    this.sink.resource(service ?? unknownService, namedService(labels, service));
    this.severity = takeSeverity(fields, severityNames);
  }

  /** False when the labels can't be read: then none of the stream's entries may be written. */
  labelledStream(labels: string, entries: number, payload: () => Uint8Array): boolean {
    try {
      this.stream(parseLabels(labels));
      return true;
    } catch (error) {
      if (!(error instanceof LabelError)) throw error;
      this.sink.reject(error.message, payload(), entries);
      return false;
    }
  }

  entry(timeNs: bigint, body: string | Uint8Array, metadata: readonly Pair[]): void {
    if (metadata.length === 0) {
      this.sink.record({
        timeNs,
        body,
        severity: this.severity,
        traceId: '',
        spanId: '',
        attributes: nothing,
      });
      return;
    }
    const fields = new Map(metadata);
    const severity = takeSeverity(fields, severityNames);
    const traceId = takeFirst(fields, traceNames);
    const spanId = takeFirst(fields, spanNames);
    this.sink.record({
      timeNs,
      body,
      severity: severity === '' ? this.severity : severity,
      traceId,
      spanId,
      attributes: [...fields],
    });
  }
}
