import { createWriteStream, mkdirSync, type WriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';
import type { EpochMs, TimeWindow } from '../../model/index.ts';
import type { ImportedLog, ImportedSpan, RowSink } from './rows.ts';

/** What was written, for a summary. */
export interface Written {
  metrics: number;
  spans: number;
  logs: number;
  calls: number;
  events: number;
  from: EpochMs;
  to: EpochMs;
}

export interface BundleMeta {
  source: string;
  incidentAt: EpochMs;
  symptom?: { service: string; metric: string };
  baseline?: TimeWindow;
  window?: TimeWindow;
}

const linesPerWrite = 4_096;

/** A gzipped text file that is made when its first line comes. */
class Lines {
  count = 0;
  private readonly path: string;
  private readonly head: string;
  private waiting: string[] = [];
  private open: { gzip: Gzip; file: WriteStream } | undefined;

  constructor(path: string, head = '') {
    this.path = path;
    this.head = head;
  }

  add(line: string): void {
    this.count++;
    this.waiting.push(line);
    if (this.waiting.length >= linesPerWrite) this.flush();
  }

  async end(): Promise<void> {
    this.flush();
    if (this.open === undefined) return;
    this.open.gzip.end();
    await finished(this.open.file);
  }

  private flush(): void {
    if (this.waiting.length === 0) return;
    if (this.open === undefined) {
      const file = createWriteStream(this.path);
      const gzip = createGzip();
      gzip.pipe(file);
      this.open = { gzip, file };
      if (this.head !== '') gzip.write(`${this.head}\n`);
    }
    this.open.gzip.write(`${this.waiting.join('\n')}\n`);
    this.waiting = [];
  }
}

const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const iso = (at: EpochMs): string => new Date(at).toISOString();

/** Writes a bundle: files by name as `clew diagnose` reads them. `meta.json` comes last, so half a bundle is none. */
export class BundleWriter implements RowSink {
  private readonly dir: string;
  private readonly files: Record<'metrics' | 'spans' | 'logs' | 'calls' | 'events', Lines>;
  private from = Number.POSITIVE_INFINITY;
  private to = Number.NEGATIVE_INFINITY;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.dir = dir;
    const file = (name: string, head?: string) => new Lines(join(dir, `${name}.gz`), head);
    this.files = {
      metrics: file('metrics.csv', 'ts,service,metric,value'),
      spans: file('spans.ndjson'),
      logs: file('logs.ndjson'),
      calls: file('calls.csv', 'ts,src,dst,rps,err_rate,p50_ms,p95_ms'),
      events: file('events.ndjson'),
    };
  }

  metric(at: EpochMs, service: string, metric: string, value: number): void {
    this.saw(at);
    this.files.metrics.add(`${iso(at)},${cell(service)},${cell(metric)},${value}`);
  }

  span(span: ImportedSpan): void {
    this.saw(span.start);
    this.files.spans.add(JSON.stringify({ ...span, start: iso(span.start) }));
  }

  log(log: ImportedLog): void {
    this.saw(log.ts);
    this.files.logs.add(JSON.stringify({ ...log, ts: iso(log.ts) }));
  }

  call(at: EpochMs, src: string, dst: string, figures: readonly (number | null)[]): void {
    this.files.calls.add([iso(at), cell(src), cell(dst), ...figures.map((figure) => figure ?? '')].join(','));
  }

  event(event: Record<string, unknown> & { ts: EpochMs }): void {
    this.files.events.add(JSON.stringify({ ...event, ts: iso(event.ts) }));
  }

  async end(meta: BundleMeta): Promise<Written> {
    const window = ({ from, to }: TimeWindow) => ({ from: iso(from), to: iso(to) });
    for (const file of Object.values(this.files)) await file.end();
    const document = {
      source: meta.source,
      incident_at: iso(meta.incidentAt),
      ...(meta.symptom === undefined ? {} : { symptom: meta.symptom }),
      ...(meta.baseline === undefined ? {} : { baseline: window(meta.baseline) }),
      ...(meta.window === undefined ? {} : { window: window(meta.window) }),
    };
    writeFileSync(join(this.dir, 'meta.json'), `${JSON.stringify(document, null, 1)}\n`);
    const { metrics, spans, logs, calls, events } = this.files;
    return {
      metrics: metrics.count,
      spans: spans.count,
      logs: logs.count,
      calls: calls.count,
      events: events.count,
      from: this.from,
      to: this.to,
    };
  }

  /** The newest time that was seen. */
  get newest(): EpochMs {
    return this.to;
  }

  private saw(at: EpochMs): void {
    if (at < this.from) this.from = at;
    if (at > this.to) this.to = at;
  }
}
