import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ClewError } from '../../lib/index.ts';
import { type Sentence, sayIn, sentence, type TimeWindow } from '../../model/index.ts';
import { type Alert, type Caveat, caveat, type Incident, type RowKind, type Symptom } from '../incident.ts';
import { Repeats } from '../repeats.ts';
import { doubtsOf } from './doubts.ts';
import {
  attributesOf,
  FieldError,
  nameOf,
  numberOf,
  objectOf,
  textOf,
  timeOf,
  unreadable,
} from './fields.ts';
import { type BundleSource, csvCells, directory, texts } from './lines.ts';
import { SeriesBook } from './series-book.ts';

/** Rows kept of each file. More are counted and told, not kept: what comes first in time order decides rarely. */
export const bundleLimits = {
  metrics: 5_000_000,
  logs: 1_000_000,
  spans: 1_000_000,
  calls: 1_000_000,
  topology: 200_000,
  events: 50_000,
} as const satisfies Record<RowKind, number>;

/** Bad rows are skipped and told; a file in which more than this share is bad is not what its name says. */
const badShareMax = 0.05;
/** Fewer rows out of order come of a file that was put together from several. */
const unorderedShareMin = 0.01;
const metaBytesMax = 1_048_576;
const bodyCharsMax = 4_096;

/** Reads a directory of files about one incident. Every file but `meta.json` is optional, each may be gzipped. */
export async function readBundle(dir: string): Promise<Incident> {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new ClewError('not_found', `${dir} is not a directory.`);
  return readRows(readMeta(dir), directory(dir));
}

/** The same from texts: `meta` is what `meta.json` holds, `files` are the others by their names. */
export async function readBundleTexts(
  meta: string,
  files: Readonly<Record<string, string>>,
): Promise<Incident> {
  return readRows(parseMeta(meta, 'meta.json', 'incident'), texts(files));
}

async function readRows(incident: Incident, source: BundleSource): Promise<Incident> {
  const book = new SeriesBook();
  const table = new TableReader(source, incident);
  let empty = 0;
  await table.csv('metrics', ['ts', 'service', 'metric', 'value'], (cell) => {
    const value = numberOf(cell('value'), 'value');
    const at = timeOf(cell('ts'), 'ts');
    if (value === null) empty++;
    else book.add(nameOf(cell('service'), 'service'), nameOf(cell('metric'), 'metric'), at, value);
  });
  const { series, repeated, contradictory, unordered } = book.done();
  incident.series = series;
  table.tell('metrics', 'caveat.no_numbers', empty);
  const told = series.reduce((sum, { times }) => sum + times.length, 0);
  table.tell('metrics', 'caveat.unordered', unordered > unorderedShareMin * told ? unordered : 0);
  table.tell('metrics', 'caveat.repeated_values', repeated);
  table.tell('metrics', 'caveat.contradictory_values', contradictory);
  await readSpans(table, incident);
  await readLogs(table, incident);
  await table.csv('calls', ['ts', 'src', 'dst'], (cell) =>
    incident.calls.push({
      at: timeOf(cell('ts'), 'ts'),
      src: nameOf(cell('src'), 'src'),
      dst: nameOf(cell('dst'), 'dst'),
      rps: numberOf(cell('rps'), 'rps'),
      errorRate: numberOf(cell('err_rate'), 'err_rate'),
      p50Ms: numberOf(cell('p50_ms'), 'p50_ms'),
      p95Ms: numberOf(cell('p95_ms'), 'p95_ms'),
    }),
  );
  await table.csv('topology', ['src', 'dst'], (cell) =>
    incident.edges.push({
      src: nameOf(cell('src'), 'src'),
      dst: nameOf(cell('dst'), 'dst'),
      relation: (cell('relation') ?? '').toUpperCase() || 'CALLS',
    }),
  );
  await readEvents(table, incident);
  incident.caveats.push(...doubtsOf(incident, 'meta.json'));
  return incident;
}

function readMeta(dir: string): Incident {
  const file = ['meta.json', 'meta.json.gz'].find((name) => existsSync(join(dir, name)));
  if (file === undefined)
    throw new ClewError('not_found', `${join(dir, 'meta.json')} is missing; it holds incident_at at least.`);
  if (statSync(join(dir, file)).size > metaBytesMax)
    throw new ClewError('too_large', `${file} has more than ${metaBytesMax} bytes.`);
  return parseMeta(metaText(join(dir, file), file), file, basename(dir));
}

