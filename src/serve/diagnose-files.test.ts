import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtInIndicators } from '../diagnose/bundle/index.ts';
import { createLogger } from '../lib/index.ts';
import { diagnoseFileRoutes } from './diagnose-files.ts';
import { createServer } from './server.ts';

let app: FastifyInstance;
beforeAll(async () => {
  app = await createServer({ log: createLogger({ level: 'silent' }), bodyBytesMax: 1e6 });
  await app.register(diagnoseFileRoutes({ indicators: builtInIndicators() }), { prefix: '/api/v1' });
});
afterAll(() => app.close());

const ask = (payload: object) => app.inject({ method: 'POST', url: '/api/v1/diagnose/files', payload });

it('answers an incident that is sent along as the command does', async () => {
  const rows = ['ts,service,metric,value'];
  for (let minute = 0; minute < 30; minute++)
    for (const service of ['shop', 'cart'])
      rows.push(
        `${new Date(Date.UTC(2026, 2, 3, 10, minute)).toISOString()},${service},latency_mean_ms,${minute < 20 ? 40 + (minute % 4) : 900}`,
      );
  const answer = await ask({
    meta: {
      incident_at: '2026-03-03T10:22:00Z',
      symptom: { service: 'shop', metric: 'latency_mean_ms' },
    },
    files: { 'metrics.csv': rows.join('\n'), 'topology.csv': 'src,dst,relation\nshop,cart,CALLS\n' },
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.json().data).toMatchObject({
    verdict: 'root_cause',
    onset: '2026-03-03T10:20:00.000Z',
    causes: [{ resource: 'cart', kind: 'latency_regression' }, { resource: 'shop' }],
  });
  expect(answer.json().data.layers[0]).toMatchObject({ layer: 'application', status: 'finding' });
});

it('names file, line and field of what it can not read', async () => {
  const answer = await ask({
    meta: { incident_at: '2026-03-03T10:22:00Z' },
    files: { 'logs.ndjson': '{"service":"a"}\n{"service":"a"}\n' },
  });
  expect(answer.statusCode).toBe(422);
  expect(answer.json().error.message).toBe('logs.ndjson, line 1, field "ts": it is missing or empty.');
  const other = await ask({ meta: {}, files: { 'passwd.csv': 'x' } });
  expect(other.statusCode).toBe(400);
});

it('says the sentences in the language that is asked for, by name or by header', async () => {
  const payload = { meta: { incident_at: '2026-03-03T10:22:00Z' } };
  const url = '/api/v1/diagnose/files';
  const named = await app.inject({ method: 'POST', url: `${url}?lang=zh`, payload });
  const accepted = await app.inject({
    method: 'POST',
    url,
    payload,
    headers: { 'accept-language': 'fr, zh-CN;q=0.8, en;q=0.5' },
  });
  expect(named.json().data.missing).toContain('要判定，还需要日志。');
  expect(accepted.json()).toEqual(named.json());
  expect((await app.inject({ method: 'POST', url: `${url}?lang=fr`, payload })).statusCode).toBe(400);
});
