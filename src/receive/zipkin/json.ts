import { MalformedError } from '../otlp/wire.ts';
import { type AttributeValue, partsMax } from '../span-sink.ts';
import type { ZipkinEndpoint, ZipkinSpan } from './span.ts';

type Fields = Record<string, unknown>;
/** Why one span of a readable request can't be read. */
class SpanError extends Error {}

/**
 * `[{"traceId": "…", "id": "…", …}, …]`: each span goes to `take`, which says why it can't be kept; that, or what of it
 * can't be read, goes to `refuse` with the span's own JSON. Throws MalformedError when the body is no list.
 */
export function readSpansJson(
  text: string,
  take: (span: ZipkinSpan) => string | undefined,
  refuse: (reason: string, payload: Uint8Array) => void,
): void {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new MalformedError(
      `The body is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`,
    );
  }
  if (!Array.isArray(body))
    throw new MalformedError(`The body is ${kindOf(body)}, a list of spans is needed.`);
  for (const [index, item] of body.entries()) {
    const reason = reasonAgainst(item, `[${index}]`, take);
    if (reason !== undefined) refuse(reason, payloadOf(item));
  }
}

function reasonAgainst(
  item: unknown,
  path: string,
  take: (span: ZipkinSpan) => string | undefined,
): string | undefined {
  try {
    const reason = take(spanAt(item, path));
    return reason === undefined ? undefined : `${path}: ${reason}`;
  } catch (error) {
    if (error instanceof SpanError) return error.message;
    throw error;
  }
}

function spanAt(item: unknown, path: string): ZipkinSpan {
  const span = recordAt(item, path);
  return {
    traceId: textAt(span, 'traceId', path),
    id: textAt(span, 'id', path),
    parentId: textAt(span, 'parentId', path),
    kind: textAt(span, 'kind', path),
    name: textAt(span, 'name', path),
    timestampUs: wholeAt(span, 'timestamp', path),
    durationUs: wholeAt(span, 'duration', path),
    local: endpointAt(span, 'localEndpoint', path),
    remote: endpointAt(span, 'remoteEndpoint', path),
    annotations: listAt(span, 'annotations', path).map((value, index) => {
      const at = `${path}.annotations[${index}]`;
      const annotation = recordAt(value, at);
      return { timestampUs: wholeAt(annotation, 'timestamp', at), value: textAt(annotation, 'value', at) };
    }),
    tags: tagsAt(span, path),
  };
}

function tagsAt(span: Fields, path: string): Map<string, AttributeValue> {
  const { tags } = span;
  const read = new Map<string, AttributeValue>();
  if (tags === undefined || tags === null) return read;
  for (const [key, value] of Object.entries(recordAt(tags, `${path}.tags`))) {
    // The format has texts only, but some senders write numbers and booleans as they are.
    if (typeof value === 'number' || typeof value === 'boolean') read.set(key, String(value));
    else if (typeof value === 'string') read.set(key, value);
    else throw new SpanError(`${path}.tags.${key.slice(0, 60)} is ${kindOf(value)}, a string is needed`);
  }
  return read;
}

function endpointAt(span: Fields, name: string, path: string): ZipkinEndpoint {
  const value = span[name];
  if (value === undefined || value === null) return { service: '', address: '', port: 0 };
  const at = `${path}.${name}`;
  const endpoint = recordAt(value, at);
  const ipv4 = textAt(endpoint, 'ipv4', at);
  return {
    service: textAt(endpoint, 'serviceName', at),
    address: ipv4 === '' ? textAt(endpoint, 'ipv6', at) : ipv4,
    port: Number(wholeAt(endpoint, 'port', at)),
  };
}

function textAt(fields: Fields, name: string, path: string): string {
  const value = fields[name];
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new SpanError(`${path}.${name} is ${kindOf(value)}, a string is needed`);
}

function wholeAt(fields: Fields, name: string, path: string): bigint {
  const value = fields[name];
  if (value === undefined || value === null) return 0n;
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value));
  if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return BigInt(value);
  throw new SpanError(`${path}.${name} is ${kindOf(value)}, a whole number is needed`);
}

function listAt(fields: Fields, name: string, path: string): unknown[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) {
    if (value.length <= partsMax) return value;
    throw new SpanError(`${path}.${name} has ${value.length} items, the limit is ${partsMax}`);
  }
  throw new SpanError(`${path}.${name} is ${kindOf(value)}, a list is needed`);
}

function recordAt(value: unknown, path: string): Fields {
  if (isRecord(value)) return value;
  throw new SpanError(`${path} is ${kindOf(value)}, an object is needed`);
}

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;

/** What is nested deeper than it can be written again is not kept, but its reason is. */
function payloadOf(item: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(item));
  } catch {
    return Buffer.from('"it is nested too deeply to be kept"');
  }
}
