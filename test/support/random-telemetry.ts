import { seeded as uniform } from '../../src/lib/index.ts';
import type { RawHistogram, RawLog, RawSample, RawSeries, RawSpan } from './naive-rollup.ts';

/** Numbers that look random and are the same for the same seed. */
export function seeded(seed: number) {
  const next = uniform(seed);
  return {
    next,
    int: (below: number) => Math.floor(next() * below),
    pick: <T>(items: readonly [T, ...T[]]): T => items[Math.floor(next() * items.length)] ?? items[0],
    chance: (share: number) => next() < share,
  };
}
type Random = ReturnType<typeof seeded>;

export interface Telemetry {
  spans: RawSpan[];
  series: RawSeries[];
  samples: RawSample[];
  histograms: RawHistogram[];
  logs: RawLog[];
}

const hex = (random: Random, digits: number) =>
  Array.from({ length: digits }, () => random.int(16).toString(16)).join('');
const services = ['gateway', 'checkout', 'cart', 'payments', 'mail', 'stock'] as const;

/**
 * Journeys through services that are instrumented well, badly or not at all: missing parents, client spans without an
 * answer, answers without a client span, retries, fan-out, queues, databases, addresses, spans stored twice, spans that
 * begin in one minute and are answered in the next.
 */
function journey(random: Random, from: number, to: number): RawSpan[] {
  const spans: RawSpan[] = [];
  const trace = hex(random, 32);
  const span = (fields: Partial<RawSpan> & Pick<RawSpan, 'service' | 'kind' | 'at'>): RawSpan => {
    const made: RawSpan = {
      trace,
      id: hex(random, 16),
      parent: '',
      ms: Math.round(random.next() ** 4 * 3e6) / 1e3 + 0.001,
      error: random.chance(0.15),
      attributes: {},
      ...fields,
    };
    spans.push(made);
    if (random.chance(0.04)) spans.push(made);
    return made;
  };
  const later = (at: number) => at + random.int(random.chance(0.1) ? 9_000 : 400) / 10;
  const addressOf = (service: string): Record<string, string> =>
    random.pick<Record<string, string>>([
      {},
      { 'server.address': service, 'server.port': '8080' },
      { 'net.peer.name': service, 'net.peer.port': '8080' },
      { 'url.full': `http://${service}:8080/api?id=${random.int(9)}` },
      { 'server.address': random.pick(['10.0.0.1', '10.0.0.2']) },
    ]);
  const visit = (parent: RawSpan, depth: number): void => {
    const next = random.pick(services);
    const at = later(parent.at);
    const child = { trace, parent: parent.id };
    const serve = (by: RawSpan) => {
      const answer = span({ ...child, parent: by.id, service: next, kind: 'Server', at: later(by.at) });
      if (depth < 3) for (let i = random.int(3); i > 0; i--) visit(answer, depth + 1);
      return answer;
    };
    const client = (attributes: Record<string, string>) =>
      span({ ...child, service: parent.service, kind: 'Client', at, attributes });
    switch (random.int(9)) {
      case 0:
      case 1:
        serve(client(addressOf(next)));
        break;
      case 2: // A retry: two client spans, the first without an answer.
        client(addressOf(next));
        serve(client(addressOf(next)));
        break;
      case 3: // Two answers to one client span.
        {
          const asked = client(addressOf(next));
          serve(asked);
          serve(asked);
        }
        break;
      case 4: // No client span: the callee answers an internal span, or the caller's server span itself.
        serve(
          random.chance(0.5) ? parent : span({ ...child, service: parent.service, kind: 'Internal', at }),
        );
        break;
      case 5:
        client({
          [random.pick(['db.system', 'db.system.name'])]: random.pick(['postgresql', 'redis']),
          'db.namespace': random.pick(['shop', '/var/data/file.db']),
          ...addressOf('db'),
        });
        break;
      case 6:
        client(
          random.pick<Record<string, string>>([
            { 'server.address': 'pay.example.test', 'server.port': '443' },
            addressOf(next),
          ]),
        );
        break;
      default:
        publish(parent, at, next);
    }
  };
  const publish = (parent: RawSpan, at: number, next: (typeof services)[number]): void => {
    const topic = {
      'messaging.system': 'kafka',
      'messaging.destination.name': random.pick(['orders', 'mails']),
    };
    const says = random.int(3);
    const sent = span({
      trace,
      parent: parent.id,
      service: parent.service,
      kind: 'Producer',
      at,
      attributes: says === 0 ? {} : topic,
    });
    for (let i = random.int(3); i > 0; i--) {
      const linked = random.chance(0.3);
      span({
        service: random.chance(0.8) ? next : random.pick(services),
        kind: 'Consumer',
        at: later(sent.at) + random.int(20_000),
        trace: linked ? hex(random, 32) : trace,
        parent: linked ? '' : sent.id,
        ...(linked ? { link: { trace, id: sent.id } } : {}),
        attributes: says === 1 ? {} : topic,
      });
    }
  };
  const at = from + random.int(to - from - 61_000);
  const parent = random.chance(0.2) ? hex(random, 16) : '';
  const root = span({ service: 'gateway', kind: 'Server', at, parent });
  for (let i = 1 + random.int(3); i > 0; i--) visit(root, 0);
  if (random.chance(0.02)) span({ service: '', kind: 'Server', at: later(at), parent: root.id });
  return spans;
}

