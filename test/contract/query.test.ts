import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changesQuery } from '../../src/query/changes.ts';
import { attributeFacetsQuery, mainFacetsQuery } from '../../src/query/facets.ts';
import { histogramQuery } from '../../src/query/histogram.ts';
import {
  listChanges,
  logFacets,
  logHistogram,
  logPatterns,
  readRows,
  readTrace,
  searchLogs,
  searchTraces,
  sqlServices,
  withSignals,
} from '../../src/query/index.ts';
import type { LogFilter } from '../../src/query/log-filter.ts';
import { knownShapesQuery, samplesQuery, shapesQuery } from '../../src/query/log-patterns.ts';
import { logsQuery } from '../../src/query/logs.ts';
import { rowFilterQuery } from '../../src/query/row-filter.ts';
import { serviceLogsQuery, serviceSpansQuery } from '../../src/query/services.ts';
import { traceQuery } from '../../src/query/trace.ts';
import { traceIdsQuery, traceSummariesQuery } from '../../src/query/traces.ts';
import { bucketsOf } from '../../src/query/window.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs, putSpans } from '../support/telemetry.ts';

const t0 = Date.parse('2026-03-01T12:00:00Z');
const second = 1_000;
const minute = 60 * second;
const window = { from: t0, to: t0 + 60 * minute };
const tenant = 'default';
let detail: SqlDetail;

const bodies = async (filter: LogFilter, limit = 100) =>
  (await searchLogs(detail, tenant, window, filter, { limit })).rows.map((row) => row.body);

beforeAll(async () => {
  detail = await openSqlDetail();
  await putLogs(detail, [
    {
      at: t0 + 1 * minute,
      service: 'cart',
      body: 'cart of user 17 loaded',
      eventId: 1,
      shape: '100',
      attributes: { 'user.id': '17' },
    },
    {
      at: t0 + 20 * minute,
      service: 'cart',
      body: 'cart of user 18 loaded',
      eventId: 2,
      shape: '100',
      attributes: { 'user.id': '18' },
    },
    {
      at: t0 + 58 * minute,
      service: 'payments',
      severity: 17,
      body: 'Card DECLINED: 100% of "limit" used',
      eventId: 3,
      shape: '200',
      traceId: 'aa01',
      spanId: 'b2',
      resource: { 'host.name': 'h1' },
    },
    {
      at: t0 + 58 * minute,
      service: 'payments',
      severity: 21,
      body: 'Zahlung für Müller abgelehnt',
      eventId: 4,
      shape: '300',
      resource: { 'host.name': 'h2' },
    },
    {
      at: t0 + 59 * minute,
      service: 'gateway',
      severity: 13,
      body: "it's slow \\ very_slow",
      eventId: 5,
      shape: '400',
      attributes: { empty: '' },
    },
    {
      at: t0 + 59 * minute + 30 * second,
      service: 'gateway',
      severity: 0,
      body: 'no severity was set',
      eventId: 6,
      shape: '500',
    },
    {
      at: t0 + 59 * minute,
      service: 'cart',
      tenant: 'other',
      body: 'of another tenant',
      eventId: 7,
      shape: '100',
    },
    { at: t0 - 1 * minute, service: 'cart', body: 'before the window', eventId: 8, shape: '100' },
    {
      at: window.to,
      service: 'cart',
      body: 'at the end of the window, which is outside',
      eventId: 9,
      shape: '100',
    },
  ]);
  await putSpans(detail, [
    {
      at: t0 + 10 * minute,
      traceId: 'aa01',
      spanId: 'a1',
      service: 'gateway',
      name: 'GET /pay',
      durationMs: 100,
      eventId: 1,
    },
    {
      at: t0 + 10 * minute + 5,
      traceId: 'aa01',
      spanId: 'b1',
      parent: 'a1',
      service: 'gateway',
      name: 'POST',
      kind: 'Client',
      durationMs: 90,
      eventId: 2,
    },
    {
      at: t0 + 10 * minute + 10,
      traceId: 'aa01',
      spanId: 'b2',
      parent: 'b1',
      service: 'payments',
      name: 'POST /charge',
      durationMs: 80,
      status: 'Error',
      attributes: { 'app.version': 'v2' },
      event: { at: t0 + 10 * minute + 20, name: 'exception' },
      eventId: 3,
    },
    {
      at: t0 + 40 * minute,
      traceId: 'aa02',
      spanId: 'c1',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 10,
      eventId: 4,
    },
    {
      at: t0 + 40 * minute + 1,
      traceId: 'aa02',
      spanId: 'c2',
      parent: 'c1',
      service: 'cart',
      name: 'GET /cart',
      durationMs: 5,
      attributes: { 'app.version': 'v1' },
      eventId: 5,
    },
    {
      at: t0 + 59 * minute,
      traceId: 'aa03',
      spanId: 'd1',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 20,
      eventId: 6,
    },
    {
      at: t0 + 59 * minute,
      traceId: 'aa04',
      spanId: 'e1',
      tenant: 'other',
      service: 'gateway',
      name: 'GET /cart',
      durationMs: 20,
      eventId: 7,
    },
  ]);
  await detail.exec(
    `INSERT INTO change_events (Tenant, Timestamp, Id, Kind, ServiceName, Title, Actor, Labels, EventId) VALUES
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + minute})), 'c1', 'deploy', 'payments', 'old telling', 'ci', map('version', 'v2'), 1),
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + 2 * minute})), 'c1', 'deploy', 'payments', 'payments v2', 'ci', map('version', 'v2'), 2),
      ('default', fromUnixTimestamp64Milli(toInt64(${t0 + 3 * minute})), 'c2', 'flag', 'cart', 'new cart on', 'eve', map(), 3),
      ('other', fromUnixTimestamp64Milli(toInt64(${t0 + 3 * minute})), 'c3', 'flag', 'cart', 'of another tenant', 'eve', map(), 4)`,
  );
});

