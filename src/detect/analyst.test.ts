import { expect, it } from 'vitest';
import type { CaseState, Signal } from '../model/index.ts';
import { Analyst, type IncidentToOpen } from './analyst.ts';

const signal = (service: string, since: number, indicator: Signal['indicator'] = 'availability'): Signal => ({
  fingerprint: `slo_violation:${service}:${indicator}`,
  kind: 'slo_violation',
  tenant: 't',
  resource: `urn:svc:${service}`,
  service,
  indicator,
  severity: 'ERROR',
  title: `${service} fails`,
  summary: '',
  since,
  detectedAt: since,
  value: 0,
  baseline: 0,
  objectiveId: `${service}.${indicator}`,
});

function setUp(connected: (a: string, b: string) => boolean = () => true) {
  const opened: IncidentToOpen[] = [];
  const attached: string[] = [];
  const state: { status: CaseState } = { status: 'ANALYZING' };
  const analyst = new Analyst({
    tenant: 't',
    connected,
    callersAmong: (service) => (service === 'web' ? 0 : 1),
    openIncident: async (incident) => {
      opened.push(incident);
      return { caseId: `c${opened.length}`, opened: true };
    },
    signalsEnded: async () => {},
    attachSignals: async ({ signals }) => {
      attached.push(...signals.map((each) => each.fingerprint));
    },
    caseStatus: async () => state.status,
  });
  const active = (...signals: Signal[]) => signals.map((each) => ({ signal: each, supporting: false }));
  return { analyst, opened, attached, state, active };
}

it('many signals of connected services open one case, headed by the service nearest to the users', async () => {
  const { analyst, opened, attached, active } = setUp();
  await analyst.step(0, active(signal('db-api', 0)));
  expect(opened).toHaveLength(0);
  await analyst.step(5_000, active(signal('db-api', 0), signal('web', 1)));
  await analyst.step(10_000, active(signal('db-api', 0), signal('web', 1)));
  expect(opened).toHaveLength(1);
  expect(opened[0]?.service).toBe('web');
  expect(opened[0]?.signals).toHaveLength(2);
  await analyst.step(15_000, active(signal('db-api', 0), signal('web', 1), signal('web', 2, 'latency_p95')));
  expect(opened).toHaveLength(1);
  expect(attached).toEqual(['slo_violation:web:latency_p95']);
});

it('services that do not call each other make two incidents', async () => {
  const { analyst, opened, active } = setUp(() => false);
  const both = active(signal('a', 0), signal('b', 0));
  for (const at of [0, 5_000, 10_000]) await analyst.step(at, both);
  expect(opened).toHaveLength(2);
});

it('the tail of a repaired fault opens no second case, a new fault later does', async () => {
  const { analyst, opened, state, active } = setUp();
  const fault = active(signal('web', 0));
  for (const at of [0, 5_000, 10_000]) await analyst.step(at, fault);
  state.status = 'CLOSED';
  await analyst.step(100_000, fault);
  expect(analyst.open()).toHaveLength(0);
  for (let at = 105_000; at < 155_000; at += 5_000) await analyst.step(at, fault);
  expect(opened).toHaveLength(1);
  for (let at = 400_000; at < 420_000; at += 5_000) await analyst.step(at, active(signal('web', 400_000)));
  expect(opened).toHaveLength(2);
});

it('a parked case keeps its incident while the signals fire', async () => {
  const { analyst, opened, state, active } = setUp();
  const fault = active(signal('web', 0));
  state.status = 'PARKED';
  for (let at = 0; at < 600_000; at += 5_000) await analyst.step(at, fault);
  expect(opened).toHaveLength(1);
  for (let at = 600_000; at < 640_000; at += 5_000) await analyst.step(at, []);
  expect(analyst.open()).toHaveLength(0);
});

it('a signal that only supports opens nothing on its own', async () => {
  const { analyst, opened } = setUp();
  for (const at of [0, 5_000, 10_000, 15_000]) {
    await analyst.step(at, [{ signal: signal('web', 0, 'throughput'), supporting: true }]);
  }
  expect(opened).toHaveLength(0);
});
