/** Chapters 6.3.1 and 6.3.4: sustained writing, the peak, and what they cost. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { LoadResult, Tick } from '../load.ts';
import { usageOf } from '../process-tree.ts';
import type { Share } from '../workload/index.ts';
import { workloads } from '../workload/index.ts';
import { histogramQuantile, parseMetrics, type Sample, sumOf } from './metrics.ts';
import { count, milliseconds, percent } from './plan.ts';
import { exactnessText, sleep, type Trial } from './trial.ts';

export const sustainedRate = 50_000;
export const peakRate = 100_000;
const ackLimitMs = 500;
/** A paced generator ends between two requests, so a little less than the rate is the rate. */
const rateTolerance = 0.98;
const residentLimit = 1.2e9;
const cpuShareLimit = 0.5;
const writesLimit = 40_000;
const walLimitSeconds = 0.1;
const freshLimitSeconds = 2;

const mixed = (): readonly Share[] => (workloads.mixed ?? []).map((share) => ({ ...share, records: 500 }));
const logs = (): readonly Share[] => (workloads.logs ?? []).map((share) => ({ ...share, records: 1_000 }));

export async function throughput(trial: Trial): Promise<void> {
  trial.print(`Warm-up: ${count(sustainedRate / 2)} records/s`);
  await trial.load({ shares: mixed(), seconds: trial.seconds(10, 4), rate: sustainedRate / 2 });
  const seconds = trial.seconds(60, 8);
  trial.print(
    `Sustained writing: ${count(sustainedRate)} records/s of logs, spans and samples for ${seconds} s`,
  );
  await watched(trial, seconds);
  trial.print(`Peak: ${count(peakRate)} log records/s for ${seconds} s`);
  const peak = await trial.load({ shares: logs(), seconds, rate: peakRate }, progress(trial));
  judgeLoad(trial, 'peak', peakRate, seconds, peak);
  const exact = exactnessText(await trial.compare());
  trial.check({
    dimension: 'write',
    chapter: '6.6',
    criterion: 'written without loss, nothing twice',
    limit: '≥ 95 % by the plan; here every record exactly once',
    measured: `${percent(exact.share)}: ${exact.measured}`,
    passed: exact.passed,
    how: 'Each record has a number; count, distinct count, sum and exclusive or of the stored ones by SQL against those of the acknowledged ones.',
  });
}

const progress =
  (trial: Trial) =>
  (tick: Tick): void => {
    if (Math.round(tick.second) % 5 === 0)
      trial.print(
        `    ${tick.second.toFixed(0).padStart(3)} s  ${count(tick.records)} records  p99 ${milliseconds(tick.p99)}`,
      );
  };

function judgeLoad(trial: Trial, name: string, rate: number, seconds: number, load: LoadResult): void {
  const records = Object.values(load.acknowledged).reduce((sum, part) => sum + part.count, 0);
  const reached = records / Math.max(seconds, load.seconds);
  const chapter = '6.3.1';
  trial.check({
    dimension: 'write',
    chapter,
    criterion: `${name} rate`,
    limit: `≥ ${count(rate)} records/s (${percent(rateTolerance)} counts as reached)`,
    measured: `${count(reached)} records/s for ${load.seconds.toFixed(0)} s`,
    passed: reached >= rate * rateTolerance,
    how: 'Acknowledged records over the time to the last acknowledgement; requests are due at fixed times on 8 connections.',
  });
  trial.check({
    dimension: 'write',
    chapter,
    criterion: `${name}: acknowledgement p99`,
    limit: `< ${ackLimitMs} ms`,
    measured: `${milliseconds(load.ack.p99)} (p50 ${milliseconds(load.ack.p50)}, max ${milliseconds(load.ack.max)})`,
    passed: load.ack.p99 < ackLimitMs,
    how: 'From the time at which a request was due to its answer, all requests; an answer means that the records are on disk.',
  });
  const third = Math.ceil(load.ticks.length / 3);
  const thirds = [0, 1, 2].map((at) =>
    Math.max(0, ...load.ticks.slice(at * third, (at + 1) * third).map((tick) => tick.p50)),
  );
  trial.check({
    dimension: 'write',
    chapter: '6.6',
    criterion: `${name}: latency is stable, no errors`,
    limit: `worst median of a second < ${ackLimitMs} ms in each third; 0 requests refused`,
    measured: `${thirds.map(milliseconds).join(', ')}; ${load.refused} refused`,
    passed: thirds.every((value) => value < ackLimitMs) && load.refused === 0,
    how: 'Median latency of each second, the worst of each third of the run; an answer other than success or 429 ends the run.',
  });
}

