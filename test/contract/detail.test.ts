import { copyFile, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEngine } from '../../src/detail/engine.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { detailTables } from '../../src/model/index.ts';
import { changeBlock } from '../../src/receive/index.ts';
import {
  change,
  detailContract,
  logBlock,
  type Open,
  testIngest,
  testQuery,
  window,
} from './detail-suite.ts';

const open: Open = (dir, settings = {}) =>
  openDetailStore({
    dir,
    config: { ingest: { ...testIngest, segmentAgeMs: 200, ...settings }, query: testQuery },
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });

detailContract('embedded', open);

/** Segments wait until flush or close. */
const patient = { segmentAgeMs: 3_600_000 };

describe('write-ahead segments', () => {
  let dir = '';
  let wal = '';
  let store: DetailStore | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'clew-wal-'));
    wal = join(dir, 'wal');
  });
  afterEach(async () => {
    await store?.close();
    await rm(dir, { recursive: true, force: true });
  });
  const files = async () => (await readdir(wal)).filter((name) => /\.(native|index)$/.test(name));
  const keep = async () => {
    for (const name of await files()) await copyFile(join(wal, name), join(dir, name));
  };
  const putBack = async () => {
    for (const name of await readdir(dir)) {
      if (/\.(native|index)$/.test(name)) await copyFile(join(dir, name), join(wal, name));
    }
  };
  const ids = async (from: DetailStore, table = 'otel_logs'): Promise<string[]> => {
    const sql = `SELECT EventId FROM ${table} ORDER BY EventId`;
    const { rows } = await from.query<{ EventId: string }>({ name: 'test.ids', tenant: 't', window, sql });
    return rows.map((row) => row.EventId);
  };
  const settle = async (waiting: DetailStore) => {
    await waiting.flush();
    expect(waiting.health()).toMatchObject({ ready: true, pendingSegments: 0, pendingBytes: 0 });
  };

  it('that were inserted but not deleted add no row when they are replayed', async () => {
    store = await open(dir, patient);
    await Promise.all([1, 2, 3].map(() => (store as DetailStore).append(logBlock('t', ['a', 'b', 'c']))));
    await store.append(changeBlock('t', [change('x'), change('y', 40 * 86_400_000)]));
    await keep();
    await store.flush();
    const before = await ids(store);
    expect(before).toHaveLength(9);
    await store.close();
    await putBack();
    store = await open(dir, patient);
    await settle(store);
    expect(await ids(store)).toEqual(before);
    expect(await ids(store, 'change_events')).toHaveLength(2);
    expect(await files()).toEqual([]);
  });

  it('whose token was noted but whose rows are missing are completed', async () => {
    store = await open(dir, patient);
    await store.append(logBlock('t', ['a', 'b', 'c', 'd']));
    await keep();
    await store.close();
    const engine = openEngine(join(dir, 'engine'));
    await engine.run(
      'insert',
      "ALTER TABLE otel_logs DELETE WHERE Body IN ('b', 'd') SETTINGS mutations_sync = 2",
    );
    await engine.close();
    await putBack();
    store = await open(dir, patient);
    await settle(store);
    expect(await ids(store)).toHaveLength(4);
  });

  it.each([1, 20, 200])(
    'that end torn are cut after the last whole block (%i bytes missing)',
    async (missing) => {
      store = await open(dir, patient);
      await store.append(logBlock('t', ['a', 'b']));
      await store.append(logBlock('t', ['c', 'd', 'e']));
      await keep();
      await store.close();
      await rm(join(dir, 'engine'), { recursive: true });
      await putBack();
      const name = (await files()).find((file) => file.endsWith('.native')) ?? '';
      await truncate(join(wal, name), (await readFile(join(wal, name))).length - missing);
      store = await open(dir, patient);
      await settle(store);
      expect(await ids(store)).toHaveLength(2);
    },
  );

  it('without an index record for a block do not show it', async () => {
    store = await open(dir, patient);
    await store.append(logBlock('t', ['a', 'b']));
    await store.append(logBlock('t', ['c']));
    await keep();
    await store.close();
    await rm(join(dir, 'engine'), { recursive: true });
    await putBack();
    const name = (await files()).find((file) => file.endsWith('.index')) ?? '';
    await truncate(join(wal, name), 32 + 7);
    store = await open(dir, patient);
    await settle(store);
    expect(await ids(store)).toHaveLength(2);
  });

  it('that the engine refuses go to quarantine, are reported, and hold nothing up', async () => {
    store = await open(dir, patient);
    const bad = logBlock('t', ['a']);
    bad.bytes.fill(0xff, 2, 40);
    await store.append(bad);
    await store.append(changeBlock('t', [change('x')]));
    await store.flush();
    expect(await ids(store)).toEqual([]);
    expect(await ids(store, 'change_events')).toHaveLength(1);
    expect(store.health().lastError).toMatch(/quarantine|segment/);
    expect(await readdir(join(wal, 'quarantine'))).toHaveLength(3);
    await store.close();
    store = await open(dir, patient);
    expect(store.health().lastError).toContain('1 segments that the engine refuses');
  });

  it('are numbered upwards across restarts, so that an EventId is never given twice', async () => {
    store = await open(dir, patient);
    await store.append(logBlock('t', ['a']));
    await store.close();
    store = await open(dir, patient);
    await store.append(logBlock('t', ['b']));
    await store.flush();
    const [first = '0', second = '0'] = await ids(store);
    expect(BigInt(second)).toBeGreaterThan(BigInt(first));
    expect(BigInt(second) % (1n << 24n)).toBe(0n);
  });

  it('are closed by rows, and a full log is answered overloaded before anything is written', async () => {
    store = await open(dir, { ...patient, segmentRowsMax: 2, pendingBytesMax: 5_000 });
    const block = () => logBlock('t', ['x'.repeat(900), 'y'.repeat(900)]);
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => (store as DetailStore).append(block())),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: { code: 'overloaded', retryable: true } });
    await settle(store);
    expect(await ids(store)).toHaveLength((results.length - refused.length) * 2);
    await store.append(block());
  });

  it('are deleted only after parts that were synced: every table says so', async () => {
    store = await open(dir, patient);
    await store.close();
    const engine = openEngine(join(dir, 'engine'));
    const text = await engine.run(
      'query',
      "SELECT count(), countIf(create_table_query LIKE '%fsync_after_insert = 1%fsync_part_directory = 1%') FROM system.tables WHERE database = 'default'",
      undefined,
      'TabSeparated',
    );
    await engine.close();
    expect(text.trim()).toBe(`${detailTables.length}\t${detailTables.length}`);
  });

  it('take nothing any more after close, and close twice is close once', async () => {
    store = await open(dir, patient);
    await Promise.all([store.close(), store.close()]);
    await expect(store.append(logBlock('t', ['a']))).rejects.toMatchObject({ code: 'unavailable' });
  });
});
