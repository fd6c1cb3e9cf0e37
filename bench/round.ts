/** One workload through the real program once: load, wait until all of it can be queried, compare, look at the disk. */
import { join } from 'node:path';
import { readParts, runLoad } from './helper.ts';
import { SequenceSum } from './identity.ts';
import type { LoadResult, LoadSpec, Tick } from './load.ts';
import { Sampler, usageOf } from './process-tree.ts';
import { querySql, type Server, startServer, stopServer } from './server.ts';
import { inTemporary } from './temporary.ts';
import { type Share, type Signal, signals } from './workload/index.ts';

export interface RoundOptions {
  shares: readonly Share[];
  connections: number;
  seconds: number;
  warmupSeconds: number;
  settleSeconds: number;
  rate: number;
  tempDir: string;
  /** A running Clew; without it one is started. */
  server: Server | undefined;
  run: string;
  onTick: (tick: Tick) => void;
}

export interface Exactness {
  signal: Signal;
  acknowledged: number;
  stored: number;
  distinct: number;
  /** Acknowledged and stored are the same set: equal in number, sum and exclusive or, and no number twice. */
  exact: boolean;
}

export interface RoundResult {
  load: LoadResult;
  records: number;
  recordsPerSecond: number;
  bytesPerSecond: number;
  /** From the last acknowledgement until everything could be queried. */
  queryableMs: number;
  exactness: Exactness[];
  /** Of the server, until everything could be queried; absent for a Clew that somebody else runs. */
  cpuUsPerRecord: number | undefined;
  /** What merging cost after that, until the server was quiet. */
  settleCpuUsPerRecord: number | undefined;
  generatorCpuUsPerRecord: number;
  residentPeakBytes: number | undefined;
  residentMedianBytes: number | undefined;
  residentOverTime: { second: number; residentBytes: number }[];
  disk: { table: string; rows: number; bytesPerRow: number; parts: number }[];
}

const queryableSecondsMax = 120;
/** Merges are over when the server uses less than this share of a core for `quietSeconds`. */
const quietShare = 0.06;
const quietSeconds = 2;
const peerRestMs = 3_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  if (options.server !== undefined) return measure(options, options.server, undefined);
  return inTemporary(options.tempDir, 'clew-bench-', async (dir) => {
    const server = await startServer({ dataDir: dir });
    try {
      return await measure(options, server, join(dir, 'data'));
    } finally {
      await stopServer(server);
    }
  });
}

async function measure(
  options: RoundOptions,
  server: Server,
  dataDir: string | undefined,
): Promise<RoundResult> {
  const totals = new Map<Signal, SequenceSum>();
  const warm = await warmUp(options, server, totals);
  const pid = server.pid === 0 ? undefined : server.pid;
  const sampler = pid === undefined ? undefined : new Sampler(pid);
  const before = pid === undefined ? undefined : usageOf(pid);
  const load = await runLoad({ ...loadSpec(options, server), first: warm }, options.onTick);
  addAcknowledged(totals, load);
  const lastAck = performance.now();
  // A peer's counting may cost more than its taking; what it needs to become queryable is granted before that.
  if (server.peer !== undefined) await sleep(peerRestMs);
  const rested = pid === undefined ? undefined : usageOf(pid);
  await untilQueryable(server, options.run, totals);
  const queryableMs = performance.now() - lastAck;
  const after = pid === undefined || server.peer !== undefined ? rested : usageOf(pid);
  sampler?.stop();
  const exactness = await compare(server, options.run, totals);
  const settled = pid === undefined ? undefined : await settle(server, pid, options.settleSeconds);
  await (dataDir === undefined ? undefined : stopServer(server));
  const records = countOf(load);
  const perRecord = (to: number | undefined, from: number | undefined) =>
    to === undefined || from === undefined ? undefined : ((to - from) * 1000) / records;
  const resident = sampler?.samples.map((sample) => sample.residentBytes).toSorted((a, b) => a - b);
  return {
    load,
    records,
    recordsPerSecond: records / load.seconds,
    bytesPerSecond: load.bytes / load.seconds,
    queryableMs,
    exactness,
    cpuUsPerRecord: perRecord(after?.cpuMs, before?.cpuMs),
    settleCpuUsPerRecord: perRecord(settled?.cpuMs, after?.cpuMs),
    generatorCpuUsPerRecord: (load.cpuMs * 1000) / records,
    residentPeakBytes: after?.residentPeakBytes,
    residentMedianBytes: resident?.[Math.floor(resident.length / 2)],
    residentOverTime: sampler?.samples.map(({ second, residentBytes }) => ({ second, residentBytes })) ?? [],
    disk: dataDir === undefined ? [] : await diskOf(dataDir, [...totals.keys()]),
  };
}

/** Lets the program compile its hot paths. What it sends is checked like the rest, but not timed. */
async function warmUp(
  options: RoundOptions,
  server: Server,
  totals: Map<Signal, SequenceSum>,
): Promise<Record<Signal, number>> {
  const spec = loadSpec(options, server);
  if (options.warmupSeconds <= 0) return spec.first;
  const load = await runLoad({ ...spec, seconds: options.warmupSeconds });
  addAcknowledged(totals, load);
  await untilQueryable(server, options.run, totals);
  return load.next;
}

