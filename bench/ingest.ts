/**
 * `clew bench ingest`: the real program under load from a process of its own, beside what the embedded engine alone does
 * with ready-made segments of the same rows, round by round in turns, so that a slow minute of the machine hits both.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { IngestOptions } from '../src/cli/bench-options.ts';
import { ClewError } from '../src/lib/index.ts';
import type { Ceiling } from './engine.ts';
import { runCeiling } from './helper.ts';
import { peers } from './peer.ts';
import { ingestMarkdown, ingestPage, ingestPicture } from './report/ingest-page.ts';
import { textTable } from './report/table.ts';
import { type RoundResult, runRound } from './round.ts';
import { attachServer, type Server } from './server.ts';
import { type Spread, spread } from './statistics.ts';
import { type Share, workloads } from './workload/index.ts';

export interface CeilingResult {
  recordsPerSecond: number;
  cpuUsPerRecord: number;
  residentPeakBytes: number;
}
export interface WorkloadResult {
  workload: string;
  shares: Share[];
  connections: number;
  rounds: { door: RoundResult; ceiling: CeilingResult | undefined }[];
  /** Records a second of Clew to those of the engine alone, per round. */
  rateRatio: Spread | undefined;
  /** CPU a record of the engine alone to that of Clew, per round: 1 would be no cost beside the insert. */
  cpuRatio: Spread | undefined;
}
export interface IngestResult {
  format: 'clew.bench.ingest.v1';
  at: string;
  machine: { cpu: string; cores: number; memoryBytes: number; node: string };
  seconds: number;
  warmupSeconds: number;
  workloads: WorkloadResult[];
}

/** Answers whether every acknowledged record was found exactly once. */
export async function benchIngest(options: IngestOptions, print: (text: string) => void): Promise<boolean> {
  const peer = peers.find(({ name }) => name === options.target);
  const server =
    options.url === undefined ? undefined : await attachServer({ ...options, url: options.url, peer });
  const result: IngestResult = {
    format: 'clew.bench.ingest.v1',
    at: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    },
    seconds: options.seconds,
    warmupSeconds: options.warmupSeconds,
    workloads: [],
  };
  for (const name of options.workloads)
    result.workloads.push(await benchWorkload(name, options, server, print));
  print(`\n${textTable(result)}\n`);
  if (options.json !== undefined) await writeText(options.json, `${JSON.stringify(result, null, 1)}\n`);
  if (options.html !== undefined) await writeReport(result, options.html);
  const exact = result.workloads.every((one) =>
    one.rounds.every(({ door }) => door.exactness.every((signal) => signal.exact)),
  );
  if (!exact) print('NOT EXACT: what is stored differs from what was acknowledged; see the table.\n');
  return exact;
}

/** The page, and beside it a picture and a summary that a README can link. */
export async function writeReport(result: IngestResult, html: string): Promise<void> {
  const picture = html.replace(/(\.html?)?$/, '.svg');
  await writeText(html, ingestPage(result));
  await writeText(picture, `${ingestPicture(result)}\n`);
  const files = { page: basename(html), picture: basename(picture) };
  await writeText(join(dirname(html), 'README.md'), ingestMarkdown(result, files));
}

/** A page from figures that were written before with --json; several files become one page, later ones win. */
export async function reportFrom(files: readonly string[], html: string): Promise<void> {
  const results: IngestResult[] = [];
  for (const file of files) {
    const parsed: IngestResult = JSON.parse(await readFile(file, 'utf8'));
    if (parsed.format !== 'clew.bench.ingest.v1')
      throw new ClewError('bad_request', `${file} is no result of clew bench ingest --json.`);
    results.push(parsed);
  }
  const last = results.at(-1);
  if (last === undefined) throw new ClewError('bad_request', 'clew bench report needs at least one file.');
  const byName = new Map(results.flatMap((result) => result.workloads.map((one) => [one.workload, one])));
  await writeReport({ ...last, workloads: [...byName.values()] }, html);
}

export async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function benchWorkload(
  name: string,
  options: IngestOptions,
  server: Server | undefined,
  print: (text: string) => void,
): Promise<WorkloadResult> {
  const shares = (workloads[name] ?? []).map((share) => ({
    ...share,
    records: options.records ?? share.records,
  }));
  const tempDir = options.tempDir ?? tmpdir();
  const rounds: WorkloadResult['rounds'] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const label = `${name} ${round}/${options.rounds}`;
    const door = await runRound({
      shares,
      connections: options.connections,
      seconds: options.seconds,
      warmupSeconds: options.warmupSeconds,
      settleSeconds: options.settleSeconds,
      rate: options.rate,
      tempDir,
      server,
      run: `bench-${process.pid}-${name}-${round}`,
      onTick: (tick) =>
        print(
          `${label}  ${tick.second.toFixed(0).padStart(3)} s  ${Math.round(tick.records).toLocaleString('en').padStart(9)} records  p99 ${tick.p99.toFixed(0)} ms${tick.refused > 0 ? `  ${tick.refused} refused` : ''}\n`,
        ),
    });
    const ceiling =
      options.ceilingSeconds > 0 ? await ceilingOf(shares, door, options.ceilingSeconds, tempDir) : undefined;
    rounds.push({ door, ceiling });
  }
  const pairs = rounds.flatMap(({ door, ceiling }) => (ceiling === undefined ? [] : [{ door, ceiling }]));
  const cpu = pairs.flatMap(({ door, ceiling }) =>
    door.cpuUsPerRecord === undefined ? [] : [ceiling.cpuUsPerRecord / door.cpuUsPerRecord],
  );
  return {
    workload: name,
    shares,
    connections: options.connections,
    rounds,
    rateRatio:
      pairs.length === 0
        ? undefined
        : spread(pairs.map(({ door, ceiling }) => door.recordsPerSecond / ceiling.recordsPerSecond)),
    cpuRatio: cpu.length === 0 ? undefined : spread(cpu),
  };
}

/** Of a mixed load: the engine's time and CPU for the same numbers of rows of each signal, one after the other. */
async function ceilingOf(
  shares: readonly Share[],
  door: RoundResult,
  seconds: number,
  tempDir: string,
): Promise<CeilingResult> {
  let time = 0;
  let cpuMs = 0;
  let residentPeakBytes = 0;
  for (const { signal, records } of shares) {
    const count = door.load.acknowledged[signal]?.count ?? 0;
    const one: Ceiling = await runCeiling({
      role: 'ceiling',
      signal,
      records,
      seconds: seconds / shares.length,
      tempDir,
    });
    time += (one.seconds / one.rows) * count;
    cpuMs += (one.cpuMs / one.rows) * count;
    residentPeakBytes = Math.max(residentPeakBytes, one.residentPeakBytes);
  }
  return {
    recordsPerSecond: door.records / time,
    cpuUsPerRecord: (cpuMs * 1000) / door.records,
    residentPeakBytes,
  };
}
