/**
 * Ten made-up incidents chosen at random: every sentence of their reports is followed to its rows and counted again, and
 * said in Chinese without an English word. Another choice: CLEW_TEST_SEED.
 */
import { mkdtempSync, rmSync } from 'node:fs';
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
  textOf,
} from '../../src/diagnose/bundle/index.ts';
import type { Incident } from '../../src/diagnose/incident.ts';
import { seeded } from '../../src/lib/index.ts';
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
  new Tracer(dir, incident, answer, indicators).trace();

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

it('a number that the rows do not say is caught, in whichever sentence it stands', async () => {
  const found = bundles.find(({ kind }) => !['none', 'traffic_surge'].includes(kind)) ?? bundles[0];
  if (found === undefined) throw new Error('no bundle');
  const incident = await readBundle(found.dir);
  const { answer } = fullDiagnosis(incident, indicators);
  let falsified = 0;
  for (const [c, cause] of answer.causes.entries())
    for (const [s, said] of cause.said.entries())
      for (const name of ['now', 'before', 'count', 'total', 'rate', 'lead']) {
        const given = said.params[name];
        if (given === undefined) continue;
        const text = cause.reasons[s] ?? '';
        const wrong = String(given).replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
        const params = { ...said.params, [name]: wrong };
        const lie = structuredClone(answer);
        const one = lie.causes[c];
        if (one?.said[s] === undefined) continue;
        one.said[s].params = params;
        one.reasons[s] = text;
        const { problems } = await traced(found.dir, incident, lie);
        expect({
          seed: testSeed,
          name: found.name,
          text,
          params: name,
          wrong,
          caught: problems.length > 0,
        }).toMatchObject({
          caught: true,
        });
        falsified++;
        if (falsified >= 12) return;
      }
  expect(falsified).toBeGreaterThan(0);
}, 180_000);

it('a sentence without rows and a layer that counts wrongly are caught', async () => {
  const found = bundles.find(({ kind }) => kind !== 'none') ?? bundles[0];
  if (found === undefined) throw new Error('no bundle');
  const incident = await readBundle(found.dir);
  const { answer } = fullDiagnosis(incident, indicators);
  const bare = structuredClone(answer);
  for (const cause of bare.causes) for (const said of cause.said) said.evidence = [];
  expect((await traced(found.dir, incident, bare)).problems.join('\n')).toContain('has no evidence');
  const miscounted = structuredClone(answer);
  for (const layer of miscounted.layers) layer.quiet.push('something_else');
  expect((await traced(found.dir, incident, miscounted)).problems.join('\n')).toMatch(/looked is \d+/);
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
