import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore, type WritableStore } from '../../src/detail/index.ts';
import { createLogger, newUuid, systemClock } from '../../src/lib/index.ts';
import {
  createOtlpIntake,
  createOtlpServer,
  type Door,
  elasticRoutes,
  lokiRoutes,
  ndjsonRoutes,
  otlpRoutes,
  remoteWrite,
} from '../../src/receive/index.ts';
import { field, snappyLiteral } from '../../src/receive/replay/request.ts';
import { deadLetterRoutes } from '../../src/serve/dead-letters.ts';
import { createServer } from '../../src/serve/index.ts';
import { createReplay } from '../../src/serve/replay.ts';

const config = configSchema.parse({ ingest: { attributeBytesMax: 100 } });
/** What a replay finds: somebody has raised the limit by then. */
const later = configSchema.parse({ ingest: { attributeBytesMax: 100, clockSkewS: 864_000 } });
const log = createLogger({ level: 'silent' });
const clock = systemClock;
const ready = () => ({ ready: true, reason: 'ok' });

interface Listed {
  groups: { source: string; reason: string; letters: number }[];
  letters: {
    id: string;
    source: string;
    reason: string;
    replayable: boolean;
    payload: string;
    encoding: string;
  }[];
}
interface Results {
  data: { id: string; outcome: string; reason: string; records: number }[];
  counts: Record<string, number>;
}

let dir = '';
let store: WritableStore;
let app: FastifyInstance;
let otlp: FastifyInstance;
/** Called before each segment of a replay is written; throwing is the crash. */
let beforeWrite: (table: string) => void = () => undefined;
/** Called before each note of a replay. */
let beforeNote: (count: number) => void = () => undefined;
let notes = 0;

const frontsOf =
  ({ ingest }: typeof config) =>
  (door: Door): FastifyPluginAsync =>
  async (server) => {
    const deps = { door, config: ingest, clock, log, ready };
    await server.register(otlpRoutes(deps, createOtlpIntake(deps)));
    await server.register(lokiRoutes(deps));
    await server.register(elasticRoutes({ ...deps, newId: newUuid }));
    await server.register(ndjsonRoutes(deps), { prefix: '/api/v1' });
    await server.register(remoteWrite({ door, config: ingest, clock, log }), { prefix: '/api/v1' });
  };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-letters-'));
  await open();
}, 60_000);
afterAll(async () => {
  await close();
  await rm(dir, { recursive: true, force: true });
});

async function open(): Promise<void> {
  store = await openDetailStore({ dir, config, clock, log });
  const door = createAdmission({
    config,
    clock,
    log,
    append: (block) => store.append(block),
    pendingBytes: () => store.health().pendingBytes,
  });
  const detail: WritableStore = {
    ...store,
    append(block) {
      beforeNote(++notes);
      return store.append(block);
    },
    segments: {
      ...store.segments,
      write(number, blocks) {
        beforeWrite(blocks[0]?.table ?? '');
        return store.segments.write(number, blocks);
      },
    },
  };
  app = await createServer({ log, bodyBytesMax: config.ingest.bodyBytesMax });
  await app.register(frontsOf(config)(door));
  const letters = createReplay({ config: later, clock, log, detail, fronts: frontsOf(later) });
  await app.register(
    deadLetterRoutes({ detail: store, clock, tenantOf: () => 'default', windowMsMax: 86_400_000, letters }),
    { prefix: '/api/v1' },
  );
  otlp = createOtlpServer({ door, config: config.ingest, clock, log });
}

async function close(): Promise<void> {
  await app.close();
  await otlp.close();
  await store.close();
}

async function list(query: string): Promise<Listed> {
  await store.flush();
  const answer = await app.inject({ method: 'GET', url: `/api/v1/dead-letters?${query}` });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<{ data: Listed }>().data;
}

async function post(path: string, body: object): Promise<{ status: number; json: Results }> {
  const answer = await app.inject({ method: 'POST', url: `/api/v1/dead-letters/${path}`, payload: body });
  return { status: answer.statusCode, json: answer.json<Results>() };
}

