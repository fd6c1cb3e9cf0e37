import { ClewError, type Clock, isClewError, type Logger } from '../../lib/index.ts';
import type { Door } from '../door.ts';
import type { LabelGuard } from '../label-guard.ts';
import { RemoteWriteTranscoder } from '../remote-write/transcoder.ts';
import { keptBytes, lostSamples } from './events.ts';
import type { Chunk } from './write-request.ts';

export interface OutletOptions {
  door: Door;
  guard?: LabelGuard;
  clock: Clock;
  log: Logger;
  tenant: string;
  limits: { bodyBytesMax: number; attributeBytesMax: number; clockSkewS: number };
  /** Bytes kept while the door is full. */
  keptBytesMax: number;
}

/** Of series that could not be stored, as remote write would have sent them. */
const scrapeSource = 'prometheus/scrape';
/** Chunks are joined up to this: many small targets make one block of rows. */
const joinedBytesMax = 2_097_152;
const retryMs = 1_000;
/** A series that is refused is so at each scrape; the log says it once in this time, the counter always. */
const tellEveryMs = 60_000;
/** A stop waits this long for what is kept. */
const stopMs = 5_000;

/**
 * From scrapes to the door, in order, one delivery at a time. While the door is full the scrapes are kept and tried again; what
 * goes beyond the limit is lost from its oldest end, counted and logged.
 */
export class Outlet {
  lost = 0;
  private readonly options: OutletOptions;
  private readonly transcoder: RemoteWriteTranscoder;
  private readonly queue: Chunk[] = [];
  private readonly stopping = new AbortController();
  private bytes = 0;
  /** Chunks at the head of the queue that are being delivered. */
  private inFlight = 0;
  /** Lost samples that the log has not named yet, and from when it may. */
  private untold = 0;
  private tellAfter = 0;
  private draining: Promise<void> | null = null;

  constructor(options: OutletOptions) {
    this.options = options;
    this.transcoder = new RemoteWriteTranscoder(options.limits, options.guard);
  }

  get kept(): number {
    return this.bytes;
  }

  push(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      this.queue.push(chunk);
      this.bytes += chunk.body.length;
    }
    let dropped = 0;
    while (this.bytes > this.options.keptBytesMax) {
      const [oldest] = this.queue.splice(this.inFlight, 1);
      if (oldest === undefined) break;
      this.bytes -= oldest.body.length;
      dropped += oldest.samples;
    }
    if (dropped > 0)
      this.lose('kept_bytes_max', dropped, `the door is full and scrape.kept_bytes_max is reached`);
    keptBytes.set(this.bytes);
    this.draining ??= this.drain().finally(() => {
      this.draining = null;
    });
  }

  /** Resolves when everything is stored, or the time for that is over. */
  async stop(): Promise<void> {
    const { clock } = this.options;
    const abort = new AbortController();
    const late = clock.sleep(stopMs, abort.signal);
    await Promise.race([this.draining ?? Promise.resolve(), late]);
    abort.abort();
    this.stopping.abort();
    await this.draining;
    const samples = this.queue.reduce((sum, chunk) => sum + chunk.samples, 0);
    if (samples > 0) this.lose('stop', samples, 'Clew stopped while the door was full');
  }

  private async drain(): Promise<void> {
    while (this.queue.length > 0 && !this.stopping.signal.aborted) {
      const chunks = this.head();
      this.inFlight = chunks.length;
      const done = await this.store(chunks);
      this.inFlight = 0;
      if (!done) {
        await this.options.clock.sleep(retryMs, this.stopping.signal);
        continue;
      }
      for (const chunk of this.queue.splice(0, chunks.length)) this.bytes -= chunk.body.length;
      keptBytes.set(this.bytes);
    }
  }

  private head(): Chunk[] {
    const taken: Chunk[] = [];
    let bytes = 0;
    for (const chunk of this.queue) {
      bytes += chunk.body.length;
      if (taken.length > 0 && bytes > joinedBytesMax) break;
      taken.push(chunk);
    }
    return taken;
  }

  /** False when it is worth trying again. */
  private async store(chunks: readonly Chunk[]): Promise<boolean> {
    const { door, clock, tenant } = this.options;
    // Messages of protobuf that stand one behind the other are one message.
    const body = Buffer.concat(chunks.map((chunk) => chunk.body));
    const startedAt = clock.monotonic();
    let leave = () => {};
    try {
      leave = door.enter(body.length);
      const written = this.transcoder.transcode(tenant, body, 1, clock.now());
      const { blocks, samples, rejected, rejections } = written;
      await door.deliver({
        tenant,
        signal: 'metrics',
        blocks,
        records: samples,
        rejected,
        bytes: body.length,
        startedAt,
      });
      if (rejected > 0) await this.refused(rejected, rejections);
      return true;
    } catch (error) {
      this.transcoder.forget();
      if (isClewError(error) && error.retryable) return false;
      const samples = chunks.reduce((sum, chunk) => sum + chunk.samples, 0);
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log.error({ err: error }, 'scraped samples could not be stored');
      this.lose(error instanceof ClewError ? error.code : 'internal', samples, reason);
      await door.deadLetters([this.letter(reason, body)]);
      return true;
    } finally {
      leave();
    }
  }

  private async refused(
    count: number,
    rejections: readonly { reason: string; payload: Uint8Array }[],
  ): Promise<void> {
    this.lose('refused', count, rejections[0]?.reason ?? 'an invalid value');
    await this.options.door.deadLetters(
      rejections
        .filter(({ payload }) => payload.length > 0)
        .map(({ reason, payload }) => this.letter(reason, payload, '; part=timeseries')),
    );
  }

  private letter(reason: string, payload: Uint8Array, part = '') {
    const contentType = `application/x-protobuf; version=1${part}`;
    return { tenant: this.options.tenant, source: scrapeSource, reason, contentType, payload };
  }

  private lose(reason: string, samples: number, why: string): void {
    this.lost += samples;
    lostSamples.inc({ reason }, samples);
    const now = this.options.clock.monotonic();
    this.untold += samples;
    if (now < this.tellAfter && reason !== 'stop') return;
    this.tellAfter = now + tellEveryMs;
    this.options.log.warn({ samples: this.untold, reason, why }, 'scraped samples are lost');
    this.untold = 0;
  }
}
