import { afterAll, beforeAll, expect, it } from 'vitest';
import { type IncidentQuestion, readIncident } from '../../src/diagnose/index.ts';
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
