import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { ClewError, type Clock, type Logger } from '../../lib/index.ts';
import type { Door } from '../door.ts';
import type { LabelGuard } from '../label-guard.ts';
import { type Job, readScrapeFile, type ScrapeFile } from './config.ts';
import { FileDiscovery, stampOf } from './discovery.ts';
import { reloads, seriesBytes, targetsByHealth } from './events.ts';
import { type Fetched, Fetcher } from './fetch.ts';
import { keyOfLabels, type Labels } from './labels.ts';
import { type LoopDeps, type TargetHealth, TargetLoop } from './loop.ts';
import { Outlet } from './outlet.ts';
import type { SeriesBudget } from './series.ts';
import { type Target, type TargetList, targetsOf } from './target.ts';
import { WriteRequest } from './write-request.ts';

export interface ScraperOptions {
  door: Door;
  guard?: LabelGuard;
  config: Pick<Config, 'scrape' | 'ingest' | 'tenant'>;
  clock: Clock;
  log: Logger;
}

/** One target as it stands now; durations and times in milliseconds. */
export interface TargetState {
  job: string;
  url: string;
  discovered: Labels;
  labels: Labels;
  health: TargetHealth;
  lastError: string;
  /** 0 before the first scrape. */
  lastScrape: number;
  lastDurationMs: number;
  intervalMs: number;
  timeoutMs: number;
}

export interface ScrapeState {
  active: TargetState[];
  /** By job, at most `droppedKeptMax` each; `droppedCounts` has the whole number. */
  dropped: { job: string; discovered: Labels }[];
  droppedCounts: Record<string, number>;
  /** What is wrong with the scrape file, a file of service discovery, or a target that can't be asked. */
  faults: string[];
  keptBytes: number;
  keptBytesMax: number;
  lostSamples: number;
}

/** Of bodies of targets that could not be read: they can't be sent again, for they hold no time and no target. */
const expositionSource = 'prometheus/exposition';
/** How often the scrape file and the files of service discovery are looked at. */
const watchMs = 2_000;
/** Fewer bytes than this could not hold one chunk of a scrape. */
const transcodeBytesMin = 4_194_304;
export const droppedKeptMax = 1_000;

/** What one reading of the files came to. */
interface Applied {
  file: ScrapeFile;
  lists: Map<string, TargetList>;
}

interface KeptFetcher {
  key: string;
  fetcher: Fetcher;
}

/** Settings as a text, to see whether they have changed. */
const keyOf = (settings: object): string =>
  JSON.stringify(settings, (_key, value: unknown) => {
    if (value instanceof RegExp || typeof value === 'bigint') return String(value);
    return value instanceof Map ? [...value] : value;
  });
const jobKeyOf = ({ groups: _groups, files: _files, ...settings }: Job): string => keyOf(settings);
const fetcherKeyOf = ({ tls, credentials, followRedirects, compression, limits }: Job): string =>
  keyOf({ tls, credentials, followRedirects, compression, bodyBytes: limits.bodyBytes });

/** Scrapes the targets of a file of Prometheus' own syntax, and follows the file and its service discovery. */
export class Scraper {
  private readonly options: ScraperOptions;
  private readonly path: string;
  private readonly outlet: Outlet;
  private readonly budget: SeriesBudget;
  private readonly deps: LoopDeps;
  private readonly discovery = new FileDiscovery();
  private readonly loops = new Map<string, { loop: TargetLoop; key: string }>();
  private readonly fetchers = new Map<string, KeptFetcher>();
  private readonly abort = new AbortController();
  private applied: Applied = {
    file: { jobs: [], externalLabels: new Map(), ignored: [] },
    lists: new Map(),
  };
  private stamp = '';
  private fileError = '';
  private excess = 0;
  private watching: Promise<void> = Promise.resolve();

