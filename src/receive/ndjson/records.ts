import {
  DocumentError,
  type DocumentRules,
  type Fields,
  parseObject,
  readObject,
  usualNames,
} from '../document.ts';
import { isoNanoseconds } from '../iso-time.ts';
import { journalFields, journalRecord } from '../journald/record.ts';
import { Lines } from '../lines.ts';
import type { LogSink } from '../log-sink.ts';
import { MalformedError, textOf } from '../otlp/wire.ts';
import { severities } from '../syslog/priority.ts';
import { arrayItems, blanks, holdsObjects, type Item, objectItems } from './items.ts';

export interface LineError {
  /** 1 is the first line; of a JSON array, the first item. */
  line: number;
  reason: string;
}

/** Errors shown in an answer; all are counted. */
export const errorsShownMax = 100;
/** Each costs ten times a good line; a body with more of them is no log. */
const refusedMax = 10_000;
const bracket = 0x5b;
const timeNames = ['@timestamp', 'timestamp', 'ts', 'time', 'date', 'datetime', 'timeUnixNano'] as const;
/** Hosts are named by every shipper in its own way. */
const hostNames = new Set(['host', 'hostname', 'host.name', 'host_name', '_HOSTNAME']);
/** Levels of pino and bunyan. */
const levels = new Map<unknown, string>([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);

const rules: DocumentRules = {
  message: [...usualNames.message, 'body', 'text', 'MESSAGE'],
  severity: [...usualNames.severity, 'severityText', 'lvl', 'log_level', 'levelname'],
  trace: usualNames.trace,
  span: usualNames.span,
  service: [...usualNames.service, 'SYSLOG_IDENTIFIER', '_SYSTEMD_UNIT'],
  resourceName: (name) =>
    hostNames.has(name) ? 'host.name' : name.startsWith('service.') ? name : undefined,
  takeTime,
};

/**
 * Log records as JSON: one object a line, an array of objects, objects one behind the other, or a single one. Each goes into
 * `sink`; what can't be kept is refused there with its line. Throws MalformedError when items can't be told apart.
 */
export function readRecords(body: Uint8Array, sink: LogSink): LineError[] {
  const errors: LineError[] = [];
  let refused = 0;
  const refuse = (item: Item, error: unknown): void => {
    if (!(error instanceof DocumentError)) throw error;
    sink.reject(`line ${item.line}: ${error.message}`, item.bytes);
    refused += 1;
    if (refused > refusedMax) throw new MalformedError(`More than ${refusedMax} lines can't be read.`);
    if (errors.length < errorsShownMax) errors.push({ line: item.line, reason: error.message });
  };
  const start = blanks(body, 0);
  const items = body[start] === bracket ? arrayItems(body, start) : linesOrObjects(body);
  for (const item of items) {
    try {
      writeRecord(textOf(item.bytes, 0, item.bytes.length), sink);
    } catch (error) {
      refuse(item, error);
    }
  }
  return errors;
}

function writeRecord(source: string, sink: LogSink): void {
  const value = parseObject(source);
  const entry = journalFields(value);
  if (entry === undefined) nameLevel(value);
  const record = entry === undefined ? readObject(value, source, rules) : journalRecord(entry);
  sink.resource(record.service, record.resource);
  sink.record(record);
}

/** Levels that are numbers become words. */
function nameLevel(value: Fields): void {
  const level = levels.get(value.level);
  if (level !== undefined) value.level = level;
  const { PRIORITY: priority } = value;
  const severity = typeof priority === 'string' ? severities['01234567'.indexOf(priority)] : undefined;
  if (value.level !== undefined || severity === undefined) return;
  value.level = severity;
  delete value.PRIORITY;
}

/** Lines, unless the first of them is no JSON: then it may be one object over several lines, or several on one. */
function* linesOrObjects(body: Uint8Array): Generator<Item> {
  const lines = new Lines(body);
  let first = true;
  while (lines.next()) {
    if (lines.blank()) continue;
    if (first && !isJson(lines.text()) && holdsObjects(body)) {
      yield* objectItems(body);
      return;
    }
    first = false;
    yield { line: lines.number, bytes: lines.bytes() };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A field of one of these names that holds no time stays a field. */
function takeTime(value: Fields): bigint {
  for (const name of timeNames) {
    const ns = nanoseconds(value[name]);
    if (ns === undefined) continue;
    delete value[name];
    return ns;
  }
  return 0n;
}

/** Since 1970 in seconds, milli-, micro- or nanoseconds, told apart by their size: from 1973 to 5138 in each of them. */
function nanoseconds(value: unknown): bigint | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const match = /^(\d{9,20})(?:\.(\d{1,18}))?$/.exec(String(value));
  if (match === null) return typeof value === 'string' ? isoNanoseconds(value) : undefined;
  const whole = BigInt(match[1] ?? '');
  const digits =
    whole < 100_000_000_000n
      ? 9
      : whole < 100_000_000_000_000n
        ? 6
        : whole < 100_000_000_000_000_000n
          ? 3
          : 0;
  return BigInt(`${whole}${(match[2] ?? '').slice(0, digits).padEnd(digits, '0')}`);
}