/** From one on: the ids of sequence number 0 would be all zeros, which OTLP calls invalid. */
export const firstSequence: Record<Signal, number> = { logs: 1, spans: 1, samples: 1 };

export function loadSpec(options: RoundOptions, server: Server): LoadSpec {
  return {
    otlp: server.otlp,
    api: server.api,
    shares: options.shares,
    seconds: options.seconds,
    connections: options.connections,
    run: options.run,
    headers: server.headers,
    ...(server.peer === undefined ? {} : { paths: server.peer.paths }),
    first: firstSequence,
    rate: options.rate,
    onLost: 'fail',
  };
}

export const countOf = (load: LoadResult): number =>
  Object.values(load.acknowledged).reduce((sum, part) => sum + part.count, 0);

export function addAcknowledged(totals: Map<Signal, SequenceSum>, load: LoadResult): void {
  for (const signal of ['logs', 'spans', 'samples'] as const) {
    const part = load.acknowledged[signal];
    if (part === undefined) continue;
    const total = totals.get(signal) ?? new SequenceSum();
    total.merge(part);
    totals.set(signal, total);
  }
}

/** Counts until every acknowledged record is there. Each count waits as long as the last took, so it costs little. */
export async function untilQueryable(
  server: Server,
  run: string,
  totals: ReadonlyMap<Signal, SequenceSum>,
): Promise<void> {
  const end = performance.now() + queryableSecondsMax * 1000;
  for (const [signal, total] of totals) {
    for (;;) {
      const started = performance.now();
      const stored = await storedNow(server, signal, run);
      if (stored >= total.count) break;
      if (performance.now() > end)
        throw new Error(
          `${total.count} ${signal} were acknowledged, ${stored} can be queried ${queryableSecondsMax} s later`,
        );
      await sleep(Math.max(20, performance.now() - started));
    }
  }
}

async function storedNow(server: Server, signal: Signal, run: string): Promise<number> {
  if (server.peer !== undefined) return (await server.peer.count(server.api, run)).stored;
  const { table, ofRun } = signals[signal];
  const [row] = await querySql(server, `SELECT count() FROM ${table} WHERE ${ofRun(run)}`);
  return Number(row?.[0] ?? 0);
}

export async function compare(
  server: Server,
  run: string,
  totals: ReadonlyMap<Signal, SequenceSum>,
): Promise<Exactness[]> {
  const all: Exactness[] = [];
  for (const [signal, total] of totals) {
    if (server.peer !== undefined) {
      const { stored, distinct } = await server.peer.count(server.api, run);
      const exact = stored === total.count && distinct === total.count;
      all.push({ signal, acknowledged: total.count, stored, distinct, exact });
      continue;
    }
    const { table, sequence, ofRun } = signals[signal];
    const [row = []] = await querySql(
      server,
      `SELECT count(), groupBitmap(n), sum(toUInt64(n)), groupBitXor(n) FROM (SELECT ${sequence} AS n FROM ${table} WHERE ${ofRun(run)})`,
    );
    const [stored, distinct, sum, xor] = row.map(String);
    all.push({
      signal,
      acknowledged: total.count,
      stored: Number(stored),
      distinct: Number(distinct),
      exact:
        Number(stored) === total.count &&
        Number(distinct) === total.count &&
        sum === String(total.sum) &&
        Number(xor) === total.xor,
    });
  }
  return all;
}

async function settle(
  server: Server,
  pid: number,
  secondsMax: number,
): Promise<{ cpuMs: number } | undefined> {
  const end = performance.now() + secondsMax * 1000;
  let last = usageOf(pid);
  while (performance.now() < end) {
    await sleep(quietSeconds * 1000);
    const now = usageOf(pid);
    if (now === undefined || last === undefined) return last;
    const quiet = now.cpuMs - last.cpuMs < quietShare * quietSeconds * 1000;
    // Clew holds merges back until the burst is over; until then it is quiet, but not done.
    if (quiet && !(await mergesAreHeld(server))) return now;
    last = now;
  }
  return last;
}

async function mergesAreHeld(server: Server): Promise<boolean> {
  if (server.peer !== undefined) return false;
  const answer = await fetch(`${server.api}/metrics`, { headers: server.headers });
  return /^clew_merges_held [1-9]/m.test(await answer.text());
}

/** Of the tables' active parts alone: what a merge has replaced stays on disk for some minutes more. */
async function diskOf(dataDir: string, used: readonly Signal[]): Promise<RoundResult['disk']> {
  const tables = new Set<string>(used.map((signal) => signals[signal].table));
  const parts = await readParts({ role: 'parts', dataDir });
  return parts
    .filter((part) => tables.has(part.table))
    .map(({ table, rows, bytes, parts: count }) => ({
      table,
      rows,
      bytesPerRow: bytes / rows,
      parts: count,
    }));
}
