/**
 * Runs Debian's Prometheus, node_exporter and process-exporter beside Clew. Prometheus scrapes both exporters and remote-writes
 * to Clew; Clew's scraper scrapes them too. Then what Clew has is compared with what Prometheus' own API answers.
 *
 *   node tools/compare-prometheus.ts --minutes 10
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../demo/run/ports.ts';
import { answering, type Program, startProgram } from '../test/support/programs.ts';

export interface ComparisonOptions {
  seconds: number;
  intervalSeconds: number;
}

export interface Comparison {
  seconds: number;
  /** Remote write: every sample of Prometheus against Clew's, by series, time and value. */
  remoteWrite: { series: number; samples: number; missing: number; extra: number; different: number };
  /** rate() of Prometheus' query_range against the same formula over Clew's rows. */
  rates: { points: number; different: number; worstRelative: number };
  /** `up` of both jobs as each path has it. */
  up: {
    prometheus: number;
    remoteWrite: number;
    scraper: number;
    /** Of each path, how many are 0: on a busy machine an exporter is late now and then. */
    zeros: { prometheus: number; remoteWrite: number; scraper: number };
  };
  /** Clew's own scrapes against Prometheus' around them. */
  scraper: {
    series: number;
    missingSeries: number;
    samples: number;
    counterSamples: number;
    counterViolations: number;
    /** Series that the exporter itself lets fall, or whose processes came and went: nothing can be said of them. */
    counterUnsteady: number;
    constantSeries: number;
    constantDifferent: number;
    rates: number;
    rateMedianRelative: number;
    rateP99Relative: number;
  };
  examples: string[];
}

type Point = [at: number, value: number];
type SeriesPoints = Map<string, Point[]>;

interface Running {
  prometheusUrl: string;
  clewUrl: string;
  programs: Program[];
  dir: string;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** An exporter reads its counters somewhat later than the time that its samples get. */
const readMsMax = 500;

async function startAll({ intervalSeconds }: ComparisonOptions): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), 'clew-compare-'));
  const [node = 0, process_ = 0, prometheus = 0, http = 0, otlp = 0, grpc = 0] = await freePorts(6);
  const jobs = [
    { job_name: 'node', static_configs: [{ targets: [`127.0.0.1:${node}`] }] },
    { job_name: 'process', static_configs: [{ targets: [`127.0.0.1:${process_}`] }] },
  ];
  const global = { scrape_interval: `${intervalSeconds}s`, scrape_timeout: `${intervalSeconds}s` };
  // JSON is YAML.
  const config = (via: string, more: object) =>
    JSON.stringify({ global: { ...global, external_labels: { via } }, scrape_configs: jobs, ...more });
  const url = `http://127.0.0.1:${http}/api/v1/write`;
  const remoteWrite = [{ url, queue_config: { batch_send_deadline: '1s' } }];
  writeFileSync(join(dir, 'clew.yml'), config('clew', {}));
  writeFileSync(join(dir, 'prometheus.yml'), config('prometheus', { remote_write: remoteWrite }));
  const names = { process_names: [{ name: '{{.Comm}}', cmdline: ['.+'] }] };
  writeFileSync(join(dir, 'process-exporter.yml'), JSON.stringify(names));
  mkdirSync(join(dir, 'textfile'));
  const clew = startProgram(process.execPath, [join(import.meta.dirname, '../src/cli/main.ts'), 'serve'], {
    CLEW_DATA_DIR: join(dir, 'clew'),
    CLEW_HTTP_PORT: String(http),
    CLEW_OTLP_HTTP_PORT: String(otlp),
    CLEW_OTLP_GRPC_PORT: String(grpc),
    CLEW_SCRAPE_CONFIG_FILE: join(dir, 'clew.yml'),
    CLEW_LOG_LEVEL: 'warn',
  });
  const exporter = (name: string, port: number, ...args: string[]) =>
    startProgram(name, [`--web.listen-address=127.0.0.1:${port}`, ...args]);
  const programs = [
    clew,
    exporter('prometheus-node-exporter', node, `--collector.textfile.directory=${join(dir, 'textfile')}`),
    exporter('prometheus-process-exporter', process_, `--config.path=${join(dir, 'process-exporter.yml')}`),
  ];
  const clewUrl = `http://127.0.0.1:${http}`;
  try {
    await answering(`${clewUrl}/readyz`, clew, 60_000);
    programs.push(
      startProgram('prometheus', [
        `--config.file=${join(dir, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(dir, 'prometheus')}`,
        `--web.listen-address=127.0.0.1:${prometheus}`,
      ]),
    );
    const prometheusUrl = `http://127.0.0.1:${prometheus}`;
    const [, , , last] = programs;
    if (last) await answering(`${prometheusUrl}/-/ready`, last);
    return { prometheusUrl, clewUrl, programs, dir };
  } catch (error) {
    await stopAll({ prometheusUrl: '', clewUrl, programs, dir });
    throw error;
  }
}

