import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  alarmScore,
  changes,
  type SeriesChange,
  SeriesDetector,
  samplesMax,
} from '../detect/series/index.ts';
import { ClewError } from '../lib/index.ts';
import { SeriesCsv } from './series-csv.ts';

export const anomaliesUsage = `  clew anomalies [--json] [FILE …] [< series.csv]    what is unusual in series of timestamp,value (also gzipped)
                                                     (--json: one {"timestamp","value","score"} per row, in order)`;

const alarmsShown = 50;
const sparkColumns = 72;
const writeChars = 65_536;
const filesMax = 10_000;

export interface AnomaliesOptions {
  input: NodeJS.ReadableStream;
  /** Resolves when more may be written. */
  write: (text: string) => Promise<void>;
}

/** `clew anomalies …`; answers the exit code. */
export async function anomalies(
  files: readonly string[],
  flags: Readonly<Record<string, string>>,
  { input, write }: AnomaliesOptions,
): Promise<number> {
  if (files[0] === 'help') {
    await write(`${anomaliesUsage}\n`);
    return 0;
  }
  for (const name of Object.keys(flags))
    if (name !== 'json')
      throw new ClewError('bad_request', `There is no flag --${name}.\n\n${anomaliesUsage}`);
  if (files.length > filesMax) throw new ClewError('too_large', `More than ${filesMax} files; name fewer.`);
  const names = files.length === 0 ? ['-'] : files;
  for (const name of names) {
    const source = name === '-' ? input : createReadStream(name);
    const label = name === '-' ? 'standard input' : name;
    const series = names.length > 1 ? label : null;
    if (flags.json !== undefined) await scoreRows(source, label, series, write);
    else await write(await summary(source, label));
  }
  return 0;
}

async function scoreRows(
  source: NodeJS.ReadableStream,
  label: string,
  series: string | null,
  write: (text: string) => Promise<void>,
): Promise<void> {
  const detector = new SeriesDetector();
  const prefix = series === null ? '{' : `{"series":${JSON.stringify(series)},`;
  let text = '';
  const csv = new SeriesCsv(label, (timestamp, at, value) => {
    const score = detector.push(at, value);
    text += `${prefix}"timestamp":${quoted(timestamp)},"value":${Number.isFinite(value) ? value : null},"score":${score}}\n`;
  });
  for await (const chunk of pieces(source, label)) {
    csv.push(chunk);
    if (text.length === 0) continue;
    await write(text);
    text = '';
  }
  csv.end();
  await write(text);
}

const quoted = (text: string): string => (/^[ -!#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text));

/** Text of a stream that may be gzipped, in pieces. Errors name the file. */
async function* pieces(source: NodeJS.ReadableStream, label: string): AsyncGenerator<string> {
  try {
    const [head, rest] = await firstChunk(source);
    const plain = head[0] === 0x1f && head[1] === 0x8b ? Readable.from(rest).pipe(createGunzip()) : rest;
    const decoder = new TextDecoder();
    for await (const chunk of plain) {
      const bytes = chunk as Uint8Array;
      for (let from = 0; from < bytes.length; from += writeChars)
        yield decoder.decode(bytes.subarray(from, from + writeChars), { stream: true });
    }
  } catch (error) {
    if (error instanceof ClewError) throw error;
    throw new ClewError(
      'unprocessable',
      `${label}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The first bytes tell whether it is gzipped; they are given again with the rest. */
async function firstChunk(
  source: NodeJS.ReadableStream,
): Promise<[Uint8Array, AsyncIterable<string | Uint8Array>]> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head = first.done ? new Uint8Array() : Buffer.from(first.value);
  async function* all(): AsyncGenerator<string | Uint8Array> {
    yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next())
      yield typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
  }
  return [head, all()];
}

interface Alarm {
  timestamp: string;
  value: number;
  score: number;
}

/** A curve, the rows that are out of the ordinary, and what changed for longer. */
async function summary(source: NodeJS.ReadableStream, label: string): Promise<string> {
  const detector = new SeriesDetector();
  const times: number[] = [];
  const values: number[] = [];
  const scores: number[] = [];
  const alarms: Alarm[] = [];
  const csv = new SeriesCsv(label, (timestamp, at, value) => {
    const score = detector.push(at, value);
    if (score >= alarmScore && alarms.length < alarmsShown) alarms.push({ timestamp, value, score });
    if (values.length >= samplesMax)
      throw new ClewError(
        'too_large',
        `${label} has more than ${samplesMax} rows; use --json, which reads any number.`,
      );
    times.push(at);
    values.push(value);
    scores.push(score);
  });
  for await (const chunk of pieces(source, label)) csv.push(chunk);
  csv.end();
  const report = changes({ timestamps: times, values });
  const lines = [
    `${label}: ${values.length} rows${report.caveats.length > 0 ? ` (${report.caveats.join(', ')})` : ''}`,
    `  ${sparkline(values)}`,
    `  ${marks(scores)}`,
    ...alarms.map(
      ({ timestamp, value, score }) => `  ${timestamp}  value ${short(value)}  score ${score.toFixed(4)}`,
    ),
    alarms.length === 0 ? '  No row is out of the ordinary.' : '',
    ...(report.changes.length === 0 ? [] : ['  Over the whole series:']),
    ...report.changes.slice(0, alarmsShown).map(described),
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

const short = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(5))) : '–';
const iso = (at: number): string =>
  Math.abs(at) <= 8.64e15 ? new Date(at).toISOString().replace('.000Z', 'Z') : String(at);

function described({ kind, direction, onset, before, after, sigmas, end }: SeriesChange): string {
  const size =
    kind === 'flat_line' || kind === 'gap' ? '' : `  ${short(before)} → ${short(after)} (${short(sigmas)} σ)`;
  const until = end === null ? 'to the end' : `until ${iso(end)}`;
  const range = onset.from === onset.to ? '' : ` [${iso(onset.from)} … ${iso(onset.to)}]`;
  return `  ${kind.replace('_', ' ')} ${direction}  since ${iso(onset.at)}${range}, ${until}${size}`;
}

/** One character per column: the mean of the rows that fall into it. */
function sparkline(values: readonly number[]): string {
  const columns = bucketed(values, (part) => part.reduce((sum, value) => sum + value, 0) / part.length);
  const known = columns.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return columns
    .map((value) => (Number.isFinite(value) ? ('▁▂▃▄▅▆▇█'[level(value, low, high)] ?? ' ') : ' '))
    .join('');
}

const level = (value: number, low: number, high: number): number =>
  high > low ? Math.min(7, Math.floor(((value - low) / (high - low)) * 8)) : 3;

const marks = (scores: readonly number[]): string =>
  bucketed(scores, (part) => Math.max(...part))
    .map((score) => (score >= alarmScore ? '▲' : ' '))
    .join('')
    .trimEnd();

function bucketed(values: readonly number[], of: (part: number[]) => number): number[] {
  const columns = Math.min(sparkColumns, values.length);
  return Array.from({ length: columns }, (_, column) => {
    const part = values
      .slice(
        Math.floor((column * values.length) / columns),
        Math.floor(((column + 1) * values.length) / columns),
      )
      .filter(Number.isFinite);
    return part.length === 0 ? Number.NaN : of(part);
  });
}
