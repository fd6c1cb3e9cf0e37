import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/index.ts';
import type { DetailStore } from '../../src/detail/index.ts';
import type { Block, ChangeEvent } from '../../src/model/index.ts';
import { changeBlock } from '../../src/receive/index.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { LogsTranscoder } from '../../src/receive/otlp/logs.ts';

export const testIngest = configSchema.parse({}).ingest;
export const testQuery = configSchema.parse({}).query;
export type Open = (dir: string, settings?: Record<string, unknown>) => Promise<DetailStore>;

export const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
export const change = (id: string, offsetMs = 0): ChangeEvent => ({
  id,
  at: at + offsetMs,
  kind: 'deploy',
  service: 'payments',
  title: `release "${id}" – ü`,
  actor: 'tester',
  labels: { version: id, previous_version: 'v0' },
});
export const window = { from: at - 86_400_000, to: at + 86_400_000 };

/** A block of log records whose bodies are the given texts. */
export function logBlock(tenant: string, bodies: readonly string[]) {
  const logRecords = bodies.map((body, index) => ({
    timeUnixNano: String(BigInt(at + index) * 1_000_000n + 789n),
    severityNumber: 'SEVERITY_NUMBER_ERROR',
    body: { stringValue: body },
    traceId: '0af7651916cd43dd8448eb211c80319c',
    attributes: [{ key: 'index', value: { intValue: String(index) } }],
  }));
  return transcodeLogs(tenant, logRecords);
}

function transcodeLogs(tenant: string, logRecords: readonly unknown[]): Block {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'payments' } }] };
  const text = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  const limits = { attributeBytesMax: 1000, bodyFieldBytesMax: 1000, clockSkewS: 60 };
  const [block] = new LogsTranscoder(limits).transcode(tenant, jsonToWire('logs', text), at + 1000).blocks;
  if (block === undefined) throw new Error('no block');
  return block;
}

