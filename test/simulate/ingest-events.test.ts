import { createHmac } from 'node:crypto';
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import { useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${fronts.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;

describe('the CloudEvents SDK', () => {
  it.each([Mode.BINARY, Mode.STRUCTURED])('in %s mode gives one row with its attributes', async (mode) => {
    const service = `sdk-${mode}`;
    const event = new CloudEvent({
      id: 'ünï 1',
      type: 'order.paid',
      source: `/${service}`,
      subject: 'order/7',
      time: ago(5),
      traceparent,
      data: { total: 12.5, customer: { id: 'c-1' }, level: 'warn' },
    });
    const emit = emitterFor(httpTransport(`${fronts.url}/api/v1/events`), { mode });
    expect(JSON.parse(String(((await emit(event)) as { body: string }).body))).toEqual({
      accepted: 1,
      rejected: 0,
      ignored: 0,
      changes: 0,
      errors: [],
    });
    const [row, ...more] = await fronts.rows(service);
    expect(more).toEqual([]);
    expect(row).toMatchObject({
      EventName: 'order.paid',
      TraceId: 'ab'.repeat(16),
      SpanId: 'cd'.repeat(8),
      SeverityText: 'warn',
      ResourceAttributes: { 'service.name': service },
      LogAttributes: {
        'cloudevents.event_id': 'ünï 1',
        'cloudevents.event_source': `/${service}`,
        'cloudevents.event_subject': 'order/7',
        'data.total': '12.5',
        'data.customer.id': 'c-1',
      },
    });
    expect(JSON.parse(String(row?.Body))).toEqual({ total: 12.5, customer: { id: 'c-1' }, level: 'warn' });
    expect(Date.parse(`${String(row?.Timestamp).replace(' ', 'T').slice(0, 23)}Z`)).toBe(
      Date.parse(String(event.time)),
    );
  });

  it('a batch of its structured events is kept event by event', async () => {
    const batch = ['a', 'b'].map((id) =>
      JSON.parse(
        String(
          HTTP.structured(
            new CloudEvent({ id, type: 't', source: '/sdk-batch', data: id, datacontenttype: 'text/plain' }),
          ).body,
        ),
      ),
    );
    const answer = await post('/events', [...batch, { id: 'c' }], {
      'content-type': 'application/cloudevents-batch+json',
    });
    expect([answer.status, await answer.json()]).toEqual([
      202,
      {
        accepted: 2,
        rejected: 1,
        ignored: 0,
        changes: 0,
        errors: [{ index: 2, reason: 'specversion is missing, "1.0" is needed' }],
      },
    ]);
    expect((await fronts.rows('sdk-batch')).map((row) => row.Body)).toEqual(['a', 'b']);
    expect(
      (await fronts.letters('events/cloudevents')).map((row) => [
        row.Reason,
        Buffer.from(String(row.Payload), 'base64').toString(),
      ]),
    ).toEqual([['record 2: specversion is missing, "1.0" is needed', '{"id":"c"}']]);
  });
});

it('a refused event of binary mode is kept with what its headers said', async () => {
  const head = { 'ce-specversion': '1.0', 'ce-id': '9', 'ce-type': 't', 'content-type': 'text/plain' };
  expect((await post('/events', 'hello', head)).status).toBe(400);
  const letter = (await fronts.letters('events/cloudevents')).at(-1);
  expect(letter).toMatchObject({
    Reason: 'record 0: the header ce-source is missing',
    ContentType: 'application/cloudevents+json',
  });
  expect(JSON.parse(Buffer.from(String(letter?.Payload), 'base64').toString())).toEqual({
    specversion: '1.0',
    id: '9',
    type: 't',
    datacontenttype: 'text/plain',
    data_base64: 'aGVsbG8=',
  });
});

const event = (over: object) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'shop', uid: `u-${Object.keys(over).length}` },
  involvedObject: { kind: 'Pod', name: 'kube-till-7d9f8b6c54-x2kqz', namespace: 'shop' },
  reason: 'OOMKilling',
  type: 'Warning',
  message: 'Memory cgroup out of memory: Killed process 4711 (node)',
  lastTimestamp: ago(3),
  source: { component: 'kubelet', host: 'node-1' },
  ...over,
});