  constructor(options: ScraperOptions) {
    const { config, door, clock, log } = options;
    this.options = options;
    const { configFile } = config.scrape;
    this.path = configFile === '' || isAbsolute(configFile) ? configFile : join(process.cwd(), configFile);
    this.budget = { used: 0, max: config.scrape.seriesBytesMax };
    const bodyBytesMax = Math.max(config.ingest.bodyBytesMax, transcodeBytesMin);
    this.outlet = new Outlet({
      door,
      ...(options.guard === undefined ? {} : { guard: options.guard }),
      clock,
      log,
      tenant: config.tenant,
      limits: { ...config.ingest, bodyBytesMax },
      keptBytesMax: config.scrape.keptBytesMax,
    });
    this.deps = {
      clock,
      log,
      out: new WriteRequest(),
      push: (chunks) => this.outlet.push(chunks),
      budget: this.budget,
      unreadable: (target, reason, fetched) => this.keepUnreadable(target, reason, fetched),
    };
  }

  /** Throws ClewError when the file can't be read. Without a file nothing is scraped. */
  async start(): Promise<void> {
    if (this.path === '') return;
    this.stamp = await stampOf(this.path);
    if (this.stamp === '')
      throw new ClewError(
        'bad_request',
        `The scrape file ${this.path} does not exist (scrape.config_file, CLEW_SCRAPE_CONFIG_FILE).`,
      );
    const file = readScrapeFile(this.path, await readFile(this.path, 'utf8'));
    this.tellIgnored(file);
    await this.apply(file);
    this.options.log.info({ file: this.path, targets: this.loops.size }, 'scraping');
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.watching;
    await Promise.all([...this.loops.values()].map(({ loop }) => loop.stop()));
    for (const { fetcher } of this.fetchers.values()) fetcher.close();
    await this.outlet.stop();
  }

  state(): ScrapeState {
    const dropped = [...this.applied.lists].flatMap(([job, list]) =>
      list.dropped.slice(0, droppedKeptMax).map((discovered) => ({ job, discovered })),
    );
    const active = [...this.loops.values()].map(({ loop }) => stateOf(loop));
    for (const health of ['up', 'down', 'unknown'] as const)
      targetsByHealth.set({ health }, active.filter((target) => target.health === health).length);
    seriesBytes.set(this.budget.used);
    return {
      active,
      dropped,
      droppedCounts: Object.fromEntries(
        [...this.applied.lists].map(([job, list]) => [job, list.dropped.length]),
      ),
      faults: this.faults(),
      keptBytes: this.outlet.kept,
      keptBytesMax: this.options.config.scrape.keptBytesMax,
      lostSamples: this.outlet.lost,
    };
  }

  private faults(): string[] {
    const { targetsMax } = this.options.config.scrape;
    return [
      ...(this.fileError === '' ? [] : [this.fileError]),
      ...this.discovery.errors.values(),
      ...[...this.applied.lists.values()].flatMap((list) => list.faults),
      ...(this.excess > 0
        ? [`${this.excess} targets are not scraped: there are more than scrape.targets_max (${targetsMax})`]
        : []),
    ];
  }

  private async watch(): Promise<void> {
    const { clock, log } = this.options;
    for (;;) {
      await clock.sleep(watchMs, this.abort.signal);
      if (this.abort.signal.aborted) return;
      try {
        await this.look();
      } catch (error) {
        log.error({ err: error }, 'the scrape file or its service discovery can not be looked at');
      }
    }
  }

  private async look(): Promise<void> {
    const stamp = await stampOf(this.path);
    if (stamp !== this.stamp) {
      this.stamp = stamp;
      await this.reload();
      return;
    }
    const { file } = this.applied;
    if (await this.discovery.refresh(file.jobs.flatMap((job) => job.files))) await this.apply(file);
  }

  /** A file that can't be read leaves everything as it is. */
  private async reload(): Promise<void> {
    const { log } = this.options;
    try {
      const file = readScrapeFile(this.path, await readFile(this.path, 'utf8'));
      this.fileError = '';
      this.tellIgnored(file);
      await this.apply(file);
      reloads.inc({ outcome: 'taken' });
      log.info({ file: this.path, targets: this.loops.size }, 'the scrape file was read again');
    } catch (error) {
      reloads.inc({ outcome: 'refused' });
      this.fileError = error instanceof Error ? error.message : String(error);
      log.error({ err: error }, 'the changed scrape file is not taken; the one before stays in force');
    }
  }

