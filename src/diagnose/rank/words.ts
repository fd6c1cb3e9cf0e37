/** Words of identifiers, metric names and prose: how names are read without knowing any of them. */

const boundaries = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+/;

/** Lower-case words: `getUserByID` and `get_user-by.id` are the same four. */
export const wordsOf = (text: string): string[] =>
  text
    .split(boundaries)
    .map((word) => word.toLowerCase())
    .filter((word) => word !== '');

/** A light stemmer: enough that `batching`, `batched` and `batch` meet; never longer than needed. */
export function stem(word: string): string {
  if (word.length <= 3 || /\d/.test(word)) return word;
  let root = word
    .replace(/(?:ies)$/, 'y')
    .replace(/(?:sses)$/, 'ss')
    .replace(/(ch|sh|x|z|ss)es$/, '$1')
    .replace(/([^s])s$/, '$1');
  for (const suffix of ['ations', 'ation', 'ments', 'ment', 'ings', 'ing', 'ers', 'er', 'ed', 'ion', 'ly']) {
    if (root.endsWith(suffix) && root.length - suffix.length >= 4) {
      root = root.slice(0, -suffix.length);
      break;
    }
  }
  return root.replace(/([bdgklmnprt])\1$/, '$1').replace(/e$/, '');
}

export const stemsOf = (text: string): string[] => wordsOf(text).map(stem);

/** What a metric measures, by the words of its name. */
export type MetricClass =
  | 'availability'
  | 'errors'
  | 'latency'
  | 'traffic'
  | 'cpu'
  | 'memory'
  | 'disk'
  | 'network'
  | 'saturation'
  | 'restarts'
  | 'other';

const classes: readonly (readonly [MetricClass, RegExp])[] = [
  ['availability', /\b(availab\w*|success\w*|uptime|up|healthy|apdex|hit ratio|hit rate)\b/],
  ['restarts', /\b(restarts?|crash\w*|oom\w*|evict\w*|reboots?)\b/],
  [
    'saturation',
    /\b(queue\w*|backlog|lag|pending|depth|pool|saturat\w*|throttl\w*|pressure|waiting|capacity|quota|buffer|backpressure|inflight|contention|lock\w*|threads?|goroutines?|connections?|file descriptors?|fds?|load|load1|runqueue)\b/,
  ],
  [
    'errors',
    /\b(err|errors?|fail\w*|faults?|5xx|4xx|exceptions?|panics?|reject\w*|timeouts?|timed out|cancel\w*|drop\w*|den(y|ied)|refus\w*|dead letters?|dlq|retr(y|ies)|abort\w*|bad|invalid|miss|missed|misses|violations?)\b/,
  ],
  [
    'latency',
    /\b(laten\w*|duration\w*|elapsed|response time|rtt|ttfb|delay\w*|age|wait|p50|p75|p90|p95|p99|p999|time|took|slow\w*)\b/,
  ],
  ['cpu', /\b(cpu|cores?|steal|iowait|context switch\w*)\b/],
  ['memory', /\b(mem\w*|heap|rss|gc|garbage|swap|working set|page faults?|resident)\b/],
  ['disk', /\b(disk|inode\w*|volume|filesystem|fs|storage|iops|io|wal|tablespace)\b/],
  ['network', /\b(network|net|bytes|packets?|bandwidth|receive\w*|transmit\w*|tcp|retrans\w*|dns|rx|tx)\b/],
  [
    'traffic',
    /\b(requests?|req|rps|qps|tps|throughput|ops|calls?|workload|hits?|invocations?|transactions?|sessions?|messages?|records?|rate|per sec|per second|per min|per minute|count|total)\b/,
  ],
];

/** A number of something for each of something else, not for a time. */
const perThing = /\bper (?!(s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?|interval|time|period)\b)\w/;

const known = new Map<string, MetricClass>();

export function metricClass(metric: string): MetricClass {
  const before = known.get(metric);
  if (before !== undefined) return before;
  const words = wordsOf(metric).join(' ');
  const named = classes.find(([, pattern]) => pattern.test(words))?.[0] ?? 'other';
  // Rows or queries of one request are no demand: they do not grow with the number of requests.
  const found = named === 'traffic' && perThing.test(words) ? 'other' : named;
  known.set(metric, found);
  return found;
}

/** Which direction is worse. Traffic is odd both ways; `other` means nothing by itself. */
export function worseDirection(kind: MetricClass): 'up' | 'down' | 'both' {
  if (kind === 'availability') return 'down';
  return kind === 'traffic' || kind === 'network' || kind === 'other' ? 'both' : 'up';
}

/** Factor from the unit that the name states to milliseconds; null when it states none. */
export function millisecondsPerUnit(metric: string): number | null {
  const words = wordsOf(metric);
  if (words.some((word) => /^(ms|millis|milliseconds?)$/.test(word))) return 1;
  if (words.some((word) => /^(us|micros|microseconds?)$/.test(word))) return 1e-3;
  if (words.some((word) => /^(ns|nanos|nanoseconds?)$/.test(word))) return 1e-6;
  if (words.some((word) => /^(s|sec|secs|seconds?)$/.test(word))) return 1e3;
  return null;
}

/** How typical of all requests a latency metric is: a mean adds up, a percentile does not. */
export function latencyTypicality(metric: string): number {
  const words = wordsOf(metric);
  if (words.some((word) => /^(avg|average|mean)$/.test(word))) return 5;
  const percentile = words.map((word) => /^p(\d\d)/.exec(word)?.[1]).find((p) => p !== undefined);
  if (percentile === undefined) return 3;
  return percentile === '50' ? middleTypicality : 2 - Number(percentile) / 100;
}
export const middleTypicality = 4;
