import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../lib/index.ts';
import { bound } from './bind.ts';
import { type BoundParams, type Engine, openEngine } from './engine.ts';

let dir = '';
let engine: Engine;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'clew-bind-'));
  engine = openEngine(dir);
});
afterAll(async () => {
  await engine.close();
  rmSync(dir, { recursive: true, force: true });
});

async function answered(sql: string, params: BoundParams): Promise<unknown[]> {
  const { data }: { data: unknown[][] } = JSON.parse(await engine.run('query', sql, params, 'JSONCompact'));
  return data[0] ?? [];
}

const hostile = [
  "it's",
  "\\' OR 1 = 1 --",
  'back\\slash\\',
  '{tenant:String}',
  "', {other:String}, '",
  'a\0b',
  'tab\tline\nreturn\r',
  '`; DROP TABLE x',
  '雪🙂',
  '[]',
  "['a']",
  'NULL',
  '',
];

describe('values of a statement', () => {
  it('come back as they were, whatever they hold', async () => {
    for (const text of hostile) {
      const params = { text, list: [text, 'x', text], tenant: 'leaked', other: 'leaked' };
      expect(await answered('SELECT {text:String} AS a, {list:Array(String)} AS b', params)).toEqual([
        text,
        [text, 'x', text],
      ]);
    }
  });

  it('come back as they were, whatever chance makes of them', async () => {
    const random = seeded(20_261_121);
    const signs = ["'", '\\', '`', '{', '}', ':', '\0', '\n', 'a', 'n', '0', 'x', '-', ';', '雪', '"', ','];
    for (let round = 0; round < 200; round++) {
      const text = Array.from(
        { length: Math.floor(random() * 12) },
        () => signs[Math.floor(random() * signs.length)] ?? '',
      ).join('');
      expect(await answered('SELECT {text:String}, {list:Array(String)}', { text, list: [text] })).toEqual([
        text,
        [text],
      ]);
    }
  });

  it('have the type that the statement names, in bounds and limits too', async () => {
    const types = await answered(
      `SELECT toTypeName({n:UInt32}), {n:UInt32}, toTypeName({at:DateTime64(9)}), toUnixTimestamp64Milli({at:DateTime64(9)}),
         toTypeName({zoned:DateTime64(9, 'UTC')}), {ratio:Float64}, {big:UInt64}, {ids:Array(UInt64)}, {none:Array(String)},
         (SELECT count() FROM (SELECT number FROM numbers({n:UInt32}) LIMIT {few:UInt32}))`,
      {
        ...{ n: 7, at: '1795244046.123', zoned: '1795244046.123', ratio: 0.25, few: 3 },
        ...{ big: '18446744073709551615', ids: [1, 2], none: [] },
      },
    );
    expect(types).toEqual([
      ...['UInt32', 7, 'DateTime64(9)', '1795244046123', "DateTime64(9, 'UTC')"],
      ...[0.25, '18446744073709551615', ['1', '2'], [], '3'],
    ]);
  });

  it('are times as seconds since the epoch, to the nanosecond and from its first second on, or as dates', async () => {
    const seconds = ['0.000', '7.5', '999999999', '1795244046.123456789', '4102444800.001'];
    for (const at of seconds) {
      const [fraction = ''] = at.split('.').slice(1);
      const nanoseconds = `${BigInt(at.split('.')[0] ?? '')}${fraction.padEnd(9, '0')}`.replace(
        /^0+(?=\d)/,
        '',
      );
      expect(await answered("SELECT toUnixTimestamp64Nano({at:DateTime64(9, 'UTC')})", { at })).toEqual([
        nanoseconds,
      ]);
    }
    expect(
      await answered('SELECT toUnixTimestamp64Milli({at:DateTime64(3)})', { at: '2026-11-21 06:00:00.250' }),
    ).toEqual([String(Date.UTC(2026, 10, 21, 6, 0, 0, 250))]);
  });

  it('name a table whatever its name', async () => {
    await engine.run('query', 'CREATE TABLE `odd``name` (a UInt8) ENGINE = Memory');
    expect(await answered('SELECT count() FROM {table:Identifier}', { table: 'odd`name' })).toEqual(['0']);
    await expect(
      engine.run('query', 'SELECT 1 FROM {table:Identifier}', { table: 'x` UNION SELECT 1 --' }),
    ).rejects.toThrow(/UNKNOWN_TABLE|Unknown table/);
  });

  it('may be many', async () => {
    const ids = Array.from({ length: 50_000 }, (_, i) => `series-${i}`);
    expect(await answered('SELECT length({ids:Array(String)})', { ids })).toEqual(['50000']);
  });

  it('that are missing are an error that names them, never a value of another statement', () => {
    expect(() => bound('SELECT {tenant:String}', { other: 'x' })).toThrow(/\{tenant\}/);
  });
});

it('a statement does not wait for another that has values too', async () => {
  const long = engine.run('query', 'SELECT sleepEachRow(0.1) FROM numbers({n:UInt32})', { n: 20 }, 'Null');
  let over = false;
  void long.then(() => {
    over = true;
  });
  expect(await answered('SELECT {x:String}', { x: 'soon' })).toEqual(['soon']);
  expect(over).toBe(false);
  await long;
});