  private tellIgnored(file: ScrapeFile): void {
    if (file.ignored.length > 0)
      this.options.log.info(
        { file: this.path, sections: file.ignored },
        'these sections of the scrape file mean nothing to Clew and are ignored',
      );
  }

  /** Makes the loops those that the files ask for. */
  private async apply(file: ScrapeFile): Promise<void> {
    await this.discovery.refresh(file.jobs.flatMap((job) => job.files));
    const lists = new Map<string, TargetList>();
    for (const job of file.jobs) {
      const groups = [...job.groups, ...(await this.discovery.groups(job.files))];
      lists.set(job.name, targetsOf(job, groups));
    }
    this.applied = { file, lists };
    const all = [...lists.values()].flatMap((list) => list.targets);
    const { targetsMax } = this.options.config.scrape;
    this.excess = Math.max(0, all.length - targetsMax);
    const wanted = all.slice(0, targetsMax);
    const identities = new Set(wanted.map((target) => target.identity));
    const gone = [...this.loops].filter(([identity]) => !identities.has(identity));
    for (const [identity] of gone) this.loops.delete(identity);
    await Promise.all(gone.map(([, { loop }]) => loop.remove()));
    for (const target of wanted) this.place(target, file.externalLabels);
    for (const fault of this.faults()) this.options.log.error({ fault }, 'a target can not be scraped');
    this.retire(file);
  }

  private place(target: Target, externalLabels: Labels): void {
    const { fetcher, key: fetcherKey } = this.fetcherOf(target.job);
    const key = `${jobKeyOf(target.job)}\n${keyOfLabels(externalLabels)}\n${fetcherKey}\n${target.intervalMs} ${target.timeoutMs}`;
    const known = this.loops.get(target.identity);
    if (known === undefined) {
      const loop = new TargetLoop(target, externalLabels, fetcher, this.deps);
      this.loops.set(target.identity, { loop, key });
      loop.start();
    } else if (known.key === key) known.loop.target = target;
    else {
      known.key = key;
      known.loop.update(target, externalLabels, fetcher);
    }
  }

  private fetcherOf(job: Job): KeptFetcher {
    const key = fetcherKeyOf(job);
    const known = this.fetchers.get(job.name);
    if (known?.key === key) return known;
    const made = { key, fetcher: new Fetcher(job, this.options.config.scrape.bodyBytesMax) };
    this.fetchers.set(job.name, made);
    if (known !== undefined) this.closeLater(known, job.timeoutMs);
    return made;
  }

  private retire(file: ScrapeFile): void {
    const names = new Set(file.jobs.map((job) => job.name));
    for (const [name, kept] of this.fetchers) {
      if (names.has(name)) continue;
      this.fetchers.delete(name);
      this.closeLater(kept, 0);
    }
  }

  /** A scrape that is under way ends on the connection that it has. */
  private closeLater({ fetcher }: KeptFetcher, timeoutMs: number): void {
    void this.options.clock.sleep(timeoutMs, this.abort.signal).then(() => fetcher.close());
  }

  private keepUnreadable(target: Target, reason: string, fetched: Fetched): void {
    const { door, config, log } = this.options;
    log.warn({ job: target.job.name, url: target.url.href, reason }, 'a target answers what can not be read');
    const contentType =
      fetched.format === 'openmetrics' ? 'application/openmetrics-text' : 'text/plain; version=0.0.4';
    void door.deadLetters([
      {
        tenant: config.tenant,
        source: expositionSource,
        reason: `${target.url.href}: ${reason}`,
        contentType,
        payload: fetched.body,
      },
    ]);
  }
}

const stateOf = (loop: TargetLoop): TargetState => ({
  job: loop.target.job.name,
  url: loop.target.url.href,
  discovered: loop.target.discovered,
  labels: loop.target.labels,
  health: loop.health,
  lastError: loop.lastError,
  lastScrape: loop.lastScrape,
  lastDurationMs: loop.lastDurationS * 1000,
  intervalMs: loop.target.intervalMs,
  timeoutMs: loop.target.timeoutMs,
});
