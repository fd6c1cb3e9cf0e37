import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cardinality, createAdmission, createCardinality } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore, type WritableStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import type { CardinalityAction } from '../../src/receive/index.ts';
import { createOtlpIntake, lokiRoutes, otlpRoutes, remoteWrite } from '../../src/receive/index.ts';
import { field, snappyLiteral } from '../../src/receive/replay/request.ts';

const log = createLogger({ level: 'silent' });
const clock = systemClock;
const valuesMax = 3;
const sent = 5;
const actions = ['reject', 'drop_label', 'dead_letter'] as const;
const now = clock.now();

let dir = '';
let store: WritableStore;
const servers = new Map<CardinalityAction, { app: FastifyInstance; guard: Cardinality }>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-cardinality-'));
  const config = configSchema.parse({});
  store = await openDetailStore({ dir, config, clock, log });
  for (const action of actions) {
    const limited = configSchema.parse({
      tenant: action,
      limits: { labelValuesMax: valuesMax, cardinalityAction: action },
    });
    const guard = createCardinality(limited.limits);
    const door = createAdmission({
      config: limited,
      clock,
      log,
      append: (block) => store.append(block),
      pendingBytes: () => store.health().pendingBytes,
    });
    const deps = {
      door,
      guard,
      config: limited.ingest,
      clock,
      log,
      ready: () => ({ ready: true, reason: '' }),
    };
    const app = Fastify();
    await app.register(otlpRoutes(deps, createOtlpIntake(deps)));
    await app.register(lokiRoutes(deps));
    await app.register(remoteWrite(deps), { prefix: '/api/v1' });
    servers.set(action, { app, guard });
  }
}, 60_000);
afterAll(async () => {
  for (const { app } of servers.values()) await app.close();
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

async function rows(tenant: string, sql: string): Promise<Record<string, unknown>[]> {
  await store.flush();
  const window = { from: 0, to: now + 3_600_000 };
  return (await store.query<Record<string, unknown>>({ name: 'test.rows', tenant, window, sql })).rows;
}
const post = (action: CardinalityAction, url: string, type: string, payload: string | Buffer) =>
  servers.get(action)?.app.inject({ method: 'POST', url, headers: { 'content-type': type }, payload });
const numbers = Array.from({ length: sent }, (_, n) => n);

/** One data point for each user; `histogram` too, so that points of other kinds stand between. */
const otlpBody = (metric: string) => ({
  resourceMetrics: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'api' } }] },
      scopeMetrics: [
        {
          scope: { name: 'lib', version: '2' },
          metrics: [
            {
              name: metric,
              unit: '1',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: numbers.map((n) => ({
                  timeUnixNano: `${now + n}000000`,
                  asInt: String(n),
                  attributes: [
                    { key: 'user', value: { stringValue: `u${n}` } },
                    { key: 'zone', value: { stringValue: 'eu' } },
                  ],
                })),
              },
            },
            {
              name: `${metric}_after`,
              gauge: { dataPoints: [{ timeUnixNano: `${now}000000`, asInt: '7' }] },
            },
          ],
        },
      ],
    },
  ],
});

function writeBody(metric: string): Buffer {
  const label = (key: string, text: string) =>
    field(0x0a, Buffer.concat([field(0x0a, Buffer.from(key)), field(0x12, Buffer.from(text))]));
  const varint = (value: number) => {
    const bytes: number[] = [];
    let rest = BigInt(value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const all = numbers.map((n) => {
    const sample = field(
      0x12,
      Buffer.concat([Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10]), varint(now + n)]),
    );
    const labels = [label('__name__', metric), label('job', 'api'), label('user', `u${n}`)];
    return field(0x0a, Buffer.concat([...labels, sample]));
  });
  return snappyLiteral(Buffer.concat(all));
}

const lokiBody = (app: string) =>
  JSON.stringify({
    streams: numbers.map((n) => ({
      stream: { app, user: `${app}${n}` },
      values: [[`${now}000000`, `line ${n}`]],
    })),
  });

