import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  listChanges,
  readRows,
  readTrace,
  searchTraces,
  sqlServices,
  withSignals,
} from '../../src/query/index.ts';
import type { SqlDetail } from '../support/detail.ts';
import { minute, openKnownSystem, second, t0, tenant, window } from '../support/known-system.ts';
import { putSpans } from '../support/telemetry.ts';

let detail: SqlDetail;

beforeAll(async () => {
  detail = await openKnownSystem();
});

afterAll(() => detail.close());

describe('traces', () => {
  const ids = async (filter: Parameters<typeof searchTraces>[3]) =>
    (await searchTraces(detail, tenant, window, filter, 100)).traces.map((trace) => trace.traceId);

  test('are listed newest first with their root, size and services', async () => {
    const { traces } = await searchTraces(detail, tenant, window, {}, 100);
    expect(traces.map((trace) => trace.traceId)).toEqual(['aa03', 'aa02', 'aa01']);
    expect(traces[2]).toMatchObject({
      at: t0 + 10 * minute,
      service: 'gateway',
      operation: 'GET /pay',
      durationMs: 100,
      spans: 3,
      errors: 1,
      services: [
        { service: 'gateway', spans: 2 },
        { service: 'payments', spans: 1 },
      ],
    });
  });

  test('whose root has not arrived are listed only when they had time to arrive', async () => {
    const at = t0 + 30 * minute;
    await putSpans(detail, [
      {
        at,
        traceId: 'late1',
        spanId: 'l2',
        parent: 'l1',
        service: 'late',
        name: 'x',
        durationMs: 1,
        eventId: 900,
        tenant: 'late',
      },
    ]);
    const list = async (settledAt: number) =>
      (await searchTraces(detail, 'late', window, { settledAt }, 100)).traces.map((trace) => trace.traceId);
    expect(await list(at - second)).toEqual([]);
    expect(await list(at + second)).toEqual(['late1']);
  });

  test('conditions hold on one and the same span', async () => {
    expect(await ids({ services: ['gateway'], status: 'error' })).toEqual([]);
    expect(await ids({ services: ['payments'], status: 'error' })).toEqual(['aa01']);
    expect(await ids({ services: ['gateway'], operation: 'GET /cart', minMs: 15 })).toEqual(['aa03']);
    expect(await ids({ attributes: [{ key: 'app.version', value: 'v1', exclude: false }] })).toEqual([
      'aa02',
    ]);
  });

  test('without a service, duration is of the request and status of the whole trace', async () => {
    expect(await ids({ minMs: 15 })).toEqual(['aa03', 'aa01']);
    expect(await ids({ maxMs: 15 })).toEqual(['aa02']);
    expect(await ids({ status: 'error' })).toEqual(['aa01']);
    expect(await ids({ status: 'ok' })).toEqual(['aa03', 'aa02']);
    expect(await ids({ status: 'error', minMs: 200 })).toEqual([]);
    expect(await ids({ status: 'error', minMs: 50 })).toEqual(['aa01']);
  });

  test('a trace whose failed span lies in another step of the walk back than its root is found once', async () => {
    const at = window.to + 100 * minute;
    const later = { from: at - 60 * minute, to: at };
    await putSpans(detail, [
      {
        at: at - 31 * second,
        traceId: 'bb01',
        spanId: 'r',
        service: 'gateway',
        name: 'GET /slow',
        durationMs: 5_000,
        eventId: 20,
      },
      {
        at: at - 29 * second,
        traceId: 'bb01',
        spanId: 'e',
        parent: 'r',
        service: 'cart',
        name: 'GET /slow',
        durationMs: 1_000,
        status: 'Error',
        eventId: 21,
      },
    ]);
    for (const filter of [{}, { status: 'error', minMs: 4_000 } as const]) {
      const { traces } = await searchTraces(detail, tenant, later, filter, 100);
      expect(traces.map((trace) => [trace.traceId, trace.spans])).toEqual([['bb01', 2]]);
    }
    expect((await searchTraces(detail, tenant, later, { status: 'ok' }, 100)).traces).toEqual([]);
  });

  test('a limit is a limit', async () => {
    expect((await searchTraces(detail, tenant, window, {}, 2)).traces).toHaveLength(2);
  });

  test('one trace has its spans in order, offsets, events, status and critical path', async () => {
    const trace = await readTrace(detail, tenant, window, 'aa01');
    expect(trace).toMatchObject({ at: t0 + 10 * minute, durationMs: 100, truncated: false });
    expect(
      trace.spans.map((span) => [span.spanId, span.atUsOffset, span.durationUs, span.status, span.critical]),
    ).toEqual([
      ['a1', 0, 100_000, 'unset', true],
      ['b1', 5_000, 90_000, 'unset', true],
      ['b2', 10_000, 80_000, 'error', true],
    ]);
    expect(trace.spans[2]?.events).toEqual([
      { atUsOffset: 20_000, name: 'exception', attributes: { k: 'v' } },
    ]);
  });

  test('an unknown trace and a trace of another tenant do not exist', async () => {
    await expect(readTrace(detail, tenant, window, 'ffff')).rejects.toThrow(/no trace "ffff"/);
    await expect(readTrace(detail, tenant, window, 'aa04')).rejects.toThrow(/no trace/);
  });
});

