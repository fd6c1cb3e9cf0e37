/** Senders that lose nothing, ways to disturb them, and a judge who counts afterwards. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { testSeed } from './seed.ts';

export const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Small, fast, seeded (mulberry32): the same seed disturbs at the same moments. The seed is printed. */
export function seeded(name: string): { seed: number; next: () => number } {
  const seed = testSeed;
  process.stdout.write(`${name}: seed ${seed} (CLEW_TEST_SEED)\n`);
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { seed, next };
}

/** Records of one request, each with an id of its own. */
export interface Batch {
  ids: string[];
  body: Buffer;
}

/** Records of one request fall into two days, so a segment has two partitions and an insert can stop between them. */
export function logBatch(name: string, count: number, nowMs = Date.now()): Batch {
  const ids = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const logRecords = ids.map((id) => ({
    timeUnixNano: String(BigInt(nowMs - (id.endsWith('1') ? 86_400_000 : 0)) * 1_000_000n),
    body: { stringValue: `record ${id}` },
    attributes: [{ key: 'id', value: { stringValue: id } }],
  }));
  const body = jsonToWire('logs', JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
  return { ids, body: Buffer.from(body) };
}

export interface Answer {
  status: number;
  retryAfter: string | undefined;
  text: string;
}

/** Sends a batch; undefined when nobody answered in time. */
export function post(
  otlpUrl: string,
  batch: Batch,
  agent?: Agent,
  timeoutMs = 5_000,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const sent = request(`${otlpUrl}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-length': batch.body.length },
      timeout: timeoutMs,
      ...(agent === undefined ? {} : { agent }),
    });
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('error', () => resolve(undefined));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], text }),
      );
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(undefined));
    sent.end(batch.body);
  });
}

/** Sends only a part of a batch, or all of it without reading the answer, and breaks the connection. */
export function cutPost(otlpUrl: string, batch: Batch, part: number, waitMs: number): Promise<void> {
  const { hostname, port } = new URL(otlpUrl);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('close', () => resolve());
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      socket.pause();
      const head = `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${batch.body.length}\r\n\r\n`;
      const whole = Buffer.concat([Buffer.from(head), batch.body]);
      socket.write(whole.subarray(0, Math.ceil(whole.length * part)), () => {
        void soon(waitMs).then(() => socket.resetAndDestroy());
      });
    });
  });
}

/** What was sent and what was answered. */
export class Account {
  readonly sent = new Set<string>();
  readonly acknowledged = new Set<string>();
  /** Statuses of answers that were no success, each with its Retry-After. */
  readonly refusals = new Map<string, number>();
  /** Batches that were sent more than once. */
  repeated = 0;
  /** Batches that were never acknowledged: they may be there or not, but not twice. */
  open: Batch[] = [];

  answered(batch: Batch, answer: Answer | undefined): boolean {
    if (answer?.status === 200) {
      for (const id of batch.ids) this.acknowledged.add(id);
      return true;
    }
    if (answer !== undefined) {
      const kind = `${answer.status} retry-after ${answer.retryAfter ?? 'none'}`;
      this.refusals.set(kind, (this.refusals.get(kind) ?? 0) + 1);
    }
    return false;
  }

  /** What contradicts the promise; each list empty when nothing does. `present`: id to number of rows. */
  verdict(present: ReadonlyMap<string, number>) {
    return {
      lost: [...this.acknowledged].filter((id) => !present.has(id)).slice(0, 5),
      twice: [...present].filter(([, count]) => count !== 1).slice(0, 5),
      unsent: [...present.keys()].filter((id) => !this.sent.has(id)).slice(0, 5),
    };
  }

  figures(present: ReadonlyMap<string, number>): string {
    const refusals = [...this.refusals].map(([kind, count]) => `${count} × ${kind}`).join(', ');
    return `${this.sent.size} sent, ${this.acknowledged.size} acknowledged, ${present.size} present, ${this.repeated} batches repeated, refused: ${refusals || 'none'}\n`;
  }
}

export const nothingWrong = { lost: [], twice: [], unsent: [] };

export interface SendersOptions {
  account: Account;
  url: () => string;
  next: () => number;
  /** Sent records begin with it. */
  name: string;
  senders?: number;
  recordsPerBatch?: number;
  /** Part of the requests whose connection is broken on purpose. */
  cuts?: number;
  /** Time that a sender waits for its answer. */
  timeoutMs?: number;
  pauseMs?: number;
}

/** Senders that repeat byte by byte, in any order, what was not acknowledged. */
export function startSenders(options: SendersOptions): { stop(): Promise<void> } {
  let stopped = false;
  const { account, senders = 4 } = options;
  const agent = new Agent({ keepAlive: true });
  const one = async (number: number) => {
    const waiting = account.open.splice(0, Math.ceil(account.open.length / senders));
    for (let count = 0; !stopped; count++) {
      const again = waiting.length > 0 && options.next() < 0.5;
      const batch = again
        ? waiting.splice(Math.floor(options.next() * waiting.length), 1)[0]
        : logBatch(`${options.name}-${number}-${count}`, options.recordsPerBatch ?? 20);
      if (batch === undefined) continue;
      if (again) account.repeated += 1;
      if (!(await deliver(batch, agent, options))) waiting.push(batch);
      if (options.pauseMs !== undefined) await soon(options.pauseMs);
    }
    account.open.push(...waiting);
  };
  const all = Promise.all(Array.from({ length: senders }, (_, number) => one(number)));
  return {
    async stop() {
      stopped = true;
      await all;
      agent.destroy();
    },
  };
}

async function deliver(batch: Batch, agent: Agent, options: SendersOptions): Promise<boolean> {
  const { account, next, cuts = 0 } = options;
  for (const id of batch.ids) account.sent.add(id);
  if (next() < cuts) {
    const whole = next() < 0.7;
    await cutPost(options.url(), batch, whole ? 1 : next(), next() * 20);
    return false;
  }
  const answer = await post(options.url(), batch, agent, options.timeoutMs);
  const acknowledged = account.answered(batch, answer);
  // Nobody is there, or it is full: don't spin.
  if (!acknowledged) await soon(answer === undefined ? 20 : 50);
  return acknowledged;
}

/** Sends what is still open until it is acknowledged. */
export async function settle(account: Account, url: string, timeMs = 20_000): Promise<void> {
  for (const end = Date.now() + timeMs; account.open.length > 0 && Date.now() < end; ) {
    const batch = account.open.shift();
    if (batch === undefined) break;
    account.repeated += 1;
    if (!account.answered(batch, await post(url, batch))) {
      account.open.push(batch);
      await soon(100);
    }
  }
}

export interface Countable {
  sql(text: string): Promise<unknown[][]>;
}

/** Rows of each id, asked until all that was acknowledged can be queried, or for `timeMs`. */
export async function present(
  clew: Countable,
  account: Account,
  timeMs = 20_000,
): Promise<Map<string, number>> {
  for (const end = Date.now() + timeMs; ; await soon(300)) {
    const rows = await clew.sql(
      "SELECT LogAttributes['id'] AS id, count() FROM otel_logs WHERE LogAttributes['id'] != '' GROUP BY id",
    );
    const counts = new Map(rows.map(([id, count]) => [String(id), Number(count)]));
    if (Date.now() > end || account.verdict(counts).lost.length === 0) return counts;
  }
}

/** Largest resident memory that the process had, MB. */
export function peakMemoryMB(pid: number): number {
  const kB = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kB) / 1024);
}

/** What the README promises as resident memory of the whole program, and some room for a busy test machine. */
export const memoryMBMax = 1_300;
