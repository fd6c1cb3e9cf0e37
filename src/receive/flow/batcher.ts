import { type Clock, isClewError, type Logger } from '../../lib/index.ts';
import type { Block } from '../../model/index.ts';
import type { Delivery, Door, Letter } from '../door.ts';
import { type Flow, FlowSink } from '../flow-sink.ts';
import type { CollectorOut } from './collector.ts';
import { flowLettersDropped, flowUndelivered } from './events.ts';

interface BatcherDeps {
  door: Door;
  limits: { attributeBytesMax: number; clockSkewS: number };
  tenant: string;
  clock: Clock;
  log: Logger;
}

/** Flows are visible soon, and a quiet network costs five small writes a second at most. */
const batchAgeMs = 200;
const batchRowsMax = 5_000;
const lettersMax = 500;
/** Datagrams that nobody can read, waiting to be kept; beyond it they are only counted. */
const letterBytesMax = 8_388_608;
/** Blocks that wait for room in the store: some 300 000 flows, half a minute of a large router. */
const heldBytesMax = 33_554_432;
const heldMsMax = 30_000;
const retryMs = 200;
/** How long a loss is worth a person's attention. */
const latelyMs = 600_000;

interface Held {
  delivery: Delivery;
  bytes: number;
}

/**
 * Collects flows for up to 200 ms and delivers them. Senders of datagrams can't be told to wait, so a batch that the door
 * refuses is tried again for a while; what then finds no room is counted.
 */
export class FlowBatcher implements CollectorOut {
  undelivered = 0;
  heldBytes = 0;
  lastError = '';
  private readonly deps: BatcherDeps;
  private readonly sink: FlowSink;
  private letters: Letter[] = [];
  private letterBytes = 0;
  private queue: Held[] = [];
  private received = 0;
  private startedAt = 0;
  private droppedAt = 0;
  private timer: Promise<void> | null = null;
  private sending: Promise<void> | null = null;
  private readonly stopped = new AbortController();

  constructor(deps: BatcherDeps) {
    this.deps = deps;
    this.sink = new FlowSink(deps.limits);
  }

  get undeliveredLately(): boolean {
    return this.undelivered > 0 && this.deps.clock.monotonic() - this.droppedAt < latelyMs;
  }

  /** Too much waits: who can be asked to wait should be. */
  get isFull(): boolean {
    return this.heldBytes > heldBytesMax / 2;
  }

  /** Before the flows of each datagram. */
  receivedAt(nowMs: number, bytes: number): void {
    this.sink.receivedAt(nowMs);
    this.received += bytes;
  }

  flow(flow: Flow): void {
    if (this.sink.rows === 0) this.startedAt = this.deps.clock.monotonic();
    this.sink.row(this.deps.tenant, flow);
    if (this.sink.rows >= batchRowsMax) this.cut();
    else this.wake();
  }

  reject(protocol: string, reason: string, payload: Uint8Array): void {
    const { tenant } = this.deps;
    this.letterBytes += payload.length;
    if (this.letterBytes > letterBytesMax) {
      this.letterBytes -= payload.length;
      flowLettersDropped.inc();
      return;
    }
    this.letters.push({
      tenant,
      source: `flow/${protocol}`,
      reason,
      contentType: 'application/octet-stream',
      payload: payload.slice(),
    });
    if (this.letters.length >= lettersMax) this.cut();
    else this.wake();
  }

  /** Resolves when everything up to now is durable or counted. */
  async flush(): Promise<void> {
    this.cut();
    while (this.sending !== null) await this.sending;
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.flush();
  }

  private wake(): void {
    this.timer ??= this.deps.clock.sleep(batchAgeMs, this.stopped.signal).then(() => {
      this.timer = null;
      this.cut();
    });
  }

  /** Closes the batch and puts it into the queue. */
  private cut(): void {
    const { rows } = this.sink;
    if (rows > 0) {
      const { blocks } = this.sink.take();
      this.enqueue({ blocks, records: rows, bytes: this.received });
      this.received = 0;
    }
    if (this.queue.length > 0 || this.letters.length > 0) this.sending ??= this.send();
  }

  private enqueue({ blocks, records, bytes }: { blocks: Block[]; records: number; bytes: number }): void {
    const { tenant } = this.deps;
    const size = blocks.reduce((sum, block) => sum + block.bytes.length, 0);
    if (this.heldBytes + size > heldBytesMax) {
      this.drop(records, 'more than the queue holds waits to be stored');
      return;
    }
    this.heldBytes += size;
    const delivery = {
      tenant,
      signal: 'flows',
      blocks,
      records,
      rejected: 0,
      bytes,
      startedAt: this.startedAt,
    };
    this.queue.push({ delivery, bytes: size });
  }

  private async send(): Promise<void> {
    try {
      while (this.queue.length > 0 || this.letters.length > 0) {
        const letters = this.letters;
        this.letters = [];
        this.letterBytes = 0;
        if (letters.length > 0) await this.deps.door.deadLetters(letters);
        const held = this.queue.shift();
        if (held === undefined) continue;
        await this.deliver(held.delivery);
        this.heldBytes -= held.bytes;
      }
    } finally {
      this.sending = null;
    }
  }

  private async deliver(delivery: Delivery): Promise<void> {
    const { door, clock } = this.deps;
    const since = clock.monotonic();
    for (;;) {
      try {
        return await door.deliver(delivery);
      } catch (error) {
        const again = isClewError(error) && error.retryable && !this.stopped.signal.aborted;
        if (!again || clock.monotonic() - since > heldMsMax) {
          this.drop(delivery.records, error instanceof Error ? error.message : String(error));
          return;
        }
      }
      await clock.sleep(retryMs, this.stopped.signal);
    }
  }

  private drop(records: number, why: string): void {
    // One line of log for each time the trouble changes, not for each batch.
    if (why !== this.lastError) this.deps.log.error({ flows: records, why }, 'flows could not be stored');
    this.lastError = why;
    this.droppedAt = this.deps.clock.monotonic();
    this.undelivered += records;
    flowUndelivered.inc(records);
  }
}
