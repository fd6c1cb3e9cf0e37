import type { Ledger } from '../ledger/index.ts';
import { ClewError, type Clock, type Logger } from '../lib/index.ts';
import { type BusPort, iso, type Message, type MessageHandler, type Topic, topics } from '../model/index.ts';
import type { BusTransport, Subscriber } from './contract.ts';
import { outboxPending, outboxPoisoned, outboxPublishTotal } from './events.ts';
import { openTransport } from './open.ts';

export interface BusDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  /** Another way to carry messages; in-process when absent. */
  transport?: BusTransport;
  limits?: Partial<BusLimits>;
}

export interface BusLimits {
  /** Without a notification the outbox is looked at this often: covers other processes and missed wake-ups. */
  pollMs: number;
  /** Messages taken at once; bounds memory and the time until a new message is seen. */
  batch: number;
  /** Keys delivered at the same time; the embedded ledger has one connection, more would only queue there. */
  keysAtOnce: number;
  attemptsMax: number;
  /** Pause after the first failure, doubled each time. */
  backoffMs: number;
  backoffMsMax: number;
  /** Delivered messages and inbox marks are kept this long for people who investigate. */
  keepMs: number;
}

const defaults: BusLimits = {
  pollMs: 2_000,
  batch: 64,
  keysAtOnce: 8,
  attemptsMax: 8,
  backoffMs: 500,
  backoffMsMax: 60_000,
  keepMs: 7 * 86_400_000,
};
const cleanEveryMs = 3_600_000;

export interface BusHealth {
  pending: number;
  oldestMs: number;
  poisoned: number;
  lastError: string | null;
}

interface OutboxRow {
  id: string;
  topic: string;
  key: string;
  payload: Record<string, unknown>;
  created_at: Date;
  message_id: string;
  tenant: string;
  trace_id: string;
  attempts: number;
}

const sql = {
  // A message whose key has an older one still waiting for its next attempt must wait behind it.
  due: `SELECT o.id, o.topic, o.key, o.payload, o.created_at, o.message_id, o.tenant, o.trace_id, o.attempts
    FROM outbox o
    WHERE o.published_at IS NULL AND o.poisoned_at IS NULL AND (o.next_attempt_at IS NULL OR o.next_attempt_at <= $1)
      AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.key = o.key AND e.id < o.id AND e.published_at IS NULL
        AND e.poisoned_at IS NULL AND e.next_attempt_at > $1)
    ORDER BY o.id LIMIT $2`,
  published: 'UPDATE outbox SET published_at = $2, attempts = attempts + 1 WHERE id = $1',
  failed: `UPDATE outbox SET attempts = $2, next_attempt_at = $3, last_error = $4, poisoned_at = $5 WHERE id = $1`,
  health: `SELECT count(*) FILTER (WHERE poisoned_at IS NULL)::int AS pending,
      min(created_at) FILTER (WHERE poisoned_at IS NULL) AS oldest,
      count(*) FILTER (WHERE poisoned_at IS NOT NULL)::int AS poisoned
    FROM outbox WHERE published_at IS NULL`,
  cleanOutbox: 'DELETE FROM outbox WHERE published_at < $1',
  cleanInbox: 'DELETE FROM inbox WHERE received_at < $1',
  cleanKeys: 'DELETE FROM idempotency WHERE created_at < $1',
};

/** Moves committed messages from the outbox to the transport. */
export class Bus implements BusPort {
  readonly #deps: BusDeps;
  readonly #limits: BusLimits;
  readonly #transport: BusTransport;
  readonly #subscribers: Subscriber[] = [];
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | null = null;
  #lastError: string | null = null;
  #cleanedAt: number;

  constructor(deps: BusDeps) {
    this.#deps = deps;
    this.#limits = { ...defaults, ...deps.limits };
    this.#transport = deps.transport ?? openTransport(deps);
    this.#cleanedAt = deps.clock.now();
  }