afterAll(() => detail.close());

test('the text of every query is as reviewed', () => {
  const filter: LogFilter = {
    services: ['cart'],
    servicesExcluded: ['gateway'],
    severities: ['ERROR', 'FATAL'],
    q: 'declined -"für alle"',
    traceId: 'aa01',
    shapes: ['200'],
    attributes: [
      { key: "it's", value: 'v', exclude: false },
      { key: 'k', value: '', exclude: true },
    ],
  };
  const buckets = bucketsOf(window, 60);
  const queries = [
    logsQuery(tenant, window, {}, 200, null),
    logsQuery(tenant, window, filter, 200, { atNs: '1', eventId: '2' }),
    histogramQuery(tenant, window, filter, buckets),
    mainFacetsQuery(tenant, window, {}),
    attributeFacetsQuery(tenant, window, {}, 7),
    shapesQuery(tenant, window, {}, buckets),
    samplesQuery(tenant, window, [{ shape: '1', sample_id: '2' }]),
    knownShapesQuery(tenant, window, ['cart']),
    traceIdsQuery(
      tenant,
      window,
      { services: ['cart'], operation: 'GET', status: 'error', minMs: 5, maxMs: 9 },
      100,
    ),
    traceIdsQuery(
      tenant,
      window,
      { status: 'error', minMs: 5, attributes: [{ key: 'k', value: 'v', exclude: false }] },
      100,
    ),
    traceIdsQuery(tenant, window, { status: 'ok' }, 100),
    traceSummariesQuery(tenant, window, ['aa01']),
    traceQuery(tenant, window, 'aa01'),
    serviceSpansQuery(tenant, window, buckets),
    serviceLogsQuery(tenant, window),
    changesQuery(tenant, window, ['cart']),
    rowFilterQuery(
      tenant,
      { dataset: 'metric_series', window, equals: { MetricName: 'm', 'Attributes.k': 'v', SeriesId: '1' } },
      20,
    ),
  ];
  for (const query of queries) expect({ sql: query.sql, params: query.params }).toMatchSnapshot(query.name);
});

test('no text of a user ever stands in the SQL', async () => {
  const evil = "x') OR 1=1 --";
  const query = logsQuery(
    tenant,
    window,
    {
      services: [evil],
      q: `"${evil}"`,
      traceId: evil,
      attributes: [{ key: evil, value: evil, exclude: false }],
    },
    10,
    null,
  );
  expect(query.sql).not.toContain('1=1');
  expect((await detail.query(query)).rows).toEqual([]);
});

