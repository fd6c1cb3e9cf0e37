import type { Pair } from '../log-record.ts';
import { LogSink } from '../log-sink.ts';
import type { Refinery } from '../refine.ts';
import { anyValueText } from './any-value.ts';
import { type Range, readEnvelope, readScope, unknownService } from './resource.ts';
import type { Transcoded, TranscodeLimits } from './transcoder.ts';
import { textOf, type Wire } from './wire.ts';

const severityNames = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/**
 * Logs of OTLP for which there is a pipeline: read as records and written by the sink of all other protocols. It costs some
 * ten times of the way past it, so only whole resources that a pipeline asked for come here. Of a scope only name and
 * version are kept, as `otel.scope.name` and `otel.scope.version`; trace flags are not.
 */
export class PipelinedLogs {
  private readonly refinery: Refinery | null;
  private readonly limits: TranscodeLimits;
  private made: LogSink | null = null;

  constructor(limits: TranscodeLimits) {
    this.refinery = limits.refinery ?? null;
    this.limits = limits;
  }

  /** Its buffers are made when the first record comes: most never have a pipeline. */
  private get sink(): LogSink {
    this.made ??= new LogSink(this.limits, source);
    return this.made;
  }

  get active(): boolean {
    return this.refinery?.active === true;
  }

  /** Whether a pipeline is for the records of the resource `head`. */
  wants(tenant: string, wire: Wire, head: Range): boolean {
    const { service, pairs } = readResource(wire, head);
    return this.refinery?.refiner(tenant, source, service, pairs) != null;
  }

  /** The records of the ResourceLogs messages at `ranges`. */
  collect(tenant: string, nowMs: number, wire: Wire, ranges: readonly Range[]): Transcoded {
    return this.sink.collect(tenant, nowMs, () => {
      for (const { start, end } of ranges) {
        wire.position = start;
        this.resourceLogs(wire, end);
      }
    });
  }

  private resourceLogs(wire: Wire, end: number): void {
    const { service, pairs } = readResource(wire, readEnvelope(wire, end).head);
    this.sink.resource(service, pairs);
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.scopeLogs(wire, wire.length(end));
      else wire.skip(tag, end);
    }
  }

  private scopeLogs(wire: Wire, end: number): void {
    const { name, version } = readScope(wire, readEnvelope(wire, end).head);
    const scope: Pair[] = [];
    if (name.end > name.start) scope.push(['otel.scope.name', textOf(wire.bytes, name.start, name.end)]);
    if (version.end > version.start)
      scope.push(['otel.scope.version', textOf(wire.bytes, version.start, version.end)]);
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x12) this.record(wire, wire.length(end), scope);
      else wire.skip(tag, end);
    }
  }

  private record(wire: Wire, end: number, scope: readonly Pair[]): void {
    let timeNs = 0n;
    let observedNs = 0n;
    let severity = 0;
    const texts = { severity: '', traceId: '', spanId: '', eventName: '', body: '' };
    const attributes: Pair[] = [];
    while (wire.position < end) {
      const tag = wire.tag(end);
      if (tag === 0x09 || tag === 0x59) {
        wire.fixed64(end);
        const ns = (BigInt(wire.high) << 32n) | BigInt(wire.low);
        if (tag === 0x09) timeNs = ns;
        else observedNs = ns;
      } else if (tag === 0x10) {
        wire.varint(end);
        severity = wire.high === 0 ? wire.low : 0;
      } else if (tag === 0x2a) texts.body = anyValueText(wire, wire.length(end));
      else if (tag === 0x32) attributes.push(keyValue(wire, wire.length(end)));
      else if (tag === 0x1a) texts.severity = text(wire, end);
      else if (tag === 0x62) texts.eventName = text(wire, end);
      else if (tag === 0x4a) texts.traceId = hex(wire, end);
      else if (tag === 0x52) texts.spanId = hex(wire, end);
      else wire.skip(tag, end);
    }
    const named = severityNames[Math.floor((severity - 1) / 4)] ?? '';
    this.sink.record({
      ...texts,
      timeNs: timeNs === 0n ? observedNs : timeNs,
      severity: texts.severity === '' ? named : texts.severity,
      attributes: [...attributes, ...scope],
    });
  }
}

const source = 'otlp/logs';

function text(wire: Wire, end: number): string {
  const stop = wire.length(end);
  const found = textOf(wire.bytes, wire.position, stop);
  wire.position = stop;
  return found;
}

function hex(wire: Wire, end: number): string {
  const stop = wire.length(end);
  const found = Buffer.from(wire.bytes.subarray(wire.position, stop)).toString('hex');
  wire.position = stop;
  return found;
}

function keyValue(wire: Wire, end: number): Pair {
  let key = '';
  let value = '';
  while (wire.position < end) {
    const tag = wire.tag(end);
    if (tag === 0x0a) key = text(wire, end);
    else if (tag === 0x12) value = anyValueText(wire, wire.length(end));
    else wire.skip(tag, end);
  }
  return [key, value];
}

/** Service and attributes of a resource; leaves the position as it was. */
function readResource(wire: Wire, head: Range): { service: string; pairs: Pair[] } {
  const back = wire.position;
  wire.position = head.start;
  const pairs: Pair[] = [];
  while (wire.position < head.end) {
    const tag = wire.tag(head.end);
    if (tag === 0x0a) pairs.push(keyValue(wire, wire.length(head.end)));
    else wire.skip(tag, head.end);
  }
  wire.position = back;
  const service = pairs.findLast(([key, value]) => key === 'service.name' && value !== '')?.[1];
  return { service: service ?? unknownService, pairs };
}
