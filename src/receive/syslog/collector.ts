import type { Clock, Logger } from '../../lib/index.ts';
import type { Door } from '../door.ts';
import { LogSink, namedService, type Pair } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import type { Transcoded, TranscodeLimits } from '../otlp/transcoder.ts';
import { deliverPatiently } from '../patient.ts';
import { syslogCut, syslogDropped, syslogMessages, syslogWaitingBytes } from './events.ts';
import type { MessageReader } from './message.ts';

export type Transport = 'tcp' | 'udp' | 'tls';

export interface Received {
  bytes: Uint8Array;
  /** Longer than allowed; this is its start. */
  cut: boolean;
  /** Address of the sender. */
  peer: string;
  transport: Transport;
}

export interface CollectorDeps {
  door: Door;
  clock: Clock;
  log: Logger;
  limits: TranscodeLimits;
  tenant: string;
  reader: MessageReader;
  /** Bytes waiting in memory; beyond, streams are not read and datagrams are dropped. */
  bufferBytesMax: number;
  /** There is room again. */
  onRoom: () => void;
}

/** A batch waits so long for more lines; short enough that nobody who watches notices. */
const lingerMs = 50;
/** One batch: large enough that the cost of a write is spread, small enough that its columns stay in the caches. */
const batchBytesMax = 1_048_576;
const batchMessagesMax = 10_000;
/** What a message holds in memory besides its bytes. */
const messageOverheadBytes = 200;

/**
 * Syslog has no acknowledgement, so messages of all senders are gathered here and delivered in batches, one at a time.
 * `close` resolves when everything offered before is delivered, or given up.
 */
export class Collector {
  private readonly deps: CollectorDeps;
  private readonly sink: LogSink;
  private readonly giveUp = new AbortController();
  private waiting: Received[] = [];
  private waitingBytes = 0;
  private closing = false;
  private wake = new AbortController();
  private running: Promise<void> | undefined;

  constructor(deps: CollectorDeps) {
    this.deps = deps;
    this.sink = new LogSink(deps.limits, 'syslog');
  }

  get full(): boolean {
    return this.waitingBytes >= this.deps.bufferBytesMax;
  }

  get bytes(): number {
    return this.waitingBytes;
  }

  /** Always takes it: who reads a stream looks at `full` afterwards, who reads datagrams before. */
  offer(message: Received): void {
    syslogMessages.inc({ transport: message.transport });
    if (message.cut) syslogCut.inc();
    this.waiting.push(message);
    this.count(message.bytes.length + messageOverheadBytes);
    this.running ??= this.run();
    if (this.waitingBytes >= batchBytesMax || this.waiting.length >= batchMessagesMax) this.wake.abort();
  }

  async close(deadline: Promise<unknown>): Promise<void> {
    this.closing = true;
    this.wake.abort();
    void deadline.then(() => this.giveUp.abort());
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      if (!this.closing) await this.deps.clock.sleep(lingerMs, this.wake.signal);
      const batch = this.takeBatch();
      const enough = this.waitingBytes >= batchBytesMax || this.waiting.length >= batchMessagesMax;
      this.wake = new AbortController();
      if (enough) this.wake.abort();
      await this.deliver(batch);
      const wasFull = this.full;
      this.count(-sizeOf(batch));
      if (wasFull && !this.full) this.deps.onRoom();
    }
    this.running = undefined;
  }

  /** Its bytes count as waiting until it is delivered. */
  private takeBatch(): Received[] {
    let bytes = 0;
    let count = 0;
    for (const message of this.waiting) {
      if (count === batchMessagesMax || bytes >= batchBytesMax) break;
      bytes += message.bytes.length;
      count += 1;
    }
    if (count === this.waiting.length) {
      const all = this.waiting;
      this.waiting = [];
      return all;
    }
    return this.waiting.splice(0, count);
  }

  private async deliver(batch: readonly Received[]): Promise<void> {
    const { deps } = this;
    const startedAt = deps.clock.monotonic();
    const payload = () => Buffer.concat(batch.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
    const common = { tenant: deps.tenant, source: 'syslog', contentType: 'text/plain' };
    let taken: Transcoded;
    try {
      const nowMs = deps.clock.now();
      taken = this.sink.collect(deps.tenant, nowMs, () => {
        writeMessages(batch, this.sink, deps.reader, nowMs);
      });
    } catch (error) {
      deps.log.error({ err: error, messages: batch.length }, 'syslog messages could not be read');
      const reason = error instanceof Error ? error.message : String(error);
      await deps.door.deadLetters([{ ...common, reason, payload: payload() }]);
      return;
    }
    const bytes = batch.reduce((sum, message) => sum + message.bytes.length, 0);
    const { signal } = this.giveUp;
    const kept = await deliverPatiently(deps, {
      ...common,
      taken,
      payload,
      bytes,
      startedAt,
      giveUp: signal,
    });
    if (!kept) syslogDropped.inc({ reason: 'stopped' }, batch.length);
  }

  private count(bytes: number): void {
    this.waitingBytes += bytes;
    syslogWaitingBytes.set(this.waitingBytes);
  }
}

const sizeOf = (batch: readonly Received[]): number =>
  batch.reduce((sum, { bytes }) => sum + bytes.length + messageOverheadBytes, 0);

export function writeMessages(
  batch: readonly Received[],
  sink: LogSink,
  reader: MessageReader,
  nowMs: number,
): void {
  let before: string | undefined;
  for (const received of batch) {
    const message = reader.read(received.bytes, nowMs);
    const { app, host } = message;
    const owner = `${app}\n${host}`;
    if (owner !== before) {
      before = owner;
      const resource: Pair[] = host === '' ? [] : [['host.name', host]];
      sink.resource(app === '' ? unknownService : app, namedService(resource, app === '' ? undefined : app));
    }
    const attributes = [...message.attributes];
    // Without a name of the host, the address is all that says who it was.
    if (host === '') attributes.push(['network.peer.address', received.peer]);
    if (received.cut) attributes.push(['clew.truncated', 'message']);
    const { timeNs, severity, body } = message;
    sink.record({ timeNs, severity, traceId: '', spanId: '', body, attributes });
  }
}