function metaText(path: string, file: string): string {
  try {
    const bytes = readFileSync(path);
    const plain = file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: metaBytesMax }) : bytes;
    return plain.toString('utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new ClewError(
      'unprocessable',
      `${file}: ${error instanceof Error ? error.message : 'it cannot be read'}.`,
      { cause: error },
    );
  }
}

function parseMeta(text: string, file: string, name: string): Incident {
  try {
    const meta = objectOf(text);
    const caveats: Caveat[] = [];
    const window = windowOf(meta.window, 'window', caveats, file);
    const at =
      meta.incident_at === undefined && window ? window.from : timeOf(meta.incident_at, 'incident_at');
    return {
      name: textOf(meta.source) || name,
      at,
      symptom: symptomOf(meta.symptom),
      alert: alertOf(meta.alert),
      window,
      baseline: windowOf(meta.baseline, 'baseline', caveats, file),
      series: [],
      spans: [],
      logs: [],
      calls: [],
      edges: [],
      events: [],
      caveats,
      files: {},
    };
  } catch (error) {
    if (error instanceof FieldError) throw unreadable(file, 1, error);
    throw error;
  }
}

function windowOf(value: unknown, field: string, caveats: Caveat[], file: string): TimeWindow | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') throw new FieldError(field, sentence('field.no_window', {}));
  const given = value as Record<string, unknown>;
  const from = timeOf(given.from, `${field}.from`);
  const to = timeOf(given.to, `${field}.to`);
  if (from === to) throw new FieldError(field, sentence('field.no_span', {}));
  if (from > to) caveats.push(caveat(file, sentence('caveat.window_reversed', { field })));
  return { from: Math.min(from, to), to: Math.max(from, to) };
}

function symptomOf(value: unknown): Symptom | null {
  if (value === null || value === undefined) return null;
  const given = attributesOf(value, 'symptom');
  return { service: given.service ?? '', metric: given.metric ?? '', stat: given.stat ?? '' };
}

function alertOf(value: unknown): Alert | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string')
    return { service: '', metric: '', text: value, threshold: null, observed: null };
  const given = attributesOf(value, 'alert');
  const text = ['monitor', 'title', 'name', 'summary', 'description', 'message']
    .map((key) => given[key] ?? '')
    .filter((part) => part !== '')
    .join(': ');
  return {
    service: given.service ?? '',
    metric: given.metric ?? '',
    text,
    threshold: numberOf(given.threshold, 'alert.threshold'),
    observed: numberOf(given.observed, 'alert.observed'),
  };
}

async function readSpans(table: TableReader, incident: Incident): Promise<void> {
  const repeats = new Repeats();
  let negative = 0;
  await table.ndjson('spans', (row) => {
    const traceId = textOf(row.trace_id);
    const spanId = textOf(row.span_id);
    const service = nameOf(row.service, 'service');
    const start = timeOf(row.start ?? row.ts, 'start');
    const durationMs = numberOf(row.duration_ms, 'duration_ms') ?? 0;
    if (!repeats.isNewSpan({ traceId, spanId, service })) return;
    if (durationMs < 0) negative++;
    incident.spans.push({
      traceId,
      spanId,
      parentId: textOf(row.parent_id),
      service,
      name: textOf(row.name),
      start,
      durationMs: Math.max(0, durationMs),
      status: textOf(row.status).toUpperCase(),
      attributes: attributesOf(row.attributes, 'attributes'),
    });
  });
  incident.spans.sort((a, b) => a.start - b.start);
  table.tell('spans', 'caveat.repeated_spans', repeats.spans);
  table.tell('spans', 'caveat.negative_durations', negative);
}

async function readLogs(table: TableReader, incident: Incident): Promise<void> {
  const repeats = new Repeats();
  const unlinked = new Set<string>();
  let same = 0;
  await table.ndjson('logs', (row) => {
    const attributes = attributesOf(row.attributes, 'attributes');
    const log = {
      at: timeOf(row.ts, 'ts'),
      service: nameOf(row.service, 'service'),
      severity: textOf(row.severity).toUpperCase(),
      body: textOf(row.body).slice(0, bodyCharsMax),
      traceId: textOf(row.trace_id),
      spanId: textOf(row.span_id ?? attributes.span_id),
      attributes,
    };
    if (!repeats.isNewLog(log, textOf(row.ts))) return;
    incident.logs.push(log);
    if (log.spanId !== '') return;
    const key = `${textOf(row.ts)} ${log.service} ${log.traceId} ${log.body}`;
    if (unlinked.has(key)) same++;
    unlinked.add(key);
  });
  table.tell('logs', 'caveat.repeated_logs', repeats.logs);
  table.tell('logs', 'caveat.same_logs', same);
  incident.logs.sort((a, b) => a.at - b.at);
}