/** What every twin of the detail store must keep; run it with the function that opens the twin. */
export function detailContract(name: string, open: Open): void {
  describe(`detail store: ${name}`, () => {
    let dir = '';
    let store: DetailStore;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'clew-detail-'));
      store = await open(dir);
    });
    afterAll(async () => {
      await store.close();
      await rm(dir, { recursive: true, force: true });
    });
    const count = async (tenant: string, table: string): Promise<number> => {
      const sql = `SELECT count() AS n, uniqExact(EventId) AS ids FROM ${table} WHERE Tenant = {tenant:String}`;
      const { rows } = await store.query<{ n: string; ids: string }>({
        name: 'test.count',
        tenant,
        window,
        sql,
      });
      expect(rows[0]?.n).toBe(rows[0]?.ids);
      return Number(rows[0]?.n);
    };

    it('answers an appended block as it was sent, after flush', async () => {
      await store.append(changeBlock('one', [change('v1')]));
      await store.flush();
      const { rows, statistics } = await store.query<Record<string, unknown>>({
        name: 'test.changes',
        tenant: 'one',
        window,
        sql: `SELECT * EXCEPT EventId FROM change_events
          WHERE Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)} AND Id = {id:String}`,
        params: { id: 'v1' },
      });
      expect(rows).toEqual([
        {
          Tenant: 'one',
          Timestamp: '2026-01-02 03:04:05.678',
          Id: 'v1',
          Kind: 'deploy',
          ServiceName: 'payments',
          Title: 'release "v1" – ü',
          Actor: 'tester',
          Labels: { version: 'v1', previous_version: 'v0' },
        },
      ]);
      expect(statistics.rows_read).toBeGreaterThan(0);
    });

    it('gives every row of concurrent appends an EventId of its own', async () => {
      const blocks = Array.from({ length: 40 }, (_, i) =>
        logBlock('many', Array(25).fill(`request ${i} failed`)),
      );
      await Promise.all(blocks.map((block) => store.append(block)));
      await store.flush();
      expect(await count('many', 'otel_logs')).toBe(1000);
    });

    it('keeps every value of a block with more distinct names than 16 bits can count', async () => {
      const names = Array.from({ length: 70_000 }, (_, index) => `name-${index}`);
      const logRecords = names.map((eventName, index) => ({
        timeUnixNano: String(BigInt(at + (index % 1000)) * 1_000_000n),
        eventName,
        body: { stringValue: eventName },
        attributes: index % 3 === 0 ? [] : [{ key: `k${index % 300}`, value: { stringValue: eventName } }],
      }));
      await store.append(transcodeLogs('wide', logRecords));
      await store.flush();
      const { rows } = await store.query<Record<string, string>>({
        name: 'test.wide',
        tenant: 'wide',
        window,
        sql: `SELECT count() AS n, uniqExact(EventName) AS names, countIf(EventName = Body) AS same,
            sum(length(LogAttributes)) AS attributes, countIf(arrayExists(v -> v != Body, mapValues(LogAttributes))) AS wrong
          FROM otel_logs WHERE Tenant = {tenant:String}`,
      });
      expect(rows).toEqual([{ n: '70000', names: '70000', same: '70000', attributes: '46666', wrong: '0' }]);
    });

    it('takes records of four hundred days at once', async () => {
      const days = Array.from({ length: 400 }, (_, day) => change(`day-${day}`, -day * 86_400_000));
      const logRecords = days.map((day) => ({
        timeUnixNano: String(BigInt(day.at) * 1_000_000n),
        body: { stringValue: day.id },
      }));
      await store.append(transcodeLogs('days', logRecords));
      await store.flush();
      expect(await count('days', 'otel_logs')).toBe(400);
    });

    it('makes rows visible without flush within two seconds', async () => {
      await store.append(logBlock('soon', ['hello']));
      const deadline = performance.now() + 2_000;
      while ((await count('soon', 'otel_logs')) === 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await count('soon', 'otel_logs')).toBe(1);
      expect(store.health()).toMatchObject({ ready: true, pendingBytes: 0, insertLagMs: 0, lastError: null });
    });

    it('names the setting when a query takes too long, reads too much or answers too much', async () => {
      const run = (sql: string, limits: Record<string, number>) =>
        store.query({ name: 'test.limits', tenant: 'one', window, sql, limits });
      await expect(
        run('SELECT sum(sipHash64(number)) FROM numbers(1e12)', { timeMsMax: 200 }),
      ).rejects.toMatchObject({
        code: 'timeout',
        details: { setting: 'query.time_ms_max', limit: 200 },
      });
      await expect(
        run('SELECT sum(number) FROM numbers(1e8)', { bytesReadMax: 1_000_000 }),
      ).rejects.toMatchObject({ code: 'bad_request', details: { setting: 'query.bytes_read_max' } });
      await expect(run('SELECT number FROM numbers(1e5)', { rowsResultMax: 10 })).rejects.toMatchObject({
        code: 'bad_request',
        details: { setting: 'query.rows_result_max' },
      });
    });

    it('answers nothing of a failed query to the next one', async () => {
      const failing =
        'SELECT toString(number), throwIf(number = 90000) FROM numbers(100000) SETTINGS max_block_size = 1000';
      for (let round = 0; round < 6; round++) {
        await expect(
          store.query({ name: 'test.fails', tenant: 'one', window, sql: failing }),
        ).rejects.toThrow();
        const { rows } = await store.query({
          name: 'test.next',
          tenant: 'two',
          window,
          sql: 'SELECT 1 AS x',
        });
        expect(rows).toEqual([{ x: 1 }]);
      }
    });

    it('runs a short query beside a long one', async () => {
      const slow = store.userSql('one', 'SELECT sum(sipHash64(number)) FROM numbers(60000000)');
      let finished = false;
      const watched = slow.then(() => {
        finished = true;
      });
      await store.query({ name: 'test.short', tenant: 'one', window, sql: 'SELECT 1' });
      expect(finished).toBe(false);
      await watched;
    });

    it('binds parameters of every kind without splicing them into the text', async () => {
      const { rows } = await store.query<{ s: string; n: string; a: string[] }>({
        name: 'test.params',
        tenant: "o'; DROP TABLE otel_logs",
        window,
        sql: 'SELECT {tenant:String} AS s, {n:UInt64} AS n, {a:Array(String)} AS a',
        params: { n: 7, a: ["it's", '\\n', 'ü'] },
      });
      expect(rows).toEqual([{ s: "o'; DROP TABLE otel_logs", n: '7', a: ["it's", '\\n', 'ü'] }]);
    });

    describe('SQL of users', () => {
      beforeAll(async () => {
        await store.append(changeBlock('mine', [change('a'), change('b')]));
        await store.append(changeBlock("the'irs", [change('c')]));
        await store.flush();
      });

      it('sees the rows of its own tenant only, however it asks', async () => {
        const only = async (tenant: string, sql: string) => (await store.userSql(tenant, sql)).rows;
        const queries = [
          'SELECT count() FROM change_events',
          'SELECT count() FROM default.change_events AS c;',
          'WITH x AS (SELECT * FROM change_events) SELECT count() FROM x',
          "SELECT count() FROM change_events WHERE Tenant = 'the\\'irs' OR 1 = 1",
          'SELECT count() FROM (SELECT Id FROM change_events UNION ALL SELECT Id FROM change_events WHERE 0)',
          'SELECT (SELECT count() FROM change_events)',
          'SELECT count() FROM numbers(1) AS n CROSS JOIN change_events AS c',
          'SELECT count() -- a comment\nFROM change_events /* another */',
        ];
        for (const sql of queries) {
          expect([sql, await only('mine', sql)]).toEqual([sql, [['2']]]);
          expect([sql, await only("the'irs", sql)]).toEqual([sql, [['1']]]);
        }
      });

      it('answers columns, rows and statistics', async () => {
        const result = await store.userSql(
          'mine',
          'SELECT Id, length(Labels) AS n FROM change_events ORDER BY Id',
        );
        expect(result.columns).toEqual([
          { name: 'Id', type: 'String' },
          { name: 'n', type: 'UInt64' },
        ]);
        expect(result.rows).toEqual([
          ['a', '2'],
          ['b', '2'],
        ]);
        expect(result.statistics.rows_read).toBeGreaterThan(0);
      });

      it.each(refusedSql)('refuses %s', async (sql) => {
        await expect(store.userSql('mine', sql)).rejects.toMatchObject({
          name: 'ClewError',
          code: 'bad_request',
        });
      });

      it('is told what is wrong, without our settings', async () => {
        const failure = await store
          .userSql('mine', 'SELECT nope FROM otel_logs')
          .catch((error: Error) => error.message);
        expect(failure).toContain('nope');
        expect(failure).not.toContain('additional_table_filters');
      });
    });
  });
}

