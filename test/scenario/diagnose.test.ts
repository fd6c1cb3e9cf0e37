import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDetection, loadObjectives } from '../../src/detect/index.ts';
import {
  type Answer,
  createDiagnosis,
  fullDiagnosis,
  loadIndicators,
  readIncident,
} from '../../src/diagnose/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, newUuid, systemClock } from '../../src/lib/index.ts';
import { fillTemplate, type Said, type Signal, sentences, type Verdict } from '../../src/model/index.ts';
import { readRows } from '../../src/query/index.ts';
import { Generator } from './generate.ts';
import { parseScenario, type Scenario } from './script.ts';
import { openTestStore, type TestStore } from './store.ts';

const start = Date.UTC(2026, 2, 3, 10, 0, 0);
const folder = join(import.meta.dirname, 'diagnose');
const log = createLogger({ level: 'silent' });
const indicators = loadIndicators([join(import.meta.dirname, '../../catalog')]);

/** Time moves only when the test says so. */
class SteppedClock implements Clock {
  at = start;
  now(): number {
    return this.at;
  }
  monotonic(): number {
    return performance.now();
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

interface Played {
  detectedS: number | null;
  cases: { title: string; service: string; signals: Signal[]; openedS: number }[];
  verdict: Verdict;
  /** The same signals, the beginning so many milliseconds later. */
  again: (laterMs: number) => Promise<Verdict>;
}

/** Names of the queries that the last diagnosis asked. */
const asked: string[] = [];
const counted = (real: TestStore): TestStore =>
  Object.create(real, {
    query: {
      value: (query: Parameters<TestStore['query']>[0]) => {
        asked.push(query.name);
        return real.query(query);
      },
    },
  });

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

/** Plays the scenario tick by tick as detection would live it, then diagnoses. */
async function play(scenario: Scenario, tenant: string): Promise<Played> {
  const telemetry = new Generator(scenario, { tenant, start, seed: 7 }).run();
  for (const [table, rows] of Object.entries(telemetry)) await store.insert(table, rows);
  const clock = new SteppedClock();
  const onset = start + scenario.warmS * 1000;
  const cases: Played['cases'] = [];
  const detection = createDetection({
    store,
    ledger,
    clock,
    log,
    newId: newUuid,
    tenant,
    config: { enabled: true, intervalMs: 5_000, baselineS: 1_800 },
    rules: await loadObjectives([join(import.meta.dirname, '../../catalog')]),
    cases: {
      openIncident: async (incident) => {
        cases.push({ ...incident, openedS: (clock.at - onset) / 1000 });
        return { caseId: `c${cases.length}`, opened: true };
      },
      signalsEnded: async () => {},
      attachSignals: async ({ signals }) => {
        cases[0]?.signals.push(...signals);
      },
      caseStatus: async () => 'ANALYZING',
    },
  });
  clock.at = onset - 20_000 + 3_200;
  await detection.live.backfill();
  let detectedS: number | null = null;
  for (; clock.at <= onset + scenario.faultS * 1000; clock.at += 5_000) {
    await detection.tick();
    if (detectedS === null && detection.activeSignals(tenant).length > 0)
      detectedS = (clock.at - onset) / 1000;
    if (cases.length > 0 && clock.at - onset > 30_000 + (cases[0]?.openedS ?? 0)) break;
  }
  const diagnosis = createDiagnosis({
    store: counted(store),
    liveOf: () => detection.live,
    clock,
    baselineS: 1_800,
    indicators,
  });
  const signals = cases[0]?.signals ?? [];
  const since = Math.min(onset + scenario.faultS * 500, ...signals.map((signal) => signal.since));
  asked.length = 0;
  const verdict = await diagnosis.diagnose(tenant, { signals, since });
  const again = (laterMs: number) => diagnosis.diagnose(tenant, { signals, since: since + laterMs });
  return { detectedS, cases, verdict, again };
}

/** A verdict in a few lines, for the message of a failing test. */
const told = (played: Played): string =>
  [
    `detected ${played.detectedS} s; cases ${played.cases.map((c) => `${c.title} @${c.openedS}`).join(' | ')}; signals ${played.cases.flatMap((c) => c.signals.map((s) => s.fingerprint)).join(' ')}`,
    played.verdict.verdict,
    ...played.verdict.causes.map(
      (c) =>
        `${c.score} ${c.resource} ${c.kind} change=${c.change?.id ?? '-'} ${c.reasons.map((r) => r.text).join(' / ')}`,
    ),
    ...played.verdict.checks.map((c) => `  ${c.status} ${c.check}: ${c.summary}`),
  ].join('\n');

const toldShort = ({ verdict, causes }: Answer): string =>
  [
    verdict,
    ...causes.flatMap((c) => [`${c.score} ${c.resource} ${c.kind} ${c.change ?? '-'}`, ...c.reasons]),
  ].join('\n');

describe('diagnosis of scenarios', () => {
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()) {
    const scenario = parseScenario(readFileSync(join(folder, file), 'utf8'));
    it(`${scenario.name} (${file})`, async () => {
      const tenant = file.replace(/\.txt$/, '');
      const played = await play(scenario, tenant);
      const message = told(played);
      const asked = scenario.expect.some(({ kind }) => kind.startsWith('stored'));
      const answer = asked ? await stored(tenant, played) : null;
      for (const { kind, options } of scenario.expect) {
        const first = played.verdict.causes[0];
        if (kind === 'verdict') expect(played.verdict.verdict, message).toBe(options.value);
        else if (kind === 'cause')
          expect([first?.resource, first?.kind], message).toEqual([options.value, options.more]);
        else if (kind === 'change') expect(first?.change?.title ?? 'none', message).toBe(options.value);
        else if (kind === 'stored' && answer) {
          expect([answer.verdict, answer.causes[0]?.resource], toldShort(answer)).toEqual([
            options.value,
            options.more,
          ]);
        } else if (kind === 'stored_kind' && answer) {
          expect(answer.causes[0]?.kind, toldShort(answer)).toBe(options.value);
        } else if (kind === 'check')
          expect(played.verdict.checks.find((c) => c.check === options.value)?.status, message).toBe(
            options.more,
          );
        else if (kind === 'fact')
          expect(first?.facts, message).toMatchObject({ [options.value ?? '']: options.more });
        else if (kind === 'signals') expect(played.cases.length, message).toBe(Number(options.value));
        else if (kind === 'only')
          expect(played.verdict.scope.only, message).toEqual({ key: options.value, value: options.more });
        else if (kind === 'detected')
          expect(played.detectedS ?? 999, message).toBeLessThanOrEqual(Number(options.value));
        else throw new Error(`${file}: unknown expectation ${kind}`);
      }
      expectSaid(played);
      if (played.verdict.verdict === 'inconclusive') return;
      await expectEvidence(tenant, played.verdict, message);
    });
  }
});

it('incidents of a flock are read once, and each gets its own verdict', async () => {
  const file = 'bad-release.txt';
  const played = await play(parseScenario(readFileSync(join(folder, file), 'utf8')), 'flock');
  const samples = (): number => asked.filter((name) => name === 'diagnose.incident_traces').length;
  expect(samples()).toBe(2);
  expect(await played.again(0)).toEqual(played.verdict);
  // Another service felt it two buckets later.
  expect(await played.again(10_000)).toEqual(played.verdict);
  expect(samples()).toBe(2);
  await played.again(60_000);
  expect(samples()).toBe(4);
});

/** The same incident by the engine of files, from what the stores hold. */
async function stored(tenant: string, { verdict, cases }: Played) {
  const signal = cases[0]?.signals[0];
  const symptom =
    signal === undefined ? null : { service: signal.service, metric: signal.indicator, stat: '' };
  const { window, baseline, scope } = verdict;
  const question = { tenant, at: scope.since, window, baseline, symptom };
  return fullDiagnosis(await readIncident({ store, edges: async () => [] }, question), []).answer;
}

/** Every sentence carries the code and the values that it was made of. */
function expectSaid({ verdict, cases }: Played): void {
  const said = (text: string, { code, params }: Partial<Said>) =>
    expect({ code, text: code && params && fillTemplate(sentences[code], params) }).toEqual({ code, text });
  said(verdict.scope.summary, verdict.scope);
  for (const check of verdict.checks) said(check.summary, check);
  for (const evidence of verdict.evidence) said(evidence.note, evidence);
  for (const change of verdict.changes) said(change.considered, change);
  for (const reason of verdict.causes.flatMap((cause) => cause.reasons)) said(reason.text, reason);
  for (const signal of cases.flatMap((each) => each.signals)) said(signal.title, signal);
}

/** Every reason's evidence names rows, and its filter finds them again. */
async function expectEvidence(tenant: string, verdict: Verdict, message: string): Promise<void> {
  const cited = new Set(verdict.causes[0]?.reasons.flatMap((reason) => reason.evidence));
  expect(cited.size, message).toBeGreaterThan(0);
  const shown = new Set([...cited, ...verdict.checks.flatMap((check) => check.evidence)]);
  for (const evidence of verdict.evidence.filter((each) => shown.has(each.ref))) {
    expect(evidence.filter, `${evidence.ref} ${evidence.note}`).not.toBeNull();
    if (evidence.filter === null) continue;
    const { rows } = await readRows(store, tenant, evidence.filter, 5);
    expect(
      rows.length,
      `${evidence.ref} ${evidence.note} ${JSON.stringify(evidence.filter)}`,
    ).toBeGreaterThan(0);
  }
}
