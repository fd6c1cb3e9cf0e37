import { beforeEach, describe, expect, it } from 'vitest';
import { pretended, told, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
const send = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(fronts.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const labels = (service: string) => ({
  alertname: 'Down',
  service,
  severity: 'critical',
  pod: 'p-0',
  namespace: 'shop',
});
beforeEach(() => told.splice(0));

const began = ago(30);

/** As Alertmanager 0.27 sends it. */
const webhook = (service: string, status: string, over: object = {}) => ({
  receiver: 'clew',
  status,
  alerts: [
    {
      status,
      labels: labels(service),
      annotations: { summary: 'It is down' },
      startsAt: began,
      endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : ago(1),
      generatorURL: 'http://prometheus/graph',
      fingerprint: 'f',
      ...over,
    },
  ],
  groupLabels: {},
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://alertmanager',
  version: '4',
  groupKey: '{}:{}',
  truncatedAlerts: 0,
});

describe('the webhook of Alertmanager', () => {
  it('gives a record when an alert begins and one when it ends, however often it is told, and hands every telling on', async () => {
    for (const status of ['firing', 'firing', 'resolved', 'resolved']) {
      const answer = await send('/api/v1/alerts/webhook', webhook('hook', status));
      expect([answer.status, await answer.json()]).toEqual([200, { accepted: 1, rejected: 0, errors: [] }]);
    }
    const rows = await fronts.rows('hook');
    expect(rows.map((row) => [row.EventName, row.SeverityText, row.Body])).toEqual([
      ['alert.firing', 'critical', 'Down firing: It is down'],
      ['alert.resolved', 'info', 'Down resolved: It is down'],
    ]);
    expect(rows[0]).toMatchObject({
      SeverityNumber: 18,
      ResourceAttributes: { 'service.name': 'hook', 'k8s.pod.name': 'p-0', 'k8s.namespace.name': 'shop' },
      LogAttributes: {
        'alert.status': 'firing',
        'alert.label.severity': 'critical',
        'alert.annotation.summary': 'It is down',
      },
    });
    expect(told.map(({ service, firing, opensCase }) => [service, firing, opensCase])).toEqual([
      ['hook', true, true],
      ['hook', true, true],
      ['hook', false, true],
      ['hook', false, true],
    ]);
  });

  it('keeps the good alerts of a request and names the others; none is 400', async () => {
    const body = webhook('half', 'firing');
    const answer = await send('/api/v1/alerts/webhook', {
      ...body,
      alerts: [...body.alerts, { labels: {} }],
    });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { accepted: 1, rejected: 1, errors: [{ index: 1, reason: 'at least one label pair required' }] },
    ]);
    const none = await send('/api/v1/alerts/webhook', { alerts: [{}] });
    expect([none.status, await none.json()]).toMatchObject([
      400,
      { error: { message: 'None of 1 alerts could be kept; alert 0: at least one label pair required' } },
    ]);
    expect((await fronts.letters('alerts/webhook')).map((row) => row.Reason)).toEqual([
      'alert 1: at least one label pair required',
      'alert 0: at least one label pair required',
    ]);
  });

  it('is answered 503 when too much waits: Alertmanager repeats that, and drops at 429', async () => {
    pretended.pendingBytes = 1e12;
    try {
      const answer = await send('/api/v1/alerts/webhook', webhook('full', 'firing'));
      expect(answer.status).toBe(503);
    } finally {
      pretended.pendingBytes = 0;
    }
    expect(told).toEqual([]);
    expect((await send('/api/v1/alerts/webhook', webhook('full', 'firing'))).status).toBe(200);
    expect(await fronts.rows('full')).toHaveLength(1);
  });
});

it('neither the record of an alert, nor what is listed and handed on, holds a secret', async () => {
  const alert = {
    labels: { ...labels('masked'), token: 'hunter2' },
    annotations: { summary: 'password=hunter2' },
    startsAt: ago(5),
    generatorURL: 'http://u:hunter2@prometheus/',
  };
  expect((await send('/api/v2/alerts', [alert])).status).toBe(200);
  const filter = `?filter=${encodeURIComponent('service="masked"')}`;
  const listed = await (await fetch(`${fronts.url}/api/v2/alerts${filter}`)).json();
  const rows = await fronts.rows('masked');
  expect([listed, rows, told]).toMatchObject([
    [{ annotations: { summary: 'password=[masked:password]' } }],
    [{ EventName: 'alert.firing' }],
    [{ summary: 'password=[masked:password]' }],
  ]);
  expect(JSON.stringify([listed, rows, told])).not.toContain('hunter2');
});

