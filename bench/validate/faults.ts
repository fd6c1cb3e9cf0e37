/** Chapters 6.3.1 (bad network) and 6.4: kill, orderly restart, a network that stands still, connections that break. */
import type { LoadResult } from '../load.ts';
import { workloads } from '../workload/index.ts';
import { BadNetwork } from './bad-network.ts';
import { milliseconds } from './plan.ts';
import { exactnessText, type LoadOptions, sleep, type Trial } from './trial.ts';

const rate = 20_000;
/** A start after kill −9 with what a fault's load leaves behind. */
const readyLimitMs = 30_000;
const stallSeconds = 4;
const recoveredLimitMs = 500;

/** Load that goes on while something happens; `flowing` when its first records are acknowledged. */
interface Running {
  result: Promise<LoadResult>;
  flowing: Promise<void>;
}

function begin(trial: Trial, options: LoadOptions): Running {
  const first = Promise.withResolvers<void>();
  const result = trial.load(options, (tick) => {
    if (tick.records > 0) first.resolve();
  });
  // Its failure is met where the result is awaited, which is later; and nobody should wait for a load that failed.
  result.then(() => first.resolve(), first.reject);
  first.promise.catch(() => undefined);
  return { result, flowing: first.promise };
}

const load = (seconds: number): LoadOptions => ({
  shares: (workloads.mixed ?? []).map((share) => ({ ...share, records: 200 })),
  seconds,
  rate,
  onLost: 'retry',
});

export async function faults(trial: Trial): Promise<void> {
  await killed(trial, trial.seconds(5, 2));
  await restarted(trial);
  await stalled(trial);
  await badNetwork(trial, trial.seconds(30, 8));
  await inOrder(trial);
}

async function exact(trial: Trial, criterion: string, how: string, result: LoadResult): Promise<void> {
  const found = exactnessText(await trial.compare());
  trial.check({
    dimension: 'exceptions',
    chapter: '6.4',
    criterion,
    limit: 'no acknowledged record missing, none twice',
    measured: `${found.measured}; ${result.lost} requests sent again`,
    passed: found.passed,
    how,
  });
}

async function killed(trial: Trial, times: number): Promise<void> {
  trial.print(`kill -9 under load, ${times} times`);
  const between = 4;
  const running = begin(trial, load((times + 1) * between));
  await running.flowing;
  const ready: number[] = [];
  for (let time = 0; time < times; time++) {
    await sleep((between + Math.random()) * 1000);
    await trial.kill();
    const started = performance.now();
    await trial.start();
    ready.push(performance.now() - started);
    trial.print(`    killed and ready again after ${milliseconds(ready.at(-1) ?? 0)}`);
  }
  const result = await running.result;
  await exact(
    trial,
    `kill −9 under load, ${times} times`,
    `SIGKILL at random moments of a load of ${rate.toLocaleString('en')} records/s; the sender connects again and repeats what had no answer.`,
    result,
  );
  const worst = Math.max(...ready);
  trial.check({
    dimension: 'exceptions',
    chapter: '6.4',
    criterion: 'ready again after kill −9',
    limit: `< ${milliseconds(readyLimitMs)}`,
    measured: `${milliseconds(worst)} at worst`,
    passed: worst < readyLimitMs,
    how: 'From starting the program to /readyz, which is true once everything acknowledged before is replayed.',
  });
}

async function restarted(trial: Trial): Promise<void> {
  trial.print('orderly restart under load');
  const running = begin(trial, load(10));
  await running.flowing;
  await sleep(2_000);
  await trial.stop();
  await trial.start();
  await exact(
    trial,
    'orderly restart under load, as for an upgrade',
    'SIGTERM and start on the same directory while the sender goes on.',
    await running.result,
  );
}

async function stalled(trial: Trial): Promise<void> {
  trial.print(`standstill of ${stallSeconds} s`);
  const before = 3;
  const after = trial.seconds(20, 8);
  const running = begin(trial, load(before + stallSeconds + after));
  await running.flowing;
  await sleep(before * 1000);
  process.kill(trial.pid, 'SIGSTOP');
  await sleep(stallSeconds * 1000);
  process.kill(trial.pid, 'SIGCONT');
  const result = await running.result;
  await exact(
    trial,
    `no answer for ${stallSeconds} s, then on`,
    'SIGSTOP and SIGCONT: connections stay open, nothing is answered, as when the network or the disk stands still.',
    result,
  );
  const last = result.ticks.slice(-Math.ceil(after / 2)).filter((tick) => tick.records > 0);
  const worst = last.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...last.map((tick) => tick.p50));
  trial.check({
    dimension: 'exceptions',
    chapter: '6.4',
    criterion: 'latency is back after a standstill',
    limit: `< ${recoveredLimitMs} ms`,
    measured: milliseconds(worst),
    passed: worst < recoveredLimitMs,
    how: `Worst median of a second in the last ${Math.ceil(after / 2)} s of the load.`,
  });
}

async function badNetwork(trial: Trial, seconds: number): Promise<void> {
  trial.print(`bad network for ${seconds} s: 20 ms late, connections break`);
  const shape = { delayMs: 20, cutAfterBytes: 600_000, answersLost: 0.03 };
  const otlp = new BadNetwork({ target: trial.server.otlp, ...shape });
  const api = new BadNetwork({ target: trial.server.api, ...shape });
  try {
    const via = { otlp: await otlp.listen(), api: await api.listen() };
    const result = await trial.load({ ...load(seconds), via });
    await exact(
      trial,
      `bad network: ${otlp.cuts + api.cuts} connections broken in the middle`,
      'A proxy delays every byte by 20 ms, cuts connections at random bytes of a request, and loses three answers in a hundred; the sender repeats the same request.',
      result,
    );
  } finally {
    otlp.close();
    api.close();
  }
}

/** Nothing may come out of a fault with a time that it did not have. */
async function inOrder(trial: Trial): Promise<void> {
  const from = Math.floor(trial.startedAtMs / 1000) - 1;
  const rows = await trial.sql(
    `SELECT count(), countIf(toUnixTimestamp(Timestamp) < ${from} OR Timestamp > now() + 1) FROM otel_logs WHERE ScopeName = '${trial.run}'`,
  );
  const [all, outside] = (rows[0] ?? []).map(Number);
  trial.check({
    dimension: 'exceptions',
    chapter: '6.4',
    criterion: 'times are right after all faults',
    limit: '0 log records outside the time of the run',
    measured: `${outside} of ${(all ?? 0).toLocaleString('en')}`,
    passed: outside === 0 && (all ?? 0) > 0,
    how: 'SELECT of stored timestamps before the first or after the last request.',
  });
}
