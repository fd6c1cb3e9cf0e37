import type { DetailStore } from '../../detail/index.ts';
import type { Clock } from '../../lib/index.ts';
import { databaseRef, type EpochMs, externalRef, serviceRef, type Urn } from '../../model/index.ts';
import {
  type BodyRow,
  type EdgeRow,
  type LogRow,
  liveQuery,
  type SampleRow,
  type SeriesRow,
  type SpanRow,
  spanDurationMsMax,
  spanDurationMsUsual,
} from './queries.ts';
import { bucketMs, bucketOf, bucketStart, Ring, ringBuckets } from './ring.ts';
import {
  type EdgeKey,
  type EdgeSeries,
  type MetricSeries,
  RequestSeries,
  type ServiceSeries,
  type ShapeSeries,
} from './series.ts';

/**
 * How far back a tick reads again: export delay of senders plus the store's 2 s, several times over. Every sixth tick
 * reads further back for stragglers; doing so each time would double the cost (102 against 50 ms of CPU at 300 spans/s).
 */
const rereadMs = 25_000;
const rereadWideMs = 60_000;
/**
 * Under heavy load (some 150 000 records a second) every second tick looks, and less is read again: what comes later than
 * that is found by the wide look, or when it is calm. Reading a record takes 0.08 µs.
 */
const heavyRecords = 2_000_000;
const heavyEvery = 2;
const rereadHeavyMs = 12_000;
const wideEvery = 6;
/**
 * Call edges cost as much as everything else together; neither they nor process metrics decide an objective. So ticks
 * read them in turn, each every 10 s.
 */
const turns = 2;
/** A bucket is judged this long after it ended: senders export about once a second and the store needs up to 2 s. */
export const settleMs = 3_000;
/** Bounds of the memory held: a series costs about 6–60 kB. Beyond them new series are left out and counted. */
const servicesMax = 300;
const operationsMax = 600;
const versionsPerServiceMax = 8;
const instancesPerServiceMax = 64;
const edgesMax = 800;
const shapesMax = 2_000;
const metricsMax = 3_000;
const addressesMax = 5_000;

export interface LiveWindowDeps {
  store: DetailStore;
  clock: Clock;
  tenant: string;
}

/** The last hour of a tenant in 5-second buckets, held in bounded memory and re-read from the detail store. */
export class LiveWindow {
  readonly tenant: string;
  readonly #deps: LiveWindowDeps;
  readonly #services = new Map<string, ServiceSeries>();
  readonly #edges = new Map<string, EdgeSeries>();
  readonly #metrics = new Map<string, MetricSeries>();
  /** Series ids that are known but not kept, so that they are not looked up again. */
  readonly #ignoredMetrics = new Set<string>();
  /** `host:port` of a call that had a server span, and whose: it names the peer of calls that reached nobody. */
  readonly #addressOwner = new Map<string, string>();
  #operations = 0;
  #shapes = 0;
  #dropped = 0;
  #idle = false;
  #ticks = 0;
  #completeTo: EpochMs = 0;
  #heavy = false;
  #firstData: EpochMs = Number.POSITIVE_INFINITY;

  constructor(deps: LiveWindowDeps) {
    this.#deps = deps;
    this.tenant = deps.tenant;
  }