describe("Alertmanager's own API", () => {
  it('takes alerts as Prometheus sends them and shows those that fire', async () => {
    const alert = {
      labels: labels('own'),
      annotations: {},
      startsAt: ago(60),
      endsAt: ago(-240),
      generatorURL: 'http://p/',
    };
    const answer = await send('/api/v2/alerts', [alert]);
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    const shown = async (query = '') => (await fetch(`${fronts.url}/api/v2/alerts${query}`)).json();
    const filter = `?filter=${encodeURIComponent('service="own"')}`;
    expect(await shown(filter)).toMatchObject([
      {
        labels: labels('own'),
        status: { state: 'active', silencedBy: [], inhibitedBy: [] },
        receivers: [{ name: 'clew' }],
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ]);
    expect(await shown(`?filter=${encodeURIComponent('service!="own"')}`)).not.toContainEqual(
      expect.objectContaining({ labels: labels('own') }),
    );
    expect(await (await fetch(`${fronts.url}/api/v2/alerts/groups${filter}`)).json()).toMatchObject([
      { receiver: { name: 'clew' }, alerts: [{ labels: labels('own') }] },
    ]);
    await send('/api/v2/alerts', [{ ...alert, endsAt: ago(1) }]);
    expect(await shown(filter)).toEqual([]);
    expect((await fronts.rows('own')).map((row) => row.EventName)).toEqual([
      'alert.firing',
      'alert.resolved',
    ]);
  });

  it('answers what Prometheus, amtool and Grafana ask first', async () => {
    const read = async (path: string) => (await fetch(`${fronts.url}/api/v2${path}`)).json();
    expect(await read('/status')).toMatchObject({
      cluster: { status: 'disabled' },
      config: { original: '' },
      uptime: expect.any(String),
      versionInfo: { version: 'clew' },
    });
    expect(await read('/receivers')).toEqual([{ name: 'clew' }]);
    expect(await read('/silences')).toEqual([]);
    const bad = await fetch(`${fronts.url}/api/v2/alerts?filter=a~b`);
    expect([bad.status, await bad.json()]).toEqual([
      400,
      expect.stringMatching(/^bad matcher format: a~b; /),
    ]);
  });

  const table: [string, unknown, Record<string, string>, number, unknown][] = [
    ['no JSON', '{', {}, 400, { code: 400, message: expect.stringContaining('The body is not JSON') }],
    ['no list', {}, {}, 400, { code: 400, message: 'The body is an object, an array of alerts is needed.' }],
    [
      'another type',
      '[]',
      { 'content-type': 'text/plain' },
      415,
      { code: 415, message: 'unsupported media type "text/plain", only [application/json] are allowed' },
    ],
    ['a bad alert', [{ labels: {} }], {}, 400, 'alert 0: at least one label pair required'],
    ['a bad name', [{ labels: { 'a b': 'x' } }], {}, 400, 'alert 0: invalid label set: invalid name "a b"'],
    [
      'an end before its start',
      [{ labels: { a: 'x' }, startsAt: ago(1), endsAt: ago(2) }],
      {},
      400,
      'alert 0: start time must be before end time',
    ],
    [
      'too much',
      `["${'x'.repeat(200_001)}"]`,
      {},
      413,
      { code: 413, message: expect.stringContaining('ingest.body_bytes_max') },
    ],
  ];
  it.each(table)('refuses %s', async (_name, body, headers, status, expected) => {
    const answer = await send('/api/v2/alerts', body, headers);
    expect([answer.status, await answer.json()]).toEqual([status, expected]);
  });

  it('asks for the token', async () => {
    const url = `${fronts.guardedUrl}/api/v2/alerts`;
    expect((await fetch(url)).status).toBe(401);
    const authorization = `Basic ${Buffer.from('clew:secret').toString('base64')}`;
    expect((await fetch(url, { headers: { authorization } })).status).toBe(200);
  });
});