function numbers(random: Random, from: number, to: number): Pick<Telemetry, 'series' | 'samples'> {
  const series: RawSeries[] = [];
  const samples: RawSample[] = [];
  for (let id = 1; id <= 24; id++) {
    const kind = random.int(4);
    series.push({
      id,
      metric: ['memory', 'requests', 'bytes', 'queue'][kind] ?? '',
      service: random.chance(0.05) ? '' : random.pick(services),
      // Few labels, so that several series (replicas) fall together.
      labels: random.chance(0.5) ? {} : { pool: random.pick(['a', 'b']) },
      type: kind === 0 ? 'gauge' : 'sum',
      temporality: (['', 'cumulative', 'delta', 'cumulative'] as const)[kind] ?? '',
      monotonic: kind === 1 || kind === 2,
    });
    let started = random.chance(0.5) ? from - random.int(600_000) : 0;
    let total = random.int(1_000);
    let before = started;
    for (let at = from - 400_000 + random.int(300_000); at < to; at += 5_000 + random.int(20_000)) {
      if (random.chance(0.03)) at += random.int(500_000);
      if (random.chance(0.06)) {
        total = 0;
        if (started > 0) started = at - 1_000;
      }
      total += random.int(50);
      const value = kind === 1 ? total : kind === 3 ? random.int(20) - 10 : random.int(1_000) / 8;
      const broken = random.chance(0.04);
      samples.push({
        series: id,
        at,
        start: kind === 2 ? (random.chance(0.5) ? before : 0) : started,
        value: broken ? random.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) : value,
        stale: !broken && random.chance(0.02),
      });
      before = at;
    }
  }
  return { series, samples };
}

function distributions(random: Random, from: number, to: number): Pick<Telemetry, 'series' | 'histograms'> {
  const series: RawSeries[] = [];
  const histograms: RawHistogram[] = [];
  for (let id = 101; id <= 112; id++) {
    const exponential = random.chance(0.5);
    const temporality = random.pick(['delta', 'cumulative'] as const);
    series.push({
      id,
      metric: `latency_${id}`,
      service: random.pick(services),
      labels: {},
      type: exponential ? 'exponential_histogram' : 'histogram',
      temporality,
      monotonic: false,
    });
    const bounds = [5, 10, 50, 100, 500, Number.POSITIVE_INFINITY];
    let started = random.chance(0.5) ? from - random.int(200_000) : from - 900_000;
    let scale = 4;
    let kept = new Map<number, number>();
    let zero = 0;
    let sum = 0;
    for (let at = from - 200_000 + random.int(100_000); at < to; at += 10_000 + random.int(20_000)) {
      if (random.chance(0.06)) {
        kept = new Map();
        zero = 0;
        sum = 0;
        started = at - 500;
      }
      if (temporality === 'delta') {
        kept = new Map();
        zero = 0;
        sum = 0;
      }
      // A sender that runs out of buckets makes them twice as wide.
      if (exponential && scale > 1 && random.chance(0.1)) {
        scale -= 1;
        const coarse = new Map<number, number>();
        for (const [index, n] of kept)
          coarse.set(Math.floor(index / 2), (coarse.get(Math.floor(index / 2)) ?? 0) + n);
        kept = coarse;
      }
      for (let i = random.int(30); i > 0; i--) {
        const value = random.chance(0.05) && exponential ? 0 : 2 ** (random.next() * 10);
        sum += value;
        if (value === 0) zero += 1;
        else {
          const bucket = exponential
            ? Math.ceil(Math.log2(value) * 2 ** scale) - 1
            : (bounds.find((bound) => value <= bound) ?? Number.POSITIVE_INFINITY);
          kept.set(bucket, (kept.get(bucket) ?? 0) + 1);
        }
      }
      const buckets = exponential
        ? new Map(kept)
        : new Map(bounds.map((bound) => [bound, kept.get(bound) ?? 0]));
      histograms.push({ series: id, at, start: started, sum, max: Number.NaN, buckets, scale, zero });
    }
  }
  return { series, histograms };
}

export function randomTelemetry(seed: number, from: number, to: number): Telemetry {
  const random = seeded(seed);
  const points = numbers(random, from, to);
  const observed = distributions(random, from, to);
  return {
    spans: Array.from({ length: 60 }, () => journey(random, from, to)).flat(),
    series: [...points.series, ...observed.series],
    samples: points.samples,
    histograms: observed.histograms,
    logs: Array.from({ length: 600 }, () => ({
      at: from + random.int(to - from),
      service: random.chance(0.02) ? '' : random.pick(services),
      severity: random.pick([5, 9, 13, 17, 21]),
      shape: String(1 + random.int(12)),
    })),
  };
}
