/** The whole program with its ledger on a PostgreSQL server: a rollup, a case, and what happens while the server is away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';
import { createPostgres, type PostgresServer } from '../support/postgres.ts';
import { postgresMissing } from '../support/postgres-programs.ts';

const skipped = postgresMissing === null ? '' : ` (skipped: ${postgresMissing})`;
/** The server trusts loopback, so any password is right; it must be nowhere in what the program writes. */
const password = 'mauve-giraffe-17';

let dir: string;
let server: PostgresServer;
let clew: RunningClew;

const start = (): Promise<RunningClew> =>
  startClew(dir, {
    CLEW_LOG_LEVEL: 'info',
    CLEW_LEDGER_URL: server.url(),
    CLEW_LEDGER_PASSWORD: password,
    CLEW_LEDGER_RETENTION: 'metric_1m=90',
    CLEW_ROLLUP_ENABLED: 'true',
    CLEW_DETECT_ENABLED: 'true',
  });

async function rows<Row>(sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const post = (path: string, body: unknown, base = clew.url): Promise<Response> =>
  fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const json = async <T>(path: string): Promise<T> => (await (await fetch(clew.url + path)).json()) as T;

/** Logs of three minutes ago: their window is due at once. */
const sendLogs = (count: number): Promise<Response> =>
  post(
    '/v1/logs',
    {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'till' } }] },
          scopeLogs: [
            {
              logRecords: Array.from({ length: count }, (_, index) => ({
                timeUnixNano: `${Date.now() - 180_000 + index}000000`,
                severityNumber: 17,
                body: { stringValue: `receipt ${index} could not be printed` },
              })),
            },
          ],
        },
      ],
    },
    clew.otlpUrl,
  );

describe.skipIf(postgresMissing !== null)(`Clew on a PostgreSQL server${skipped}`, () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'clew-postgresql-test-'));
    server = await createPostgres();
    clew = await start();
  }, 120_000);
  afterAll(async () => {
    await clew?.kill();
    server?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  test('a window of logs becomes rows of the server', async () => {
    expect((await sendLogs(50)).status).toBe(200);
    await expect
      .poll(
        () =>
          rows(`SELECT sum(l.count_total)::int AS logs, sum(l.count_error)::int AS errors, min(t.code) AS tenant
                  FROM log_pattern_5m l JOIN dim_tenant t USING (tenant_id) JOIN dim_resource r USING (resource_id)
                 WHERE r.name = 'till'`),
        { timeout: 60_000, interval: 500 },
      )
      .toEqual([{ logs: 50, errors: 50, tenant: 'default' }]);
  }, 90_000);

  test('an alert becomes a case of the server', async () => {
    const alert = {
      labels: { alertname: 'PrinterOnFire', service: 'till', severity: 'critical' },
      annotations: { summary: 'the printer burns' },
      startsAt: new Date().toISOString(),
    };
    expect((await post('/api/v2/alerts', [alert])).status).toBe(200);
    await expect
      .poll(() => rows('SELECT tenant, service FROM ops_case'), { timeout: 30_000, interval: 500 })
      .toEqual([{ tenant: 'default', service: 'till' }]);
  }, 60_000);

  test('health and storage say what the server has, and what is done without', async () => {
    const { data } = await json<{
      data: {
        ledger: { embedded: boolean; version: string; capabilities: { name: string; present: boolean }[] };
      };
    }>('/api/v1/storage');
    expect(data.ledger.embedded).toBe(false);
    expect(data.ledger.version).toMatch(/^1[5-9]\./);
    expect(data.ledger.capabilities.find(({ name }) => name === 'row-level security')?.present).toBe(true);
    const health = await json<{
      data: { namespaces: { namespace: string; data: { metric_name: string }[] }[] };
    }>('/healthz?include=ledger');
    expect(health.data.namespaces[0]?.data.map(({ metric_name }) => metric_name)).toContain(
      'capability: TimescaleDB',
    );
    expect(
      await rows(
        `SELECT extract(day FROM retention)::int AS days FROM time_series WHERE table_name = 'metric_1m'`,
      ),
    ).toEqual([{ days: 90 }]);
  });

  test('while the server is away telemetry is taken in, questions are told to come again, and then all goes on', async () => {
    server.stop('immediate');
    expect((await sendLogs(10)).status).toBe(200);
    const refused = await fetch(`${clew.url}/case`);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      error: { code: 'unavailable', retryable: true, message: expect.stringContaining("can't be reached") },
    });
    const sick = await fetch(`${clew.url}/healthz?include=ledger`);
    expect(sick.status).toBe(503);
    expect(await sick.text()).toContain("can't be reached");
    expect((await fetch(`${clew.url}/readyz`)).status).toBe(200);

    server.start();
    await expect
      .poll(async () => (await fetch(`${clew.url}/healthz?include=ledger`)).status, { timeout: 10_000 })
      .toBe(200);
    expect((await json<{ data: unknown[] }>('/case')).data).toHaveLength(1);
    expect(clew.exitCode()).toBeNull();
  }, 60_000);

  test('it stops in order, starts again with its case, and the password is in nothing that it wrote', async () => {
    const before = clew.output();
    await clew.stop();
    expect(clew.exitCode()).toBe(0);
    clew = await start();
    expect((await json<{ data: unknown[] }>('/case')).data).toHaveLength(1);
    expect(before + clew.output()).not.toContain(password);
    expect(before).toContain('the ledger does without TimescaleDB');
  }, 60_000);
});