  /** End of the newest bucket that is worth judging. */
  get completeTo(): EpochMs {
    return this.#completeTo;
  }
  /** Start of the oldest bucket that holds anything; Infinity when there is nothing. */
  get firstData(): EpochMs {
    return this.#firstData;
  }
  /** Series left out because a bound was reached. */
  get dropped(): number {
    return this.#dropped;
  }
  services(): ServiceSeries[] {
    return [...this.#services.values()];
  }
  service(name: string): ServiceSeries | undefined {
    return this.#services.get(name);
  }
  edges(): EdgeSeries[] {
    return [...this.#edges.values()];
  }
  metrics(service?: string): MetricSeries[] {
    const all = [...this.#metrics.values()];
    return service === undefined ? all : all.filter((series) => series.service === service);
  }
  ownerOf(address: string): string | null {
    return this.#addressOwner.get(address) ?? null;
  }

  /** Reads up to one hour back, once, at start. */
  async backfill(lookbackMs: number = ringBuckets * bucketMs): Promise<void> {
    const now = this.#deps.clock.now();
    const from = bucketStart(bucketOf(now - Math.min(lookbackMs, (ringBuckets - 1) * bucketMs)));
    await this.#read(from, now, { spanMs: spanDurationMsMax, edges: true, metrics: true, threadsMax: 2 });
  }

  /** Reads the last half minute again. Cheap when nothing is being sent. `all: true` reads edges and metrics whosever turn it is. */
  async refresh(options: { all?: boolean } = {}): Promise<void> {
    const now = this.#deps.clock.now();
    const tick = this.#ticks++;
    const wide = tick % wideEvery === 0;
    if (this.#heavy && options.all !== true && tick % heavyEvery !== 0) return;
    const turn = this.#heavy ? tick / heavyEvery : tick;
    const edges = options.all === true || turn % turns === 0;
    const metrics = options.all === true || !edges;
    const narrowMs = this.#heavy ? rereadHeavyMs : rereadMs;
    const wideMs = this.#heavy ? rereadMs : rereadWideMs;
    const from = bucketStart(bucketOf(now - (wide ? wideMs : narrowMs)));
    if (this.#idle) {
      const probe = await this.#deps.store.query<{ rows: number }>(
        liveQuery('probe', this.tenant, from, now + bucketMs),
      );
      if (Number(probe.rows[0]?.rows ?? 0) === 0) {
        this.#completeTo = bucketStart(bucketOf(now - settleMs));
        return;
      }
    }
    const spanMs = wide ? spanDurationMsMax : spanDurationMsUsual;
    await this.#read(from, now, { spanMs, edges, metrics, threadsMax: 1 });
  }

  async #read(
    from: EpochMs,
    now: EpochMs,
    how: { spanMs: number; edges: boolean; metrics: boolean; threadsMax: 1 | 2 },
  ): Promise<void> {
    const { store } = this.#deps;
    const to = bucketStart(bucketOf(now) + 1);
    const { spanMs, threadsMax } = how;
    const ask = <Row>(name: Parameters<typeof liveQuery>[0]) =>
      store
        .query<Row>(liveQuery(name, this.tenant, from, to, { spanMs, threadsMax }))
        .then((result) => result.rows);
    const [spans, edges, logs, samples, histograms] = [
      await ask<SpanRow>('spans'),
      how.edges ? await ask<EdgeRow>('edges') : [],
      await ask<LogRow>('logs'),
      how.metrics ? await ask<SampleRow>('samples') : [],
      how.metrics ? await ask<SampleRow>('histograms') : [],
    ];
    await this.#learnMetrics([...samples, ...histograms]);
    const bodies = await this.#bodiesOf(logs, from, to);
    this.#clear(bucketOf(from), bucketOf(to), how.edges);
    for (const row of spans) this.#addSpans(row);
    this.#learnAddresses(edges);
    for (const row of edges) this.#addEdge(row);
    for (const row of logs) this.#addLogs(row, bodies);
    for (const row of [...samples, ...histograms]) this.#addSample(row);
    this.#idle = spans.length + edges.length + logs.length + samples.length + histograms.length === 0;
    this.#completeTo = bucketStart(bucketOf(now - settleMs));
    const records = logs.reduce((sum, row) => sum + row.records, 0);
    this.#heavy = spans.reduce((sum, row) => sum + row.requests, records) > heavyRecords;
  }

  #clear(from: number, to: number, edges: boolean): void {
    for (const service of this.#services.values()) {
      service.total.clear(from, to);
      for (const series of service.operations.values()) series.clear(from, to);
      for (const series of service.versions.values()) series.clear(from, to);
      for (const ring of service.logs) ring.clear(from, to);
      for (const shape of service.shapes.values()) shape.records.clear(from, to);
    }
    if (edges) for (const edge of this.#edges.values()) edge.calls.clear(from, to);
  }

  #serviceFor(name: string, bucket: number): ServiceSeries | null {
    const known = this.#services.get(name);
    if (known) {
      known.lastSeen = Math.max(known.lastSeen, bucketStart(bucket));
      return known;
    }
    if (this.#services.size >= servicesMax) return this.#drop();
    const fresh: ServiceSeries = {
      service: name,
      total: new RequestSeries(),
      operations: new Map(),
      versions: new Map(),
      instances: new Map(),
      logs: Array.from({ length: 6 }, () => new Ring()),
      shapes: new Map(),
      lastSeen: bucketStart(bucket),
    };
    this.#services.set(name, fresh);
    return fresh;
  }

  #drop(): null {
    this.#dropped++;
    return null;
  }

  #addSpans(row: SpanRow): void {
    const service = this.#serviceFor(row.service, row.bucket);
    if (!service) return;
    this.#firstData = Math.min(this.#firstData, bucketStart(row.bucket));
    service.total.add(row.bucket, row.requests, row.errors, row.bins);
    this.#operationFor(service, row.operation)?.add(row.bucket, row.requests, row.errors, row.bins);
    if (row.version !== '') {
      let version = service.versions.get(row.version);
      if (!version && service.versions.size < versionsPerServiceMax) {
        version = new RequestSeries();
        service.versions.set(row.version, version);
      }
      version?.add(row.bucket, row.requests, row.errors, row.bins);
    }
    for (const id of row.instances) this.#seeInstance(service, id, row.version, row.bucket);
  }

