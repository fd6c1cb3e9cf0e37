import type { Document } from '../document.ts';
import { namedService, type Pair } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import { mergeRepeated } from '../pairs.ts';
import { severities } from '../syslog/priority.ts';

/** A field of a journal entry; its value may be any bytes. */
export interface JournalField {
  name: string;
  value: Uint8Array;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
/** Taken out of the fields: they stand in columns. */
const columns = new Set([
  '__REALTIME_TIMESTAMP',
  'MESSAGE',
  'PRIORITY',
  'SYSLOG_IDENTIFIER',
  '_HOSTNAME',
  'TRACE_ID',
  'SPAN_ID',
]);
const services = ['SYSLOG_IDENTIFIER', '_SYSTEMD_UNIT', '_COMM'] as const;

/** An entry of the journal as a log record; the names of its fields stay as journalctl shows them. */
export function journalRecord(entry: readonly JournalField[]): Document {
  const first = new Map<string, string>();
  const attributes: Pair[] = [];
  let body: Uint8Array = new Uint8Array(0);
  for (const { name, value } of entry) {
    if (name === 'MESSAGE' && body.length === 0) body = value;
    const text = name === 'MESSAGE' ? '' : textOf(value);
    const isFirst = !first.has(name);
    if (isFirst) first.set(name, text);
    if (isFirst && columns.has(name)) continue;
    // Fields of the address of an entry: __CURSOR, __SEQNUM, …
    const shown = name.startsWith('__') ? `journald.${name.slice(2).toLowerCase()}` : name;
    attributes.push([shown, name === 'MESSAGE' ? textOf(value) : text]);
  }
  const of = (name: string): string => first.get(name) ?? '';
  const named = services.map(of).find((name) => name !== '');
  const service = named?.replace(/\.service$/, '');
  const host = of('_HOSTNAME');
  const priority = of('PRIORITY');
  const severity = /^[0-7]$/.test(priority) ? (severities[Number(priority)] ?? '') : '';
  if (priority !== '' && severity === '') attributes.push(['PRIORITY', priority]);
  const time = of('__REALTIME_TIMESTAMP');
  return {
    timeNs: /^\d{1,17}$/.test(time) ? BigInt(time) * 1000n : 0n,
    severity,
    traceId: of('TRACE_ID'),
    spanId: of('SPAN_ID'),
    body,
    service: service ?? unknownService,
    resource: namedService(host === '' ? [] : [['host.name', host]], service),
    attributes: mergeRepeated(attributes),
  };
}

/**
 * The fields of an entry as `journalctl -o json` writes it: text, or a list of numbers for bytes that are no text, or a list
 * of these for a field that comes more than once; null for a value that was too large. Undefined when it is none. Vector
 * sends entries with these names too, but with the message under its own.
 */
export function journalFields(value: Record<string, unknown>): JournalField[] | undefined {
  if (typeof value.__REALTIME_TIMESTAMP !== 'string' || value.message !== undefined) return undefined;
  const fields: JournalField[] = [];
  for (const [name, item] of Object.entries(value)) {
    if (item === null) {
      fields.push({ name: 'clew.truncated', value: Buffer.from(name) });
    } else if (Array.isArray(item) && !item.every((part) => typeof part === 'number')) {
      for (const part of item) fields.push({ name, value: bytesOf(part) });
    } else {
      fields.push({ name, value: bytesOf(item) });
    }
  }
  return fields;
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (Array.isArray(value) && value.every((part) => typeof part === 'number')) return Buffer.from(value);
  return Buffer.from(JSON.stringify(value) ?? '');
}
