/**
 * The aggregates of oo-agg recomputed from raw rows in plain TypeScript, row by row and without a thought for speed: what
 * the SQL of src/rollup must agree with. It shares no code with it.
 */
export interface RawSpan {
  trace: string;
  id: string;
  parent: string;
  link?: { trace: string; id: string };
  service: string;
  kind: 'Server' | 'Client' | 'Internal' | 'Producer' | 'Consumer';
  /** Milliseconds since the epoch. */
  at: number;
  ms: number;
  error: boolean;
  attributes: Record<string, string>;
}

export interface RawSample {
  series: number;
  at: number;
  /** 0: not said. */
  start: number;
  value: number;
  stale: boolean;
}

export interface RawSeries {
  id: number;
  metric: string;
  service: string;
  labels: Record<string, string>;
  type: 'gauge' | 'sum' | 'histogram' | 'exponential_histogram';
  temporality: '' | 'delta' | 'cumulative';
  monotonic: boolean;
}

export interface RawHistogram {
  series: number;
  at: number;
  start: number;
  sum: number;
  max: number;
  /** Explicit: upper bound (Infinity for the last) to count. Exponential: bucket index to count. */
  buckets: Map<number, number>;
  scale: number;
  zero: number;
}

export interface RawLog {
  at: number;
  service: string;
  severity: number;
  shape: string;
}

interface Call {
  src: string;
  dst: string;
  at: number;
  ms: number;
  failed: boolean;
  /** Only of a call to an address that nobody answered, or that a service did. */
  address: string;
}

const key = (trace: string, id: string) => `${trace}/${id}`;

function peerOf(span: RawSpan): { queue: string; database: string; address: string } {
  const { attributes: a } = span;
  const topic = a['messaging.destination.name'] ?? a['messaging.destination'] ?? '';
  const queue = a['messaging.system'] && topic ? `urn:mq:${a['messaging.system']}:${topic}` : '';
  const host = a['server.address'] || a['net.peer.name'] || '';
  const port = a['server.address'] ? a['server.port'] : a['net.peer.port'];
  let address = host === '' ? '' : host + (port ? `:${port}` : '');
  const url = a['url.full'] || a['http.url'] || '';
  if (host === '' && url !== '') address = new URL(url).host;
  const system = a['db.system.name'] || a['db.system'] || '';
  const name = (a['db.namespace'] || a['db.name'] || '').split('/').at(-1);
  const product = system === 'postgresql' ? 'postgres' : system;
  const database =
    system === '' || queue !== '' ? '' : `urn:db:${product}:${address || span.service}/${name}`;
  return { queue, database, address };
}

const svc = (name: string) => `urn:svc:${name}`;

/** Every call of the spans, each once. */
function callsOf(given: readonly RawSpan[]): Call[] {
  const spans = new Map(given.filter((s) => s.service !== '').map((s) => [key(s.trace, s.id), s]));
  const isCaller = (s: RawSpan) =>
    s.kind === 'Client' ||
    s.kind === 'Producer' ||
    'db.system' in s.attributes ||
    'db.system.name' in s.attributes;
  const answers = new Map<string, RawSpan[]>();
  const orphans: RawSpan[] = [];
  for (const span of spans.values()) {
    if (span.kind !== 'Server' && span.kind !== 'Consumer') continue;
    const link = span.kind === 'Consumer' && span.parent === '' ? span.link : undefined;
    const asked = link ? key(link.trace, link.id) : span.parent === '' ? '' : key(span.trace, span.parent);
    if (asked !== '' && spans.has(asked)) answers.set(asked, [...(answers.get(asked) ?? []), span]);
    else orphans.push(span);
  }
  const calls: Call[] = [];
  const answered = (src: string, s: RawSpan): Call => ({
    src,
    dst: svc(s.service),
    at: s.at,
    ms: s.ms,
    failed: s.error,
    address: '',
  });
  for (const s of orphans) calls.push(answered(peerOf(s).queue || 'urn:ext:unknown', s));
  for (const span of spans.values()) {
    const replies = answers.get(key(span.trace, span.id)) ?? [];
    const others = replies.filter((s) => s.service !== span.service);
    if (!isCaller(span)) {
      for (const s of others) calls.push(answered(peerOf(s).queue || svc(span.service), s));
      continue;
    }
    const own = peerOf(span);
    const failed = span.error || replies.some((s) => s.error);
    const asked = (dst: string, address = ''): Call => ({
      src: svc(span.service),
      dst,
      at: span.at,
      ms: span.ms,
      failed,
      address,
    });
    const queue = own.queue || replies.map((s) => peerOf(s).queue).find((q) => q !== '') || '';
    if (queue !== '') {
      calls.push(asked(queue));
      for (const s of replies) calls.push(answered(queue, s));
    } else if (others.length > 0) {
      for (const name of new Set(others.map((s) => s.service))) calls.push(asked(svc(name), own.address));
    } else if (replies.length === 0) {
      if (own.database !== '') calls.push(asked(own.database));
      else if (own.address !== '') calls.push(asked(`urn:ext:${own.address}`, own.address));
    }
  }
  return calls;
}

