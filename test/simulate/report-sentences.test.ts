/**
 * Ten made-up incidents chosen at random: every sentence of their reports is followed to its rows and counted again, and
 * said in Chinese without an English word. Another choice: CLEW_TEST_SEED.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { faultKinds } from '../../bench/diagnosis/faults.ts';
import { gaps, makeBundle } from '../../bench/diagnosis/generate.ts';
import {
  answerIn,
  builtInIndicators,
  type FullAnswer,
  fullDiagnosis,
  htmlOf,
  readBundle,
  rowsOfReference,
  textOf,
} from '../../src/diagnose/bundle/index.ts';
import type { Incident } from '../../src/diagnose/incident.ts';
import { seeded } from '../../src/lib/index.ts';
import { fillTemplate, sentences } from '../../src/model/index.ts';
import { latinWords, readOf, withoutNames } from '../support/chinese.ts';
import { testSeed } from '../support/seed.ts';
import { Tracer } from '../support/trace-report.ts';

const chosen = 10;
const indicators = builtInIndicators();
const root = mkdtempSync(join(tmpdir(), 'clew-sentences-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Kinds without repetition, each with a gap of its own. */
function choice(seed: number): { name: string; dir: string; kind: string }[] {
  const random = seeded(seed);
  const kinds = faultKinds
    .map((kind) => ({ kind, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, chosen);
  return kinds.map(({ kind }, i) => {
    const gap = gaps[Math.floor(random() * gaps.length)] ?? 'none';
    const name = `${kind}-${gap}`;
    const dir = join(root, `${i}-${name}`);
    makeBundle(dir, kind, gap, seeded(seed * 1_000 + i));
    return { name, dir, kind };
  });
}

const bundles = choice(testSeed);
const traced = (dir: string, incident: Incident, answer: FullAnswer) =>
  new Tracer((ref) => rowsOfReference(dir, ref), incident, answer, indicators).trace();

it.each(bundles)(
  'every sentence of $name is what its rows say',
  async ({ name, dir }) => {
    const incident = await readBundle(dir);
    const diagnosis = fullDiagnosis(incident, indicators);
    const { problems, sentences, rows } = await traced(dir, incident, diagnosis.answer);
    expect({ seed: testSeed, name, problems }).toEqual({ seed: testSeed, name, problems: [] });
    expect(sentences).toBeGreaterThan(20);
    expect(rows).toBeGreaterThan(0);
    const chinese = answerIn('zh', diagnosis.answer);
    for (const text of [textOf(diagnosis.answer, 'zh'), readOf(htmlOf(incident, diagnosis, 'zh'))])
      expect({ seed: testSeed, name, latin: latinWords(withoutNames(text, chinese)) }).toMatchObject({
        latin: [],
      });
    expect(answerIn('en', diagnosis.answer)).toEqual(diagnosis.answer);
  },
  180_000,
);

/** The smallest bundle in which a cause is named. */
async function smallest() {
  const [found] = bundles.filter(({ kind }) => kind !== 'none').sort((a, b) => sizeOf(a.dir) - sizeOf(b.dir));
  if (found === undefined) throw new Error('no bundle');
  const { name, dir } = found;
  const incident = await readBundle(dir);
  const { answer } = fullDiagnosis(incident, indicators);
  return {
    name,
    tracer: (lie: FullAnswer) => new Tracer((ref) => rowsOfReference(dir, ref), incident, lie, indicators),
    answer,
  };
}
const sizeOf = (dir: string): number =>
  readdirSync(dir).reduce((sum, file) => sum + statSync(join(dir, file)).size, 0);

it('a number that the rows do not say is caught, in whichever sentence it stands', async () => {
  const { name, tracer, answer } = await smallest();
  const one = tracer(answer);
  let falsified = 0;
  for (const cause of answer.causes)
    for (const [i, said] of cause.said.entries()) {
      expect(await one.problemsOf(cause.reasons[i] ?? '', said, said.evidence)).toEqual([]);
      for (const value of ['now', 'before', 'count', 'total', 'rate', 'lead']) {
        const given = said.params[value];
        if (given === undefined) continue;
        const wrong = String(given).replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
        const params = { ...said.params, [value]: wrong };
        const text = fillTemplate(sentences[said.code], params) ?? '';
        const caught = await one.problemsOf(text, { ...said, params }, said.evidence);
        expect({ seed: testSeed, name, text, value, caught: caught.length > 0 }).toMatchObject({
          caught: true,
        });
        falsified++;
      }
    }
  expect(falsified).toBeGreaterThan(0);
}, 120_000);

it('a sentence without rows, and a layer that counts wrongly, are caught', async () => {
  const { tracer, answer } = await smallest();
  const [reason = ''] = answer.causes[0]?.reasons ?? [];
  const [said] = answer.causes[0]?.said ?? [];
  if (said === undefined) throw new Error('no cause is named');
  expect((await tracer(answer).problemsOf(reason, said, [])).join('\n')).toContain('has no evidence');
  const miscounted = structuredClone(answer);
  for (const layer of miscounted.layers) layer.quiet.push('something_else');
  expect((await tracer(miscounted).trace()).problems.join('\n')).toMatch(/looked is \d+/);
}, 60_000);

it.each([
  ['none', 'inconclusive'],
  ['traffic_surge', 'external'],
  ['provider_outage', 'external'],
] as const)(
  '%s is answered as %s',
  async (kind, verdict) => {
    for (const seed of [11, 23, 47]) {
      const dir = join(root, `${kind}-${seed}`);
      makeBundle(dir, kind, 'none', seeded(seed));
      const { answer } = fullDiagnosis(await readBundle(dir), indicators);
      expect({
        seed,
        verdict: answer.verdict,
        causes: verdict === 'inconclusive' ? [] : answer.causes,
      }).toMatchObject({
        seed,
        verdict,
      });
    }
  },
  180_000,
);