describe('services', () => {
  test('are counted from spans and logs, calls to others are not requests', async () => {
    const { services } = await sqlServices(detail, tenant, window);
    const byName = new Map(services.map((summary) => [summary.service, summary]));
    expect([...byName.keys()]).toEqual(['cart', 'gateway', 'payments']);
    expect(byName.get('gateway')?.rps).toBeCloseTo(3 / 3600);
    expect(byName.get('payments')).toMatchObject({
      urn: 'urn:svc:payments',
      errorRate: 1,
      p95Ms: 80,
      health: 'ok',
    });
    expect(byName.get('cart')).toMatchObject({ health: 'no_data', lastSeen: t0 + 40 * minute + 1 });
    expect(byName.get('cart')?.logRate).toBeCloseTo(2 / 3600);
  });

  test('open signals decide the health', async () => {
    const { services } = await sqlServices(detail, tenant, window);
    const signal = {
      fingerprint: 'f',
      tenant,
      resource: 'urn:svc:payments',
      indicator: 'availability',
      severity: 'ERROR',
      title: '',
      summary: '',
      since: 0,
      detectedAt: 0,
      value: 0,
      baseline: 0,
      objectiveId: null,
    } as const;
    const judged = withSignals(services, [
      { ...signal, service: 'payments', kind: 'slo_violation' },
      { ...signal, service: 'gateway', kind: 'anomaly' },
    ]);
    expect(judged.map((summary) => summary.health)).toEqual(['no_data', 'suspect', 'failing']);
  });
});

describe('changes', () => {
  test('the same id twice is one event, told last; others stay out of the tenant', async () => {
    const { changes } = await listChanges(detail, tenant, window);
    expect(changes.map((change) => change.title)).toEqual(['new cart on', 'payments v2']);
    expect((await listChanges(detail, tenant, window, ['payments'])).changes[0]).toEqual({
      id: 'c1',
      at: t0 + 2 * minute,
      kind: 'deploy',
      service: 'payments',
      title: 'payments v2',
      actor: 'ci',
      labels: { version: 'v2' },
    });
  });
});

describe('row filter', () => {
  const rows = (equals: Record<string, string | number>, extra: object = {}) =>
    readRows(detail, tenant, { dataset: 'otel_traces', window, equals, ...extra }, 20);

  test('finds the raw rows in the columns of their table, without the tenant', async () => {
    const found = await rows(
      { ServiceName: 'payments', 'SpanAttributes.app.version': 'v2' },
      { only: 'errors' },
    );
    expect(found.rows).toHaveLength(1);
    expect(found.rows[0]).toMatchObject({ TraceId: 'aa01', Duration: '80000000', at: t0 + 10 * minute + 10 });
    expect(found.rows[0]).not.toHaveProperty('Tenant');
  });

  test('slow, server and client spans are told apart', async () => {
    expect((await rows({}, { only: 'slow', thresholdMs: 85 })).rows).toHaveLength(2);
    expect((await rows({}, { only: 'client_spans' })).rows).toHaveLength(1);
    expect((await rows({ ServiceName: 'gateway' }, { only: 'server_spans' })).rows).toHaveLength(3);
  });

  test.each([
    'metric_series',
    'metric_samples',
    'metric_histograms',
    'metric_exemplars',
    'change_events',
    'dead_letters',
    'otel_logs',
  ] as const)('every dataset can be read: %s', async (dataset) => {
    const found = await readRows(detail, tenant, { dataset, window, equals: {} }, 5);
    expect(Array.isArray(found.rows)).toBe(true);
  });

  test('an unknown column, a wrong number and an impossible condition are named', async () => {
    await expect(rows({ Secret: 'x' })).rejects.toThrow(
      /column "Secret", which otel_traces does not offer; it offers ServiceName/,
    );
    await expect(rows({ constructor: 'x' })).rejects.toThrow(/column "constructor"/);
    await expect(rows({ EventId: 'x' })).rejects.toThrow(/EventId with "x", which is not a number/);
    await expect(rows({}, { only: 'slow' })).rejects.toThrow(/no thresholdMs/);
    await expect(
      readRows(detail, tenant, { dataset: 'otel_logs', window, equals: {}, only: 'client_spans' }, 5),
    ).rejects.toThrow(/only "client_spans", which otel_logs does not have/);
  });
});