export interface NaiveCall {
  n: number;
  failed: number;
  ms: number[];
}

/** Calls of one bucket of time by `src dst`; a call to an address at which exactly one service answered is a call to it. */
export function naiveCalls(spans: readonly RawSpan[], from: number, to: number): Map<string, NaiveCall> {
  const calls = callsOf(spans).filter((call) => call.at >= from && call.at < to);
  const at = new Map<string, Set<string>>();
  for (const call of calls)
    if (call.address !== '' && call.dst.startsWith('urn:svc:'))
      at.set(call.address, (at.get(call.address) ?? new Set()).add(call.dst));
  const sums = new Map<string, NaiveCall>();
  for (const call of calls) {
    const known = call.dst.startsWith('urn:ext:') ? [...(at.get(call.address) ?? [])] : [];
    const name = `${call.src} ${known.length === 1 ? known[0] : call.dst}`;
    const sum = sums.get(name) ?? { n: 0, failed: 0, ms: [] };
    sum.n += 1;
    if (call.failed) sum.failed += 1;
    sum.ms.push(call.ms);
    sums.set(name, sum);
  }
  return sums;
}

export interface NaiveMetric {
  avg: number;
  max: number;
  p95: number;
}

const p95 = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? Number.NaN;
};
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

/** A cumulative counter is not compared with a sample that is older than this before the window. */
const lookbackMs = 300_000;

/** `metric service labels` of one minute, of gauges and sums. */
export function naiveSamples(
  series: readonly RawSeries[],
  samples: readonly RawSample[],
  from: number,
  to: number,
): Map<string, NaiveMetric> {
  const parts = new Map<
    string,
    { counter: boolean; values: number[]; increases: number; seconds: number }[]
  >();
  for (const one of series.filter((s) => s.service !== '' && s.metric !== '')) {
    const points = samples
      .filter((s) => s.series === one.id && !s.stale && Number.isFinite(s.value) && s.at < to)
      .sort((a, b) => a.at - b.at);
    const counter = one.monotonic && one.temporality !== '';
    const part = { counter, values: [] as number[], increases: 0, seconds: 0 };
    points.forEach((point, i) => {
      if (point.at < from) return;
      if (!counter) {
        part.values.push(point.value);
        return;
      }
      let before = points[i - 1];
      if (before !== undefined && before.at < from - lookbackMs) before = undefined;
      const first = before === undefined;
      let since = before?.at ?? Number.NaN;
      let increase = before === undefined ? Number.NaN : point.value - before.value;
      if (one.temporality === 'delta') {
        increase = point.value;
        if (point.start > 0) since = point.start;
      } else if (before !== undefined && (point.value < before.value || point.start > before.at)) {
        increase = point.value;
      } else if (first && point.start > from - lookbackMs) {
        since = point.start;
        increase = point.value;
      }
      const seconds = (point.at - since) / 1_000;
      if (!(seconds > 0) || !(increase >= 0)) return;
      part.values.push(increase / seconds);
      part.increases += increase;
      part.seconds += seconds;
    });
    if (part.values.length === 0) continue;
    const name = `${one.metric}${counter ? '.per_second' : ''} ${one.service} ${JSON.stringify(one.labels)}`;
    parts.set(name, [...(parts.get(name) ?? []), part]);
  }
  return new Map(
    [...parts].map(([name, all]) => {
      const values = all.flatMap((part) => part.values);
      if (all[0]?.counter)
        return [
          name,
          {
            avg: sum(all.map((part) => part.increases / part.seconds)),
            max: sum(all.map((part) => Math.max(...part.values))),
            p95: sum(all.map((part) => p95(part.values))),
          },
        ];
      return [name, { avg: mean(values), max: Math.max(...values), p95: p95(values) }];
    }),
  );
}

