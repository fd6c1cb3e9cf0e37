import { isoNanoseconds } from '../iso-time.ts';
import type { Pair } from '../log-sink.ts';
import { MalformedError } from '../otlp/wire.ts';
import type { StreamWriter } from './streams.ts';

type Fields = Record<string, unknown>;

/**
 * A push in JSON: `{"streams": [{"stream": {…}, "values": [["<ns>", "<line>", {…}]]}]}`, and the older form
 * `{"streams": [{"labels": "{…}", "entries": [{"ts": "<RFC 3339>", "line": "…"}]}]}`.
 */
export function readPushJson(text: string, out: StreamWriter): void {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new MalformedError(
      `The body is not JSON: ${error instanceof Error ? error.message : 'syntax error'}`,
    );
  }
  const streams = listAt(recordAt(body, 'The body').streams, 'streams');
  for (const [index, value] of streams.entries()) {
    const path = `streams[${index}]`;
    const stream = recordAt(value, path);
    if (stream.labels !== undefined && stream.stream === undefined) readOldStream(stream, path, out);
    else readStream(stream, path, out);
  }
}

function readStream(stream: Fields, path: string, out: StreamWriter): void {
  const values = listAt(stream.values, `${path}.values`);
  const labels = pairsAt(stream.stream, `${path}.stream`);
  if (!out.stream(labels, values.length, () => Buffer.from(JSON.stringify(stream)))) return;
  for (const [index, value] of values.entries()) {
    const at = `${path}.values[${index}]`;
    const [time, line, metadata] = listAt(value, at);
    if (typeof line !== 'string') throw wrong(`${at}[1]`, line, 'the line as a string');
    out.entry(
      nanosecondsAt(time, `${at}[0]`),
      line,
      metadata === undefined ? [] : pairsAt(metadata, `${at}[2]`),
    );
  }
}

function readOldStream(stream: Fields, path: string, out: StreamWriter): void {
  const { labels } = stream;
  if (typeof labels !== 'string') throw wrong(`${path}.labels`, labels, 'a string');
  const entries = listAt(stream.entries, `${path}.entries`).map((value, index) => {
    const at = `${path}.entries[${index}]`;
    const { ts, line } = recordAt(value, at);
    if (typeof line !== 'string') throw wrong(`${at}.line`, line, 'a string');
    const time = typeof ts === 'string' ? isoNanoseconds(ts) : undefined;
    if (time === undefined) throw wrong(`${at}.ts`, ts, 'an RFC 3339 time');
    return { time, line };
  });
  const readable = out.labelledStream(labels, entries.length, () => Buffer.from(JSON.stringify(stream)));
  if (readable) for (const { time, line } of entries) out.entry(time, line, []);
}

function nanosecondsAt(value: unknown, path: string): bigint {
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  // Some senders write a number; it has lost its last digits before we see it.
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  throw wrong(path, value, 'nanoseconds since 1970 as a string');
}

function pairsAt(value: unknown, path: string): Pair[] {
  return Object.entries(recordAt(value, path)).map(([key, item]): Pair => {
    if (typeof item === 'string') return [key, item];
    if (typeof item === 'number' || typeof item === 'boolean') return [key, String(item)];
    throw wrong(`${path}.${key.slice(0, 60)}`, item, 'a string');
  });
}

function recordAt(value: unknown, path: string): Fields {
  if (isRecord(value)) return value;
  throw wrong(path, value, 'an object');
}

function listAt(value: unknown, path: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(path, value, 'an array');
}

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function wrong(path: string, value: unknown, needed: string): MalformedError {
  const shown =
    typeof value === 'string' || typeof value === 'number'
      ? JSON.stringify(value).slice(0, 60)
      : value === undefined
        ? 'missing'
        : value === null
          ? 'null'
          : Array.isArray(value)
            ? 'an array'
            : typeof value === 'object'
              ? 'an object'
              : `a ${typeof value}`;
  return new MalformedError(`${path} is ${shown}, ${needed} is needed.`);
}