const refusedSql = [
  "SELECT * FROM file('/etc/passwd')",
  "SELECT * FROM file('/etc/passwd', 'LineAsString', 'line String')",
  "SELECT file('/etc/passwd')",
  "SELECT FILE('/etc/passwd')",
  "SELECT `file`('/etc/passwd')",
  'SELECT "file"(\'/etc/passwd\')',
  "SELECT (SELECT file('/etc/passwd'))",
  "WITH file('/etc/passwd') AS x SELECT x",
  "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
  "SELECT fi/**/le('/etc/passwd')",
  "SELECT 'a' IN file('/etc/passwd')",
  "SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')",
  "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV', 'a String')",
  "SELECT * FROM remote('127.0.0.1', default.otel_logs)",
  "SELECT * FROM merge('system', '.*')",
  "SELECT * FROM merge('default', '.*')",
  "SELECT * FROM cluster('default', system.one)",
  "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
  "SELECT * FROM executable('id', 'CSV', 'a String')",
  "SELECT * FROM dictionary('x')",
  "SELECT dictGet('x', 'y', 1)",
  "SELECT joinGet('x', 'y', 1)",
  'SELECT * FROM view(SELECT * FROM system.one)',
  'SELECT * FROM loop(default.otel_logs)',
  "SELECT * FROM mergeTreeIndex('default', 'otel_logs')",
  'SELECT * FROM system.one',
  'SELECT * FROM system . tables',
  'SELECT * FROM `system`.tables',
  'SELECT * FROM "system"."tables"',
  'SELECT * FROM SYSTEM.tables',
  'SELECT * FROM information_schema.tables',
  'SELECT * FROM clew_internal.migrations',
  "SELECT 'a' IN system.tables",
  "SELECT 'a' IN (SELECT name FROM system.tables)",
  'SELECT 1 SETTINGS readonly = 0',
  'SELECT 1 FROM (SELECT 1 SETTINGS readonly = 0)',
  'SELECT * FROM otel_logs SETTINGS additional_table_filters = {}',
  "SELECT 1 INTO OUTFILE '/tmp/clew-never'",
  "SELECT 1 INTO/**/OUTFILE '/tmp/clew-never'",
  'SELECT 1 FORMAT CSV',
  'SELECT 1; SELECT 2',
  'SELECT 1; DROP TABLE otel_logs',
  'INSERT INTO change_events SELECT * FROM change_events',
  'DROP TABLE otel_logs',
  'ALTER TABLE otel_logs DELETE WHERE 1',
  'CREATE TABLE x (a Int8) ENGINE = Memory',
  'SET readonly = 0',
  'SHOW TABLES',
  'EXPLAIN SELECT 1',
  'SELECT 1) FROM (SELECT 1',
  'SELECT $$a$$',
  'SELECT ‘a’',
  'SELECT sleep(3)',
  "SELECT getSetting('max_threads')",
  'SELECT hostName()',
  "SELECT 1 AS a, 'unclosed",
  'SELECT 1 /* unclosed',
  '',
  ';',
  'SELECT {tenant:String}',
  'SELECT * FROM nothing_here',
];