async function readEvents(table: TableReader, incident: Incident): Promise<void> {
  const seen = new Set<string>();
  let repeated = 0;
  await table.ndjson('events', (row) => {
    const event = {
      at: timeOf(row.ts, 'ts'),
      kind: textOf(row.kind).toLowerCase() || 'change',
      id: textOf(row.id),
      service: textOf(row.service),
      title: textOf(row.title),
      actor: textOf(row.actor),
      labels: attributesOf(row.labels, 'labels'),
    };
    const key = JSON.stringify(event);
    if (seen.has(key)) repeated++;
    else incident.events.push(event);
    seen.add(key);
  });
  table.tell('events', 'caveat.repeated_events', repeated);
  incident.events.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

type CountCode =
  | 'caveat.repeated_values'
  | 'caveat.contradictory_values'
  | 'caveat.repeated_spans'
  | 'caveat.repeated_logs'
  | 'caveat.repeated_events'
  | 'caveat.same_logs'
  | 'caveat.no_numbers'
  | 'caveat.negative_durations'
  | 'caveat.unordered';

/** Reads files row by row, skips and counts what can't be read, and stops at the limits. */
class TableReader {
  readonly #source: BundleSource;
  readonly #incident: Incident;

  constructor(source: BundleSource, incident: Incident) {
    this.#source = source;
    this.#incident = incident;
  }

  tell(kind: RowKind, code: CountCode, count: number): void {
    if (count > 0) this.#caveat(kind, sentence(code, { count }));
  }

  #caveat(kind: RowKind, said: Sentence): void {
    this.#incident.caveats.push(caveat(this.#incident.files[kind] ?? kind, said));
  }

  async ndjson(kind: RowKind, take: (row: Record<string, unknown>) => void): Promise<void> {
    await this.#rows(`${kind}.ndjson`, kind, (text) => take(objectOf(text)));
  }

  async csv(
    kind: RowKind,
    needed: readonly string[],
    take: (cell: (name: string) => string | undefined) => void,
  ): Promise<void> {
    const name = `${kind}.csv`;
    let columns: Map<string, number> | null = null;
    await this.#rows(name, kind, (text, line) => {
      const cells = csvCells(text);
      if (columns === null) {
        columns = new Map(cells.map((cell, index) => [cell.trim().toLowerCase(), index]));
        const missing = needed.filter((column) => !columns?.has(column));
        if (missing.length > 0)
          throw new ClewError(
            'unprocessable',
            `${name}, line ${line}: column "${missing[0]}" is missing; the first line names ${needed.join(', ')}.`,
          );
        return;
      }
      const found = columns;
      take((column) => cells[found.get(column) ?? -1]);
    });
  }

  async #rows(name: string, kind: RowKind, take: (text: string, line: number) => void): Promise<void> {
    const reader = this.#source.open(name);
    if (reader.file === null) return;
    const file = reader.file;
    this.#incident.files[kind] = file;
    const limit = bundleLimits[kind];
    let rows = 0;
    let bad = 0;
    let first: { line: number; error: FieldError } | null = null;
    const broken = await reader.each((line) => {
      rows++;
      if (rows > limit) return;
      try {
        take(line.text, line.number);
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        bad++;
        first ??= { line: line.number, error };
      }
    });
    const why = first as { line: number; error: FieldError } | null;
    if (why !== null) {
      if (bad > Math.max(1, badShareMax * rows)) throw unreadable(file, why.line, why.error);
      this.#caveat(kind, skipped(bad, rows, why.line, why.error));
    }
    if (broken !== null) this.#caveat(kind, sentence('caveat.broken', broken));
    if (rows > limit) this.#caveat(kind, sentence('caveat.not_read', { count: rows - limit, limit }));
    // The first row of a table names its columns.
    if (rows <= (name.endsWith('.csv') ? 1 : 0)) this.#caveat(kind, sentence('caveat.empty', {}));
  }
}

const skipped = (count: number, rows: number, line: number, { field, said }: FieldError): Sentence =>
  sentence('caveat.skipped', {
    count,
    rows,
    line,
    ...(field === '' ? {} : { field }),
    why: said.text,
    why_zh: sayIn('zh', said.text, said),
  });