  #operationFor(service: ServiceSeries, operation: string): RequestSeries | null {
    const known = service.operations.get(operation);
    if (known) return known;
    if (this.#operations >= operationsMax) return this.#drop();
    this.#operations++;
    const fresh = new RequestSeries();
    service.operations.set(operation, fresh);
    return fresh;
  }

  #seeInstance(service: ServiceSeries, id: string, version: string, bucket: number): void {
    if (id === '') return;
    const at = bucketStart(bucket);
    const known = service.instances.get(id);
    if (known) {
      known.first = Math.min(known.first, at);
      known.last = Math.max(known.last, at);
    } else if (service.instances.size < instancesPerServiceMax) {
      service.instances.set(id, { id, version, first: at, last: at });
    }
  }

  #learnAddresses(rows: readonly EdgeRow[]): void {
    for (const row of rows) {
      if (row.callee === '' || row.address === '' || row.callee === row.src) continue;
      if (this.#addressOwner.size < addressesMax || this.#addressOwner.has(row.address)) {
        this.#addressOwner.set(row.address, row.callee);
      }
    }
  }

  /** Who was called: the service whose server span answered, the database, the known owner of the address, or a stranger. */
  peerOf(
    row: Pick<EdgeRow, 'src' | 'callee' | 'peer_service' | 'db_system' | 'db_namespace' | 'address'>,
  ): EdgeKey | null {
    const base = { src: row.src, address: row.address, system: row.db_system, namespace: row.db_namespace };
    const named = this.#services.has(row.peer_service) ? row.peer_service : '';
    const callee = row.callee !== '' ? row.callee : (this.#addressOwner.get(row.address) ?? named);
    if (row.db_system !== '' && row.callee === '') {
      const cluster = row.address !== '' ? row.address : row.src;
      const ref = databaseRef(row.db_system, cluster, row.db_namespace);
      return { ...base, dst: ref.urn, type: 'database', callee: null };
    }
    if (callee !== '') return { ...base, dst: serviceRef(callee).urn, type: 'service', callee };
    if (row.address === '') return null;
    return { ...base, dst: externalRef(row.address).urn, type: 'external', callee: null };
  }

  #addEdge(row: EdgeRow): void {
    const peer = this.peerOf(row);
    if (!peer || peer.callee === row.src) return;
    const key = `${row.src} ${peer.dst}`;
    let edge = this.#edges.get(key);
    if (!edge) {
      if (this.#edges.size >= edgesMax) return void this.#drop();
      edge = { ...peer, calls: new RequestSeries() };
      this.#edges.set(key, edge);
    }
    this.#serviceFor(row.src, row.bucket);
    edge.calls.add(row.bucket, row.requests, row.errors, row.bins);
  }

  #addLogs(row: LogRow, bodies: ReadonlyMap<string, string>): void {
    const service = this.#serviceFor(row.service, row.bucket);
    if (!service) return;
    this.#firstData = Math.min(this.#firstData, bucketStart(row.bucket));
    service.logs[row.level]?.set(row.bucket, Number(row.level_records));
    this.#shapeFor(service, row, bodies)?.records.add(row.bucket, row.records);
  }

  #shapeFor(service: ServiceSeries, row: LogRow, bodies: ReadonlyMap<string, string>): ShapeSeries | null {
    const key = `${row.shape}/${row.level}`;
    const known = service.shapes.get(key);
    if (known) {
      known.first = Math.min(known.first, bucketStart(row.bucket));
      return known;
    }
    if (this.#shapes >= shapesMax) return this.#drop();
    this.#shapes++;
    const fresh = {
      shape: row.shape,
      sample: bodies.get(row.shape) ?? '',
      level: row.level,
      records: new Ring(),
      first: bucketStart(row.bucket),
    };
    service.shapes.set(key, fresh);
    return fresh;
  }

  /** A body of each shape that has no series yet. */
  async #bodiesOf(rows: readonly LogRow[], from: EpochMs, to: EpochMs): Promise<ReadonlyMap<string, string>> {
    const unknown = new Set<string>();
    for (const { service, shape, level } of rows) {
      if (this.#shapes + unknown.size >= shapesMax) break;
      if (this.#services.get(service)?.shapes.has(`${shape}/${level}`) !== true) unknown.add(shape);
    }
    if (unknown.size === 0) return new Map();
    const query = liveQuery('bodies', this.tenant, from, to, { params: { shapes: [...unknown] } });
    const { rows: bodies } = await this.#deps.store.query<BodyRow>(query);
    return new Map(bodies.map(({ shape, sample }) => [shape, sample]));
  }

  /** Looks up what the new series ids mean; once per id. */
  async #learnMetrics(rows: readonly SampleRow[]): Promise<void> {
    const unknown = new Set<string>();
    for (const row of rows) {
      if (!this.#metrics.has(row.series) && !this.#ignoredMetrics.has(row.series)) unknown.add(row.series);
    }
    if (unknown.size === 0) return;
    const ids = [...unknown].slice(0, metricsMax);
    const now = this.#deps.clock.now();
    const histograms = new Set(rows.filter((row) => row.total > 0).map((row) => row.series));
    const found = await this.#deps.store.query<SeriesRow>(
      liveQuery('series', this.tenant, now - ringBuckets * bucketMs, now, { params: { ids } }),
    );
    for (const row of found.rows) {
      if (this.#metrics.size >= metricsMax) {
        this.#ignoredMetrics.add(row.series);
        this.#drop();
        continue;
      }
      const isHistogram = histograms.has(row.series);
      this.#metrics.set(row.series, {
        id: row.series,
        metric: row.metric,
        service: row.service,
        unit: row.unit,
        instance: row.instance,
        version: row.version,
        attributes: row.attributes,
        reading: isHistogram ? 'mean' : Number(row.monotonic) === 1 ? 'rate' : 'value',
        delta: row.temporality.toLowerCase() === 'delta',
        values: new Ring(Number.NaN),
        totals: isHistogram ? new Ring() : null,
      });
    }
  }

  #addSample(row: SampleRow): void {
    const series = this.#metrics.get(row.series);
    if (!series) return;
    series.values.set(row.bucket, row.value);
    series.totals?.set(row.bucket, row.total);
    const service = this.#serviceFor(series.service, row.bucket);
    if (service) this.#seeInstance(service, series.instance, series.version, row.bucket);
  }

  /** Services that call `service`, directly or not, in the window; the service itself is not among them. */
  callersOf(service: string, from: EpochMs, to: EpochMs): Set<string> {
    return this.#reach(service, from, to, (edge) => [edge.callee, edge.src]);
  }
  calleesOf(service: string, from: EpochMs, to: EpochMs): Set<string> {
    return this.#reach(service, from, to, (edge) => [edge.src, edge.callee]);
  }

  #reach(
    start: string,
    from: EpochMs,
    to: EpochMs,
    direction: (edge: EdgeSeries) => [string | null, string | null],
  ): Set<string> {
    const active = this.edges().filter(
      (edge) => edge.callee !== null && edge.calls.requests.sum(bucketOf(from), bucketOf(to)) > 0,
    );
    const seen = new Set<string>();
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const edge of active) {
        const [near, far] = direction(edge);
        if (near !== at || far === null || far === start || seen.has(far)) continue;
        seen.add(far);
        queue.push(far);
      }
    }
    return seen;
  }

  /** The URN of a service, as the ledger names it. */
  urnOf(service: string): Urn {
    return serviceRef(service).urn;
  }
}
