import { type Bus, createBus } from '../../src/bus/index.ts';
import { type CaseDeps, type Cases, createCases } from '../../src/cases/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import type { Cause, Signal, Verdict } from '../../src/model/index.ts';
import { createRemedy, type Remedy, type RemedyDeps } from '../../src/remedy/index.ts';

export const log = createLogger({ level: 'silent' });

export interface World {
  ledger: Ledger;
  bus: Bus;
  cases: Cases;
  remedy: Remedy;
  start(): Promise<void>;
  stop(): Promise<void>;
}

type WorldOptions = Partial<Omit<RemedyDeps, 'ledger' | 'bus' | 'cases' | 'log'>> &
  Partial<Pick<CaseDeps, 'automatic' | 'diagnose' | 'evidenceRows'>>;

/** The rooms of the loop on a real ledger, wired as the program wires them. */
export function worldOn(ledger: Ledger, options: WorldOptions = {}): World {
  const clock: Clock = options.clock ?? systemClock;
  const bus = createBus({ ledger, clock, log, limits: { pollMs: 100, backoffMs: 20 } });
  const cases = createCases({
    ledger,
    clock,
    log,
    bus,
    automatic: options.automatic ?? true,
    diagnose: options.diagnose ?? (async () => verdict()),
    evidenceRows: options.evidenceRows ?? (async () => []),
  });
  const remedy = createRemedy({
    limits: { scriptAllow: [], httpAllow: [], scriptOutputBytesMax: 4_096 },
    verifyWindowS: 1,
    catalogDirs: [],
    readObjective: async (_tenant, objectiveId, windowS) => ({
      objectiveId,
      holds: true,
      value: 1,
      target: 0.999,
      windowS,
      samples: 100,
    }),
    verifyPollMs: 50,
    ...options,
    ledger,
    clock,
    log,
    bus,
    cases,
  });
  return {
    ledger,
    bus,
    cases,
    remedy,
    start: async () => {
      await bus.start();
      await cases.start();
      await remedy.start();
    },
    stop: async () => {
      await bus.stop();
      await cases.stop();
      await remedy.stop();
    },
  };
}

export function signal(over: Partial<Signal> = {}): Signal {
  const service = over.service ?? 'payments';
  return {
    fingerprint: `slo_violation:${service}:availability`,
    kind: 'slo_violation',
    tenant: 'default',
    resource: `urn:svc:${service}`,
    service,
    indicator: 'availability',
    severity: 'ERROR',
    title: `${service} availability 61 %`,
    summary: 'availability 61 % (objective 99.9 %)',
    since: 1_700_000_000_000,
    detectedAt: 1_700_000_010_000,
    value: 0.61,
    baseline: 0.999,
    objectiveId: `${service}.availability`,
    ...over,
  };
}

export function cause(over: Partial<Cause> = {}): Cause {
  return {
    resource: 'urn:svc:payments',
    service: 'payments',
    kind: 'bad_release',
    layer: 'application',
    score: 0.9,
    reasons: [{ text: 'errors began with release 2.4.0', evidence: ['e1'] }],
    change: null,
    facts: { version: '2.4.0', previous_version: '2.3.9' },
    explains: ['slo_violation:payments:availability'],
    ...over,
  };
}

export function verdict(over: Partial<Verdict> = {}): Verdict {
  const window = { from: 1_700_000_000_000, to: 1_700_000_060_000 };
  return {
    verdict: 'root_cause',
    at: 1_700_000_060_000,
    window,
    baseline: { from: 1_699_998_000_000, to: 1_700_000_000_000 },
    scope: {
      since: window.from,
      services: ['payments', 'checkout'],
      operations: ['POST /charge'],
      affectedRequests: 39,
      totalRequests: 100,
      only: null,
      summary: '39 of 100 requests failed since 22:13:20',
    },
    causes: [cause()],
    checks: [],
    evidence: [
      {
        ref: 'e1',
        dim: 'trace',
        note: 'charge fails with 500',
        resource: 'urn:svc:payments',
        filter: { dataset: 'otel_traces', window, equals: { ServiceName: 'payments' }, only: 'errors' },
        rows: [{ TraceId: 'a'.repeat(32), SpanName: 'POST /charge', StatusMessage: 'nul \u0000 inside' }],
      },
      {
        ref: 'e2',
        dim: 'log',
        note: 'a new error pattern',
        resource: 'urn:svc:payments',
        filter: { dataset: 'otel_logs', window, equals: { ServiceName: 'payments' }, only: 'errors' },
        rows: [],
      },
    ],
    changes: [],
    graph: { nodes: [], edges: [] },
    ...over,
  };
}