describe('logs', () => {
  test('come newest first, within the window (its end excluded) and of the tenant only', async () => {
    expect(await bodies({})).toEqual([
      'no severity was set',
      "it's slow \\ very_slow",
      'Zahlung für Müller abgelehnt',
      'Card DECLINED: 100% of "limit" used',
      'cart of user 18 loaded',
      'cart of user 17 loaded',
    ]);
  });

  test('pages by cursor give every record exactly once, also where timestamps are equal', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 10; pages++) {
      const page = await searchLogs(detail, tenant, window, {}, { limit: 1, cursor });
      seen.push(...page.rows.map((row) => row.eventId));
      if (page.cursor === null) break;
      cursor = page.cursor;
    }
    expect(seen).toEqual(['6', '5', '4', '3', '2', '1']);
  });

  test('a row carries its attributes, exact time and severity', async () => {
    const [row] = (await searchLogs(detail, tenant, window, { traceId: 'aa01' }, { limit: 5 })).rows;
    expect(row).toMatchObject({
      eventId: '3',
      at: t0 + 58 * minute,
      atNs: `${t0 + 58 * minute}000000`,
      severity: 'ERROR',
      severityNumber: 17,
      service: 'payments',
      spanId: 'b2',
      shape: '200',
      resource: { 'host.name': 'h1' },
    });
  });

  test.each<[string, string[]]>([
    ['declined', ['Card DECLINED: 100% of "limit" used']],
    ['ecline 100%', ['Card DECLINED: 100% of "limit" used']],
    ['"of user 17"', ['cart of user 17 loaded']],
    ['cart -17', ['cart of user 18 loaded']],
    ['MÜLLER', ['Zahlung für Müller abgelehnt']],
    ['"it\'s slow \\\\"', ["it's slow \\ very_slow"]],
    ['_slow', ["it's slow \\ very_slow"]],
    ['cart declined', []],
  ])('search %s finds substrings in any case, all words needed', async (q, expected) => {
    expect(await bodies({ q })).toEqual(expected);
  });

  test('severities are levels; a record without one reads as INFO', async () => {
    expect(await bodies({ severities: ['ERROR', 'FATAL'] })).toHaveLength(2);
    expect(await bodies({ severities: ['INFO'] })).toContain('no severity was set');
  });

  test('attributes of the record and of its resource include and exclude', async () => {
    const attribute = (key: string, value: string, exclude = false) => ({
      attributes: [{ key, value, exclude }],
    });
    expect(await bodies(attribute('user.id', '17'))).toEqual(['cart of user 17 loaded']);
    expect(await bodies(attribute('host.name', 'h2'))).toEqual(['Zahlung für Müller abgelehnt']);
    expect(await bodies(attribute('host.name', 'h2', true))).toHaveLength(5);
    expect(await bodies(attribute('empty', ''))).toEqual(["it's slow \\ very_slow"]);
  });

  test('services exclude, shapes select, no shape selects nothing', async () => {
    expect(await bodies({ servicesExcluded: ['gateway', 'payments'] })).toHaveLength(2);
    expect(await bodies({ shapes: ['200', '300'] })).toHaveLength(2);
    expect(await bodies({ shapes: [] })).toEqual([]);
  });

  test('a cursor that is not ours is refused', async () => {
    const page = searchLogs(detail, tenant, window, {}, { limit: 1, cursor: 'abc' });
    await expect(page).rejects.toThrow(/cursor is not one of ours/);
    const huge = Buffer.from('9999999999999999999.1').toString('base64url');
    await expect(searchLogs(detail, tenant, window, {}, { limit: 1, cursor: huge })).rejects.toThrow(
      /cursor/,
    );
  });

  test('the histogram counts every record once, by severity, in buckets that cover the window', async () => {
    const counts = await logHistogram(detail, tenant, window, {}, 60);
    expect(counts.stepMs).toBe(minute);
    expect(counts.at).toHaveLength(60);
    expect(Object.keys(counts.series)).toEqual(['FATAL', 'ERROR', 'WARN', 'INFO']);
    expect(counts.series.INFO?.[1]).toBe(1);
    expect(counts.series.ERROR?.[58]).toBe(1);
    expect(
      Object.values(counts.series)
        .flat()
        .reduce((a, b) => a + b),
    ).toBe(6);
    expect(counts.statistics.rows_read).toBeGreaterThan(0);
  });

  test('facets count services, severities and attribute values', async () => {
    const { facets, sampledEvery } = await logFacets(detail, tenant, window, {});
    const byKey = new Map(facets.map((facet) => [facet.key, facet.values]));
    expect(sampledEvery).toBe(1);
    expect(byKey.get('service')).toContainEqual({ value: 'cart', count: 2 });
    expect(byKey.get('severity')).toContainEqual({ value: 'INFO', count: 3 });
    expect(byKey.get('host.name')).toEqual(
      expect.arrayContaining([
        { value: 'h1', count: 1 },
        { value: 'h2', count: 1 },
      ]),
    );
  });

  test('patterns group by shape, join templates, merge shapes of one template and say what is new', async () => {
    const templatesOf = async () =>
      new Map([
        ['200', { id: '9', template: 'payment refused' }],
        ['300', { id: '9', template: 'payment refused' }],
      ]);
    const { patterns } = await logPatterns(detail, tenant, window, {}, { templatesOf });
    const byId = new Map(patterns.map((pattern) => [pattern.patternId, pattern]));
    expect(byId.get('9')).toMatchObject({
      template: 'payment refused',
      count: 2,
      errorCount: 2,
      severity: 'FATAL',
      isNew: true,
    });
    expect(byId.get('s100')).toMatchObject({
      template: 'cart of user <*> loaded',
      count: 2,
      errorCount: 0,
      isNew: false,
      firstSeen: t0 + minute,
      lastSeen: t0 + 20 * minute,
    });
    expect(byId.get('s100')?.spark.reduce((a, b) => a + b)).toBe(2);
  });
});

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
