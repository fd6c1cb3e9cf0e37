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
});
