import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { poissonTail } from './evaluate.ts';
import { loadObjectives, parseObjectives, ruleFor } from './objectives.ts';

const one = (lines: string) => `objectives:\n  - service: a\n    indicator: availability\n${lines}`;
const burn = '    burn: [{ long_s: 60, short_s: 15, rate: 3 }]\n';

it('the built-in objectives are valid and cover every indicator for every service', async () => {
  const rules = await loadObjectives([join(import.meta.dirname, '../../catalog')]);
  for (const indicator of [
    'availability',
    'latency_p95',
    'error_rate',
    'throughput',
    'log_volume',
  ] as const) {
    expect(ruleFor(rules, 'anything', indicator)?.service).toBe('*');
  }
});

it.each([
  ['an unknown key', one(`    target: 0.99\n    colour: red\n${burn}`), /a\.yaml: objectives\.0.*colour/],
  ['a ratio above one', one(`    target: 99\n${burn}`), /a\.yaml: objectives\.0\.target: .*between 0 and 1/],
  ['no target at all', one(burn), /a\.yaml: objectives\.0\.target/],
  [
    'a short window that is longer',
    one('    target: 0.9\n    burn: [{ long_s: 20, short_s: 60, rate: 1 }]\n'),
    /objectives\.0\.burn\.0\.short_s/,
  ],
  ['text that is not YAML', 'objectives: [', /a\.yaml: not YAML/],
])('%s is refused with file and field', (_, text, message) => {
  expect(() => parseObjectives(text, 'a.yaml')).toThrow(message);
});

it('a later directory overrides the same service and indicator', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'clew-objectives-'));
  await mkdir(join(dir, 'objectives'));
  await writeFile(join(dir, 'objectives', 'x.yaml'), one(`    target: 0.5\n${burn}`));
  const rules = await loadObjectives([join(import.meta.dirname, '../../catalog'), dir, join(dir, 'missing')]);
  expect(ruleFor(rules, 'a', 'availability')?.target).toBe(0.5);
  expect(ruleFor(rules, 'b', 'availability')?.target).toBe(0.99);
  await rm(dir, { recursive: true });
});

it('the Poisson tail agrees with known values', () => {
  expect(poissonTail(1, 1)).toBeCloseTo(0.632, 3);
  expect(poissonTail(5, 0.12)).toBeLessThan(1e-6);
  expect(poissonTail(5, 0.12)).toBeGreaterThan(1e-8);
});
