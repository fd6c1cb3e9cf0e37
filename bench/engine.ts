/**
 * The embedded engine alone, in a process of its own. `ceiling`: how fast it inserts ready-made segments of the rows that
 * a workload sends, with the statement and the settings of Clew's own inserter. `parts`: what its tables hold on disk.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { configSchema } from '../src/config/index.ts';
import { type Engine, openEngine } from '../src/detail/engine.ts';
import { migrate } from '../src/detail/migrate.ts';
import { fillEventIds } from '../src/detail/segment.ts';
import { snappyDecompress } from '../src/lib/index.ts';
import type { Block } from '../src/model/index.ts';
import { LogsTranscoder } from '../src/receive/otlp/logs.ts';
import { TracesTranscoder } from '../src/receive/otlp/traces.ts';
import { RemoteWriteTranscoder } from '../src/receive/remote-write/transcoder.ts';
import { usageOf } from './process-tree.ts';
import { inTemporary } from './temporary.ts';
import { type Signal, signals } from './workload/index.ts';

export interface CeilingSpec {
  role: 'ceiling';
  signal: Signal;
  /** Records in one request: each becomes a block of the segment, as in Clew. */
  records: number;
  seconds: number;
  tempDir: string;
}
export interface PartsSpec {
  role: 'parts';
  /** Clew's data directory; nobody else may have it open. */
  dataDir: string;
}
export type EngineSpec = CeilingSpec | PartsSpec;

export interface Ceiling {
  rows: number;
  seconds: number;
  cpuMs: number;
  residentPeakBytes: number;
}
export interface TableParts {
  table: string;
  rows: number;
  bytes: number;
  parts: number;
}

const config = configSchema.parse({});
const segmentRows = config.ingest.segmentRowsMax;

/** What Clew's receiver makes of a request's body: the block of the workload's own table. */
function transcoderOf(signal: Signal): (body: Uint8Array) => readonly Block[] {
  if (signal === 'samples') {
    const transcoder = new RemoteWriteTranscoder(config.ingest);
    return (body) =>
      transcoder.transcode('default', snappyDecompress(body, config.ingest.bodyBytesMax), 1, Date.now())
        .blocks;
  }
  const transcoder =
    signal === 'logs' ? new LogsTranscoder(config.ingest) : new TracesTranscoder(config.ingest);
  return (body) => transcoder.transcode('default', body, Date.now()).blocks;
}

async function writeSegment(path: string, spec: CeilingSpec): Promise<number> {
  const workload = signals[spec.signal];
  const count = Math.min(workload.requestsDefault, Math.ceil(segmentRows / spec.records));
  const requests = workload.build({
    records: spec.records,
    count,
    run: 'bench',
    headers: {},
    host: 'localhost',
  });
  const transcode = transcoderOf(spec.signal);
  const file = await open(path, 'w');
  let rows = 0;
  for (let number = 0; rows < segmentRows; number++) {
    const request = requests[number % requests.length];
    if (request === undefined) break;
    request.patch(rows, Date.now());
    const block = transcode(request.body).find((candidate) => candidate.table === workload.table);
    if (block === undefined) throw new Error(`the request became no rows of ${workload.table}`);
    fillEventIds(block.bytes, block.rows, 1, rows);
    await file.write(block.bytes);
    rows += block.rows;
  }
  await file.close();
  return rows;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

async function ceiling(spec: CeilingSpec): Promise<Ceiling> {
  return inTemporary(spec.tempDir, 'clew-bench-ceiling-', async (dir) => {
    const path = join(dir, 'segment.native');
    const rows = await writeSegment(path, spec);
    const engine = openEngine(join(dir, 'engine'));
    const { columns } = await migrate(engine);
    const { table } = signals[spec.signal];
    const names = columns[table].map((column) => `\`${column.name}\``).join(', ');
    const structure = columns[table].map((column) => `\`${column.name}\` ${column.type}`).join(', ');
    const started = performance.now();
    const cpuMs = usageOf(process.pid)?.cpuMs ?? 0;
    let inserted = 0;
    for (let token = 0; performance.now() - started < spec.seconds * 1000; token++) {
      await engine.run(
        'insert',
        `INSERT INTO ${table} (${names}) SELECT ${names} FROM file(${quoted(path)}, 'Native', ${quoted(structure)})
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'ceiling-${token}', deduplicate_insert_select = 'force_enable',
  max_threads = 1, max_insert_threads = 1, min_insert_block_size_rows = ${rows + 1}, min_insert_block_size_bytes = 0,
  max_insert_block_size = ${rows + 1}, optimize_on_insert = 0`,
      );
      inserted += rows;
    }
    const seconds = (performance.now() - started) / 1000;
    const usage = usageOf(process.pid);
    const stored = (await partsOf(engine)).find((part) => part.table === table)?.rows ?? 0;
    await engine.close();
    // Otherwise a deduplicated insert would count as a very fast one.
    if (stored !== inserted) throw new Error(`${inserted} rows were inserted, ${stored} are stored`);
    return {
      rows: inserted,
      seconds,
      cpuMs: (usage?.cpuMs ?? 0) - cpuMs,
      residentPeakBytes: usage?.residentPeakBytes ?? 0,
    };
  });
}

async function partsOf(engine: Engine): Promise<TableParts[]> {
  const text = await engine.run(
    'query',
    `SELECT table, toUInt32(sum(rows)) AS rows, toFloat64(sum(bytes_on_disk)) AS bytes, toUInt32(count()) AS parts
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`,
  );
  const { data } = JSON.parse(text) as { data: TableParts[] };
  return data;
}

async function parts(spec: PartsSpec): Promise<TableParts[]> {
  const engine = openEngine(join(spec.dataDir, 'detail', 'engine'));
  try {
    return await partsOf(engine);
  } finally {
    await engine.close();
  }
}

// The parent is gone: so is whoever wanted the result. Leaving this way removes the directory.
process.once('disconnect', () => process.exit(1));
process.once('message', (spec: EngineSpec) => {
  const work: Promise<Ceiling | TableParts[]> = spec.role === 'ceiling' ? ceiling(spec) : parts(spec);
  work.then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: unknown) => {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ failure }, () => process.exit(1));
    },
  );
});
