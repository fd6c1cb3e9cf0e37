import type { LogRecord, Pair, RefinedRecord } from '../../receive/index.ts';

/** A record on its way through the stages of a pipeline. */
export class Work {
  timeNs: bigint;
  severity: string;
  traceId: string;
  spanId: string;
  body: string;
  readonly fields: Map<string, string>;
  service: string;
  /** Null until a stage changes the resource. */
  resource: Map<string, string> | null = null;
  /** Why the record goes no further; '' while it does. */
  dropped = '';
  /** What stages could not do, in their order. */
  readonly faults: string[] = [];
  private readonly given: readonly Pair[];
  private readonly eventName: string;

  constructor(record: LogRecord, service: string, resource: readonly Pair[]) {
    this.timeNs = record.timeNs;
    this.severity = record.severity;
    this.traceId = record.traceId;
    this.spanId = record.spanId;
    this.body = typeof record.body === 'string' ? record.body : new TextDecoder().decode(record.body);
    this.fields = new Map(record.attributes);
    this.service = service;
    this.given = resource;
    this.eventName = record.eventName ?? '';
  }

  /** The resource, to be changed. */
  ownResource(): Map<string, string> {
    this.resource ??= new Map(this.given);
    return this.resource;
  }

  /** `body`, `severity`, `service`, `resource.<name>`, or an attribute; undefined when it is not there. */
  get(field: string): string | undefined {
    if (field === 'body') return this.body;
    const own = this.fields.get(field);
    if (own !== undefined) return own;
    if (field === 'severity') return this.severity === '' ? undefined : this.severity;
    if (field === 'service') return this.service;
    if (!field.startsWith('resource.')) return undefined;
    const name = field.slice('resource.'.length);
    return this.resource === null ? this.given.find(([key]) => key === name)?.[1] : this.resource.get(name);
  }

  set(field: string, value: string): void {
    if (field === 'body') this.body = value;
    else this.fields.set(field, value);
  }

  take(field: string): string | undefined {
    const value = this.get(field);
    if (value !== undefined) this.fields.delete(field);
    return value;
  }

  result(): RefinedRecord {
    const { timeNs, severity, traceId, spanId, body, eventName } = this;
    return {
      timeNs,
      severity,
      traceId,
      spanId,
      body,
      eventName,
      attributes: [...this.fields],
      resource: this.resource === null ? null : { service: this.service, attributes: [...this.resource] },
    };
  }
}
