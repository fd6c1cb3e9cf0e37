import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLogger } from '../lib/index.ts';
import { diagnoseFileRoutes } from './diagnose-files.ts';
import { createServer } from './server.ts';

let app: FastifyInstance;
beforeAll(async () => {
  app = await createServer({ log: createLogger({ level: 'silent' }), token: '', bodyBytesMax: 1e6 });
  await app.register(diagnoseFileRoutes(), { prefix: '/api/v1' });
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
});

it('names file, line and field of what it can not read', async () => {
  const answer = await ask({
    meta: { incident_at: '2026-03-03T10:22:00Z' },
    files: { 'logs.ndjson': '{"service":"a"}\n{"service":"a"}\n' },
  });
  expect(answer.statusCode).toBe(422);
  expect(answer.json().error.message).toBe(
    'logs.ndjson, line 1, field "ts": nothing is not a time; it is ISO 8601 or epoch.',
  );
  const other = await ask({ meta: {}, files: { 'passwd.csv': 'x' } });
  expect(other.statusCode).toBe(400);
});
