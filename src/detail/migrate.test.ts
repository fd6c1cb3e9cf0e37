import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger, systemClock } from '../lib/index.ts';
import { type Engine, openEngine } from './engine.ts';
import { createInserter } from './inserter.ts';
import { migrate } from './migrate.ts';
import { dataPath, indexPath, positionBits } from './segment.ts';

const oldKey = '(Tenant, ServiceName, toStartOfMinute(Timestamp), Shape, toUnixTimestamp64Nano(Timestamp))';
const rows = 1000;
const segment = 7;
const log = createLogger({ level: 'silent' });

let dir = '';
let engine: Engine;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-migrate-'));
  engine = openEngine(join(dir, 'engine'));
});
afterEach(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

const value = async (sql: string): Promise<string> =>
  (await engine.run('insert', sql, undefined, 'TabSeparated')).trim();
const keyOf = (table: string) => value(`SELECT sorting_key FROM system.tables WHERE name = '${table}'`);
const contents = () =>
  value(
    `SELECT count(), uniqExact(EventId), groupBitXor(cityHash64(Body, LogAttributes, EventId)) FROM otel_logs`,
  );

/** A store as it was before rows were sorted by time, with rows of one segment. */
async function openOld(): Promise<void> {
  await migrate(engine);
  await engine.run('insert', `CREATE TABLE old AS otel_logs ENGINE = MergeTree ORDER BY ${oldKey}`);
  await engine.run('insert', 'EXCHANGE TABLES old AND otel_logs');
  await engine.run('insert', 'DROP TABLE old SYNC');
  await engine.run(
    'insert',
    `INSERT INTO otel_logs (Tenant, Timestamp, ServiceName, Body, LogAttributes, Shape, EventId)
SELECT 't', now64(9) - number * 86, 'shop', concat('line ', toString(number)), map('n', toString(number)), number % 7,
  ${BigInt(segment) << BigInt(positionBits)} + number FROM numbers(${rows})`,
  );
  await forget();
}

const forget = () =>
  engine.run(
    'insert',
    'ALTER TABLE clew_internal.migrations DELETE WHERE Version = 42 SETTINGS mutations_sync = 2',
  );

it('moves every row of an older store into the order of time, and again when it was cut short before it was noted', async () => {
  await openOld();
  const before = await contents();
  expect(await keyOf('otel_logs')).toContain('Shape');
  for (let time = 0; time < 2; time++) {
    expect((await migrate(engine)).drift).toEqual([]);
    expect(await contents()).toBe(before);
    expect(await keyOf('otel_logs')).not.toContain('Shape');
    expect(await value("SELECT count() FROM system.tables WHERE name LIKE '%by_time'")).toBe('0');
    await forget();
  }
});

it('knows a segment whose rows were there before they moved', async () => {
  await openOld();
  const path = dataPath(join(dir, 'wal'), { number: segment, table: 'otel_logs' });
  await mkdir(join(dir, 'wal'));
  await engine.run(
    'insert',
    `INSERT INTO FUNCTION file('${path}', 'Native') SELECT * FROM otel_logs ORDER BY EventId`,
  );
  await writeFile(indexPath(path), '');
  const before = await contents();
  const { columns } = await migrate(engine);
  const inserter = createInserter({
    dir,
    engine,
    columns,
    clock: systemClock,
    log,
    onDone: () => undefined,
  });
  inserter.add({ number: segment, table: 'otel_logs', path, rows, bytes: 1, since: 0, replayed: true });
  await inserter.drained();
  await inserter.stop();
  expect(await contents()).toBe(before);
});
