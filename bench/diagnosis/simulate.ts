/** Requests through a made-up system, one after the other in time, with their spans, log records and counters. */
import type { Fault } from './faults.ts';
import type { Operation, Random, Service, System } from './system.ts';

export interface Span {
  trace_id: string;
  span_id: string;
  parent_id: string;
  service: string;
  name: string;
  start: number;
  duration_ms: number;
  status: string;
  attributes: Record<string, string>;
}
export interface Log {
  ts: number;
  service: string;
  severity: string;
  body: string;
  trace_id: string;
}
export interface Metric {
  ts: number;
  service: string;
  metric: string;
  value: number;
}

export interface Run {
  system: System;
  fault: Fault;
  start: number;
  onset: number;
  end: number;
  requestsPerSecond: number;
  random: Random;
}

interface Visit {
  end: number;
  error: string | null;
}

/** Metrics are told this often. */
const scrapeMs = 15_000;
/** A caller waits this long. */
const timeoutMs = 3_000;
const normalErrorRatio = 0.002;

export class Simulation {
  readonly spans: Span[] = [];
  readonly logs: Log[] = [];
  readonly metrics: Metric[] = [];
  private readonly run: Run;
  private readonly counts = new Map<string, { durations: number[]; errors: number; busyMs: number }>();
  private ids = 1;
  private trace = '';
  /** A drift that has nothing to do with the fault: one service gets a little slower, another a little busier. */
  private readonly confounded: number;

  constructor(run: Run) {
    this.run = run;
    this.confounded = Math.floor(run.random() * run.system.services.length);
  }

  start(): void {
    const { start, end, onset, fault, requestsPerSecond, random, system } = this.run;
    let told = start;
    for (let at = start; at < end; ) {
      const rate =
        requestsPerSecond * (fault.kind === 'traffic_surge' && at >= onset ? 3 + 3 * fault.severity : 1);
      at += (-Math.log(1 - random()) * 1000) / rate;
      while (told + scrapeMs <= at) {
        told += scrapeMs;
        this.tell(told);
      }
      this.trace = (this.ids++).toString(16).padStart(32, '0');
      const entry = system.services[0]?.operations ?? [];
      this.visit(0, Math.floor(random() * entry.length), at, '');
    }
  }

  private hurts(service: number, operation: number, at: number): boolean {
    const { fault, onset } = this.run;
    return at >= onset && fault.target === service && (fault.wholeService || fault.operation === operation);
  }

  /** How many times slower than usual. */
  private slowness(service: Service, number: number, operation: number, at: number): number {
    const { fault, onset, random } = this.run;
    let times = Math.exp(0.35 * (random() + random() + random() - 1.5));
    if (number === this.confounded && at >= onset) times *= 1.15;
    if (fault.kind === 'traffic_surge' && at >= onset) times *= 1.3 + fault.severity;
    if (fault.kind === 'noisy_neighbour' && at >= onset && service.host === fault.target)
      times *= 4 + 6 * fault.severity;
    if (!this.hurts(number, operation, at)) return times;
    if (fault.kind === 'latency_regression' || fault.kind === 'config_change')
      times *= 8 + 20 * fault.severity;
    if (fault.kind === 'cpu_saturation') times *= 6 + 10 * fault.severity;
    if (fault.kind === 'memory_leak')
      times *= 1 + (8 * fault.severity * (at - onset)) / (this.run.end - onset);
    return times;
  }

  private visit(number: number, index: number, at: number, parent: string): Visit {
    const { system, fault, random } = this.run;
    const service = system.services[number];
    const operation = service?.operations[index];
    if (service === undefined || operation === undefined) return { end: at, error: null };
    const id = this.id();
    const own = operation.ownMs * this.slowness(service, number, index, at);
    let now = at + own * 0.6;
    let error: string | null = null;
    if (random() < normalErrorRatio) error = 'temporary failure';
    const failing = fault.kind === 'error_burst' || fault.kind === 'bad_release';
    if (failing && this.hurts(number, index, at) && random() < fault.severity)
      error = `cannot read ${operation.name} result: unexpected null in ${service.name.replace('-service', '')} mapper`;
    if (error === null) ({ now, error } = this.dependencies(service, number, operation, now, id));
    const end = now + own * 0.4;
    this.spans.push(
      span(this.trace, id, parent, service.name, operation.name, at, end, error, {
        'span.kind': 'server',
        'service.version': this.versionOf(service, number, at),
      }),
    );
    this.count(service.name, end - at, own, error);
    this.write(service.name, operation, end, error);
    return { end, error };
  }

  private dependencies(service: Service, number: number, operation: Operation, from: number, id: string) {
    const { fault, onset, random, system } = this.run;
    let now = from;
    for (const statement of operation.statements) {
      const slow = fault.kind === 'slow_query' && fault.target === number && now >= onset;
      const took = (1 + 3 * random()) * (slow ? 40 + 100 * fault.severity : 1);
      this.spans.push(
        span(this.trace, this.id(), id, service.name, 'SELECT', now, now + took, null, {
          'span.kind': 'client',
          'db.system': 'postgresql',
          'db.name': service.database ?? '',
          'db.statement': statement,
        }),
      );
      now += took;
    }
    if (operation.callsProvider) {
      const out = fault.kind === 'provider_outage' && now >= onset && random() < fault.severity;
      const took = out ? 1_500 : 30 + 20 * random();
      const error = out ? `${system.provider} answered 503` : null;
      this.spans.push(
        span(this.trace, this.id(), id, service.name, 'POST', now, now + took, error, {
          'span.kind': 'client',
          'server.address': system.provider,
          'http.response.status_code': out ? '503' : '200',
        }),
      );
      now += took;
      if (error !== null) return { now, error };
    }
    for (const call of operation.calls) {
      const answer = this.call(service, number, call, now, id);
      now = answer.end;
      // Not every caller needs every answer.
      if (answer.error !== null && random() < 0.85) return { now, error: answer.error };
    }
    return { now, error: null as string | null };
  }

