import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { type Ledger, tenantLedger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import { createPatternBook, createRollup, patternLookup } from '../../src/rollup/index.ts';
import { patternRoutes } from '../../src/serve/patterns/index.ts';
import { createServer } from '../../src/serve/server.ts';
import { openSqlDetail, type SqlDetail } from '../support/detail.ts';
import { putLogs } from '../support/telemetry.ts';

const minute = 60_000;
const dayMs = 1_440 * minute;
const noon = Date.UTC(2026, 10, 20, 12);
let now = noon + 8 * minute;
const clock: Clock = { ...systemClock, now: () => now };
const log = createLogger({ level: 'silent' });
let detail: SqlDetail;
let ledger: Ledger;
let app: FastifyInstance;

type Method = 'GET' | 'POST' | 'PUT';
const call = async (method: Method, url: string, payload?: object) => {
  const answer = await app.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
  return { status: answer.statusCode, body: answer.json() };
};
const window = `from=${noon}&to=${noon + 5 * minute}`;

async function tick(): Promise<void> {
  const rollup = createRollup({
    ledger,
    detail,
    clock,
    log,
    config: { delayS: 120, alignS: 300, initialLookbackS: 900 },
    patterns: loadConfig({ env: {}, flags: {} }).patterns,
    tenants: async () => ['default'],
    worker: 'w',
  });
  for (let i = 0; i < 5; i++) if ((await rollup.tick()) === 0) return;
}

beforeAll(async () => {
  detail = await openSqlDetail();
  ledger = await openTestLedger();
  let eventId = 0;
  const put = (at: number, body: string, shape: string, severity = 9, count = 1) =>
    putLogs(
      detail,
      Array.from({ length: count }, (_, i) => {
        eventId++;
        return { at: at + i, service: 'shop', body, shape, severity, eventId, attributes: { n: `${i}` } };
      }),
    );
  await put(noon - 60 * minute, 'served the page in 5 ms', '1', 9, 10);
  // The first window makes pattern 1, whatever order later ones run in.
  now = noon - 50 * minute;
  await tick();
  now = noon + 8 * minute;
  await put(noon, 'served the page in 7 ms', '1', 9, 30);
  await put(noon + 1, 'SERVED the page in 8 ms', '2', 9, 5);
  await put(noon + 2, 'card was refused', '3', 17, 5);
  await detail.exec(
    `INSERT INTO change_events (Tenant, Timestamp, Id, Kind, ServiceName, Title) VALUES ('default', fromUnixTimestamp64Milli(toInt64(${noon}), 'UTC'), 'd1', 'deploy', 'shop', 'shop v2')`,
  );
  await tick();
  app = await createServer({ log, bodyBytesMax: 1_000_000 });
  // As the program does it: what answers users reads as their tenant.
  const deps = {
    detail,
    ledger: tenantLedger(ledger, 'default'),
    clock,
    tenantOf: () => 'default',
    windowMsMax: 400 * dayMs,
  };
  const book = createPatternBook({ ledger, detail, clock });
  await app.register(patternRoutes({ ...deps, ...patternLookup(deps.ledger), book }), { prefix: '/api/v1' });
  await app.ready();
});

afterAll(async () => {
  await app.close();
  await ledger.close();
  await detail.close();
});

const idOf = async (template: string): Promise<string> => {
  const { body } = await call('GET', `/patterns?${window}`);
  const found = body.data.find((row: { template: string }) => row.template === template);
  if (!found) throw new Error(`no ${template} in ${JSON.stringify(body)}`);
  return found.pattern_id;
};

describe('patterns', () => {
  test('are listed with counts, share, services and severity, and found by words that are nearly theirs', async () => {
    const { body } = await call('GET', `/patterns?${window}`);
    expect(body).toMatchObject({ total: 40, patterns: 3 });
    expect(body.data[0]).toMatchObject({
      template: 'served the page in <*> ms',
      count: 30,
      share: 0.75,
      services: ['shop'],
      severity: 'INFO',
      merged: 0,
      pinned: false,
    });
    expect(body.data[0].spark.reduce((a: number, b: number) => a + b)).toBe(30);
    const found = await call('GET', `/patterns?${window}&q=card%20refuzed`);
    expect(found.body.data.map((row: { template: string }) => row.template)).toEqual(['card was refused']);
    const errors = await call('GET', `/patterns?${window}&only=errors`);
    expect(errors.body.data).toHaveLength(1);
    const silent = await call('GET', `/patterns?from=${noon - dayMs}&to=${noon - dayMs + minute}&q=served`);
    expect(silent.body.data.map((row: { count: number }) => row.count)).toEqual([0, 0]);
  });

  test('are shown with shapes, attribute types, counts over time and what was corrected; the old id of a merged one leads on', async () => {
    const [a, b] = [await idOf('served the page in <*> ms'), await idOf('SERVED the page in <*> ms')];
    const asked = { actor: 'dana', reason: 'the same' };
    const merged = await call('POST', '/patterns/merge', { ids: [a, b], ...asked });
    expect(merged).toMatchObject({ status: 200, body: { data: { pattern_id: a } } });
    const named = await call('PUT', `/patterns/${b}/name`, { name: 'Page served', ...asked });
    expect(named.body.data.pattern_id).toBe(a);
    const { body } = await call('GET', `/patterns/${b}?${window}`);
    expect(body.data).toMatchObject({
      pattern_id: a,
      name: 'Page served',
      attributes: { n: 'integer' },
      merged: [{ pattern_id: b, template: 'SERVED the page in <*> ms' }],
      severities: { INFO: 35 },
      shapes_total: 2,
    });
    expect(body.data.shapes.map((row: { count: number }) => row.count)).toEqual([30, 5]);
    expect(
      body.data.corrections.map((row: { kind: string; actor: string }) => [row.kind, row.actor]),
    ).toEqual([
      ['rename', 'dana'],
      ['merge', 'dana'],
    ]);
    const split = await call('POST', `/patterns/${a}/split`, {
      shapes: ['2'],
      template: 'SHOUTED',
      ...asked,
    });
    expect(split.status).toBe(200);
    const after = await call('GET', `/patterns?${window}`);
    expect(after.body.data.find((row: { template: string }) => row.template === 'SHOUTED').count).toBe(5);
    for (const made of [split, named, merged]) {
      const undone = await call('POST', `/patterns/corrections/${made.body.data.correction}/undo`, asked);
      expect(undone.status).toBe(200);
    }
    const back = await call('GET', `/patterns?${window}`);
    expect(
      back.body.data.map((row: { template: string; count: number }) => [row.template, row.count]),
    ).toEqual([
      ['served the page in <*> ms', 30],
      ['SERVED the page in <*> ms', 5],
      ['card was refused', 5],
    ]);
    const history = await call('GET', '/patterns/corrections');
    expect(history.body.data).toHaveLength(3);
  });

  test('are compared with an hour before and with the time before the newest deploy', async () => {
    const hour = await call('GET', `/patterns/compare?${window}&with=hour&service=shop`);
    expect(hour.body).toMatchObject({ source: 'details', release: null, unmined: { count: 0, before: 0 } });
    const rows = Object.fromEntries(
      hour.body.data.map((row: { template: string; state: string; count: number; before: number }) => [
        row.template,
        [row.state, row.count, row.before],
      ]),
    );
    expect(rows['card was refused']).toEqual(['new', 5, 0]);
    const release = await call('GET', `/patterns/compare?with=release&service=shop&to=${noon + 5 * minute}`);
    expect(release.body).toMatchObject({
      release: { at: noon, title: 'shop v2' },
      now: { from: noon, to: noon + 5 * minute },
      before: { from: noon - 5 * minute, to: noon },
    });
    expect(release.body.data.map((row: { state: string }) => row.state)).toContain('new');
  });

  test('are clustered again on request, with setups that can be tried before', async () => {
    const setup = { field: '', ignore: [], masks: ['the \\w+'] };
    const tried = await call('POST', '/patterns/setups/try', { service: 'shop', setup });
    expect(tried.body.data).toMatchObject({ messages: 3 });
    expect(tried.body.data.examples[0].template).toBe('served <*> in <*> ms');
    const put = await call('PUT', '/patterns/setups', { service: 'shop', setup, actor: 'dana' });
    expect(put.body.data).toMatchObject([{ service: 'shop', setup, updated_by: 'dana' }]);
    const restart = await call('POST', '/patterns/restart', { service: 'shop', actor: 'dana' });
    expect(restart).toMatchObject({ status: 202, body: { data: { services: ['shop'] } } });
    expect((await call('GET', '/patterns/status')).body.data[0]).toMatchObject({
      service: 'shop',
      state: 'pending',
      requested_by: 'dana',
      flows: [
        { flow: 'mining', state: 'pending' },
        { flow: 'counting', state: 'success' },
      ],
    });
    now += 5 * minute;
    await tick();
    expect((await call('GET', '/patterns/status')).body.data[0].state).toBe('success');
    const undo = (await call('GET', '/patterns/corrections')).body.data.find(
      (row: { kind: string }) => row.kind === 'setup',
    );
    await call('POST', `/patterns/corrections/${undo.id}/undo`, { actor: 'dana' });
    expect((await call('GET', '/patterns/setups')).body.data).toEqual([]);
  });
});

const by = { actor: 'dana' };
const setup = { field: '', ignore: [], masks: [] };
const refusals: [string, Method, string, object | undefined, number, RegExp][] = [
  ['an id that is no number', 'GET', '/patterns/abc', undefined, 400, /no id of a pattern/],
  ['a pattern that is not there', 'GET', '/patterns/999999', undefined, 404, /no log pattern 999999/],
  ['a parameter that is misspelt', 'GET', '/patterns?servcie=a', undefined, 400, /servcie/],
  [
    'a window that ends before it begins',
    'GET',
    '/patterns?from=5&to=3',
    undefined,
    400,
    /from \(5\) must be before/,
  ],
  ['an order that there is not', 'GET', '/patterns?sort=size', undefined, 400, /sort/],
  ['a severity that there is not', 'GET', '/patterns?severity=LOUD', undefined, 400, /severity/],
  ['a limit beyond the limit', 'GET', '/patterns?limit=5000', undefined, 400, /2000/],
  ['words beyond the limit', 'GET', `/patterns?q=${'a'.repeat(301)}`, undefined, 400, /300/],
  ['a comparison that there is not', 'GET', '/patterns/compare?with=decade', undefined, 400, /with/],
  [
    'a window longer than the step',
    'GET',
    `/patterns/compare?with=hour&from=${noon - dayMs}&to=${noon}`,
    undefined,
    400,
    /longer than the hour/,
  ],
  [
    'a comparison before 1970',
    'GET',
    '/patterns/compare?with=year&from=0&to=1000',
    undefined,
    400,
    /before 1970/,
  ],
  [
    'a release that nobody told of',
    'GET',
    '/patterns/compare?with=release&service=nobody',
    undefined,
    404,
    /No deploy of nobody/,
  ],
  ['a merge of one', 'POST', '/patterns/merge', { ids: ['1'], ...by }, 422, /one pattern already/],
  ['a merge of nobody', 'POST', '/patterns/merge', { ids: ['1', '999999'], ...by }, 404, /999999/],
  ['a merge without a person', 'POST', '/patterns/merge', { ids: ['1', '2'] }, 400, /actor/],
  ['a merge by nobody', 'POST', '/patterns/merge', { ids: ['1', '2'], actor: ' ' }, 400, /actor/],
  ['a merge of too many', 'POST', '/patterns/merge', { ids: Array(501).fill('1'), ...by }, 400, /500/],
  [
    'a split of another pattern\u2019s shape',
    'POST',
    '/patterns/1/split',
    { shapes: ['77'], ...by },
    422,
    /77 is no shape/,
  ],
  ['a split of everything', 'POST', '/patterns/1/split', { shapes: ['1'], ...by }, 422, /leave at least one/],
  ['a split of no shape', 'POST', '/patterns/1/split', { shapes: [], ...by }, 400, /shapes/],
  [
    'a shape that is no number',
    'POST',
    '/patterns/1/split',
    { shapes: ['x; DROP TABLE'], ...by },
    400,
    /no shape/,
  ],
  ['a name beyond the limit', 'PUT', '/patterns/1/name', { name: 'a'.repeat(201), ...by }, 400, /200/],
  ['a name of nobody', 'PUT', '/patterns/999999/name', { name: 'a', ...by }, 404, /999999/],
  ['an undo of nothing', 'POST', '/patterns/corrections/999999/undo', by, 404, /no correction/],
  [
    'a mask that is no expression',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: ['['] }, ...by },
    422,
    /masks\[0\].*no regular expression/,
  ],
  [
    'a mask that may run away',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: ['a', '(x+)+y'] }, ...by },
    422,
    /masks\[1\].*repeats a group/,
  ],
  [
    'a mask that takes long',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: ['\\w*\\w*\\w*\\w*x'] }, ...by },
    422,
    /masks\[0\].*took/,
  ],
  [
    'a mask that fits everywhere',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: ['a*'] }, ...by },
    422,
    /empty text/,
  ],
  [
    'a mask beyond the limit',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: ['a'.repeat(301)] }, ...by },
    422,
    /limit is 300/,
  ],
  [
    'too many masks',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, masks: Array(21).fill('a') }, ...by },
    422,
    /limit is 20/,
  ],
  [
    'too many ignored keys',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, ignore: Array(51).fill('a') }, ...by },
    422,
    /limit is 50/,
  ],
  [
    'an ignored key without a name',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, ignore: [''] }, ...by },
    422,
    /ignore\[0\]/,
  ],
  [
    'a setup with a key that there is not',
    'PUT',
    '/patterns/setups',
    { service: 'a', setup: { ...setup, maks: [] }, ...by },
    400,
    /maks/,
  ],
  ['a trial without an application', 'POST', '/patterns/setups/try', { service: '', setup }, 400, /service/],
  [
    'a restart of nobody',
    'POST',
    '/patterns/restart',
    { service: 'nobody', ...by },
    404,
    /no logs of "nobody"/,
  ],
];

describe('what is wrong is refused and named', () => {
  test.each(refusals)('%s', async (_name, method, url, payload, status, text) => {
    const answer = await call(method, url, payload);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toMatch(text);
  });
});