/** What the histograms of one minute observed: count, sum and the range that p95 must lie in. */
export function naiveHistograms(
  series: readonly RawSeries[],
  points: readonly RawHistogram[],
  from: number,
  to: number,
): Map<string, { avg: number; low: number; high: number }> {
  const answer = new Map<string, { avg: number; low: number; high: number }>();
  for (const one of series.filter((s) => s.type.endsWith('histogram'))) {
    const own = points.filter((p) => p.series === one.id && p.at < to).sort((a, b) => a.at - b.at);
    let total = 0;
    let totalSum = 0;
    /** [low, high] of a bucket to observations of the window. */
    const observed: { low: number; high: number; n: number; scale: number }[] = [];
    const add = (point: RawHistogram, sign: number) => {
      const edges = (bucket: number): [number, number] => {
        if (one.type === 'histogram') {
          const bounds = [...point.buckets.keys()];
          const before = bounds[bounds.indexOf(bucket) - 1] ?? 0;
          return [before, bucket === Number.POSITIVE_INFINITY ? before : bucket];
        }
        const base = 2 ** (2 ** -point.scale);
        return [base ** bucket, base ** (bucket + 1)];
      };
      for (const [bucket, n] of point.buckets) {
        const [low, high] = edges(bucket);
        observed.push({ low, high, n: sign * n, scale: point.scale });
        total += sign * n;
      }
      if (point.zero > 0) observed.push({ low: 0, high: 0, n: sign * point.zero, scale: point.scale });
      total += sign * point.zero;
      totalSum += sign * point.sum;
    };
    const countOf = (p: RawHistogram) => sum([...p.buckets.values()]) + p.zero;
    own.forEach((point, i) => {
      if (point.at < from) return;
      if (one.temporality === 'delta') {
        add(point, 1);
        return;
      }
      let before = own[i - 1];
      if (before !== undefined && before.at < from - lookbackMs) before = undefined;
      if (before === undefined) {
        if (point.start > from - lookbackMs) add(point, 1);
        return;
      }
      add(point, 1);
      if (countOf(point) >= countOf(before) && point.start <= before.at) add(before, -1);
    });
    if (total <= 0) continue;
    // Buckets of a coarser scale hold finer ones, so the rank is found by the edges of the coarsest that was seen.
    const coarsest = Math.min(...observed.map((o) => o.scale));
    const edges = observed.filter((o) => o.scale === coarsest).flatMap((o) => [o.low, o.high]);
    // Powers of two roots are not exact.
    const below = (edge: number) => sum(observed.filter((o) => o.high <= edge * (1 + 1e-9)).map((o) => o.n));
    const low = Math.max(0, ...edges.filter((edge) => below(edge) < 0.95 * total));
    const high = Math.min(...edges.filter((edge) => below(edge) >= 0.95 * total));
    const name = `${one.metric} ${one.service} ${JSON.stringify(one.labels)}`;
    answer.set(name, { avg: totalSum / total, low, high });
  }
  return answer;
}

/** Rate, errors and duration of each service in one minute, from server and consumer spans as they were stored. */
export function naiveServices(spans: readonly RawSpan[], from: number, to: number) {
  const asked = spans.filter(
    (s) => s.service !== '' && (s.kind === 'Server' || s.kind === 'Consumer') && s.at >= from && s.at < to,
  );
  const services = new Map<string, { n: number; failed: number; ms: number[]; mostInASecond: number }>();
  for (const name of new Set(asked.map((s) => s.service))) {
    const own = asked.filter((s) => s.service === name);
    const seconds = own.map((s) => Math.floor(s.at / 1_000));
    services.set(name, {
      n: own.length,
      failed: own.filter((s) => s.error).length,
      ms: own.map((s) => s.ms),
      mostInASecond: Math.max(...seconds.map((a) => seconds.filter((b) => a === b).length)),
    });
  }
  return services;
}

/** `service shape` to total and errors of one bucket. */
export function naiveShapes(logs: readonly RawLog[], from: number, to: number) {
  const counts = new Map<string, { total: number; errors: number }>();
  for (const log of logs) {
    if (log.service === '' || log.at < from || log.at >= to) continue;
    const name = `${log.service} ${log.shape}`;
    const count = counts.get(name) ?? { total: 0, errors: 0 };
    count.total += 1;
    if (log.severity >= 17) count.errors += 1;
    counts.set(name, count);
  }
  return counts;
}

/** Whether `value` is the quantile of the values within the sketch's error, whichever neighbour of the rank it took. */
export function isQuantile(value: number, values: readonly number[], q: number, error: number): boolean {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (i: number) => sorted[Math.max(0, Math.min(sorted.length - 1, i))] ?? Number.NaN;
  const rank = q * (sorted.length - 1);
  const low = at(Math.floor(rank)) * (1 - error) - 1e-9;
  const high = at(Math.ceil(rank)) * (1 + error) + 1e-9;
  return value >= low && value <= high;
}
