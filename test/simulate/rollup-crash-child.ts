/**
 * One life of a process that does windows: opens both stores on disk and works until nothing is left to do. The test kills
 * it at seeded moments. Arguments: `prepare` or `run`, data directory, the time that it is, minutes of telemetry before it.
 */
import { join } from 'node:path';
import { configSchema } from '../../src/config/index.ts';
import { openEngine } from '../../src/detail/engine.ts';
import { openDetailStore } from '../../src/detail/index.ts';
import { migrate } from '../../src/detail/migrate.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { type Clock, createLogger, newUuid, systemClock } from '../../src/lib/index.ts';
import { createRollup, knownTenants } from '../../src/rollup/index.ts';

const [mode = '', dir = '', nowText = '', minutesText = ''] = process.argv.slice(2);
const now = Number(nowText);
const minutes = Number(minutesText);
const log = createLogger({ level: 'error' });
/** It goes on from life to life, as clocks do, but stays within one minute, so that the same windows are due. */
const clock: Clock = { ...systemClock, now: () => now + (systemClock.now() % 50_000) };
const minute = 60_000;

const time = (at: number) => (at / 1_000).toFixed(3);
const hex = (n: number, length: number) => n.toString(16).padStart(length, '0');

/** A minute of a shop: orders that ask payments, their logs, and a gauge. Every minute differs from the next. */
function telemetry(index: number): Record<string, Record<string, unknown>[]> {
  const at = now - (minutes - index) * minute;
  const spans: Record<string, unknown>[] = [];
  const logs: Record<string, unknown>[] = [];
  for (let n = 0; n < 3 + (index % 4); n++) {
    const trace = hex(index * 100 + n + 1, 32);
    const span = {
      Tenant: 'default',
      TraceId: trace,
      SpanName: 'x',
      StatusCode: n === 2 ? 'Error' : 'Unset',
    };
    const caller = hex(index * 1_000 + n * 10 + 2, 16);
    spans.push(
      {
        ...span,
        Timestamp: time(at + n * 100),
        SpanId: hex(index * 1_000 + n * 10 + 1, 16),
        ServiceName: 'shop',
        SpanKind: 'Server',
        Duration: 9_000_000,
      },
      {
        ...span,
        Timestamp: time(at + n * 100 + 1),
        SpanId: caller,
        ParentSpanId: hex(index * 1_000 + n * 10 + 1, 16),
        ServiceName: 'shop',
        SpanKind: 'Client',
        Duration: 5_000_000 + n,
      },
      {
        ...span,
        Timestamp: time(at + n * 100 + 2),
        SpanId: hex(index * 1_000 + n * 10 + 3, 16),
        ParentSpanId: caller,
        ServiceName: 'pay',
        SpanKind: 'Server',
        Duration: 4_000_000 + n,
      },
    );
    logs.push({
      Tenant: 'default',
      Timestamp: time(at + n * 100),
      ServiceName: 'shop',
      SeverityNumber: 9,
      SeverityText: 'INFO',
      Body: 'an order was placed',
      Shape: '77',
    });
  }
  return { otel_traces: spans, otel_logs: logs };
}

async function prepare(): Promise<void> {
  const engine = openEngine(join(dir, 'detail', 'engine'));
  await migrate(engine);
  const rows: Record<string, string[]> = { otel_traces: [], otel_logs: [] };
  for (let index = 0; index < minutes; index++)
    for (const [table, more] of Object.entries(telemetry(index)))
      rows[table]?.push(...more.map((row) => JSON.stringify(row)));
  for (const [table, lines] of Object.entries(rows))
    await engine.run('insert', `INSERT INTO ${table} FORMAT JSONEachRow ${lines.join('\n')}`);
  await engine.close();
  // Migrated once, so that every round begins where the work does.
  await (await openLedger({ dir: join(dir, 'ledger'), clock, log })).close();
}

async function run(): Promise<void> {
  const config = configSchema.parse({
    rollup: { initialLookbackS: minutes * 60, delayS: 0, leaseS: 3 },
    patterns: {},
  });
  const ledger = await openLedger({ dir: join(dir, 'ledger'), clock, log });
  const detail = await openDetailStore({ dir: join(dir, 'detail'), config, clock, log });
  const [found] = await ledger.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM etl_job_run WHERE state = 'running'`,
  );
  process.stdout.write(`found ${found?.n} running\nstarted\n`);
  const rollup = createRollup({
    ledger,
    detail,
    config: config.rollup,
    patterns: config.patterns,
    tenants: () => knownTenants(ledger, config.tenant),
    clock,
    log,
    worker: newUuid(),
  });
  while ((await rollup.tick()) > 0);
  process.stdout.write('at rest\n');
  await rollup.stop();
  await detail.close();
  await ledger.close();
}

await (mode === 'prepare' ? prepare() : run());