describe.each(actions)('a label with too many values, action %s', (action) => {
  const beyond = sent - valuesMax;
  const lettersOf = (source: string) =>
    rows(action, `SELECT Reason FROM dead_letters WHERE Tenant = {tenant:String} AND Source = '${source}'`);

  it('of remote write: names metric and label, keeps every other series', async () => {
    const answer = await post(action, '/api/v1/write', 'application/x-protobuf', writeBody('rw_total'));
    if (action === 'drop_label') expect(answer?.statusCode).toBe(204);
    else {
      expect(answer?.statusCode).toBe(400);
      expect(answer?.body).toContain(
        'the metric "rw_total" has more than 3 values of the label "user" in this hour (limits.label_values_max); "u3" is one too many',
      );
    }
    const series = await rows(
      action,
      `SELECT DISTINCT SeriesId, Attributes['user'] AS user FROM metric_series FINAL WHERE Tenant = {tenant:String} AND MetricName = 'rw_total' ORDER BY user`,
    );
    const users = series.map(({ user }) => user);
    expect(users).toEqual(action === 'drop_label' ? ['', 'u0', 'u1', 'u2'] : ['u0', 'u1', 'u2']);
    const samples = await rows(
      action,
      `SELECT 1 FROM metric_samples WHERE Tenant = {tenant:String} AND MetricName = 'rw_total'`,
    );
    expect(samples).toHaveLength(action === 'drop_label' ? sent : valuesMax);
    expect(await lettersOf('prometheus/remote-write')).toHaveLength(action === 'dead_letter' ? beyond : 0);
  });

  it('of OTLP: names metric and label in partial_success, keeps every other point', async () => {
    const answer = await post(
      action,
      '/v1/metrics',
      'application/json',
      JSON.stringify(otlpBody('otlp.total')),
    );
    expect(answer?.statusCode).toBe(200);
    if (action === 'drop_label') expect(answer?.body).toBe('{}');
    else expect(answer?.body).toContain('of the label \\"user\\"');
    const series = await rows(
      action,
      `SELECT DISTINCT SeriesId, ServiceName, ScopeName, IsMonotonic, Attributes['user'] AS user, Attributes['zone'] AS zone FROM metric_series FINAL WHERE Tenant = {tenant:String} AND MetricName = 'otlp.total' ORDER BY user`,
    );
    expect(series.map(({ user }) => user)).toEqual(
      action === 'drop_label' ? ['', 'u0', 'u1', 'u2'] : ['u0', 'u1', 'u2'],
    );
    for (const one of series)
      expect(one).toMatchObject({ ServiceName: 'api', ScopeName: 'lib', IsMonotonic: 1, zone: 'eu' });
    const after = await rows(
      action,
      `SELECT ServiceName, ResourceAttributes['service.name'] AS own, ScopeVersion FROM metric_series FINAL WHERE Tenant = {tenant:String} AND MetricName = 'otlp.total_after'`,
    );
    expect(after).toEqual([{ ServiceName: 'api', own: 'api', ScopeVersion: '2' }]);
    expect(await lettersOf('otlp/metrics')).toHaveLength(action === 'dead_letter' ? beyond : 0);
  });

  it('of Loki streams: refused, or kept as attribute of the lines', async () => {
    const answer = await post(action, '/loki/api/v1/push', 'application/json', lokiBody('web'));
    expect(answer?.statusCode).toBe(action === 'drop_label' ? 204 : 400);
    if (action !== 'drop_label')
      expect(answer?.body).toContain('the stream has more than 3 values of the label "user"');
    const lines = await rows(
      action,
      `SELECT ResourceAttributes['user'] AS label, LogAttributes['user'] AS attribute FROM otel_logs WHERE Tenant = {tenant:String} ORDER BY Body`,
    );
    const kept = numbers.slice(0, valuesMax).map((n) => ({ label: `web${n}`, attribute: '' }));
    const moved = numbers.slice(valuesMax).map((n) => ({ label: '', attribute: `web${n}` }));
    expect(lines).toEqual(action === 'drop_label' ? [...kept, ...moved] : kept);
    expect(await lettersOf('loki/push')).toHaveLength(action === 'dead_letter' ? beyond : 0);
  });

  it('is judged alike when it comes again: known series pass, the others do not', async () => {
    const again = await post(action, '/api/v1/write', 'application/x-protobuf', writeBody('rw_total'));
    expect(again?.statusCode).toBe(action === 'drop_label' ? 204 : 400);
    if (action !== 'drop_label') expect(again?.body).toMatch(/^2 of 5 samples/);
    const series = await rows(
      action,
      `SELECT SeriesId, count() AS n FROM metric_samples WHERE Tenant = {tenant:String} AND MetricName = 'rw_total' GROUP BY SeriesId ORDER BY n`,
    );
    expect(series.map(({ n }) => Number(n))).toEqual(action === 'drop_label' ? [2, 2, 2, 4] : [2, 2, 2]);
    const points = await post(
      action,
      '/v1/metrics',
      'application/json',
      JSON.stringify(otlpBody('otlp.total')),
    );
    if (action === 'drop_label') expect(points?.body).toBe('{}');
    else expect(points?.body).toContain('2 of 6 records were not kept');
    const lines = await post(action, '/loki/api/v1/push', 'application/json', lokiBody('web'));
    expect(lines?.statusCode).toBe(action === 'drop_label' ? 204 : 400);
  });

  it('is told with its name by the guard', () => {
    const offenders = servers.get(action)?.guard.offenders() ?? [];
    expect(new Set(offenders.map(({ metric }) => metric))).toEqual(new Set(['rw_total', 'otlp.total', '']));
    expect(offenders.every(({ label, rule }) => label === 'user' && rule === 'label_values_max')).toBe(true);
  });
});
