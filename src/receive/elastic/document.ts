import { isoNanoseconds } from '../iso-time.ts';
import { firstOf, type LogRecord, namedService, type Pair, takeFirst, takeSeverity } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';

/** A document that can't be kept; type and message stand in the answer for its item. */
export class DocumentError extends Error {
  readonly type = 'document_parsing_exception';
}

export type Fields = Record<string, unknown>;

/** A document as a log record, with the resource that it names. */
export interface Document extends LogRecord {
  service: string;
  resource: readonly Pair[];
}

/** Deepest nesting of a document: Elasticsearch's own limit is 20 for objects. */
const depthMax = 64;
/** Names grow with the nesting; without a bound a small document could fill the memory with them. */
const nameLengthMax = 1024;
const messageNames = ['message', 'msg', 'log'] as const;
const severityNames = ['log.level', 'level', 'severity', 'severity_text', 'loglevel'] as const;
const traceNames = ['trace.id', 'trace_id', 'traceId', 'traceid'] as const;
const spanNames = ['span.id', 'span_id', 'spanId', 'spanid'] as const;
/** Which field names the service; the first that is there counts. */
export const serviceFields = [
  'service.name',
  'service',
  'service_name',
  'app',
  'application',
  'kubernetes.labels.app_kubernetes_io/name',
  'kubernetes.labels.app',
  'kubernetes.container.name',
  'kubernetes.container_name',
  'container.name',
] as const;
/** Fields that describe the sender and not the event. */
const isResource = (name: string): boolean => name.startsWith('service.') || name === 'host.name';

/** Turns the source of one document (its bytes are `source`) into a record. Throws DocumentError. */
export function readDocument(source: string, index: string, id: string): Document {
  const value = parse(source);
  const fields = new Map<string, string>();
  const timeNs = takeTime(value);
  flatten(value, '', fields, 0);
  const service = firstOf(fields, serviceFields);
  const message = takeFirst(fields, messageNames);
  const severity = takeSeverity(fields, severityNames);
  const traceId = takeFirst(fields, traceNames);
  const spanId = takeFirst(fields, spanNames);
  const resource: Pair[] = [];
  const attributes: Pair[] = [];
  for (const pair of fields) (isResource(pair[0]) ? resource : attributes).push(pair);
  attributes.push(['index', index]);
  if (id !== '') attributes.push(['_id', id]);
  // A document without a message is shown as it was sent.
  const body = message === '' ? source : message;
  return {
    timeNs,
    severity,
    traceId,
    spanId,
    body,
    service: service ?? unknownService,
    resource: namedService(resource, service),
    attributes,
  };
}

function parse(source: string): Fields {
  let value: unknown;
  try {
    value = longDigits.test(source) ? JSON.parse(source, exactInteger) : JSON.parse(source);
  } catch (error) {
    throw new DocumentError(`failed to parse: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
  if (!isRecord(value)) throw new DocumentError('failed to parse: the document must be an object');
  return value;
}

/** Whole numbers beyond 2^53 keep their digits: identifiers are written that way. */
const longDigits = /\d{16}/;
function exactInteger(_key: string, value: unknown, ...rest: unknown[]): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const [context] = rest;
  const source = isRecord(context) ? context.source : undefined;
  return typeof source === 'string' && /^-?\d+$/.test(source) ? source : value;
}

/** `@timestamp` must be a time; `timestamp` and `time`, which others use, may be something else. */
function takeTime(value: Fields): bigint {
  const stamp = value['@timestamp'];
  if (stamp !== undefined && stamp !== null) {
    const ns = nanoseconds(stamp);
    if (ns === undefined) {
      throw new DocumentError(
        `failed to parse field [@timestamp] of type [date]: ${shown(stamp)} is neither an ISO 8601 time nor milliseconds since 1970`,
      );
    }
    delete value['@timestamp'];
    return ns;
  }
  for (const name of ['timestamp', 'time']) {
    const ns = typeof value[name] === 'string' ? isoNanoseconds(value[name]) : undefined;
    if (ns === undefined) continue;
    delete value[name];
    return ns;
  }
  return 0n;
}

function nanoseconds(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) {
    const ms = Math.floor(value);
    return BigInt(ms) * 1_000_000n + BigInt(Math.round((value - ms) * 1e6));
  }
  if (typeof value !== 'string') return undefined;
  // Beyond 20 digits nothing is a time, and a bigint of a million digits would be expensive.
  return /^-?\d{5,20}$/.test(value) ? BigInt(value) * 1_000_000n : isoNanoseconds(value);
}

function flatten(value: Fields, prefix: string, into: Map<string, string>, depth: number): void {
  if (depth > depthMax) throw tooDeep();
  for (const [key, item] of Object.entries(value)) {
    // Not cut, as attribute names of other protocols are: two long names of one object would become one.
    if (prefix.length + key.length > nameLengthMax) {
      throw new DocumentError(
        `failed to parse: the field [${(prefix + key.slice(0, 60)).slice(0, 60)}…] has a name of more than ${nameLengthMax} characters`,
      );
    }
    const name = prefix + key;
    if (typeof item === 'string') into.set(name, item);
    else if (typeof item === 'number' || typeof item === 'boolean') into.set(name, String(item));
    else if (Array.isArray(item)) into.set(name, listText(item, depth));
    else if (isRecord(item)) flatten(item, `${name}.`, into, depth + 1);
  }
}

function listText(list: unknown[], depth: number): string {
  checkDepth(list, depth + 1);
  return JSON.stringify(list);
}

function checkDepth(value: unknown, depth: number): void {
  if (depth > depthMax) throw tooDeep();
  if (typeof value !== 'object' || value === null) return;
  for (const item of Object.values(value)) checkDepth(item, depth + 1);
}

const tooDeep = (): DocumentError =>
  new DocumentError(`failed to parse: the document is nested deeper than ${depthMax}`);
const shown = (value: unknown): string => `[${String(JSON.stringify(value) ?? value).slice(0, 60)}]`;
export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
