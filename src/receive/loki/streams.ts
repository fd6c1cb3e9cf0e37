import { type LabelGuard, withoutLabel } from '../label-guard.ts';
import { firstOf, type LogSink, namedService, type Pair, takeFirst, takeSeverity } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import { notKept } from '../otlp/transcoder.ts';
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
  private readonly guard: LabelGuard | undefined;
  private severity = '';
  private tenant = '';
  private nowMs = 0;
  /** Labels that are too many for a stream become attributes of its entries. */
  private moved: readonly Pair[] = nothing;

  constructor(sink: LogSink, guard?: LabelGuard) {
    this.sink = sink;
    this.guard = guard;
  }

  /** Whose streams follow. */
  begin(tenant: string, nowMs: number): void {
    this.tenant = tenant;
    this.nowMs = nowMs;
  }

  /** False when the stream is refused: then none of its entries may be written. */
  stream(given: readonly Pair[], entries: number, payload: () => Uint8Array): boolean {
    let labels = given;
    this.moved = nothing;
    for (;;) {
      const fault = this.guard?.stream(this.tenant, labels, this.nowMs);
      if (fault === undefined) break;
      if (fault.action !== 'drop_label') {
        this.sink.reject(fault.message, fault.action === 'reject' ? notKept : payload(), entries);
        return false;
      }
      this.moved = [...this.moved, ...labels.filter(([name]) => name === fault.label)];
      labels = withoutLabel(labels, fault.label);
    }
    this.open(labels);
    return true;
  }

  private open(labels: readonly Pair[]): void {
    const fields = new Map(labels);
    const service = firstOf(fields, serviceLabels);
    this.sink.resource(service ?? unknownService, namedService(labels, service));
    this.severity = takeSeverity(fields, severityNames);
  }

  /** False when the labels can't be read: then none of the stream's entries may be written. */
  labelledStream(labels: string, entries: number, payload: () => Uint8Array): boolean {
    try {
      return this.stream(parseLabels(labels), entries, payload);
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
        attributes: this.moved,
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
      attributes: this.moved.length === 0 ? [...fields] : [...fields, ...this.moved],
    });
  }
}
