import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultNamed } from '../../demo/faults/index.ts';
import { Shop } from '../../demo/run/supervisor.ts';
import { until } from '../support/until.ts';
import { Sink, type SinkSpan } from './shop-sink.ts';

const names = ['cart', 'catalog', 'checkout', 'frontend', 'gateway', 'inventory', 'payments'];
const serverKind = 2;
const clientKind = 3;

const sink = new Sink();
const dir = mkdtempSync(join(tmpdir(), 'shop-test-'));
let shop: Shop;

async function put(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(body) });
  const answer: unknown = await response.json();
  return { ...(typeof answer === 'object' ? answer : {}), status: response.status };
}

const charges = (): SinkSpan[] =>
  sink.spans.filter((span) => span.service === 'payments' && span.name === 'POST /charges');

beforeAll(async () => {
  await sink.start();
  const problems: string[] = [];
  const told = { otlpEndpoint: sink.url, clewUrl: sink.url };
  shop = new Shop({ dir, log: (text) => problems.push(text) }).connect(told);
  await shop.start();
});

afterAll(async () => {
  await shop.stop();
  sink.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('the shop', () => {
  it('connects the spans of all seven services: a checkout is one trace', async () => {
    const complete = (): SinkSpan[] | undefined => {
      const byTrace = Map.groupBy(sink.spans, (span) => span.traceId);
      return [...byTrace.values()].find(
        (spans) =>
          spans.some((span) => span.name === 'POST /checkout' && span.service === 'gateway') &&
          ['cart', 'checkout', 'inventory', 'payments'].every((name) =>
            spans.some((span) => span.service === name),
          ),
      );
    };
    await until('a trace of a checkout', () => complete() !== undefined);
    await sleep(1_500);
    const spans = complete() ?? [];
    const ids = new Set(spans.map((span) => span.spanId));
    expect(spans.filter((span) => !ids.has(span.parentSpanId)).map((span) => span.service)).toEqual([
      'gateway',
    ]);
    const parentOf = (service: string) => {
      const server = spans.find((span) => span.service === service && span.kind === serverKind);
      return spans.find((span) => span.spanId === server?.parentSpanId)?.service;
    };
    expect(['frontend', 'cart', 'checkout', 'payments', 'inventory'].map(parentOf)).toEqual([
      'gateway',
      'frontend',
      'frontend',
      'checkout',
      'checkout',
    ]);
    await until('spans of every service', () =>
      names.every((name) => sink.spans.some((s) => s.service === name)),
    );
  });

  it('describes databases, the provider and its processes by the semantic conventions', async () => {
    const database = sink.spans.find((span) => span.service === 'inventory' && span.kind === clientKind);
    expect(database?.attributes).toMatchObject({
      'db.system.name': 'sqlite',
      'db.namespace': 'inventory.db',
      'db.operation.name': expect.any(String),
      'db.query.text': expect.stringContaining('stock_movement'),
    });
    const provider = sink.spans.find((span) => span.service === 'payments' && span.kind === clientKind);
    expect(`${provider?.attributes['server.address']}:${provider?.attributes['server.port']}`).toBe(
      new URL(shop.urls.provider).host,
    );
    const wanted = ['process.cpu.utilization', 'process.memory.usage', 'nodejs.eventloop.utilization'];
    await until('metrics of every service', () =>
      names.every((service) =>
        wanted.every((name) => sink.points.some((point) => point.service === service && point.name === name)),
      ),
    );
    const pool = sink.points.filter((point) => point.name === 'db.client.connection.max');
    expect(pool.map((point) => point.value)).toContain(16);
    const log = sink.logs.find(
      (record) => record.service === 'payments' && record.body.startsWith('charge of order'),
    );
    expect(log?.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('a bad release fails European charges with a recorded exception; the way back ends it', async () => {
    const fault = faultNamed('bad-release');
    if (!fault) throw new Error('no such fault');
    await fault.inject(shop);
    sink.clear();
    await until('five failed charges', () => charges().filter((span) => span.error).length >= 5);
    const failed = charges().filter((span) => span.error);
    expect(new Set(failed.map((span) => span.attributes['user.region']))).toEqual(new Set(['eu']));
    expect(failed[0]?.resource['service.version']).toBe('v2.4.0');
    expect(failed[0]?.events).toContain('exception');
    await until('the stack in the log', () =>
      sink.logs.some((log) => String(log.attributes['exception.stacktrace']).includes('payments-tax.ts')),
    );
    expect(sink.changes.at(-1)).toMatchObject({
      kind: 'deploy',
      service: 'payments',
      labels: { version: 'v2.4.0', previous_version: 'v2.3.9' },
    });
    const flipped = await put(`${shop.urls.admin}/admin/routes/payments`, { to: 'v2.3.9', actor: 'clew' });
    expect(flipped).toMatchObject({ status: 200, previous: 'v2.4.0', current: 'v2.3.9' });
    await sleep(2_500);
    sink.clear();
    await until('five good charges', () => charges().length >= 5);
    expect(charges().filter((span) => span.error)).toEqual([]);
  });

  it('its control API refuses unknown names and wrong fields with a sentence', async () => {
    const { control, admin } = shop.urls;
    expect(await put(`${control}/config/checkout/pool.min`, { value: '1' })).toMatchObject({
      status: 404,
      message: expect.stringContaining('pool.max'),
    });
    expect(await put(`${control}/config/checkout/pool.max`, {})).toMatchObject({ status: 400 });
    expect(await put(`${admin}/admin/routes/payments`, { to: 'v9' })).toMatchObject({
      status: 422,
      message: expect.stringContaining('v2.3.9'),
    });
  });

  it('a process that is killed comes back by itself', async () => {
    const before = shop.services().find(({ name }) => name === 'cart');
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await until('failing carts', () => sink.spans.some((span) => span.service === 'frontend' && span.error));
    await until('another process', () => {
      const now = shop.services().find(({ name }) => name === 'cart');
      return now !== undefined && now.pid !== before?.pid;
    });
    sink.clear();
    await until('carts again', () => sink.spans.some((span) => span.service === 'cart'));
  });
});