/** Sustained load with an eye on the machine. */
async function watched(trial: Trial, seconds: number): Promise<void> {
  const before = await readMetrics(trial);
  const usage = usageOf(trial.pid);
  const writes = writeCalls(trial.pid);
  const started = performance.now();
  const state = { over: false };
  const fresh = watchFreshness(trial, state);
  const load = await trial.load({ shares: mixed(), seconds, rate: sustainedRate }, progress(trial));
  state.over = true;
  const elapsed = (performance.now() - started) / 1000;
  const used = usageOf(trial.pid);
  const after = await readMetrics(trial);
  judgeLoad(trial, 'sustained', sustainedRate, seconds, load);
  const share = ((used?.cpuMs ?? 0) - (usage?.cpuMs ?? 0)) / 1000 / elapsed / cpus().length;
  judgeResources(trial, {
    share,
    residentPeak: used?.residentPeakBytes ?? Number.POSITIVE_INFINITY,
    writesPerSecond: (writeCalls(trial.pid) - writes) / elapsed,
    walSeconds: histogramQuantile(before, after, 'clew_wal_commit_seconds', 0.99),
    behind: await fresh,
    failures: sumOf(after, 'clew_segment_insert_failures_total'),
  });
}

interface Resources {
  share: number;
  residentPeak: number;
  writesPerSecond: number;
  walSeconds: number;
  behind: number;
  failures: number;
}

function judgeResources(trial: Trial, found: Resources): void {
  const base = { dimension: 'resources', chapter: '6.3.4' } as const;
  trial.check({
    ...base,
    chapter: '6.6',
    criterion: 'CPU at the sustained rate',
    limit: `< ${percent(cpuShareLimit)} of the node`,
    measured: `${percent(found.share)} of ${cpus().length} cores`,
    passed: found.share < cpuShareLimit,
    how: 'User and system time of Clew with all threads (/proc), receivers, embedded ClickHouse and PostgreSQL together.',
  });
  trial.check({
    ...base,
    chapter: '6.6',
    criterion: 'memory, no OOM',
    limit: `resident < ${residentLimit / 1e6} MB, still running`,
    measured: `${(found.residentPeak / 1e6).toFixed(0)} MB at most`,
    passed: found.residentPeak < residentLimit,
    how: 'High-water mark of resident memory (VmHWM) since the start.',
  });
  trial.check({
    ...base,
    criterion: 'writes to disk',
    limit: `< ${count(writesLimit)} a second`,
    measured: `${count(found.writesPerSecond)} a second`,
    passed: found.writesPerSecond < writesLimit,
    how: 'Write calls of Clew (/proc/<pid>/io), an upper bound of its writing IOPS.',
  });
  trial.check({
    ...base,
    criterion: 'write-ahead log: flush p99',
    limit: `≤ ${milliseconds(walLimitSeconds * 1000)}`,
    measured: `≤ ${milliseconds(found.walSeconds * 1000)}`,
    passed: found.walSeconds > 0 && found.walSeconds <= walLimitSeconds,
    how: 'Upper bound of the bucket of clew_wal_commit_seconds (write and fsync of a group commit) during the load.',
  });
  trial.check({
    ...base,
    criterion: 'inserting and merging keep up',
    limit: `newest queryable record at most ${freshLimitSeconds} s old, 0 failed inserts`,
    measured: `${found.behind.toFixed(1)} s old at worst, ${found.failures} failed`,
    passed: found.behind <= freshLimitSeconds && found.failures === 0,
    how: 'SELECT of the newest timestamp once a second during the load; clew_segment_insert_failures_total.',
  });
}

/** Worst age of the newest log record that can be queried, seconds; the first seconds of the load are left out. */
async function watchFreshness(trial: Trial, state: { over: boolean }): Promise<number> {
  let worst = 0;
  await sleep(3_000);
  while (!state.over) {
    const [row] = await trial.sql('SELECT max(Timestamp) FROM otel_logs WHERE Timestamp > now() - 60');
    // The answer is as old as the query was long; that is not the inserter's.
    const newest = Date.parse(`${String(row?.[0]).replace(' ', 'T').slice(0, 23)}Z`);
    if (!state.over) worst = Math.max(worst, (Date.now() - newest) / 1000);
    await sleep(1_000);
  }
  return worst;
}

export async function readMetrics(trial: Trial): Promise<Sample[]> {
  const { body } = await trial.get('/metrics');
  return parseMetrics(String(body));
}

function writeCalls(pid: number): number {
  return Number(/^syscw: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}
