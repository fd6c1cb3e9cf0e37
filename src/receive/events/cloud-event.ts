import { isoNanoseconds } from '../iso-time.ts';
import { type Fields, isRecord, jsonText, RecordError, shown } from '../json.ts';

/** An event of CloudEvents 1.0, whichever mode it came in. */
export interface CloudEvent {
  id: string;
  source: string;
  type: string;
  subject: string;
  /** 0n when the event has no time. */
  timeNs: bigint;
  dataContentType: string;
  dataSchema: string;
  extensions: Map<string, string>;
  /** Data that is JSON; undefined for any other. */
  data: unknown;
  /** Data as it is shown: JSON and text as sent, bytes as base64. */
  text: string;
}

/** The specification asks for at most a handful; each becomes an attribute of the record. */
const attributesMax = 64;
const name = /^[a-z0-9]+$/;
const known = ['id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'dataschema', 'specversion'];
const specVersion = '1.0';
export const isJsonType = (type: string): boolean => type === '' || /[/+]json$/.test(mediaType(type));
const mediaType = (type: string): string => type.split(';')[0]?.trim().toLowerCase() ?? '';

/** What is common to all modes; throws RecordError. `what` says how an attribute is called there. */
function eventOf(
  attributes: ReadonlyMap<string, string>,
  what: (name: string) => string,
): Omit<CloudEvent, 'data' | 'text'> {
  const version = attributes.get('specversion');
  if (version !== specVersion)
    throw new RecordError(`${what('specversion')} is ${shown(version)}, "${specVersion}" is needed`);
  const needed = (key: string): string => {
    const value = attributes.get(key);
    if (value === undefined) throw new RecordError(`${what(key)} is missing`);
    if (value === '') throw new RecordError(`${what(key)} is empty`);
    return value;
  };
  const time = attributes.get('time');
  const timeNs = time === undefined ? 0n : isoNanoseconds(time);
  if (timeNs === undefined)
    throw new RecordError(`${what('time')} is ${shown(time)}, an RFC 3339 time is needed`);
  const event = {
    id: needed('id'),
    source: needed('source'),
    type: needed('type'),
    subject: attributes.get('subject') ?? '',
    timeNs,
    dataContentType: attributes.get('datacontenttype') ?? '',
    dataSchema: attributes.get('dataschema') ?? '',
    extensions: new Map([...attributes].filter(([key]) => !known.includes(key))),
  };
  if (attributes.size > attributesMax)
    throw new RecordError(`it has ${attributes.size} attributes, the limit is ${attributesMax}`);
  for (const key of event.extensions.keys())
    if (!name.test(key))
      throw new RecordError(
        `the attribute name ${JSON.stringify(key.slice(0, 60))} may hold only lower-case letters and digits`,
      );
  return event;
}

/** Structured mode: the JSON format. */
export function readStructured(value: unknown): CloudEvent {
  if (!isRecord(value)) throw new RecordError(`it is ${shown(value)}, an object is needed`);
  const attributes = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    if (key === 'data' || key === 'data_base64' || item === null) continue;
    if (typeof item === 'object')
      throw new RecordError(
        `${key.slice(0, 60)} is ${shown(item)}; attributes of CloudEvents are strings, numbers or booleans`,
      );
    if (known.includes(key) && typeof item !== 'string')
      throw new RecordError(`${key} is ${shown(item)}, a string is needed`);
    attributes.set(key, String(item));
  }
  const event = eventOf(attributes, (key) => key);
  return { ...event, ...dataOf(value, event.dataContentType) };
}

function dataOf(value: Fields, type: string): Pick<CloudEvent, 'data' | 'text'> {
  const { data, data_base64: base64 } = value;
  if (base64 !== undefined && base64 !== null) {
    if (data !== undefined && data !== null) throw new RecordError('data and data_base64 are both there');
    if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
      throw new RecordError(`data_base64 is ${shown(base64)}, base64 is needed`);
    return bytesOf(Buffer.from(base64, 'base64'), type === '' ? 'application/octet-stream' : type);
  }
  if (data === undefined || data === null) return { data: undefined, text: '' };
  if (typeof data === 'string' && !isJsonType(type)) return { data: undefined, text: data };
  return { data, text: typeof data === 'string' ? data : jsonText(data) };
}

/** An event in binary mode as the JSON format has it, right or wrong: without its headers a body would be lost. */
export const asStructured = (attributes: ReadonlyMap<string, string>, body: Uint8Array): Buffer =>
  Buffer.from(
    JSON.stringify({ ...Object.fromEntries(attributes), data_base64: Buffer.from(body).toString('base64') }),
  );

/** Binary mode: attributes in headers, percent-encoded; the body is the data. Throws RecordError. */
export function readBinary(
  headers: Record<string, string | string[] | undefined>,
  body: Uint8Array,
): CloudEvent {
  const attributes = new Map<string, string>();
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith('ce-') && typeof value === 'string')
      attributes.set(header.slice(3), decoded(value));
  const type = headers['content-type'];
  if (typeof type === 'string') attributes.set('datacontenttype', type);
  try {
    const event = eventOf(attributes, (key) => `the header ce-${key}`);
    return { ...event, ...bytesOf(body, event.dataContentType) };
  } catch (error) {
    throw error instanceof RecordError
      ? new RecordError(error.message, asStructured(attributes, body))
      : error;
  }
}

function decoded(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function bytesOf(body: Uint8Array, type: string): Pick<CloudEvent, 'data' | 'text'> {
  if (body.length === 0) return { data: undefined, text: '' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return { data: undefined, text: Buffer.from(body).toString('base64') };
  }
  if (!isJsonType(type)) {
    const readable = /^(text\/|application\/(xml|x-www-form-urlencoded|yaml))|\+xml$/.test(mediaType(type));
    return { data: undefined, text: readable ? text : Buffer.from(body).toString('base64') };
  }
  try {
    return { data: JSON.parse(text), text };
  } catch (error) {
    throw new RecordError(`its data is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
}
