/** The real store over files that are not as it left them, and under a clock that steps. */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore, type WritableStore } from '../../src/detail/index.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { logBlock } from '../contract/detail-suite.ts';

let dir = '';
let wal = '';
let store: WritableStore | undefined;
let shiftMs = 0;
/** Steps as a clock does that is set by hand. */
const clock: Clock = { ...systemClock, now: () => Date.now() + shiftMs };
const open = () =>
  openDetailStore({
    dir,
    // Segments wait until flush or close.
    config: configSchema.parse({ ingest: { segmentAgeMs: 3_600_000 } }),
    clock,
    log: createLogger({ level: 'silent' }),
  });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-files-'));
  wal = join(dir, 'wal');
  shiftMs = 0;
  store = await open();
});
afterEach(async () => {
  await store?.close();
  await rm(dir, { recursive: true, force: true });
});

async function bodies(from: WritableStore): Promise<string[]> {
  await from.flush();
  const window = { from: 0, to: Date.now() };
  const sql = 'SELECT Body FROM otel_logs ORDER BY EventId';
  const { rows } = await from.query<{ Body: string }>({ name: 'test.bodies', tenant: 't', window, sql });
  return rows.map((row) => row.Body);
}
const segmentFiles = async (folder: string) =>
  (await readdir(folder)).filter((name) => /\.(native|index)$/.test(name)).toSorted();

/** The store ends, and its files are found as they were before it inserted them, with `damage` done to them. */
async function endAnd(damage: (data: Buffer, index: Buffer) => void): Promise<WritableStore> {
  const kept = await segmentFiles(wal);
  for (const name of kept) await copyFile(join(wal, name), join(dir, name));
  await store?.close();
  await rm(join(dir, 'engine'), { recursive: true });
  const [indexName = '', dataName = ''] = kept;
  const data = await readFile(join(dir, dataName));
  const index = await readFile(join(dir, indexName));
  damage(data, index);
  await writeFile(join(wal, dataName), data);
  await writeFile(join(wal, indexName), index);
  store = await open();
  return store;
}

describe('a segment with damage before its end', () => {
  it.each<[string, (data: Buffer, index: Buffer) => void, string[]]>([
    [
      'in a block',
      (data, index) => data.fill(0, index.readUInt32LE(0) + 10, index.readUInt32LE(0) + 20),
      ['a'],
    ],
    ['in the first block', (data) => data.fill(0, 10, 20), []],
    ['in a record of the index', (_data, index) => index.fill(0, 36, 40), ['a']],
    ['in the first record of the index', (_data, index) => index.fill(0, 2, 6), []],
  ])('%s: whole blocks before it are kept, all of it is set aside and told', async (_name, damage, kept) => {
    for (const body of ['a', 'b', 'c']) await store?.append(logBlock('t', [body]));
    const after = await endAnd(damage);
    expect(await bodies(after)).toEqual(kept);
    expect(await segmentFiles(join(wal, 'quarantine'))).toHaveLength(2);
    expect(after.health().lastError).toContain('damaged');
  });

  it('that is torn at its end is no damage: nothing is set aside', async () => {
    for (const body of ['a', 'b']) await store?.append(logBlock('t', [body]));
    const after = await endAnd((data) => data.fill(0, data.length - 9));
    expect(await bodies(after)).toEqual(['a']);
    expect(after.health().lastError).toBeNull();
  });
});

it('a quarantine that is no folder keeps nobody from starting, storing and reading', async () => {
  await writeFile(join(wal, 'quarantine'), 'in the way');
  const bad = logBlock('t', ['bad']);
  bad.bytes.fill(0xff, 2, 40);
  await store?.append(bad);
  await store?.flush();
  expect(await segmentFiles(wal)).toHaveLength(2);
  await store?.close();
  store = await open();
  await store.append(logBlock('t', ['good']));
  expect(await bodies(store)).toEqual(['good']);
  expect(store.health()).toMatchObject({ ready: true, pendingBytes: 0 });
});

it('a clock that steps an hour ahead or a day back loses and delays nothing, and leaves the store ready', async () => {
  if (store === undefined) throw new Error('no store');
  await store.append(logBlock('t', ['before']));
  shiftMs = 3_600_000;
  await store.append(logBlock('t', ['ahead']));
  shiftMs = -86_400_000;
  expect(store.health().insertLagMs).toBe(0);
  await store.append(logBlock('t', ['back']));
  expect(await bodies(store)).toEqual(['before', 'ahead', 'back']);
  expect(store.health()).toMatchObject({ ready: true, insertLagMs: 0, pendingBytes: 0 });
});

it('a request that may come again is known after a restart, and after another, whatever the clock did', async () => {
  const request = 'ab'.repeat(16);
  const block = () => ({ ...logBlock('t', ['once']), request });
  await store?.append(block());
  store?.expectAgain(request);
  for (const shift of [0, 1_800_000, -86_400_000]) {
    await store?.close();
    shiftMs = shift;
    store = await open();
    await store.append(block());
    expect(await bodies(store)).toEqual(['once']);
  }
});