async function count(table: string, where: string): Promise<number> {
  await store.flush();
  const window = { from: 0, to: clock.now() + 86_400_000 };
  const sql = `SELECT toString(count()) AS n FROM ${table} WHERE Tenant = {tenant:String} AND ${where}`;
  const { rows } = await store.query<{ n: string }>({ name: 'test.count', tenant: 'default', window, sql });
  return Number(rows[0]?.n);
}

const nowNs = () => `${clock.now()}000000`;

async function sendLoki(payload: string, type = 'application/json') {
  return app.inject({
    method: 'POST',
    url: '/loki/api/v1/push',
    headers: { 'content-type': type },
    payload,
  });
}

function sampleOf(timestamp: number, value = 1): Buffer {
  const number = Buffer.alloc(9);
  number[0] = 0x09;
  number.writeDoubleLE(value, 1);
  let rest = BigInt(timestamp);
  const varint: number[] = [];
  while (rest >= 0x80n) {
    varint.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return field(0x12, Buffer.concat([number, Buffer.from([0x10, ...varint, Number(rest)])]));
}

/** One series with the samples, as remote write of either version. */
async function write(version: 1 | 2, name: string, samples: Buffer) {
  const words = ['', '__name__', name, 'job', 'letters'].map((word) => Buffer.from(word));
  const label = (key: number, value: number) =>
    field(0x0a, Buffer.concat([field(0x0a, words[key] ?? samples), field(0x12, words[value] ?? samples)]));
  const first = field(0x0a, Buffer.concat([label(1, 2), label(3, 4), samples]));
  const refs = field(0x0a, Buffer.from([1, 2, 3, 4]));
  const second = Buffer.concat([
    ...words.map((word) => field(0x22, word)),
    field(0x2a, Buffer.concat([refs, samples])),
  ]);
  const proto = version === 1 ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request';
  return app.inject({
    method: 'POST',
    url: '/api/v1/write',
    headers: { 'content-type': `application/x-protobuf;proto=${proto}`, 'content-encoding': 'snappy' },
    payload: snappyLiteral(version === 1 ? first : second),
  });
}

test('a refused push is listed with its reason, mended by an edit, replayed, and then stored once and listed no more', async () => {
  const bad = `{"streams":[{"stream":{"app":"mend"},"values":[["${nowNs()}","hello",{"a":[1]}]]}]}`;
  expect((await sendLoki(bad)).statusCode).toBe(400);
  const { letters, groups } = await list('source=loki/push');
  expect(letters).toHaveLength(1);
  expect(letters[0]).toMatchObject({ replayable: true, encoding: 'text', payload: bad });
  expect(groups[0]).toMatchObject({ source: 'loki/push', letters: 1 });
  const id = letters[0]?.id ?? '';
  const again = await post('replay', { ids: [id] });
  expect(again.json.data[0]).toMatchObject({ outcome: 'refused', reason: letters[0]?.reason });
  expect((await list('source=loki/push')).letters).toHaveLength(1);
  const fix = [{ op: 'replace', find: '[1]', with: '"1"' }];
  const mended = await post('replay', { ids: [id], fix });
  expect(mended.json.data).toEqual([{ id, outcome: 'replayed', reason: '', records: 1 }]);
  expect(await count('otel_logs', "ServiceName = 'mend'")).toBe(1);
  expect((await list('source=loki/push')).letters).toHaveLength(0);
  expect((await list('source=loki/push&state=replayed')).letters).toHaveLength(1);
  const twice = await post('replay', { ids: [id], fix });
  expect(twice.json.data[0]).toMatchObject({ outcome: 'not_open' });
  expect(await count('otel_logs', "ServiceName = 'mend'")).toBe(1);
});

test('a refused stream of protobuf, a refused document of a bulk and a refused span go back in the form of their protocol', async () => {
  const stream = field(
    0x0a,
    Buffer.concat([
      field(0x0a, Buffer.from('{app="pb" broken}')),
      field(0x12, Buffer.concat([field(0x0a, Buffer.from([0x08, 0x01])), field(0x12, Buffer.from('line'))])),
    ]),
  );
  await app.inject({
    method: 'POST',
    url: '/loki/api/v1/push',
    headers: { 'content-type': 'application/x-protobuf' },
    payload: snappyLiteral(stream),
  });
  await app.inject({
    method: 'POST',
    url: '/_bulk',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: '{"update":{"_index":"shop","_id":"7"}}\n{"message":"bulk letter","service":{"name":"bulky"}}\n',
  });
  const loki = (await list('source=loki/push')).letters[0];
  const refused = await post('replay', { ids: [loki?.id ?? ''] });
  expect(refused.json.data[0]?.outcome).toBe('refused');
  expect(refused.json.data[0]?.reason).toContain('error parsing labels');
  const fixed = await post('replay', {
    ids: [loki?.id ?? ''],
    fix: [{ op: 'replace', find: ' broken', with: '       ' }],
  });
  expect(fixed.json.data[0]).toMatchObject({ outcome: 'replayed', records: 1 });
  expect(await count('otel_logs', "ServiceName = 'pb'")).toBe(1);
  const bulk = (await list('source=elastic/bulk')).letters[0];
  expect(bulk?.payload).toContain('"_index":"shop"');
  const created = await post('replay', {
    ids: [bulk?.id ?? ''],
    fix: [{ op: 'replace_regex', find: '^\\{"update"', with: '{"create"' }],
  });
  expect(created.json.data[0]).toMatchObject({ outcome: 'replayed', records: 1 });
  expect(await count('otel_logs', "Body = 'bulk letter'")).toBe(1);
});

test('a refused line of JSON is mended and sent again', async () => {
  await app.inject({
    method: 'POST',
    url: '/api/v1/logs/ndjson',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: '{"message":"fine"}\n{"message":"json letter"]\n',
  });
  const [letter] = (await list('source=ndjson')).letters;
  expect(letter).toMatchObject({ payload: '{"message":"json letter"]', replayable: true });
  const result = await post('replay', {
    ids: [letter?.id ?? ''],
    fix: [{ op: 'replace', find: ']', with: '}' }],
  });
  expect(result.json.data[0]).toMatchObject({ outcome: 'replayed', records: 1 });
  expect(await count('otel_logs', "Body = 'json letter'")).toBe(1);
});

test.each([1, 2] as const)(
  'remote write %i.0: of a series that was kept in part the letter holds the refused sample alone, and stores it once the limit allows',
  async (version) => {
    const name = `partly_${version}_total`;
    const tomorrow = clock.now() + 2 * 86_400_000;
    const samples = Buffer.concat([sampleOf(clock.now()), sampleOf(tomorrow, 2)]);
    const answer = await write(version, name, samples);
    expect(answer.statusCode).toBe(400);
    const { letters } = await list('source=prometheus/remote-write');
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ encoding: 'hex', replayable: true });
    expect(await count('metric_samples', `MetricName = '${name}'`)).toBe(1);
    const result = await post('replay', { ids: [letters[0]?.id ?? ''] });
    expect(result.json.data[0]).toMatchObject({ outcome: 'replayed', records: 1 });
    expect(await count('metric_samples', `MetricName = '${name}'`)).toBe(2);
    expect(await count('metric_samples', `MetricName = '${name}' AND Value = 2`)).toBe(1);
  },
);

