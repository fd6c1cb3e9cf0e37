import { seeded } from '../../src/lib/index.ts';
import type { DatabaseSpec, Options, Scenario, ServiceSpec } from './script.ts';

type Row = Record<string, unknown>;
export interface Telemetry {
  otel_traces: Row[];
  otel_logs: Row[];
  metric_series: Row[];
  metric_samples: Row[];
  change_events: Row[];
}

interface Visit {
  end: number;
  failed: string | null;
}

const time = (ms: number): string => (Math.max(0, ms) / 1000).toFixed(6);
const hash = (text: string): string => {
  let h = 0xcbf29ce484222325n;
  for (const char of text) h = BigInt.asUintN(64, (h ^ BigInt(char.charCodeAt(0))) * 0x100000001b3n);
  return h.toString();
};

/** Background errors of a healthy system: 0.2 % as in the noise. */
const normalErrorRatio = 0.002;
const networkMs = 0.4;

export class Generator {
  readonly out: Telemetry = {
    otel_traces: [],
    otel_logs: [],
    metric_series: [],
    metric_samples: [],
    change_events: [],
  };
  readonly #scenario: Scenario;
  readonly #tenant: string;
  readonly #random: () => number;
  readonly #start: number;
  readonly #onset: number;
  readonly #end: number;
  #eventId = 0;

  constructor(scenario: Scenario, options: { tenant: string; start: number; seed: number }) {
    this.#scenario = scenario;
    this.#tenant = options.tenant;
    this.#start = options.start;
    this.#onset = options.start + scenario.warmS * 1000;
    this.#end = this.#onset + scenario.faultS * 1000;
    this.#random = seeded(options.seed);
  }