describe('Kubernetes', () => {
  it('events are log records of the workload, rollouts and scalings are changes too', async () => {
    const about = { kind: 'Deployment', name: 'kube-till', namespace: 'shop' };
    const answer = await post('/events/kubernetes', {
      kind: 'EventList',
      items: [
        event({}),
        event({
          involvedObject: about,
          reason: 'ScalingReplicaSet',
          type: 'Normal',
          message: 'Scaled up replica set kube-till-7d9f8b6c54 to 2 from 0',
        }),
        event({
          involvedObject: { ...about, kind: 'HorizontalPodAutoscaler' },
          reason: 'SuccessfulRescale',
          type: 'Normal',
          message: 'New size: 5; reason: cpu above target',
        }),
      ],
    });
    expect([answer.status, await answer.json()]).toEqual([
      202,
      { accepted: 3, rejected: 0, ignored: 0, changes: 2, errors: [] },
    ]);
    const rows = await fronts.rows('kube-till');
    expect(rows.map((row) => [row.EventName, row.SeverityText, row.SeverityNumber])).toEqual([
      ['k8s.event.OOMKilling', 'ERROR', 17],
      ['k8s.event.ScalingReplicaSet', 'INFO', 9],
      ['k8s.event.SuccessfulRescale', 'INFO', 9],
    ]);
    expect(rows[0]?.ResourceAttributes).toMatchObject({
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': 'kube-till-7d9f8b6c54-x2kqz',
      'k8s.deployment.name': 'kube-till',
      'k8s.node.name': 'node-1',
    });
    expect((await fronts.changes('kube-till')).map((row) => [row.Kind, row.Title])).toEqual([
      ['rollout', 'kube-till: rollout of kube-till-7d9f8b6c54'],
      ['scale', 'kube-till: New size: 5; reason: cpu above target'],
    ]);
  });
});

