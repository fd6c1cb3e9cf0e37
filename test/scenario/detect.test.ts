import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDetection, type Detection, listSignals, loadObjectives } from '../../src/detect/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, newUuid } from '../../src/lib/index.ts';
import { Generator } from './generate.ts';
import { parseScenario } from './script.ts';
import { openTestStore, type TestStore } from './store.ts';

const start = Date.UTC(2026, 2, 4, 10, 0, 0);
let store: TestStore;
let ledger: Ledger;
beforeAll(async () => {
  store = await openTestStore();
  ledger = await openTestLedger();
});
afterAll(async () => {
  await store.close();
  await ledger.close();
});

const topology = (rps: number, warmS: number, fault: string) =>
  parseScenario(`
    entry front rps=${rps}
    warm ${warmS}
    service front own=3ms
    service back own=12ms
    call front -> back
    fault ${fault}
  `);

interface Run {
  detection: Detection;
  cases: string[];
  signals: { fingerprint: string; atS: number }[];
  onset: number;
  cpuMs: number[];
}

async function run(
  tenant: string,
  rps: number,
  warmS: number,
  fault: string,
  forS: number,
  seed = 3,
): Promise<Run> {
  const scenario = { ...topology(rps, warmS, fault), faultS: forS };
  const telemetry = new Generator(scenario, { tenant, start, seed }).run();
  for (const [table, rows] of Object.entries(telemetry)) await store.insert(table, rows);
  const onset = start + warmS * 1000;
  let now = onset - 60_000 + 3_200;
  const clock: Clock = { now: () => now, monotonic: () => performance.now(), sleep: async () => {} };
  const cases: string[] = [];
  const detection = createDetection({
    store,
    ledger,
    clock,
    log: createLogger({ level: 'silent' }),
    newId: newUuid,
    tenant,
    config: { enabled: true, intervalMs: 5_000, baselineS: 1_800 },
    rules: await loadObjectives([join(import.meta.dirname, '../../catalog')]),
    cases: {
      openIncident: async ({ title }) => {
        cases.push(title);
        return { caseId: `c${cases.length}`, opened: true };
      },
      attachSignals: async () => {},
      signalsEnded: async () => {},
      caseStatus: async () => 'ANALYZING',
    },
  });
  await detection.live.backfill();
  const seen = new Map<string, number>();
  const cpuMs: number[] = [];
  for (; now <= onset + forS * 1000; now += 5_000) {
    const before = process.cpuUsage();
    await detection.tick();
    const used = process.cpuUsage(before);
    cpuMs.push((used.user + used.system) / 1000);
    for (const signal of detection.activeSignals(tenant)) {
      if (!seen.has(signal.fingerprint)) seen.set(signal.fingerprint, (now - onset) / 1000);
    }
  }
  return {
    detection,
    cases,
    onset,
    cpuMs,
    signals: [...seen].map(([fingerprint, atS]) => ({ fingerprint, atS })),
  };
}

describe('detection', () => {
  it.each([2, 12])(
    'raises no alarm in 30 minutes of ordinary noise at %d requests/s',
    {
      timeout: 240_000,
    },
    async (rps) => {
      const result = await run(`quiet-${rps}`, rps, 120, 'none', 1_800, 11 + rps);
      expect(result.signals).toEqual([]);
      expect(result.cases).toEqual([]);
    },
  );

  it.each([
    ['a fifth of the requests fail', 'errors service=back ratio=0.2'],
    ['every request fails', 'errors service=back ratio=1'],
    ['a service is ten times slower', 'slow service=back factor=10'],
    ['a service is refused', 'down service=back'],
    ['a log storm', 'storm service=back rate=120'],
  ])('notices within 20 s at 10 requests/s that %s, and opens one case', async (name, fault) => {
    const tenant = name.replaceAll(' ', '-');
    const result = await run(tenant, 10, 180, fault, 60);
    const first = Math.min(...result.signals.map((signal) => signal.atS));
    expect(first, JSON.stringify(result.signals)).toBeLessThanOrEqual(20);
    expect(first).toBeGreaterThan(0);
    expect(result.cases).toHaveLength(1);
    const rows = await listSignals(ledger, tenant, 0, start * 2, 100);
    expect(rows.map((row) => row.fingerprints.signal).sort()).toEqual(
      result.signals.map((signal) => signal.fingerprint).sort(),
    );
    expect(rows.every((row) => Array.isArray(row.evidence) && row.evidence.length === 1)).toBe(true);
  });

  it('a broken objective does not hold during the fault, against the normal from before it', async () => {
    const result = await run('frozen', 10, 180, 'slow service=back factor=20', 120);
    const reading = await result.detection.readObjective('frozen', 'back.latency_p95', 30);
    expect(reading.holds).toBe(false);
    expect(reading.target).toBeLessThan(120);
    expect((await result.detection.readObjective('frozen', 'front.availability', 60)).holds).toBe(true);
    expect((await result.detection.readObjective('frozen', 'nobody.availability', 60)).holds).toBe(false);
    expect((await result.detection.readObjective('other', 'back.latency_p95', 30)).holds).toBe(false);
  });
});
