import { join } from 'node:path';
import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IncidentQuestion, loadIndicators, readIncident } from '../../src/diagnose/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { diagnoseRoutes } from '../../src/serve/diagnose.ts';
import { openTestStore, type TestStore } from '../scenario/store.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 2, 3, 12, 0, 0);
const tenant = 'incident-store';
/** Somebody says "some time after noon": it began a quarter of an hour later. */
const question: IncidentQuestion = {
  tenant,
  at: noon + 15 * minute,
  window: { from: noon, to: noon + 30 * minute },
  baseline: { from: noon - 30 * minute, to: noon },
  symptom: null,
};

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  const time = (ms: number) => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  const span = (service: string, at: number, n: number) => ({
    Tenant: tenant,
    Timestamp: time(at),
    TraceId: n.toString(16).padStart(32, '0'),
    SpanId: n.toString(16).padStart(16, '0'),
    SpanName: 'GET /',
    SpanKind: 'Server',
    ServiceName: service,
    Duration: 1_000_000,
    StatusCode: 'Unset',
  });
  let n = 0;
  const spans: Record<string, unknown>[] = [];
  for (let at = noon - 30 * minute; at < noon + 30 * minute; at += 2_000) spans.push(span('busy', at, ++n));
  // A collector that keeps traces of failures only.
  for (let at = noon + 16 * minute; at < noon + 20 * minute; at += 20_000)
    spans.push(span('sampled', at, ++n));
  await store.insert('otel_traces', spans);
  await store.insert(
    'otel_logs',
    [-29, -1, 2, 17, 29].map((at, index) => ({
      Tenant: tenant,
      Timestamp: time(noon + at * minute),
      ServiceName: 'busy',
      SeverityText: 'INFO',
      Body: `at ${at}`,
      EventId: index + 1,
    })),
  );
});
afterAll(() => store.close());

it('reads records and traces of the whole window and baseline, wherever in them it began', async () => {
  const { logs, spans } = await readIncident({ store, edges: async () => [] }, question);
  expect(logs.map((row) => row.body).toSorted()).toEqual(['at -1', 'at -29', 'at 17', 'at 2', 'at 29']);
  expect(spans.filter((row) => row.service === 'sampled')).toHaveLength(12);
  expect(spans.filter((row) => row.service === 'busy')).toHaveLength(1_800);
});

it('makes no load of a service out of a few kept traces', async () => {
  const { series } = await readIncident({ store, edges: async () => [] }, question);
  const services = series.filter((one) => one.metric === 'request_rate').map((one) => one.service);
  expect(services).toEqual(['busy']);
});

it('counts a span and a line of it once though they were sent twice', async () => {
  const at = new Date(noon + 18 * minute).toISOString().replace('T', ' ').replace('Z', '');
  const twice = {
    Tenant: tenant,
    Timestamp: at,
    TraceId: 'ab'.repeat(16),
    SpanId: 'cd'.repeat(8),
    ServiceName: 'twice',
  };
  const span = { ...twice, SpanName: 'POST /', SpanKind: 'Server', Duration: 1_000_000, StatusCode: 'Unset' };
  await store.insert('otel_traces', [span, span]);
  const log = { ...twice, SeverityText: 'INFO', Body: 'said once' };
  await store.insert('otel_logs', [
    { ...log, EventId: 90 },
    { ...log, EventId: 91 },
  ]);
  const { logs, spans, caveats } = await readIncident({ store, edges: async () => [] }, question);
  expect(spans.filter((row) => row.service === 'twice')).toHaveLength(1);
  expect(logs.filter((row) => row.service === 'twice')).toHaveLength(1);
  expect(caveats.map((one) => one.code).toSorted()).toEqual([
    'caveat.repeated_logs',
    'caveat.repeated_spans',
  ]);
});

describe('what broke, asked over HTTP', () => {
  const other = 'slow-growth';
  const began = noon - 80 * minute;
  const app = Fastify();

  beforeAll(async () => {
    const time = (ms: number) => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
    const series = ['search', 'front', 'mail'].map((service, index) => ({
      Tenant: other,
      SeriesId: String(index + 1),
      MetricName: 'http_latency_p99_ms',
      MetricType: 'Gauge',
      ServiceName: service,
    }));
    await store.insert('metric_series', series);
    const samples: Record<string, unknown>[] = [];
    for (let at = noon - 180 * minute; at < noon + 10 * minute; at += minute) {
      const grown = Math.max(0, (at - began) / minute) * 8;
      const wobble = (at / minute) % 5;
      for (const [index, value] of [45 + wobble + grown, 90 + wobble + grown, 30 + wobble].entries())
        samples.push({
          Tenant: other,
          SeriesId: String(index + 1),
          MetricName: 'http_latency_p99_ms',
          ServiceName: series[index]?.ServiceName,
          Timestamp: time(at),
          Value: value,
        });
    }
    await store.insert('metric_samples', samples);
    const commit = {
      Tenant: other,
      Kind: 'commit',
      ServiceName: 'search',
      Actor: 'eve',
      Title: 'order results by score',
    };
    await store.insert('change_events', [
      {
        ...commit,
        Id: 'guilty',
        Timestamp: time(began - 10 * minute),
        Labels: { diff: '- LIMIT 50\n+ ORDER BY score' },
      },
    ]);
    const edges = async () => [{ src: 'front', dst: 'search', relation: 'CALLS' }];
    const clock = { ...systemClock, now: () => noon + 20 * minute };
    const indicators = loadIndicators([join(import.meta.dirname, '../../catalog')]);
    app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler);
    await app.register(diagnoseRoutes({ detail: store, clock, tenantOf: () => other, edges, indicators }));
  });
  afterAll(() => app.close());
  const ask = async (payload: object) => {
    const answer = await app.inject({ method: 'POST', url: '/diagnose', payload });
    return { status: answer.statusCode, body: answer.json() };
  };

  it('finds the begin of what was noticed long after it', async () => {
    const { status, body } = await ask({ at: noon, service: 'front', metric: 'latency' });
    expect(status).toBe(200);
    expect(body.verdict).toBe('root_cause');
    expect(body.causes[0].resource).toBe('search');
    expect(Math.abs(Date.parse(body.onset) - began)).toBeLessThan(15 * minute);
    expect(body.changes[0].id).toBe('guilty');
  });

  it.each<[object, RegExp]>([
    [{ from: noon, to: noon }, /from, to/],
    [{ at: noon, to: noon - 60 * minute }, /at, to/],
    [{ from: noon - 7 * 60 * minute, to: noon }, /420 minutes are asked for; at most 360/],
    [{ at: noon, baseline: { from: noon, to: noon - minute } }, /baseline/],
  ])('%j is refused with the field', async (payload, reason) => {
    const { status, body } = await ask(payload);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(body)).toMatch(reason);
  });
});
