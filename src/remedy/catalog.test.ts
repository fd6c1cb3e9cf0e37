import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fill } from './fill.ts';
import { freezesAt, parseFreeze } from './freeze.ts';
import { maskSecrets, maskValues } from './mask.ts';
import { parsePlan } from './plan-schema.ts';
import { loadPlaybooks, parsePlaybook } from './playbook.ts';
import { loadPolicies, Policies } from './policy.ts';

const good = `id: a.b
title: T
causes: [bad_release]
risk_score: 0.1
steps: [{ action: noop }]
verify: { objectives: [broken] }
`;
const parse = (text: string) => parsePlaybook({ path: 'x.yaml', text });

test('the built-in catalogue loads, and the template of the walk-through is in it', () => {
  expect([...loadPlaybooks([]).keys()]).toContain('k8s.rollout.canary');
  expect(loadPolicies([]).ids).toContain('auto-low-risk');
});

test('a file of the same name in a later directory overrides', () => {
  const dir = mkdtempSync(join(tmpdir(), 'clew-cat-'));
  mkdirSync(join(dir, 'playbooks'));
  writeFileSync(join(dir, 'playbooks', 'observe-only.yaml'), good);
  const ids = [...loadPlaybooks([dir]).keys()];
  expect(ids).toContain('a.b');
  expect(ids).not.toContain('observe.only');
  rmSync(dir, { recursive: true });
});

test.each([
  ['an unknown field', `${good}colour: red`, /x\.yaml.*colour/],
  ['an unknown action', good.replace('noop', 'rm'), /steps\.0\.action/],
  ['an unknown cause', good.replace('bad_release', 'gremlins'), /causes\.0/],
  ['a risk above one', good.replace('0.1', '1.5'), /risk_score/],
  ['no steps', good.replace('[{ action: noop }]', '[]'), /steps/],
  ['no YAML', 'id: [', /not YAML/],
])('a playbook with %s is refused, naming file and field', (_name, text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('placeholders are filled at any depth, and what is missing is named', () => {
  const values = new Map([
    ['facts.v', '2'],
    ['cause.service', 'cart'],
    ['facts.empty', ''],
  ]);
  expect(fill({ a: [`x \${cause.service}`, { b: `\${ facts.v | number }` }] }, values)).toEqual({
    ok: true,
    value: { a: ['x cart', { b: 2 }] },
  });
  expect(fill(`\${facts.empty} \${change.labels.old} \${cause.service|number}`, values)).toMatchObject({
    ok: false,
  });
  expect(fill(`\${cause.service | number}`, values)).toEqual({
    ok: false,
    missing: ['cause.service (as a number)'],
  });
});

test('a filled value is plain text: it is not filled again', () => {
  const values = new Map([
    ['facts.x', `\${facts.y}`],
    ['facts.y', 'secret'],
  ]);
  expect(fill(`\${facts.x}`, values)).toEqual({ ok: true, value: `\${facts.y}` });
});

test('freeze windows hold by instant and by week, in their own zone, over midnight', () => {
  const windows = parseFreeze({
    path: 'f.yaml',
    text: `windows:
  - { id: once, reason: r, from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z, services: [pay] }
  - { id: night, reason: r, weekly: { days: [fri], from: "22:00", to: "06:00", zone: Europe/Berlin } }`,
  });
  const ids = (at: string, services = ['pay']) =>
    freezesAt(windows, Date.parse(at), services).map((w) => w.id);
  expect(ids('2026-01-01T12:00:00Z')).toEqual(['once']);
  expect(ids('2026-01-01T12:00:00Z', ['cart'])).toEqual([]);
  // Friday 23:30 and Saturday 05:30 in Berlin, an hour ahead of UTC in winter.
  expect(ids('2026-01-09T22:30:00Z')).toEqual(['night']);
  expect(ids('2026-01-10T04:30:00Z')).toEqual(['night']);
  expect(ids('2026-01-10T05:30:00Z')).toEqual([]);
  expect(() =>
    parseFreeze({
      path: 'f.yaml',
      text: 'windows: [{ id: x, reason: r, weekly: { days: [fri], from: "1:00", to: "02:00" } }]',
    }),
  ).toThrow(/f\.yaml/);
});

test('a policy that speaks of something unknown, or has no id, is an error at start', () => {
  const policy = (text: string) => new Policies([{ path: 'p.cedar', text }]);
  expect(() =>
    policy('@id("x") permit(principal, action == Action::"approve", resource) when { context.rsik == 1 };'),
  ).toThrow(/p\.cedar/);
  expect(() => policy('permit(principal, action, resource);')).toThrow(/@id/);
  expect(() => policy('permit(')).toThrow(/p\.cedar/);
});

test('a plan is held to the schema of the source', () => {
  const plan = { title: 'x', steps: [{ action: 'noop', timeout_s: 10, retry: 0 }], rollback: {}, verify: {} };
  expect(parsePlan(plan)).toMatchObject({ risk_score: 1, rollback: { steps: [] }, steps: [{ params: {} }] });
  expect(() => parsePlan({ ...plan, risk_score: 2 })).toThrow(/risk_score/);
  expect(() => parsePlan({ ...plan, steps: [{ ...plan.steps[0], timeout_s: 5 }] })).toThrow(/timeout_s/);
  expect(() => parsePlan({ ...plan, steps: [{ ...plan.steps[0], retry: 4 }] })).toThrow(/retry/);
  expect(() => parsePlan({ ...plan, steps: [{ ...plan.steps[0], action: 'shell' }] })).toThrow(/action/);
});

test('secrets are masked in text and in parameters', () => {
  expect(maskSecrets('PASSWORD=a api_key: "b" https://me:pw@host/ Bearer abcdefgh')).not.toMatch(
    /=a\b|"b"|pw@|abcdefgh/,
  );
  expect(maskValues({ token: 'x', nested: [{ note: 'token=y' }], n: 1 })).toEqual({
    token: '***',
    nested: [{ note: 'token=***' }],
    n: 1,
  });
});
