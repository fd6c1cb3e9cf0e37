/** Space by tenant and table, over both stores. Runs on both twins of the ledger (vitest.config.ts). */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { createStorage } from '../../src/operate/index.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';

let ledger: Ledger;
let detail: SqlDetail;
const start = Date.parse('2026-11-20T08:00:00Z');
let now = start;
const dayMs = 86_400_000;

/** A clock that stands until it is told; the loop's pause ends with the test. */
const clock: Clock = {
  now: () => now,
  monotonic: () => now - start,
  sleep: (ms, signal) => systemClock.sleep(ms < 60_000 ? 0 : 1e8, signal),
};

const storageOf = () =>
  createStorage({
    detail,
    ledger,
    clock,
    log: createLogger({ level: 'silent' }),
    dataDir: tmpdir(),
    instance: 'one',
    keepFreeBytes: 0,
  });

/** Notes the sizes as the program does at its start and every ten minutes. */
async function look(): Promise<void> {
  const before = await ledger.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM storage_day WHERE last_at = $1',
    [new Date(now)],
  );
  const storage = storageOf();
  storage.start();
  for (;;) {
    const noted = await ledger.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM storage_day WHERE last_at = $1 AND store = 'detail'`,
      [new Date(now)],
    );
    if ((noted[0]?.n ?? 0) > (before[0]?.n ?? 0)) break;
    await systemClock.sleep(20);
  }
  await storage.stop();
}

const logs = (tenant: string, rows: number) =>
  detail.exec(
    `INSERT INTO otel_logs (Tenant, ServiceName, Timestamp, Body)
     SELECT '${tenant}', 'till', toDateTime64('2026-11-20 08:00:00', 9) + number, randomPrintableASCII(200) FROM numbers(${rows})`,
  );

beforeAll(async () => {
  ledger = await openTestLedger({ clock });
  detail = await openSqlDetail();
  for (const [code, count] of [
    ['north', 300],
    ['south', 100],
  ] as const) {
    const id = await ledger.tenantId(code);
    await ledger.query(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) SELECT $1, 'urn:svc:s' || n, 'service', 's' FROM generate_series(1, $2::int) n`,
      [id, count],
    );
    await ledger.query(
      `INSERT INTO event_envelope (tenant_id, severity, kind) SELECT $1, 'ERROR', 'x' FROM generate_series(1, $2::int)`,
      [id, count],
    );
  }
  await ledger.query(`INSERT INTO evidence_link (event_id, dim) SELECT event_id, 'log' FROM event_envelope`);
  await logs('north', 3_000);
  await logs('south', 1_000);
});
afterAll(async () => {
  await detail.close();
  await ledger.close();
});

describe('storage', () => {
  it('shares the bytes of each table of both stores out to the tenants by their rows', async () => {
    const report = await storageOf().report();
    const of = (table: string) => report.tables.find((each) => each.table === table);
    for (const [table, rows] of [
      ['otel_logs', { north: 3_000, south: 1_000 }],
      ['dim_resource', { north: 300, south: 100 }],
      ['evidence_link', { north: 300, south: 100 }],
    ] as const) {
      const use = of(table);
      expect([
        table,
        Object.fromEntries((use?.tenants ?? []).map((each) => [each.tenant, each.rows])),
      ]).toEqual([table, rows]);
      expect(use?.bytes).toBeGreaterThan(1_000);
      const north = use?.tenants.find(({ tenant }) => tenant === 'north')?.bytes ?? 0;
      expect(north / (use?.bytes ?? 1)).toBeCloseTo(0.75, 3);
    }
    expect(report.tables.map(({ bytes }) => bytes)).toEqual(
      report.tables.map(({ bytes }) => bytes).sort((a, b) => b - a),
    );
    expect(of('metric_1m')).toMatchObject({ store: 'ledger', retentionDays: 180 });
    expect(of('dim_resource')?.retentionDays).toBeNull();
    expect(report.disk.totalBytes).toBeGreaterThan(report.disk.freeBytes);
    expect(report.ledger.databaseBytes).toBeGreaterThan(1e6);
  });

  it('does not know the growth before an hour has passed, and then measures it from the first look', async () => {
    await look();
    now += 600_000;
    const early = await storageOf().report();
    expect(early).toMatchObject({ growthPerDay: null, daysUntilFull: null });
    expect(early.tables.every(({ growthPerDay }) => growthPerDay === null)).toBe(true);
    const before = early.tables.find(({ table }) => table === 'otel_logs')?.bytes ?? 0;
    await logs('north', 20_000);
    now = start + 2 * dayMs;
    const later = await storageOf().report();
    const grown = later.tables.find(({ table }) => table === 'otel_logs');
    expect(grown?.growthPerDay).toBeCloseTo(((grown?.bytes ?? 0) - before) / 2, -1);
    expect(later.growthPerDay).toBeGreaterThan(1e6);
    const { freeBytes } = later.disk;
    expect(later.daysUntilFull).toBeCloseTo(freeBytes / (later.growthPerDay ?? 1), 0);
    expect(later.days.map(({ day }) => day)).toEqual(['2026-11-20', '2026-11-22']);
    expect(later.days[1]?.detail).toBeGreaterThan(later.days[0]?.detail ?? 0);
  });

  it('is counted anew after a minute, not at every request', async () => {
    const storage = storageOf();
    const first = await storage.report();
    expect(await storage.report()).toBe(first);
    now += 61_000;
    expect(await storage.report()).not.toBe(first);
  });

  it('a table that is too large to count is sampled, within a few percent', async () => {
    const id = await ledger.tenantId('north');
    const other = await ledger.tenantId('south');
    await ledger.query(
      `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint)
       SELECT CASE WHEN n % 4 = 0 THEN $2::bigint ELSE $1::bigint END, 'logs', 'b', 'k' || n, now(), now(), repeat(md5(n::text), 30)
         FROM generate_series(1, 60000) n`,
      [id, other],
    );
    const use = (await storageOf().report()).tables.find(({ table }) => table === 'oo_locator');
    expect(use?.bytes).toBeGreaterThan(33_554_432 * 1.5);
    const rows = Object.fromEntries((use?.tenants ?? []).map((each) => [each.tenant, each.rows]));
    expect((rows.south ?? 0) / ((rows.north ?? 0) + (rows.south ?? 0))).toBeCloseTo(0.25, 1);
    expect(use?.rows).toBeGreaterThan(45_000);
    expect(use?.rows).toBeLessThan(75_000);
  });
});
