import type { Clock, Logger } from '../../lib/index.ts';
import { scrapedSamples, scrapes, skippedSamples } from './events.ts';
import { ExpositionError } from './exposition.ts';
import type { Fetched, Fetcher } from './fetch.ts';
import type { Labels } from './labels.ts';
import { type ScrapeCounts, type SeriesBudget, TargetSeries } from './series.ts';
import type { Target } from './target.ts';
import { type Chunk, encodeLabels, type WriteRequest } from './write-request.ts';

export type TargetHealth = 'unknown' | 'up' | 'down';

export interface LoopDeps {
  clock: Clock;
  log: Logger;
  /** Shared by all loops: it is filled and taken without a pause. */
  out: WriteRequest;
  push: (chunks: readonly Chunk[]) => void;
  budget: SeriesBudget;
  /** A body that could not be read, told once until the target answers well again. */
  unreadable: (target: Target, reason: string, fetched: Fetched) => void;
}

/** What a scrape reports about itself, beside the target's own samples. */
const reportNames = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const;
/** A timer is late by so much at most: within this a sample gets the time that was planned, which compresses best. */
const toleranceMsMax = 2;
const toleranceShare = 0.01;
const sleepMsMax = 2 ** 31 - 1;

/** Scrapes one target again and again, at its own point of the interval. */
export class TargetLoop {
  target: Target;
  health: TargetHealth = 'unknown';
  lastError = '';
  lastScrape = 0;
  lastDurationS = 0;
  private readonly deps: LoopDeps;
  private readonly series: TargetSeries;
  private readonly abort = new AbortController();
  private fetcher: Fetcher;
  private externalLabels: Labels;
  private reports: Uint8Array[] = [];
  private running: Promise<void> = Promise.resolve();
  private wake = new AbortController();

  constructor(target: Target, externalLabels: Labels, fetcher: Fetcher, deps: LoopDeps) {
    this.target = target;
    this.externalLabels = externalLabels;
    this.fetcher = fetcher;
    this.deps = deps;
    this.series = new TargetSeries(target, externalLabels, deps.budget);
    this.encodeReports();
  }

  start(): void {
    this.running = this.run();
  }

  /** The same target under settings that were read again. */
  update(target: Target, externalLabels: Labels, fetcher: Fetcher): void {
    this.target = target;
    this.externalLabels = externalLabels;
    this.fetcher = fetcher;
    this.series.rebind(target, externalLabels);
    this.encodeReports();
    this.wake.abort();
  }

  /** Clew stops: the series go on after its next start, so they get no end. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.wake.abort();
    await this.running;
  }

  /** The target is gone: its series end now. */
  async remove(): Promise<void> {
    await this.stop();
    const { clock, out, push } = this.deps;
    const now = Math.floor(clock.now());
    this.series.fail(now, out);
    if (this.lastScrape > 0) for (const labels of this.reports) out.stale(labels, now);
    this.series.close();
    push(out.take());
  }

  private encodeReports(): void {
    this.reports = reportNames.map((name) => {
      const labels: Labels = new Map([['__name__', name], ...this.target.labels]);
      for (const [key, value] of this.externalLabels) if (!labels.has(key)) labels.set(key, value);
      return encodeLabels(labels);
    });
  }

  private async run(): Promise<void> {
    const { clock } = this.deps;
    let planned = this.after(clock.now());
    while (!this.abort.signal.aborted) {
      const wait = planned - clock.now();
      // The clock was set back: do not wait until it has caught up.
      if (wait > this.target.intervalMs) planned = this.after(clock.now());
      else if (wait > 0) {
        this.wake = new AbortController();
        await clock.sleep(Math.min(wait, sleepMsMax), this.wake.signal);
        if (this.wake.signal.aborted) planned = this.after(clock.now());
      } else {
        await this.scrape(planned);
        planned = this.after(Math.max(planned, clock.now()));
      }
    }
  }

  /** The next point of time after `now` that is this target's. */
  private after(now: number): number {
    const { intervalMs, phase } = this.target;
    const offset = Math.floor(phase * intervalMs);
    return (Math.floor((now - offset) / intervalMs) + 1) * intervalMs + offset;
  }

  private async scrape(planned: number): Promise<void> {
    const { clock } = this.deps;
    const now = clock.now();
    const tolerance = Math.min(toleranceMsMax, this.target.intervalMs * toleranceShare);
    const at = Math.floor(now - planned <= tolerance ? planned : now);
    const startedAt = clock.monotonic();
    let fetched: Fetched | undefined;
    let error = '';
    try {
      fetched = await this.fetch();
    } catch (thrown) {
      error = messageOf(thrown);
    }
    // The target went away while it was asked; `remove` writes what is left to write.
    if (this.abort.signal.aborted) return;
    try {
      this.take(fetched, error, at, startedAt);
    } catch (thrown) {
      // A fault of ours costs this scrape, not the program and not the other targets.
      this.deps.out.reset();
      this.health = 'down';
      this.lastError = `internal error: ${messageOf(thrown)}`;
      this.deps.log.error({ err: thrown, url: this.target.url.href }, 'a scrape failed inside Clew');
    }
  }

  private async fetch(): Promise<Fetched> {
    const { clock } = this.deps;
    const { target } = this;
    const late = new AbortController();
    const done = new AbortController();
    const stop = () => late.abort();
    this.abort.signal.addEventListener('abort', stop, { once: true });
    let isLate = false;
    void clock.sleep(target.timeoutMs, done.signal).then(() => {
      if (done.signal.aborted) return;
      isLate = true;
      late.abort();
    });
    try {
      return await this.fetcher.fetch(target, late.signal);
    } catch (error) {
      if (isLate) throw new Error(`no answer within ${target.timeoutMs} ms (scrape_timeout)`);
      throw error;
    } finally {
      done.abort();
      this.abort.signal.removeEventListener('abort', stop);
    }
  }

  /** Everything of one scrape into one request. */
  private take(fetched: Fetched | undefined, fault: string, at: number, startedAt: number): void {
    const { clock, out, push } = this.deps;
    const counts: ScrapeCounts = { scraped: 0, afterRelabeling: 0, seriesAdded: 0, skipped: 0 };
    let error = fault;
    if (fetched !== undefined) {
      try {
        this.series.append(fetched.body, fetched.format, at, out, counts);
      } catch (thrown) {
        error = messageOf(thrown);
        out.reset();
        if (thrown instanceof ExpositionError && this.health !== 'down')
          this.deps.unreadable(this.target, error, fetched);
      }
    }
    if (error !== '') this.series.fail(at, out);
    this.lastDurationS = (clock.monotonic() - startedAt) / 1000;
    const { scraped, afterRelabeling, seriesAdded } = counts;
    const values = [error === '' ? 1 : 0, this.lastDurationS, scraped, afterRelabeling, seriesAdded];
    this.reports.forEach((labels, index) => {
      out.sample(labels, values[index] ?? 0, at, 0);
    });
    push(out.take());
    this.lastScrape = at;
    this.lastError = error;
    this.health = error === '' ? 'up' : 'down';
    scrapes.inc({ outcome: this.health });
    skippedSamples.inc(counts.skipped);
    if (error === '') scrapedSamples.inc(afterRelabeling);
  }
}

/** Node's own errors carry what matters in the code or in the inner errors of all addresses that were tried. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ');
  if (!(thrown instanceof Error)) return String(thrown);
  // Node advises one of its own flags here.
  const [before = '', advice] = thrown.message.split('; if the root CA');
  return advice === undefined ? before : `${before}; name its authority in tls_config.ca_file`;
}