async function stopAll({ programs, dir }: Running): Promise<void> {
  for (const program of programs.toReversed()) await program.stop();
  rmSync(dir, { recursive: true, force: true });
}

const keyOf = (name: string, labels: Record<string, string>): string => {
  const { via: _via, __name__: _name, ...rest } = labels;
  return `${name}${JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
};
const numberOf = (text: string): number =>
  Number(text.replace(/^([+-]?)inf$/i, '$1Infinity').replace(/^nan$/i, 'NaN'));

interface Matrix {
  data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
}

async function askPrometheus(url: string, path: string, query: Record<string, string>): Promise<Matrix> {
  const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query)}`);
  if (!answer.ok) throw new Error(`Prometheus answers ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Matrix;
}

const pointsOf = (matrix: Matrix): SeriesPoints =>
  new Map(
    matrix.data.result.map(({ metric, values }) => [
      keyOf(metric.__name__ ?? '', metric),
      values.map(([at, value]): Point => [Math.round(at * 1000), numberOf(value)]),
    ]),
  );

async function askClew(url: string, sql: string): Promise<unknown[][]> {
  const answer = await fetch(`${url}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  if (!answer.ok) throw new Error(`Clew answers ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { rows: unknown[][] }).rows;
}

interface Stored {
  points: SeriesPoints;
  counters: Set<string>;
}

/** Below the rows that one answer may have: some 2 000 series, one scrape a second. */
const pageMs = 20_000;

async function storedBy(url: string, via: string, from: number, to: number): Promise<Stored> {
  const series = await askClew(
    url,
    `SELECT toString(SeriesId), any(MetricName), any(Attributes), max(MetricType) FROM metric_series WHERE Attributes['via'] = '${via}' GROUP BY SeriesId`,
  );
  const keys = new Map<string, string>();
  const counters = new Set<string>();
  for (const [id, name, labels, type] of series) {
    const key = keyOf(String(name), labels as Record<string, string>);
    keys.set(String(id), key);
    if (type === 'sum') counters.add(key);
  }
  const points: SeriesPoints = new Map();
  for (let start = from; start <= to; start += pageMs) {
    const end = Math.min(start + pageMs, to + 1);
    const rows = await askClew(
      url,
      `SELECT toString(SeriesId), toUnixTimestamp64Milli(Timestamp) AS at, toString(Value) FROM metric_samples WHERE Timestamp >= fromUnixTimestamp64Milli(${start}) AND Timestamp < fromUnixTimestamp64Milli(${end}) AND bitAnd(Flags, 1) = 0 ORDER BY at`,
    );
    for (const [id, at, value] of rows) {
      const key = keys.get(String(id));
      if (key === undefined) continue;
      const list = points.get(key) ?? [];
      list.push([Number(at), numberOf(String(value))]);
      points.set(key, list);
    }
  }
  return { points, counters };
}

const within = (points: Point[], from: number, to: number): Point[] =>
  points.filter(([at]) => at >= from && at <= to);

function compareExactly(
  prometheus: SeriesPoints,
  clew: SeriesPoints,
  examples: string[],
): Comparison['remoteWrite'] {
  const result = { series: prometheus.size, samples: 0, missing: 0, extra: 0, different: 0 };
  const note = (text: string) => examples.length < 20 && examples.push(`remote write: ${text}`);
  for (const [key, points] of prometheus) {
    const mine = new Map(clew.get(key) ?? []);
    result.samples += points.length;
    for (const [at, value] of points) {
      const kept = mine.get(at);
      if (kept === undefined) {
        result.missing += 1;
        note(`${key} at ${at} is missing`);
      } else if (!Object.is(kept, value)) {
        result.different += 1;
        note(`${key} at ${at} is ${kept}, not ${value}`);
      }
    }
    result.extra += (clew.get(key) ?? []).length - points.filter(([at]) => mine.has(at)).length;
  }
  for (const [key, points] of clew) if (!prometheus.has(key)) result.extra += points.length;
  return result;
}

/** Prometheus' rate() as its documentation and its results define it: increase between samples, extrapolated to the window. */
export function rateOf(points: Point[], end: number, windowMs: number): number | undefined {
  const start = end - windowMs;
  const inside = points.filter(([at]) => at >= start && at <= end);
  const [first] = inside;
  const last = inside.at(-1);
  if (first === undefined || last === undefined || inside.length < 2) return undefined;
  let increase = last[1] - first[1];
  inside.forEach(([, value], at) => {
    const before = inside[at - 1]?.[1] ?? value;
    if (value < before) increase += before;
  });
  const sampled = (last[0] - first[0]) / 1000;
  const average = sampled / (inside.length - 1);
  let toStart = (first[0] - start) / 1000;
  const toEnd = (end - last[0]) / 1000;
  const limit = average * 1.1;
  if (increase > 0 && first[1] >= 0) toStart = Math.min(toStart, sampled * (first[1] / increase));
  const extent = sampled + (toStart < limit ? toStart : average / 2) + (toEnd < limit ? toEnd : average / 2);
  return (increase * (extent / sampled)) / (windowMs / 1000);
}

async function compareRates(
  running: Running,
  stored: Stored,
  from: number,
  to: number,
  examples: string[],
): Promise<Comparison['rates']> {
  const windowMs = Math.max(10_000, Math.floor((to - from) / 2_000) * 1000);
  const result = { points: 0, different: 0, worstRelative: 0 };
  const counters = [
    'node_cpu_seconds_total',
    'namedprocess_namegroup_cpu_seconds_total',
    'node_context_switches_total',
  ];
  for (const name of counters) {
    const matrix = await askPrometheus(running.prometheusUrl, 'query_range', {
      query: `rate(${name}[${windowMs / 1000}s])`,
      start: String((from + windowMs) / 1000),
      end: String(to / 1000),
      step: '5',
    });
    for (const { metric, values } of matrix.data.result) {
      const points = stored.points.get(keyOf(name, metric)) ?? [];
      for (const [at, text] of values) {
        const theirs = numberOf(text);
        const mine = rateOf(points, Math.round(at * 1000), windowMs) ?? Number.NaN;
        const relative = Math.abs(mine - theirs) / Math.max(Math.abs(theirs), 1e-12);
        result.points += 1;
        if (relative <= 1e-9 || mine === theirs)
          result.worstRelative = Math.max(result.worstRelative, relative);
        else {
          result.different += 1;
          if (examples.length < 20)
            examples.push(`rate of ${name} ${JSON.stringify(metric)} at ${at}: ${mine}, not ${theirs}`);
        }
      }
    }
  }
  return result;
}

/** The value of a counter when Clew read it lies between those that Prometheus read before and after. */
function isBetween(prometheus: Point[], [at, value]: Point): boolean | undefined {
  const before = prometheus.findLast(([time]) => time < at - readMsMax);
  const after = prometheus.find(([time]) => time > at + readMsMax);
  if (before === undefined || after === undefined || after[1] < before[1]) return undefined;
  return value >= before[1] && value <= after[1];
}

const falls = (points: Point[]): boolean =>
  points.some(([, value], at) => value < (points[at - 1]?.[1] ?? value));
const groupOf = (key: string): string => /"groupname","([^"]*)"/.exec(key)?.[1] ?? '';

/** Process groups that lost or won a process: process-exporter's counters fall when a process with its share ends. */
function changingGroups(...paths: SeriesPoints[]): Set<string> {
  const all = paths.flatMap((points) => [...points]);
  const counts = all.filter(([key]) => key.startsWith('namedprocess_namegroup_num_'));
  return new Set(
    counts
      .filter(([, list]) => new Set(list.map(([, value]) => value)).size > 1)
      .map(([key]) => groupOf(key)),
  );
}

function compareScraper(prometheus: SeriesPoints, clew: Stored, examples: string[]): Comparison['scraper'] {
  const scrapes = prometheus.get(longest(prometheus))?.length ?? 0;
  const result = {
    series: clew.points.size,
    missingSeries: 0,
    samples: 0,
    counterSamples: 0,
    counterViolations: 0,
    counterUnsteady: 0,
    constantSeries: 0,
    constantDifferent: 0,
  };
  const relative: number[] = [];
  const changing = changingGroups(prometheus, clew.points);
  const note = (text: string) => examples.length < 20 && examples.push(`scraper: ${text}`);
  for (const [key, theirs] of prometheus) {
    const mine = clew.points.get(key) ?? [];
    result.samples += mine.length;
    if (theirs.length < scrapes * 0.9) continue;
    if (mine.length === 0) {
      result.missingSeries += 1;
      note(`${key} is missing`);
      continue;
    }
    const values = new Set(theirs.map(([, value]) => value));
    if (values.size === 1 && !/^(scrape_|up)/.test(key)) {
      result.constantSeries += 1;
      if (!mine.some(([, value]) => values.has(value))) {
        result.constantDifferent += 1;
        note(`${key} is ${mine[0]?.[1]}, not ${theirs[0]?.[1]}`);
      }
    }
    if (!clew.counters.has(key)) continue;
    if (falls(theirs) || falls(mine) || changing.has(groupOf(key))) {
      result.counterUnsteady += 1;
      continue;
    }
    for (const point of mine) {
      const fits = isBetween(theirs, point);
      if (fits !== undefined) result.counterSamples += 1;
      if (fits !== false) continue;
      result.counterViolations += 1;
      note(`${key} is ${point[1]} at ${point[0]}, outside of what Prometheus read around it`);
    }
    const difference = rateDifference(theirs, mine);
    if (difference !== undefined) relative.push(difference);
  }
  relative.sort((a, b) => a - b);
  const at = (share: number) =>
    relative[Math.min(relative.length - 1, Math.floor(relative.length * share))] ?? 0;
  return { ...result, rates: relative.length, rateMedianRelative: at(0.5), rateP99Relative: at(0.99) };
}

const longest = (all: SeriesPoints): string =>
  [...all].reduce((best, [key, points]) => (points.length > (all.get(best)?.length ?? 0) ? key : best), '');

/** How far the rates over the whole time lie apart; undefined where the counter stands still or begins anew. */
function rateDifference(theirs: Point[], mine: Point[]): number | undefined {
  const rate = (points: Point[]): number => {
    const [first] = points;
    const last = points.at(-1);
    return first && last && last[0] > first[0] ? (last[1] - first[1]) / (last[0] - first[0]) : Number.NaN;
  };
  const expected = rate(theirs);
  return expected > 0 && Number.isFinite(expected) ? Math.abs(rate(mine) / expected - 1) : undefined;
}

function compareUp(paths: { prometheus: SeriesPoints; remoteWrite: SeriesPoints; scraper: SeriesPoints }) {
  const ups = (points: SeriesPoints): number[] =>
    [...points]
      .filter(([key]) => key.startsWith('up['))
      .flatMap(([, list]) => list.map(([, value]) => value));
  const zeros = (points: SeriesPoints): number => ups(points).filter((value) => value === 0).length;
  return {
    prometheus: ups(paths.prometheus).length,
    remoteWrite: ups(paths.remoteWrite).length,
    scraper: ups(paths.scraper).length,
    zeros: {
      prometheus: zeros(paths.prometheus),
      remoteWrite: zeros(paths.remoteWrite),
      scraper: zeros(paths.scraper),
    },
  };
}

export async function comparePrometheus(options: ComparisonOptions): Promise<Comparison> {
  const running = await startAll(options);
  try {
    const from = Date.now();
    await sleep(options.seconds * 1000);
    const to = Date.now() - 2_000;
    // What was scraped until then has been sent and can be asked for.
    await sleep(6_000);
    const examples: string[] = [];
    const matrix = await askPrometheus(running.prometheusUrl, 'query', {
      query: `{job=~"node|process"}[${Math.ceil((to - from) / 1000) + 60}s]`,
      time: String(to / 1000),
    });
    const prometheus: SeriesPoints = new Map();
    for (const [key, points] of pointsOf(matrix)) {
      const inside = within(points, from, to);
      if (inside.length > 0) prometheus.set(key, inside);
    }
    const written = await storedBy(running.clewUrl, 'prometheus', from, to);
    const scraped = await storedBy(running.clewUrl, 'clew', from, to);
    return {
      seconds: options.seconds,
      remoteWrite: compareExactly(prometheus, written.points, examples),
      rates: await compareRates(running, written, from, to, examples),
      up: compareUp({ prometheus, remoteWrite: written.points, scraper: scraped.points }),
      scraper: compareScraper(prometheus, scraped, examples),
      examples,
    };
  } finally {
    await stopAll(running);
  }
}

if (import.meta.main) {
  const at = process.argv.indexOf('--minutes');
  const minutes = at < 0 ? 10 : Number(process.argv[at + 1]);
  if (!(minutes > 0)) throw new Error('--minutes needs a number above 0');
  console.log(
    JSON.stringify(await comparePrometheus({ seconds: minutes * 60, intervalSeconds: 5 }), null, 2),
  );
}