  subscribe(consumer: string, wanted: readonly Topic[], handle: MessageHandler): void {
    if (this.#loop) throw new ClewError('internal', `${consumer} subscribed after the bus was started.`);
    if (this.#subscribers.some((known) => known.consumer === consumer))
      throw new ClewError('internal', `There is already a consumer ${consumer}; its inbox would be shared.`);
    this.#subscribers.push({ consumer, topics: new Set(wanted), handle });
  }

  notify(): void {
    this.#wake.abort();
  }

  async start(): Promise<void> {
    if (this.#loop) return;
    await this.#transport.start(this.#subscribers);
    this.#loop = this.#run();
  }

  /** Lets the batch under way finish; what is not marked delivered comes again after start. Idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#loop;
    await this.#transport.stop();
  }

  async health(): Promise<BusHealth> {
    const [row] = await this.#deps.ledger.query<{ pending: number; oldest: Date | null; poisoned: number }>(
      sql.health,
    );
    const pending = row?.pending ?? 0;
    const poisoned = row?.poisoned ?? 0;
    outboxPending.set(pending);
    outboxPoisoned.set(poisoned);
    const oldestMs = row?.oldest ? this.#deps.clock.now() - row.oldest.getTime() : 0;
    return { pending, oldestMs, poisoned, lastError: this.#lastError };
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#stop.signal.aborted) {
      // Renewed before looking: a notification that comes while we look must not be missed.
      this.#wake = new AbortController();
      let busy = false;
      try {
        busy = (await this.#dispatch()) > 0;
        if (!busy) await this.#clean();
      } catch (error) {
        this.#lastError = messageOf(error);
        log.error({ err: error }, 'the outbox could not be read');
      }
      if (!busy && !this.#stop.signal.aborted) await clock.sleep(this.#limits.pollMs, this.#wake.signal);
    }
  }

  /** One batch; the number of messages delivered. */
  async #dispatch(): Promise<number> {
    const { ledger, clock } = this.#deps;
    const rows = await ledger.query<OutboxRow>(sql.due, [iso(clock.now()), this.#limits.batch]);
    const queues = [...Map.groupBy(rows, (row) => row.key).values()];
    let delivered = 0;
    const worker = async () => {
      for (let queue = queues.shift(); queue; queue = queues.shift()) delivered += await this.#deliver(queue);
    };
    await Promise.all(Array.from({ length: this.#limits.keysAtOnce }, worker));
    return delivered;
  }

  /** The messages of one key, in order; stops at the first that fails. */
  async #deliver(rows: readonly OutboxRow[]): Promise<number> {
    let delivered = 0;
    for (const row of rows) {
      if (this.#stop.signal.aborted) break;
      try {
        await this.#transport.publish(toMessage(row));
      } catch (error) {
        await this.#failed(row, error);
        break;
      }
      await this.#deps.ledger.query(sql.published, [row.id, iso(this.#deps.clock.now())]);
      outboxPublishTotal.inc({ topic: row.topic, status: 'ok' });
      delivered++;
    }
    return delivered;
  }

  async #failed(row: OutboxRow, error: unknown): Promise<void> {
    const { clock, ledger, log } = this.#deps;
    const attempts = row.attempts + 1;
    const last = attempts >= this.#limits.attemptsMax;
    const pauseMs = Math.min(this.#limits.backoffMs * 2 ** (attempts - 1), this.#limits.backoffMsMax);
    const now = clock.now();
    this.#lastError = `${row.topic}: ${messageOf(error)}`;
    outboxPublishTotal.inc({ topic: row.topic, status: last ? 'poisoned' : 'failed' });
    log.warn({ err: error, topic: row.topic, key: row.key, attempts, last }, 'a message was not handled');
    const due = last ? null : iso(now + pauseMs);
    const text = messageOf(error).replaceAll('\u0000', '').slice(0, 2_000);
    await ledger.query(sql.failed, [row.id, attempts, due, text, last ? iso(now) : null]);
  }

  async #clean(): Promise<void> {
    const { clock, ledger } = this.#deps;
    const now = clock.now();
    if (now - this.#cleanedAt < cleanEveryMs) return;
    this.#cleanedAt = now;
    const before = [iso(now - this.#limits.keepMs)];
    await ledger.query(sql.cleanOutbox, before);
    await ledger.query(sql.cleanInbox, before);
    await ledger.query(sql.cleanKeys, before);
  }
}

export const createBus = (deps: BusDeps): Bus => new Bus(deps);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function toMessage(row: OutboxRow): Message {
  const topic = topics.find((known) => known === row.topic);
  if (!topic) throw new ClewError('internal', `The outbox holds an unknown topic ${row.topic}.`);
  return {
    id: row.message_id,
    topic,
    key: row.key,
    tenant: row.tenant,
    payload: row.payload,
    traceId: row.trace_id,
    createdAt: row.created_at.getTime(),
  };
}
