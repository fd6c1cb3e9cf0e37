import { firstOf, type LogRecord, namedService, type Pair, takeFirst, takeSeverity } from './log-sink.ts';
import { unknownService } from './otlp/resource.ts';

/** A JSON document that can't be kept; type and message stand in the answer for it. */
export class DocumentError extends Error {
  readonly type = 'document_parsing_exception';
}

export type Fields = Record<string, unknown>;

/** A document as a log record, with the resource that it names. */
export interface Document extends LogRecord {
  service: string;
  resource: readonly Pair[];
}

/** Which fields of a document mean what; of each list, the first that is there counts. */
export interface DocumentRules {
  message: readonly string[];
  severity: readonly string[];
  trace: readonly string[];
  span: readonly string[];
  service: readonly string[];
  /** Name of a field that describes the sender and not the event, under which the resource carries it; else undefined. */
  resourceName: (name: string) => string | undefined;
  /** Takes the time out of the document; 0n when it has none. */
  takeTime: (value: Fields) => bigint;
}

/** Deepest nesting of a document: Elasticsearch's own limit is 20 for objects. */
const depthMax = 64;
/** Names grow with the nesting; without a bound a small document could fill the memory with them. */
const nameLengthMax = 1024;

/** Names that loggers and shippers use, in the order in which they are looked for. */
export const usualNames = {
  message: ['message', 'msg', 'log'],
  severity: ['log.level', 'level', 'severity', 'severity_text', 'loglevel'],
  trace: ['trace.id', 'trace_id', 'traceId', 'traceid'],
  span: ['span.id', 'span_id', 'spanId', 'spanid'],
  service: [
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
  ],
} as const;

/** Turns one document into a record; `source` is it as it was sent. Takes fields out of `value`. Throws DocumentError. */
export function readObject(value: Fields, source: string, rules: DocumentRules): Document {
  const fields = new Map<string, string>();
  const timeNs = rules.takeTime(value);
  flatten(value, '', fields, 0);
  const service = firstOf(fields, rules.service);
  const message = takeFirst(fields, rules.message);
  const severity = takeSeverity(fields, rules.severity);
  const traceId = takeFirst(fields, rules.trace);
  const spanId = takeFirst(fields, rules.span);
  const resource: Pair[] = [];
  const attributes: Pair[] = [];
  for (const [name, text] of fields) {
    const named = rules.resourceName(name);
    const taken = resource.some(([known]) => known === named);
    if (named === undefined || taken) attributes.push([name, text]);
    else resource.push([named, text]);
  }
  return {
    timeNs,
    severity,
    traceId,
    spanId,
    // A document without a message is shown as it was sent.
    body: message === '' ? source : message,
    service: service ?? unknownService,
    resource: namedService(resource, service),
    attributes,
  };
}

export function parseObject(source: string): Fields {
  const value = parseExact(source);
  if (!isRecord(value)) throw new DocumentError('failed to parse: the document must be an object');
  return value;
}

function parseExact(source: string): unknown {
  try {
    return longDigits.test(source) ? JSON.parse(source, exactInteger) : JSON.parse(source);
  } catch (error) {
    throw new DocumentError(`failed to parse: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
}

/** Whole numbers beyond 2^53 keep their digits: identifiers are written that way. */
const longDigits = /\d{16}/;
function exactInteger(_key: string, value: unknown, ...rest: unknown[]): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const [context] = rest;
  const source = isRecord(context) ? context.source : undefined;
  return typeof source === 'string' && /^-?\d+$/.test(source) ? source : value;
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
export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