  private call(
    service: Service,
    number: number,
    to: Operation['calls'][number],
    at: number,
    parent: string,
  ): Visit {
    const { fault, onset, random, system } = this.run;
    const id = this.id();
    const callee = system.services[to.service];
    const far =
      fault.kind === 'network_latency' &&
      at >= onset &&
      fault.caller === number &&
      fault.target === to.service;
    const way = 0.4 + 0.3 * random() + (far ? 200 + 400 * fault.severity : 0);
    const down = fault.kind === 'service_down' && at >= onset && fault.target === to.service;
    const answer: Visit = down
      ? { end: at + way, error: `connect ECONNREFUSED ${callee?.name}:8080` }
      : this.visit(to.service, to.operation, at + way, id);
    const late = answer.end + way - at > timeoutMs;
    const end = late ? at + timeoutMs : answer.end + way;
    const error = late ? `deadline exceeded calling ${callee?.name}` : answer.error;
    const name = callee?.operations[to.operation]?.name ?? '';
    this.spans.push(
      span(this.trace, id, parent, service.name, name, at, end, error, {
        'span.kind': 'client',
        'server.address': callee?.name ?? '',
      }),
    );
    return { end, error };
  }

  private versionOf(service: Service, number: number, at: number): string {
    const { fault, onset } = this.run;
    return fault.kind === 'bad_release' && fault.target === number && at >= onset - 20_000
      ? '2.0.0'
      : service.version;
  }

  private write(service: string, operation: Operation, at: number, error: string | null): void {
    const { random } = this.run;
    const trace = this.trace;
    if (random() < 0.15)
      this.logs.push({
        ts: at,
        service,
        severity: 'INFO',
        body: `${operation.name} done in ${Math.floor(random() * 90)} ms for user ${Math.floor(random() * 5000)}`,
        trace_id: trace,
      });
    if (error !== null)
      this.logs.push({
        ts: at,
        service,
        severity: 'ERROR',
        body: `${operation.name} failed: ${error}`,
        trace_id: trace,
      });
    else if (random() < 0.003)
      this.logs.push({
        ts: at,
        service,
        severity: 'WARN',
        body: `retrying ${operation.name} after 50 ms`,
        trace_id: trace,
      });
  }

  private count(service: string, ms: number, ownMs: number, error: string | null): void {
    const count = this.counts.get(service) ?? { durations: [], errors: 0, busyMs: 0 };
    this.counts.set(service, count);
    count.durations.push(ms);
    count.busyMs += ownMs;
    if (error !== null) count.errors++;
  }

  private tell(at: number): void {
    const { system, fault, onset, start, random } = this.run;
    const hosts = system.hosts.map(() => 0.1 + 0.03 * random());
    for (const [number, service] of system.services.entries()) {
      const count = this.counts.get(service.name) ?? { durations: [], errors: 0, busyMs: 0 };
      const sorted = count.durations.toSorted((a, b) => a - b);
      const requests = sorted.length;
      const put = (metric: string, value: number) =>
        this.metrics.push({ ts: at, service: service.name, metric, value });
      put('requests_per_second', requests / (scrapeMs / 1000));
      if (requests > 0) {
        put('error_ratio', count.errors / requests);
        put('latency_mean_ms', sorted.reduce((sum, value) => sum + value, 0) / requests);
        put('latency_p95_ms', sorted[Math.floor(0.95 * requests)] ?? 0);
      }
      const hurt = fault.target === number && at > onset;
      let cpu =
        0.08 +
        (0.25 * count.busyMs) / scrapeMs +
        0.02 * random() +
        (number === this.confounded && at > onset ? 0.06 : 0);
      if (fault.kind === 'cpu_saturation' && hurt) cpu = 0.94 + 0.05 * random();
      // Slower waiting is no work: only the work itself counts.
      if (fault.kind === 'latency_regression' || fault.kind === 'noisy_neighbour') cpu = Math.min(cpu, 0.25);
      put('cpu_utilization', Math.min(1, cpu));
      const leak = fault.kind === 'memory_leak' && hurt ? (900e6 * (at - onset)) / (this.run.end - onset) : 0;
      put('memory_bytes', 2e8 + 2e7 * Math.sin((at - start) / 200_000) + 4e6 * random() + leak);
      hosts[service.host] = (hosts[service.host] ?? 0) + cpu / 4;
    }
    for (const [number, name] of system.hosts.entries()) {
      const noisy = fault.kind === 'noisy_neighbour' && fault.target === number && at > onset;
      const cpu = noisy ? 0.97 + 0.02 * random() : Math.min(1, hosts[number] ?? 0);
      this.metrics.push({ ts: at, service: name, metric: 'cpu_utilization', value: cpu });
      this.metrics.push({ ts: at, service: name, metric: 'disk_used_ratio', value: 0.4 + 0.01 * random() });
    }
    this.counts.clear();
  }

  private id = (): string => (this.ids++).toString(16).padStart(16, '0');
}

function span(
  trace: string,
  id: string,
  parent: string,
  service: string,
  name: string,
  from: number,
  to: number,
  error: string | null,
  attributes: Record<string, string>,
): Span {
  return {
    trace_id: trace,
    span_id: id,
    parent_id: parent,
    service,
    name,
    start: from,
    duration_ms: to - from,
    status: error === null ? 'OK' : 'ERROR',
    attributes: error === null ? attributes : { ...attributes, 'exception.message': error },
  };
}