test('a refused span keeps its resource and scope, so that it is replayed as what it was', async () => {
  const span = {
    traceId: '',
    spanId: '00f067aa0ba902b7',
    name: 'op',
    startTimeUnixNano: nowNs(),
    endTimeUnixNano: nowNs(),
  };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'spanner' } }] };
  await otlp.inject({
    method: 'POST',
    url: '/v1/traces',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({
      resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'lib' }, spans: [span] }] }],
    }),
  });
  const [letter] = (await list('source=otlp/traces')).letters;
  expect(letter?.payload).toContain('spanner');
  const result = await post('replay', { ids: [letter?.id ?? ''] });
  expect(result.json.data[0]).toMatchObject({ outcome: 'refused', reason: letter?.reason });
});

/** A request of metrics whose letter can be replayed: its content type said JSON. */
async function metricLetter(name: string): Promise<string> {
  const body = {
    resourceMetrics: [
      {
        scopeMetrics: [
          { metrics: [{ name, gauge: { dataPoints: [{ timeUnixNano: nowNs(), asDouble: 1 }] } }] },
        ],
      },
    ],
  };
  const text = `${JSON.stringify(body)} trailing`;
  const answer = await otlp.inject({
    method: 'POST',
    url: '/v1/metrics',
    headers: { 'content-type': 'application/json' },
    payload: text,
  });
  expect(answer.statusCode).toBe(400);
  const { letters } = await list('source=otlp/metrics');
  return letters[0]?.id ?? '';
}
const cutTrailing = [{ op: 'replace', find: ' trailing', with: '' }];

