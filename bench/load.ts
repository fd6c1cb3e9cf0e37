/**
 * The load generator, a process of its own so that its cost is not the server's: requests are built before the first is
 * sent and changed in place, each connection sends its next as soon as the last is acknowledged (or, with a rate, when
 * its time has come). Talks to its parent by messages: a LoadSpec in, ticks and one LoadResult out.
 */
import { Connection, ConnectionLost } from './connection.ts';
import { SequenceSum } from './identity.ts';
import { type Percentiles, percentiles } from './statistics.ts';
import { type RequestTemplate, type Share, type Signal, signals } from './workload/index.ts';

export interface LoadSpec {
  /** Addresses of Clew's listeners. */
  otlp: string;
  api: string;
  shares: readonly Share[];
  seconds: number;
  connections: number;
  run: string;
  headers: Record<string, string>;
  /** Paths other than Clew's own. */
  paths?: Partial<Record<Signal, string>>;
  /** First sequence number of each signal. */
  first: Record<Signal, number>;
  /** Records a second over all connections; 0 sends as fast as acknowledgements come. */
  rate: number;
  /** What a lost connection means: the end of the run, or connecting again and sending the same request once more. */
  onLost: 'fail' | 'retry';
  /** How long a refused request waits, until the time is over; without it as long as the answer says, but not for ever. */
  retryMs?: number;
}

export interface Tick extends Percentiles {
  /** Seconds since the start, at the end of this second. */
  second: number;
  records: number;
  bytes: number;
  refused: number;
}

export interface LoadResult {
  /** From the first request to the last acknowledgement. */
  seconds: number;
  cpuMs: number;
  requests: number;
  bytes: number;
  /** Requests answered 429 or 503; each was sent again. */
  refused: number;
  /** Requests whose connection was lost; each was sent again. */
  lost: number;
  ack: Percentiles;
  acknowledged: Partial<Record<Signal, { count: number; sum: string; xor: number }>>;
  /** First sequence number that no request has had. */
  next: Record<Signal, number>;
  ticks: Tick[];
}

/** A request that is refused this often in a row ends the run. */
const refusalsMax = 1_000;
/** How long a connection is tried again before the run ends, milliseconds. */
const reconnectMsMax = 120_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Load {
  private readonly spec: LoadSpec;
  private readonly next: Record<Signal, number>;
  private readonly acknowledged = new Map<Signal, SequenceSum>();
  private readonly latencies: number[] = [];
  private readonly ticks: Tick[] = [];
  private started = 0;
  private requests = 0;
  private bytes = 0;
  private refused = 0;
  private lost = 0;
  private lastAck = 0;
  private second = { latencies: [] as number[], records: 0, bytes: 0, refused: 0 };
  /** The instant at which the next paced request is due. */
  private due = 0;

  constructor(spec: LoadSpec) {
    this.spec = spec;
    this.next = { ...spec.first };
  }

  async run(): Promise<LoadResult> {
    const lanes = lanesOf(this.spec);
    const open = await Promise.all(
      lanes.map((lane) =>
        this.spec.onLost === 'retry' ? this.reconnect(lane) : Connection.open(lane.address),
      ),
    );
    // Building the requests is no cost of sending them.
    const cpu = process.cpuUsage();
    this.started = this.due = this.lastAck = performance.now();
    const timer = setInterval(() => this.tick(), 1_000);
    try {
      await Promise.all(lanes.map((lane, at) => this.send(lane, open[at])));
    } finally {
      clearInterval(timer);
    }
    const used = process.cpuUsage(cpu);
    this.tick();
    return {
      seconds: (this.lastAck - this.started) / 1000,
      cpuMs: (used.user + used.system) / 1000,
      requests: this.requests,
      bytes: this.bytes,
      refused: this.refused,
      lost: this.lost,
      ack: percentiles(this.latencies),
      acknowledged: Object.fromEntries([...this.acknowledged].map(([signal, sum]) => [signal, sum.toJSON()])),
      next: this.next,
      ticks: this.ticks,
    };
  }

  private async send(lane: Lane, connection: Connection | undefined): Promise<void> {
    const end = this.started + this.spec.seconds * 1000;
    let current = connection;
    for (let turn = 0; performance.now() < end; turn++) {
      const template = lane.templates[turn % lane.templates.length];
      if (template === undefined) throw new Error('a connection without requests');
      const dueAt = this.spec.rate > 0 ? await this.pace(template.records) : performance.now();
      const first = this.next[lane.signal];
      this.next[lane.signal] += template.records;
      template.patch(first, Date.now());
      current = await this.deliver(lane, template, current, end);
      if (current === undefined) return;
      this.acknowledge(lane.signal, template, first, dueAt);
    }
    current?.close();
  }

  /** Waits for this request's turn. Its latency counts from there, so that a stall is not hidden by sending less. */
  private async pace(records: number): Promise<number> {
    const due = this.due;
    this.due += (records / this.spec.rate) * 1000;
    const early = due - performance.now();
    if (early > 1) await sleep(early);
    return Math.max(due, this.started);
  }

  /** Sends until it is acknowledged; answers the connection to go on with, none where it gave up at `end`. */
  private async deliver(
    lane: Lane,
    template: RequestTemplate,
    given: Connection | undefined,
    end: number,
  ): Promise<Connection | undefined> {
    let connection = given ?? (await this.reconnect(lane));
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await connection.exchange(template.bytes);
        if (answer.status === 204 || (answer.status === 200 && answer.text === '')) return connection;
        // An answer of 200 with a body is OTLP's partial success: some records were not kept.
        if (answer.status === 200) throw new Error(`${lane.signal}: not all kept: ${answer.text}`);
        if (answer.status !== 429 && answer.status !== 503)
          throw new Error(`${lane.signal}: answered ${answer.status}: ${answer.text.trim()}`);
        if (this.spec.retryMs === undefined && attempt >= refusalsMax)
          throw new Error(`${lane.signal}: refused ${attempt} times in a row: ${answer.text.trim()}`);
        this.refused++;
        this.second.refused++;
        if (this.spec.retryMs !== undefined && performance.now() > end) {
          connection.close();
          return undefined;
        }
        await sleep(this.spec.retryMs ?? answer.retryAfterS * 1000);
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.spec.onLost === 'fail') throw error;
        this.lost++;
        connection.close();
        connection = await this.reconnect(lane);
      }
    }
  }

  private async reconnect(lane: Lane): Promise<Connection> {
    const end = performance.now() + reconnectMsMax;
    for (;;) {
      try {
        return await Connection.open(lane.address);
      } catch (error) {
        if (performance.now() > end) throw error;
        await sleep(50);
      }
    }
  }

  private acknowledge(signal: Signal, template: RequestTemplate, first: number, dueAt: number): void {
    const now = performance.now();
    this.lastAck = now;
    this.requests++;
    this.bytes += template.bytes.length;
    this.latencies.push(now - dueAt);
    this.second.latencies.push(now - dueAt);
    this.second.records += template.records;
    this.second.bytes += template.bytes.length;
    let sum = this.acknowledged.get(signal);
    if (sum === undefined) {
      sum = new SequenceSum();
      this.acknowledged.set(signal, sum);
    }
    sum.add(first, template.records);
  }

  private tick(): void {
    const { latencies, records, bytes, refused } = this.second;
    this.second = { latencies: [], records: 0, bytes: 0, refused: 0 };
    const second = (performance.now() - this.started) / 1000;
    const tick = { second, records, bytes, refused, ...percentiles(latencies) };
    this.ticks.push(tick);
    process.send?.({ tick });
  }
}

