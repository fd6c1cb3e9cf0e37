import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/index.ts';

/** How long a sender may take to repeat a request: the OpenTelemetry Collector gives up after five minutes. */
const rememberedMs = 3_600_000;
/** Some 150 bytes each. Beyond it the oldest is forgotten, and its repetition stored a second time. */
const requestsMax = 100_000;

/**
 * Requests that may come again though their blocks are durable, because the answer was lost: with its connection, or with a
 * process that was killed. A table's blocks are remembered each, for a crash can come between two of them. They stand in a
 * file too, `<dir>/repeats`, one a line: a sender may come only after the process was killed once more.
 */
export class Repeats {
  private readonly until = new Map<string, number>();
  private readonly clock: Clock;
  private readonly path: string;
  private linesInFile = 0;

  constructor(dir: string, clock: Clock) {
    this.path = join(dir, 'repeats');
    this.clock = clock;
    this.load(this.path);
  }

  /** What another process noted in its folder counts here too. */
  adopt(dir: string): void {
    this.load(join(dir, 'repeats'));
  }

  /** Without a table: all blocks of the request are durable. */
  expect(request: string, table = ''): void {
    const key = `${request}${table}`;
    this.note(key, rememberedMs);
    if (this.linesInFile >= 2 * requestsMax) this.write();
    else this.keep(() => appendFileSync(this.path, this.lineOf(key, rememberedMs)), this.linesInFile + 1);
  }

  has(request: string, table: string): boolean {
    if (this.until.size === 0) return false;
    const until = this.until.get(request) ?? this.until.get(`${request}${table}`);
    return until !== undefined && until > this.clock.monotonic();
  }

  private note(key: string, forMs: number): void {
    this.until.delete(key);
    this.until.set(key, this.clock.monotonic() + forMs);
    if (this.until.size <= requestsMax) return;
    const [oldest] = this.until.keys();
    if (oldest !== undefined) this.until.delete(oldest);
  }

  private lineOf = (key: string, forMs: number): string => `${Math.round(this.clock.now() + forMs)} ${key}\n`;

  /** A line that a crash cut short matches nothing. Whatever the clock did since, nothing is kept longer than new ones. */
  private load(path: string): void {
    let text = '';
    this.keep(() => {
      text = readFileSync(path, 'latin1');
    }, this.linesInFile);
    if (text === '') return;
    for (const line of text.split('\n').slice(-requestsMax - 1)) {
      const [, until, key] = /^(\d{1,16}) ([0-9a-f]{32}[a-z_]*)$/.exec(line) ?? [];
      const left = Math.min(Number(until) - this.clock.now(), rememberedMs);
      if (key !== undefined && left > 0) this.note(key, left);
    }
    this.write();
  }

  private write(): void {
    const now = this.clock.monotonic();
    const lines = [...this.until].map(([key, until]) => this.lineOf(key, until - now));
    this.keep(() => writeFileSync(this.path, lines.join('')), lines.length);
  }

  /** Without the file (a full disk) what is in memory still holds. */
  private keep(work: () => void, lines: number): void {
    try {
      work();
      this.linesInFile = lines;
    } catch {
      // The file is a second memory, not the first.
    }
  }
}
