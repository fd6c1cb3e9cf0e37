import { describe, expect, it } from 'vitest';
import { useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const post = (path: string, type: string, body: string) =>
  fetch(fronts.url + path, { method: 'POST', headers: { 'content-type': type }, body });
const secret = 'hunter2';

describe('what is stored', () => {
  it('of a push to Loki holds no secret: body, stream labels and structured metadata', async () => {
    const at = `${Date.now()}000000`;
    const stream = { app: 'masked-loki', dsn: `postgres://app:${secret}@db/x` };
    const body = JSON.stringify({
      streams: [
        {
          stream,
          values: [[at, `login password=${secret} of 13812345678`, { authorization: secret, user: '7' }]],
        },
      ],
    });
    expect((await post('/loki/api/v1/push', 'application/json', body)).status).toBe(204);
    const [row] = await fronts.rows('masked-loki');
    expect(row).toMatchObject({
      Body: 'login password=[masked:password] of [masked:phone]',
      ResourceAttributes: { dsn: 'postgres://app:[masked:url_password]@db/x' },
      LogAttributes: { authorization: '[masked:key]', user: '7' },
    });
    expect(JSON.stringify(row)).not.toContain(secret);
  });

  it('of documents for Elasticsearch and of JSON lines holds no secret', async () => {
    const document = {
      '@timestamp': new Date().toISOString(),
      message: `token=${secret}`,
      'service.name': 'masked-bulk',
    };
    const bulk = `${JSON.stringify({ create: { _index: 'logs' } })}\n${JSON.stringify(document)}\n`;
    expect((await post('/_bulk', 'application/x-ndjson', bulk)).status).toBe(200);
    const line = JSON.stringify({ message: `secret: ${secret}`, service: 'masked-lines', password: secret });
    expect((await post('/api/v1/logs/ndjson', 'application/x-ndjson', `${line}\n`)).status).toBeLessThan(300);
    const rows = [...(await fronts.rows('masked-bulk')), ...(await fronts.rows('masked-lines'))];
    expect(rows.map((row) => row.Body)).toEqual(['token=[masked:token]', 'secret: [masked:password]']);
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('of OTLP holds no secret: bodies, attributes of logs, spans, events and resources, names and status messages', async () => {
    const text = (value: string) => ({ stringValue: value });
    const resource = {
      attributes: [
        { key: 'service.name', value: text('masked-otlp') },
        { key: 'db.url', value: text(`postgres://app:${secret}@db/x`) },
      ],
    };
    const attributes = [
      { key: 'authorization', value: text(secret) },
      { key: 'note', value: text('call 13812345678') },
      { key: 'count', value: { intValue: 17 } },
    ];
    const timeUnixNano = `${Date.now()}000000`;
    const logRecords = [{ timeUnixNano, body: text(`token=${secret}`), attributes }];
    const span = {
      traceId: 'ab'.repeat(16),
      spanId: 'cd'.repeat(8),
      name: `GET /login?password=${secret}`,
      startTimeUnixNano: timeUnixNano,
      endTimeUnixNano: timeUnixNano,
      attributes,
      events: [
        {
          timeUnixNano,
          name: 'exception',
          attributes: [{ key: 'message', value: text(`secret=${secret}`) }],
        },
      ],
      status: { code: 2, message: `password=${secret} is wrong` },
    };
    const logs = { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
    const spans = { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] };
    expect((await post('/v1/logs', 'application/json', JSON.stringify(logs))).status).toBe(200);
    expect((await post('/v1/traces', 'application/json', JSON.stringify(spans))).status).toBe(200);
    const [log] = await fronts.rows('masked-otlp');
    expect(log).toMatchObject({
      Body: 'token=[masked:token]',
      ResourceAttributes: { 'db.url': 'postgres://app:[masked:url_password]@db/x' },
      LogAttributes: { authorization: '[masked:key]', note: 'call [masked:phone]', count: '17' },
    });
    const [stored] = await fronts.spans('masked-otlp');
    expect(stored).toMatchObject({
      SpanName: 'GET /login?password=[masked:password]',
      StatusMessage: 'password=[masked:password] is wrong',
      SpanAttributes: { authorization: '[masked:key]', note: 'call [masked:phone]' },
      'Events.Attributes': [{ message: 'secret=[masked:password]' }],
    });
    expect(JSON.stringify([log, stored])).not.toContain(secret);
  });
});
