import type { Clock } from '../lib/index.ts';

/** How long a sender may take to repeat a request: the OpenTelemetry Collector gives up after five minutes. */
const rememberedMs = 3_600_000;
/** Some 150 bytes each. Beyond it the oldest is forgotten, and its repetition stored a second time. */
const requestsMax = 100_000;

/**
 * Requests that may come again though their blocks are durable, because the answer was lost: with its connection, or with a
 * process that was killed. A table's blocks are remembered each, for a crash can come between two of them.
 */
export class Repeats {
  private readonly until = new Map<string, number>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Without a table: all blocks of the request are durable. */
  expect(request: string, table = ''): void {
    const key = `${request}${table}`;
    this.until.delete(key);
    this.until.set(key, this.clock.monotonic() + rememberedMs);
    if (this.until.size <= requestsMax) return;
    const [oldest] = this.until.keys();
    if (oldest !== undefined) this.until.delete(oldest);
  }

  has(request: string, table: string): boolean {
    if (this.until.size === 0) return false;
    const until = this.until.get(request) ?? this.until.get(`${request}${table}`);
    return until !== undefined && until > this.clock.monotonic();
  }
}