describe('delivery tools', () => {
  it('tell changes, and nothing is kept of what tells none', async () => {
    const body = {
      deployment: { id: 7, ref: 'v2', created_at: ago(60), environment: 'production' },
      repository: { name: 'hooked' },
    };
    const answer = await post('/changes/github', body, { 'x-github-event': 'deployment' });
    expect([answer.status, await answer.json()]).toEqual([
      202,
      { accepted: 1, rejected: 0, ignored: 0, changes: 1, errors: [] },
    ]);
    expect(await fronts.changes('hooked')).toMatchObject([
      { Kind: 'deploy', Id: 'github:deployment:7', Labels: { version: 'v2', state: 'started' } },
    ]);
    expect(await fronts.rows('hooked')).toEqual([]);
    const ping = await post('/changes/github', {}, { 'x-github-event': 'ping' });
    expect([ping.status, await ping.json()]).toMatchObject([202, { accepted: 0, ignored: 1 }]);
  });

  it('GitHub signs with the token, and only what it signed is taken', async () => {
    const body = JSON.stringify({
      ref: 'refs/heads/main',
      after: 'abc',
      repository: { name: 'signed', default_branch: 'main' },
    });
    const signature = (text: string, secret = 'secret') =>
      `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
    const send = async (path: string, headers: Record<string, string>) =>
      (
        await fetch(`${fronts.guardedUrl}/api/v1${path}`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json', 'x-github-event': 'push', ...headers },
        })
      ).status;
    expect(await send('/changes/github', { 'x-hub-signature-256': signature(body) })).toBe(202);
    expect(await fronts.changes('signed')).toMatchObject([{ Kind: 'commit', Id: 'github:push::abc' }]);
    const refused: [string, Record<string, string>][] = [
      ['/changes/github', {}],
      ['/changes/github', { 'x-hub-signature-256': signature(body, 'other') }],
      ['/changes/github', { 'x-hub-signature-256': signature(`${body} `) }],
      ['/changes/github', { 'x-hub-signature-256': 'sha256=' }],
      ['/changes/github', { 'x-hub-signature-256': signature(body), authorization: 'Bearer wrong' }],
      ['/changes/gitlab', { 'x-hub-signature-256': signature(body) }],
      ['/events/kubernetes', { 'x-hub-signature-256': signature(body) }],
    ];
    for (const [path, headers] of refused)
      expect(await send(path, headers), JSON.stringify(headers)).toBe(401);
    expect(await fronts.changes('signed')).toHaveLength(1);
  });

  it('GitLab shows the token in its own header', async () => {
    const body = JSON.stringify({
      object_kind: 'push',
      ref: 'refs/heads/main',
      after: 'abc',
      project: { name: 'lab', default_branch: 'main' },
    });
    const send = (token: string) =>
      fetch(`${fronts.guardedUrl}/api/v1/changes/gitlab`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'x-gitlab-token': token },
      });
    expect((await send('secret')).status).toBe(202);
    expect((await send('wrong')).status).toBe(401);
  });
});

it('neither an event nor a change holds a secret', async () => {
  const event = {
    specversion: '1.0',
    id: '1',
    source: '/masked-event',
    type: 't',
    data: { message: 'password=hunter2', api_key: 'hunter2' },
  };
  expect((await post('/events', event)).status).toBe(202);
  const body = {
    ref: 'refs/heads/main',
    after: 'abc',
    compare: 'https://u:hunter2@host/x',
    head_commit: { message: 'password=hunter2' },
    repository: { name: 'masked-change', default_branch: 'main' },
  };
  expect((await post('/changes/github', body, { 'x-github-event': 'push' })).status).toBe(202);
  const kept = [...(await fronts.rows('masked-event')), ...(await fronts.changes('masked-change'))];
  expect(kept).toHaveLength(2);
  expect(JSON.stringify(kept)).not.toContain('hunter2');
  expect(kept[1]).toMatchObject({
    Title: 'masked-change main: password=[masked:password]',
    Labels: { url: 'https://u:[masked:url_password]@host/x' },
  });
});

describe('what can not be kept is answered so that it is not sent again', () => {
  const table: [string, string, string, Record<string, string>, number, string][] = [
    ['no JSON', '/events/kubernetes', '{', {}, 400, 'The body is not JSON'],
    [
      'no event',
      '/events/kubernetes',
      '{}',
      {},
      400,
      'None of 1 could be kept; record 0: involvedObject (v1) or regarding (events.k8s.io/v1) is missing. They are in the dead letters.',
    ],
    [
      'plain text',
      '/events/kubernetes',
      '{}',
      { 'content-type': 'text/plain' },
      415,
      'Content-Type "text/plain" is not understood; send application/json or application/x-ndjson.',
    ],
    [
      'no header of an event',
      '/events',
      'x',
      { 'content-type': 'text/plain' },
      415,
      'without the headers of an event (ce-id, ce-source, …) is not understood',
    ],
    [
      'an event in XML',
      '/events',
      '<x/>',
      { 'content-type': 'application/cloudevents+xml' },
      415,
      'send application/cloudevents+json',
    ],
    [
      'a missing header',
      '/events',
      'x',
      { 'ce-id': '1' },
      400,
      'the header ce-specversion is missing, "1.0" is needed',
    ],
    [
      'an unknown packing',
      '/events',
      '{}',
      { 'content-encoding': 'br' },
      415,
      'Content-Encoding "br" is not understood',
    ],
    ['a hook without its header', '/changes/github', '{}', {}, 400, 'the header x-github-event is missing'],
    ['too much', '/events', `"${'x'.repeat(200_001)}"`, {}, 413, 'ingest.body_bytes_max'],
  ];
  it.each(table)('%s', async (_name, path, body, headers, status, message) => {
    const answer = await post(path, body, headers);
    const { error } = (await answer.json()) as { error: { message: string } };
    expect([answer.status, error.message]).toEqual([status, expect.stringContaining(message)]);
  });
});

it('a sender of CloudEvents that asks first is let in', async () => {
  const answer = await fetch(`${fronts.url}/api/v1/events`, {
    method: 'OPTIONS',
    headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
  });
  expect([
    answer.status,
    answer.headers.get('webhook-allowed-origin'),
    answer.headers.get('webhook-allowed-rate'),
  ]).toEqual([200, 'eventgrid.azure.net', '*']);
});