  run(): Telemetry {
    const { entry } = this.#scenario;
    for (let at = this.#start; at < this.#end; ) {
      const surge = this.#active('surge', entry.service, at);
      const rps = entry.rps * Number(surge?.factor ?? 1);
      at += (-Math.log(1 - this.#random()) * 1000) / rps;
      this.#visit(entry.service, at, this.#hex(32), '', this.#random() < 0.5 ? 'eu' : 'us');
    }
    for (const service of this.#scenario.services) this.#metrics(service);
    for (const service of this.#scenario.services) this.#storm(service);
    for (const change of this.#scenario.changes) {
      this.out.change_events.push({
        Tenant: this.#tenant,
        Timestamp: time(this.#onset + change.offsetS * 1000),
        Id: `chg-${this.out.change_events.length + 1}`,
        Kind: change.kind,
        ServiceName: change.service,
        Title: change.title,
        Actor: 'tester',
        Labels: change.labels,
        EventId: String(++this.#eventId),
      });
    }
    return this.out;
  }

  #hex(digits: number): string {
    let text = '';
    while (text.length < digits)
      text += Math.floor(this.#random() * 0x100000000)
        .toString(16)
        .padStart(8, '0');
    return text.slice(0, digits);
  }

  #active(kind: string, target: string, at: number): Options | null {
    if (at < this.#onset) return null;
    return (
      this.#scenario.faults.find(
        (fault) =>
          fault.kind === kind &&
          (fault.options.service ?? fault.options.peer ?? fault.options.database) === target,
      )?.options ?? null
    );
  }

  /** How many times as long everything takes on a machine that others crowd. */
  #crowd(at: number): number {
    const crowd = this.#scenario.faults.find(({ kind }) => kind === 'crowd');
    return crowd && at >= this.#onset ? Number(crowd.options.factor ?? 5) : 1;
  }

  #lognormal(ms: number): number {
    const u = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return ms * Math.exp(0.4 * u);
  }

  #service(name: string): ServiceSpec {
    const found = this.#scenario.services.find((service) => service.name === name);
    if (!found) throw new Error(`no service ${name}`);
    return found;
  }

  #resource(spec: ServiceSpec, at: number): Row {
    const release = this.#active('release', spec.name, at) ?? this.#active('leak', spec.name, at);
    const version = release?.version ?? spec.version;
    const restarted = this.#restarts(spec.name, at);
    return {
      'service.name': spec.name,
      'service.version': version,
      'service.instance.id': `${spec.name}-${version}-${restarted}`,
    };
  }

  /** A leaking service is away for `away` seconds every `every` seconds. */
  #restarts(name: string, at: number): number {
    const leak = this.#active('leak', name, at);
    return leak ? Math.floor((at - this.#onset) / (Number(leak.every ?? 30) * 1000)) : 0;
  }

  #away(name: string, at: number): boolean {
    const leak = this.#active('leak', name, at);
    if (!leak) return this.#active('down', name, at) !== null;
    const every = Number(leak.every ?? 30) * 1000;
    return at - this.#onset >= every && (at - this.#onset) % every < Number(leak.away ?? 4) * 1000;
  }

  #visit(name: string, at: number, trace: string, parent: string, region: string): Visit {
    const spec = this.#service(name);
    const id = this.#hex(16);
    const { ownMs, failed: ownFailure } = this.#own(spec, at, region);
    let end = at + ownMs / 2;
    let failed = ownFailure;
    for (const database of this.#scenario.databases.filter((d) => d.service === name)) {
      if (failed !== null) break;
      end = this.#statement(spec, database, end, trace, id);
    }
    for (const call of this.#scenario.calls.filter((c) => c.src === name)) {
      if (failed !== null || this.#random() >= call.share) continue;
      const called = this.#call(spec, call.dst, end, trace, id, region);
      end = called.end;
      if (called.failed !== null && !call.tolerate) failed = called.failed;
    }
    for (const external of this.#scenario.externals.filter((e) => e.service === name)) {
      if (failed !== null) break;
      const called = this.#external(spec, external.address, external.ms, end, trace, id);
      end = called.end;
      failed = called.failed;
    }
    end += ownMs / 2;
    this.#span(spec, at, end, {
      trace,
      id,
      parent,
      name: `${name} handle`,
      kind: 'Server',
      failed,
      own: ownFailure !== null,
      attributes: {
        'http.request.method': 'GET',
        'http.response.status_code': failed === null ? '200' : '500',
        'client.region': region,
      },
    });
    this.#log(
      spec,
      end,
      trace,
      id,
      'INFO',
      'request handled',
      `request handled in ${(end - at).toFixed(1)} ms`,
      spec.logsPerRequest,
    );
    if (ownFailure !== null)
      this.#log(spec, end, trace, id, 'ERROR', ownFailure, `request failed: ${ownFailure}`, 1);
    return { end, failed };
  }

  #own(spec: ServiceSpec, at: number, region: string): { ownMs: number; failed: string | null } {
    const slow = this.#active('slow', spec.name, at) ?? this.#active('cpu', spec.name, at);
    const wait = this.#active('pool', spec.name, at);
    const release = this.#active('release', spec.name, at) ?? this.#active('errors', spec.name, at);
    const surge = this.#scenario.faults.some((f) => f.kind === 'surge') && at >= this.#onset;
    let ownMs =
      this.#lognormal(spec.ownMs) *
      this.#crowd(at) *
      Number(slow?.factor ?? 1) *
      (surge && spec.runtime === 'weak' ? 12 : 1);
    if (wait) ownMs += this.#lognormal(Number(wait.wait ?? 300));
    const only = release?.region;
    const ratio = only !== undefined && only !== region ? 0 : Number(release?.ratio ?? 0);
    if (this.#random() < ratio) return { ownMs, failed: release?.message ?? 'InternalError' };
    if (wait && this.#random() < Number(wait.ratio ?? 0))
      return { ownMs, failed: 'PoolTimeout: no connection within 1 s' };
    return { ownMs, failed: this.#random() < normalErrorRatio ? 'Unexpected' : null };
  }

  #statement(spec: ServiceSpec, database: DatabaseSpec, at: number, trace: string, parent: string): number {
    const slow = this.#active('statement', database.namespace, at);
    const blocked = this.#active('cpu', spec.name, at);
    const ms = this.#lognormal(
      slow
        ? Number(slow.ms ?? 200)
        : database.ms * this.#crowd(at) * (blocked ? Number(blocked.factor ?? 1) : 1),
    );
    this.#span(spec, at, at + ms, {
      trace,
      id: this.#hex(16),
      parent,
      name: `SELECT ${database.table}`,
      kind: 'Client',
      failed: null,
      own: false,
      attributes: {
        'db.system.name': database.system,
        'db.namespace': database.namespace,
        'db.query.text': database.statement.replace('?', String(Math.floor(this.#random() * 1000))),
        'db.collection.name': database.table,
        ...(database.address === ''
          ? {}
          : {
              'server.address': database.address.split(':')[0],
              'server.port': database.address.split(':')[1] ?? '',
            }),
      },
    });
    return at + ms;
  }

  #call(spec: ServiceSpec, dst: string, at: number, trace: string, parent: string, region: string): Visit {
    const id = this.#hex(16);
    const refused = this.#away(dst, at);
    const proxied = this.#active('leak', dst, at)?.proxy === 'yes';
    const visit = refused
      ? { end: at + 2, failed: proxied ? 'Bad Gateway' : 'connect ECONNREFUSED 10.0.0.9:8080' }
      : this.#visit(dst, at + networkMs * this.#crowd(at), trace, id, region);
    const end = visit.end + networkMs * this.#crowd(at);
    this.#span(spec, at, end, {
      trace,
      id,
      parent,
      name: 'GET',
      kind: 'Client',
      failed: visit.failed,
      own: refused && !proxied,
      attributes: {
        'server.address': `${dst}.svc`,
        'server.port': '8080',
        ...(refused
          ? proxied
            ? { 'http.response.status_code': '502' }
            : { 'error.type': 'ECONNREFUSED' }
          : { 'http.response.status_code': visit.failed === null ? '200' : '500' }),
      },
    });
    return { end, failed: visit.failed };
  }

  #external(
    spec: ServiceSpec,
    address: string,
    normalMs: number,
    at: number,
    trace: string,
    parent: string,
  ): Visit {
    const fault = this.#active('outage', address, at);
    const failed = fault && this.#random() < Number(fault.ratio ?? 0.8) ? 'provider answered 503' : null;
    const ms = this.#lognormal(fault?.ms ? Number(fault.ms) : normalMs);
    this.#span(spec, at, at + ms, {
      trace,
      id: this.#hex(16),
      parent,
      name: 'POST',
      kind: 'Client',
      failed,
      own: false,
      attributes: {
        'server.address': address.split(':')[0] ?? '',
        'server.port': address.split(':')[1] ?? '',
        'http.response.status_code': failed === null ? '200' : '503',
      },
    });
    return { end: at + ms, failed };
  }

  #span(
    spec: ServiceSpec,
    from: number,
    to: number,
    span: {
      trace: string;
      id: string;
      parent: string;
      name: string;
      kind: string;
      failed: string | null;
      own: boolean;
      attributes: Row;
    },
  ): void {
    this.out.otel_traces.push({
      Tenant: this.#tenant,
      Timestamp: time(from),
      TraceId: span.trace,
      SpanId: span.id,
      ParentSpanId: span.parent,
      SpanName: span.name,
      SpanKind: span.kind,
      ServiceName: spec.name,
      ResourceAttributes: this.#resource(spec, to),
      SpanAttributes: span.attributes,
      Duration: Math.round((to - from) * 1e6),
      StatusCode: span.failed === null ? 'Unset' : 'Error',
      StatusMessage: span.failed === null ? '' : span.own ? span.failed : '',
      EventId: String(++this.#eventId),
    });
  }

  #log(
    spec: ServiceSpec,
    at: number,
    trace: string,
    span: string,
    level: string,
    template: string,
    body: string,
    copies: number,
  ): void {
    for (let i = 0; i < copies; i++) {
      this.out.otel_logs.push({
        Tenant: this.#tenant,
        Timestamp: time(at),
        TraceId: trace,
        SpanId: span,
        SeverityText: level,
        SeverityNumber: { DEBUG: 5, INFO: 9, ERROR: 17 }[level] ?? 9,
        ServiceName: spec.name,
        Body: body,
        Shape: hash(template),
        EventId: String(++this.#eventId),
      });
    }
  }

  #storm(spec: ServiceSpec): void {
    for (let at = this.#onset; at < this.#end; at += 1_000) {
      const storm = this.#active('storm', spec.name, at);
      if (!storm) return;
      const body = storm.message ?? 'cache probe took a step';
      for (let i = 0; i < Number(storm.rate ?? 200); i++)
        this.#log(spec, at + i, '', '', 'DEBUG', body, body, 1);
    }
  }

  #metrics(spec: ServiceSpec): void {
    const cpuName = spec.runtime === 'jvm' ? 'jvm.cpu.recent_utilization' : 'process.cpu.utilization';
    const memoryName = spec.runtime === 'jvm' ? 'jvm.memory.used' : 'process.memory.usage';
    const pool = this.#scenario.pools.find((p) => p.service === spec.name);
    for (let at = this.#start; at < this.#end; at += 5_000) {
      if (this.#away(spec.name, at)) continue;
      const busy = this.#active('cpu', spec.name, at) ?? this.#active('busy', spec.name, at);
      this.#sample(spec, at, cpuName, '1', busy ? 0.97 + 0.02 * this.#random() : 0.15 + 0.1 * this.#random());
      this.#sample(spec, at, memoryName, 'By', this.#memory(spec, at));
      if (pool) this.#poolSamples(spec, pool.max, at);
    }
  }

  #memory(spec: ServiceSpec, at: number): number {
    const base = 120e6 + 4e6 * this.#random();
    const leak = this.#active('leak', spec.name, at);
    if (!leak) return base;
    const age = (at - this.#onset) % (Number(leak.every ?? 30) * 1000);
    return base + (age / 1000) * Number(leak.rate ?? 8e6);
  }

  #poolSamples(spec: ServiceSpec, max: number, at: number): void {
    const fault = this.#active('pool', spec.name, at);
    const size = fault ? Number(fault.max ?? 1) : max;
    const prefix = 'db.client.connection';
    this.#sample(spec, at, `${prefix}.pending_requests`, '{request}', fault ? 6 + 6 * this.#random() : 0);
    this.#sample(spec, at, `${prefix}.max`, '{connection}', size);
    this.#sample(
      spec,
      at,
      `${prefix}.count`,
      '{connection}',
      fault ? size : 1 + Math.floor(2 * this.#random()),
      {
        'db.client.connection.state': 'used',
      },
    );
  }

  readonly #seriesSeen = new Set<string>();
  #sample(
    spec: ServiceSpec,
    at: number,
    metric: string,
    unit: string,
    value: number,
    attributes: Row = {},
  ): void {
    const resource = this.#resource(spec, at);
    const id = hash(`${this.#tenant} ${metric} ${JSON.stringify(resource)} ${JSON.stringify(attributes)}`);
    if (!this.#seriesSeen.has(id)) {
      this.#seriesSeen.add(id);
      this.out.metric_series.push({
        Tenant: this.#tenant,
        SeriesId: id,
        MetricName: metric,
        MetricType: 'gauge',
        Unit: unit,
        Temporality: '',
        IsMonotonic: 0,
        ServiceName: spec.name,
        ResourceAttributes: resource,
        Attributes: attributes,
        LastSeen: (this.#end / 1000).toFixed(3),
        EventId: String(++this.#eventId),
      });
    }
    this.out.metric_samples.push({
      Tenant: this.#tenant,
      SeriesId: id,
      MetricName: metric,
      ServiceName: spec.name,
      Timestamp: (at / 1000).toFixed(3),
      StartTimestamp: (this.#start / 1000).toFixed(3),
      Value: value,
      Flags: 0,
      EventId: String(++this.#eventId),
    });
  }
}