test.each([
  ['before the first segment', 'metric_series', 0],
  ['between two segments', 'metric_samples', 0],
  ['after the segments, before the note that it is done', '', 2],
])(
  'a replay that ends %s is ended by the next one: every row once, none lost',
  async (where, table, note) => {
    const name = `crash_${where.replaceAll(/\W/g, '_')}`;
    const id = await metricLetter(name);
    notes = 0;
    beforeWrite = (written) => {
      if (written === table) throw new Error('crash');
    };
    beforeNote = (made) => {
      if (made === note) throw new Error('crash');
    };
    const crashed = await app.inject({
      method: 'POST',
      url: '/api/v1/dead-letters/replay',
      payload: { ids: [id], fix: cutTrailing },
    });
    expect(crashed.statusCode).toBe(500);
    beforeWrite = () => undefined;
    beforeNote = () => undefined;
    await close();
    await open();
    const again = await post('replay', { ids: [id], fix: cutTrailing });
    expect(['replayed', 'not_open']).toContain(again.json.data[0]?.outcome);
    expect(await count('metric_samples', `MetricName = '${name}'`)).toBe(1);
    expect(await count('metric_series', `MetricName = '${name}'`)).toBe(1);
    expect((await list('state=replaying')).letters).toHaveLength(0);
  },
  60_000,
);

test('what can not be replayed says why; discarded letters leave the list', async () => {
  const big = `{"streams": ${' '.repeat(300_000)} nothing`;
  await sendLoki(big);
  const [cut] = (await list('source=loki/push')).letters;
  expect(cut?.replayable).toBe(false);
  const result = await post('replay', { ids: [cut?.id ?? '', '123'] });
  expect(result.json.data).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        outcome: 'refused',
        reason: expect.stringContaining('only the start of it'),
      }),
      { id: '123', outcome: 'not_found', reason: 'there is no dead letter of that id', records: 0 },
    ]),
  );
  const gone = await post('discard', { filter: { source: 'loki/push', reason: 'kept' } });
  expect(gone.json.counts).toEqual({ discarded: 1 });
  expect((await list('source=loki/push')).letters).toHaveLength(0);
});

test.each([
  [{}, 'Give either ids or filter.'],
  [{ ids: ['1'], filter: {} }, 'Give either ids or filter.'],
  [
    { ids: ['1'], fix: [{ op: 'replace_regex', find: '(', with: '' }] },
    'fix[0].find: Invalid regular expression',
  ],
  [{ ids: ['x'] }, '/ids/0: Invalid string'],
])('replay %j is refused with %s', async (body, message) => {
  const answer = await app.inject({ method: 'POST', url: '/api/v1/dead-letters/replay', payload: body });
  expect(answer.statusCode).toBe(400);
  expect(answer.json<{ error: { message: string } }>().error.message).toContain(message);
});

test('an expression that backtracks for ever is stopped and the letter stays', async () => {
  await sendLoki(`{"streams": "${'a'.repeat(40)}!"`);
  const [letter] = (await list('source=loki/push')).letters;
  const fix = [{ op: 'replace_regex', find: '(a+)+$', with: '' }];
  const result = await post('replay', { ids: [letter?.id ?? ''], fix });
  expect(result.json.data[0]?.reason).toContain('takes longer than 250 ms');
});
