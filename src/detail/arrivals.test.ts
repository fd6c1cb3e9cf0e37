import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArrivalLog, type ArrivalLook, suspectsOf } from './arrivals.ts';
import { type Engine, openEngine } from './engine.ts';
import { migrate } from './migrate.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12, 0, 0);
const tables = ['otel_logs', 'otel_traces'] as const;
const question = { tables, before: noon + 10 * minute, since: noon - 60 * minute };

let dir = '';
let engine: Engine;
let log: ArrivalLog;
let segment = 0;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'clew-arrivals-'));
  engine = openEngine(dir);
  await migrate(engine);
  log = new ArrivalLog(engine);
  segment = 0;
});
afterEach(async () => {
  await engine.close();
  rmSync(dir, { recursive: true, force: true });
});

/** One segment of logs, each at its minute after noon. */
async function insert(tenant: string, minutes: readonly number[]): Promise<void> {
  segment += 1;
  log.added('otel_logs', segment);
  const rows = minutes.map((at, position) =>
    JSON.stringify({
      Tenant: tenant,
      Timestamp: ((noon + at * minute + 1_000) / 1_000).toFixed(3),
      ServiceName: 's',
      Body: 'x',
      EventId: String((BigInt(segment) << 24n) | BigInt(position)),
    }),
  );
  await engine.run(
    'insert',
    `INSERT INTO otel_logs SETTINGS max_partitions_per_insert_block = 0 FORMAT JSONEachRow ${rows.join('\n')}`,
  );
  log.inserted('otel_logs', segment);
}

const merge = () => engine.run('insert', 'OPTIMIZE TABLE otel_logs FINAL', undefined, 'Null');
const told = (look: ArrivalLook) => look.late.map(({ tenant, from }) => [tenant, (from - noon) / minute]);

/** A look from now on, so that the next one tells what came in between. */
async function start(): Promise<ArrivalLook['seen']> {
  const look = await log.look({ ...question, seen: {} });
  expect(look.late).toEqual([]);
  look.done();
  return look.seen;
}

describe('arrivals', () => {
  it('tells the tenant and minute of rows before the bound, and nothing of newer ones', async () => {
    await insert('a', [0, 1, 2]);
    const seen = await start();
    await insert('a', [12, 13]);
    await insert('b', [3, 3, 9, 11]);
    const look = await log.look({ ...question, seen });
    expect(told(look)).toEqual([
      ['b', 3],
      ['b', 9],
    ]);
    look.done();
    expect(told(await log.look({ ...question, seen: look.seen }))).toEqual([]);
  });

  it('tells rows whose part is merged into another one just before they are read', async () => {
    let merges = 0;
    const merging: Engine = {
      ...engine,
      run: async (kind, sql, ...rest) => {
        if (sql.includes('_part IN') && merges++ === 0) await merge();
        return engine.run(kind, sql, ...rest);
      },
    };
    log = new ArrivalLog(merging);
    await insert('a', [20]);
    const seen = await start();
    await insert('a', [1]);
    await insert('b', [2]);
    const look = await log.look({ ...question, seen });
    expect(told(look)).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(merges).toBe(2);
  });

  it('leaves rows to the next look when parts are merged away under every attempt', async () => {
    let restless = true;
    const merging: Engine = {
      ...engine,
      run: async (kind, sql, ...rest) => {
        if (restless && sql.includes('_part IN')) {
          await insert('c', [30]);
          await merge();
        }
        return engine.run(kind, sql, ...rest);
      },
    };
    log = new ArrivalLog(merging);
    await insert('a', [20]);
    const seen = await start();
    await insert('a', [1]);
    const first = await log.look({ ...question, seen });
    expect(told(first)).toEqual([]);
    first.done();
    restless = false;
    expect(told(await log.look({ ...question, seen: first.seen }))).toEqual([['a', 1]]);
  });

  it('tells the same again until the minutes are noted', async () => {
    const seen = await start();
    await insert('a', [1]);
    expect(told(await log.look({ ...question, seen }))).toEqual([['a', 1]]);
    await merge();
    expect(told(await log.look({ ...question, seen }))).toEqual([['a', 1]]);
  });

  it('tells late rows alone, though their part was merged with older ones before the look', async () => {
    await insert('a', [0, 1, 2, 4, 5]);
    const seen = await start();
    await insert('a', [3]);
    await insert('a', [14]);
    await merge();
    expect(told(await log.look({ ...question, seen }))).toEqual([['a', 3]]);
  });

  it('tells rather too much than too little when the process before died with the knowledge of its segments', async () => {
    await insert('a', [0, 1, 2]);
    const seen = await start();
    await insert('a', [1]);
    await merge();
    log = new ArrivalLog(engine);
    const minutes = told(await log.look({ ...question, seen })).map(([, at]) => at);
    expect(minutes).toContain(1);
  });

  it('counts rows that are too old, in partitions of other days too', async () => {
    const seen = await start();
    await insert('a', [-3 * 24 * 60, -90, -90, -30]);
    const look = await log.look({ ...question, seen });
    expect(told(look)).toEqual([['a', -30]]);
    expect(look.tooLate).toEqual({ otel_logs: 3 });
  });

  it('begins anew when the store was emptied', async () => {
    await start();
    await insert('a', [1]);
    const look = await log.look({ ...question, seen: { otel_logs: 1_000 } });
    expect(look.late).toEqual([]);
    expect(look.seen.otel_logs).toBeLessThan(1_000);
  });
});

describe('which parts are asked', () => {
  const part = (name: string, first: number, last: number, from: number, active = true) => ({
    name,
    partition: '20261120',
    active,
    level: first === last ? 0 : 1,
    first,
    last,
    fromMs: noon + from * minute,
    toMs: noon + 30 * minute,
  });

  it('asks none while every new part begins after the bound', () => {
    const parts = [part('p5', 5, 5, 11), part('p6', 6, 6, 10), part('m', 5, 6, 10)];
    expect(suspectsOf(parts, 4, question)).toMatchObject({ whole: [], merged: [] });
  });

  it('asks no merged part whose new inserts are all known to have come in time', () => {
    const parts = [part('m', 1, 6, 0), part('p5', 5, 5, 11, false), part('p6', 6, 6, 12, false)];
    expect(suspectsOf(parts, 4, question)).toMatchObject({ whole: [], merged: [] });
  });

  it('asks a merged part from the time at which the late insert in it began', () => {
    const parts = [part('m', 1, 6, -50), part('p5', 5, 5, 7, false), part('p6', 6, 6, 12, false)];
    expect(suspectsOf(parts, 4, question)).toEqual({
      whole: [],
      merged: ['m'],
      mergedFrom: noon + 7 * minute,
    });
  });

  it('asks a merged part as far back as lateness goes when an insert in it left no trace', () => {
    const parts = [part('m', 1, 6, -500), part('p6', 6, 6, 12, false)];
    expect(suspectsOf(parts, 4, question)).toEqual({
      whole: [],
      merged: ['m'],
      mergedFrom: question.since,
    });
  });
});
