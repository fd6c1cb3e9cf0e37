import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../ledger/index.ts';
import { openTestLedger } from '../../ledger/testing.ts';
import type { JobResult } from '../../rollup/index.ts';
import { listSignals } from '../record.ts';
import { normals } from '../series/synthetic.ts';
import { anomalyJob } from './job.ts';
import type { RecordedAnomaly } from './record.ts';

const minute = 60_000;
const end = Date.UTC(2026, 2, 4, 12, 0, 0);
let ledger: Ledger;
beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger.close());

const iso = (at: number) => new Date(at).toISOString();

interface Shop {
  id: number;
  front: string;
  back: string;
  alone: string;
}

/** Two days of calls front → back and twelve hours of a gauge on a third service; `extra` bends the last minutes. */
async function shop(code: string, bend: boolean): Promise<Shop> {
  const id = await ledger.tenantId(code);
  const resources: string[] = [];
  for (const name of ['front', 'back', 'alone']) {
    const [row] = await ledger.query<{ id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'service', $3) RETURNING resource_id::text AS id`,
      [id, `urn:svc:${name}`, name],
    );
    resources.push(row?.id ?? '');
  }
  const [front = '', back = '', alone = ''] = resources;
  const z = normals(id + 5);
  const calls: string[] = [];
  for (let at = end - 48 * 60 * minute; at < end; at += 5 * minute) {
    await ensure(at);
    const bad = bend && at >= end - 5 * minute;
    calls.push(
      `('${iso(at)}', ${id}, ${front}, ${back}, ${20 + z()}, ${bad ? 0.4 : 0.01 + 0.002 * Math.abs(z())}, 10, ${40 + 2 * z() + (bad ? 300 : 0)})`,
    );
  }
  await ledger.query(
    `INSERT INTO service_call_5m (bucket, tenant_id, src_resource_id, dst_resource_id, rps, err_rate, p50_ms, p95_ms) VALUES ${calls.join(',')}`,
  );
  const gauge: string[] = [];
  for (let at = end - 12 * 60 * minute; at < end; at += minute)
    gauge.push(
      `('${iso(at)}', ${id}, ${alone}, 'heap_used', ${50 + z() + (bend && at >= end - 3 * minute ? 40 : 0)})`,
    );
  await ledger.query(
    `INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val) VALUES ${gauge.join(',')}`,
  );
  return { id, front, back, alone };
}

const ensured = new Set<number>();
async function ensure(at: number): Promise<void> {
  const day = Math.floor(at / 86_400_000);
  if (ensured.has(day)) return;
  ensured.add(day);
  await ledger.query('SELECT ensure_partitions($1)', [iso(at)]);
}

async function run(
  job: ReturnType<typeof anomalyJob>,
  tenant: { code: string; id: number },
  from: number,
): Promise<JobResult> {
  return job.run({
    tenant,
    window: { from, to: from + 5 * minute },
    completeTo: from + 5 * minute,
    signal: new AbortController().signal,
    commit: (work) => ledger.transaction(work),
  });
}

const jobFor = (noticed: RecordedAnomaly[] = []) =>
  anomalyJob({
    ledger,
    delayMs: 0,
    initialLookbackMs: 0,
    notice: (_, anomalies) => noticed.push(...anomalies),
  });

describe('anomaly-watch', () => {
  it('makes events with onset and row as evidence, one group per event that travels, and tells detection', async () => {
    const { id, alone, back, front } = await shop('bent', true);
    const noticed: RecordedAnomaly[] = [];
    const job = jobFor(noticed);
    const result = await run(job, { code: 'bent', id }, end - 5 * minute);
    const rows = await listSignals(ledger, 'bent', end - minute, end + minute, 100);
    const named = (measure: string) => rows.find(({ labels }) => labels.indicator === measure);
    expect(result.rowsWritten).toBe(rows.length);
    expect(noticed).toHaveLength(rows.length);
    for (const measure of ['err_rate', 'p95_ms', 'heap_used']) expect(named(measure), measure).toBeDefined();
    expect(named('rps')).toBeUndefined();
    expect(named('err_rate')?.severity).toBe('WARN');
    expect(named('err_rate')?.title).toMatch(/^back: err_rate is unusually high, 0\.4 instead of 0\.01\d*$/);
    expect(named('err_rate')?.labels.code).toBe('signal.series_above');
    // The calls' error rate and latency are one event; the heap of a service that nobody calls is another.
    expect(named('err_rate')?.labels.group).toBe(named('p95_ms')?.labels.group);
    expect(named('heap_used')?.labels.group).not.toBe(named('p95_ms')?.labels.group);
    const heap = named('heap_used')?.labels ?? {};
    expect(Number(heap.onset_from)).toBeLessThanOrEqual(end - 3 * minute);
    expect(Number(heap.onset_to)).toBeGreaterThanOrEqual(end - 3 * minute);
    const [evidence] = await ledger.query<{ ref_pg: Record<string, string> }>(
      'SELECT ref_pg FROM evidence_link WHERE event_id = $1',
      [named('p95_ms')?.event_id],
    );
    expect(evidence?.ref_pg).toEqual({
      table: 'service_call_5m',
      bucket: iso(end - 5 * minute),
      src_resource_id: front,
      dst_resource_id: back,
    });
    const [found] = await ledger.query<{ p95_ms: number }>(
      'SELECT p95_ms FROM service_call_5m WHERE tenant_id = $1 AND bucket = $2 AND src_resource_id = $3 AND dst_resource_id = $4',
      [id, evidence?.ref_pg.bucket, evidence?.ref_pg.src_resource_id, evidence?.ref_pg.dst_resource_id],
    );
    expect(found?.p95_ms).toBe(named('p95_ms')?.labels.value);
    expect(alone).not.toBe('');
  });

  it('writes nothing twice when a window is run again, by the same or another worker', async () => {
    const id = await ledger.tenantId('bent');
    const before = await listSignals(ledger, 'bent', end - minute, end + minute, 100);
    const job = jobFor();
    await run(job, { code: 'bent', id }, end - 5 * minute);
    await run(job, { code: 'bent', id }, end - 5 * minute);
    const after = await listSignals(ledger, 'bent', end - minute, end + minute, 100);
    expect(after.map(({ event_id, labels }) => [event_id, labels.group]).sort()).toEqual(
      before.map(({ event_id, labels }) => [event_id, labels.group]).sort(),
    );
  });

  it('gives the same events window by window as after a start that learns from the ledger', async () => {
    const { id } = await shop('steady-then-bent', true);
    const tenant = { code: 'steady-then-bent', id };
    const job = jobFor();
    for (let from = end - 30 * minute; from < end; from += 5 * minute) await run(job, tenant, from);
    const stepwise = await listSignals(ledger, tenant.code, end - 60 * minute, end + minute, 100);
    const known = new Set(stepwise.map(({ event_id }) => event_id));
    await run(jobFor(), tenant, end - 5 * minute);
    const both = await listSignals(ledger, tenant.code, end - 60 * minute, end + minute, 100);
    expect(both.filter(({ event_id }) => !known.has(event_id))).toEqual([]);
    expect(stepwise.length).toBeGreaterThanOrEqual(3);
  });

  it('finds nothing where nothing happens', async () => {
    const { id } = await shop('calm', false);
    const job = jobFor();
    for (let from = end - 30 * minute; from < end; from += 5 * minute)
      await run(job, { code: 'calm', id }, from);
    expect(await listSignals(ledger, 'calm', end - 60 * minute, end + minute, 100)).toEqual([]);
  });
});