interface Lane {
  signal: Signal;
  address: URL;
  templates: RequestTemplate[];
}

/** Which signal each connection sends: in turns by weight, so that eight connections are 4 : 2 : 2 of a mixed load. */
export function signalsOfConnections(shares: readonly Share[], connections: number): Share[] {
  const cycle: Share[] = [];
  const weightMax = Math.max(...shares.map((share) => share.weight));
  for (let round = 0; round < weightMax; round++)
    for (const share of shares) if (round < share.weight) cycle.push(share);
  return Array.from({ length: connections }, (_, index) => cycle[index % cycle.length]).filter(
    (share) => share !== undefined,
  );
}

/** A connection with the requests that only it sends: one that is on its way must not be changed. */
function lanesOf(spec: LoadSpec): Lane[] {
  const shares = signalsOfConnections(spec.shares, spec.connections);
  return shares.map((share, index) => {
    const { signal } = share;
    const peers = shares.filter((other) => other === share).length;
    const position = shares.slice(0, index).filter((other) => other === share).length;
    const templates = requestsOf(spec, share, peers);
    const address = new URL(signals[signal].listener === 'otlp' ? spec.otlp : spec.api);
    return { signal, address, templates: templates.filter((_, number) => number % peers === position) };
  });
}

const built = new Map<Share, RequestTemplate[]>();
function requestsOf(spec: LoadSpec, share: Share, connections: number): RequestTemplate[] {
  let requests = built.get(share);
  if (requests === undefined) {
    const workload = signals[share.signal];
    const address = new URL(workload.listener === 'otlp' ? spec.otlp : spec.api);
    const path = spec.paths?.[share.signal];
    requests = workload.build({
      records: share.records,
      count: Math.max(connections, workload.requestsDefault),
      run: spec.run,
      headers: spec.headers,
      host: address.host,
      ...(path === undefined ? {} : { path }),
    });
    built.set(share, requests);
  }
  return requests;
}

process.once('disconnect', () => process.exit(1));
process.once('message', (spec: LoadSpec) => {
  new Load(spec).run().then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: unknown) => {
      const failure = error instanceof Error ? error.message : String(error);
      process.send?.({ failure }, () => process.exit(1));
    },
  );
});
