import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMasker, loadMasking, Pipelines } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createServer } from '../../src/serve/index.ts';
import { pipelineRoutes } from '../../src/serve/pipelines.ts';
import { pipelines as frontPipelines, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
const log = createLogger({ level: 'silent' });
let dir = '';
let ledger: Ledger;
let url = '';
let close = async (): Promise<void> => undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-pipeline-'));
  ledger = await openLedger({ dir: join(dir, 'ledger'), clock: systemClock, log });
  for (const pipelines of frontPipelines) {
    await pipelines.loadFiles();
    await pipelines.start(ledger);
  }
  const [pipelines] = frontPipelines;
  if (pipelines === undefined) throw new Error('no pipelines');
  const app = await createServer({ log, bodyBytesMax: 100_000 });
  await app.register(pipelineRoutes({ pipelines, tenantOf: () => 'default' }), { prefix: '/api/v1' });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  close = async () => {
    await app.close();
    for (const each of frontPipelines) await each.stop();
    await ledger.close();
    await rm(dir, { recursive: true, force: true });
  };
});
afterAll(() => close());

const put = (name: string, text: string) =>
  fetch(`${url}/api/v1/pipelines/${name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
const push = (app: string, lines: string[]) => {
  const at = BigInt(Date.now()) * 1_000_000n;
  const values = lines.map((line, index) => [String(at + BigInt(index)), line]);
  return fetch(`${fronts.url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream: { app }, values }] }),
  });
};
const nginx = `name: nginx
match: {source: loki/push, service: pipe-nginx}
stages:
  - format: {name: auto}
  - drop: {field: url.path, equals: /healthz, reason: probe}
  - labels: {resource: {server.address: server.address}}
`;

describe('a pipeline given by the API', () => {
  it('is in effect when it is answered: typed fields, dropped probes, then masking, then gone again', async () => {
    expect((await put('nginx', nginx)).status).toBe(200);
    const line = (path: string, status: number) =>
      `shop.example:80 10.0.0.9 - - [02/Jan/2026:03:04:05 +0000] "GET ${path} HTTP/1.1" ${status} 12 "-" "mail ann@example.com"`;
    expect((await push('pipe-nginx', [line('/healthz', 200), line('/cart', 503), 'no format'])).status).toBe(
      204,
    );
    const rows = await fronts.rows('pipe-nginx');
    expect(rows).toHaveLength(2);
    const cart = rows.find((row) => String(row.Body).includes('/cart'));
    expect(cart).toMatchObject({
      Timestamp: '2026-01-02 03:04:05.000000000',
      SeverityText: 'ERROR',
      LogAttributes: {
        'url.path': '/cart',
        'http.response.status_code': '503',
        'user_agent.original': 'mail [masked:email]',
      },
      ResourceAttributes: { app: 'pipe-nginx', 'server.address': 'shop.example' },
    });
    const other = rows.find((row) => row.Body === 'no format');
    expect(JSON.stringify(other?.LogAttributes)).toContain('stage 1 (format): no format');
    const listed = (await (await fetch(`${url}/api/v1/pipelines`)).json()) as { data: unknown[] };
    expect(listed.data).toMatchObject([{ name: 'nginx', from: 'api', text: nginx }]);
    expect((await fetch(`${url}/api/v1/pipelines/nginx`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${url}/api/v1/pipelines/nginx`, { method: 'DELETE' })).status).toBe(404);
    expect((await push('pipe-gone', [line('/healthz', 200)])).status).toBe(204);
    expect((await fronts.rows('pipe-gone'))[0]?.LogAttributes).toEqual({});
  });

  it('joins the lines of an event and moves it to the service that it names', async () => {
    const text = `name: traces\nmatch: {service: pipe-lines}\nstages:\n  - multiline: {first: '^\\S'}\n  - regex: {pattern: '^(?<app>[a-z-]+): ', fields: {}}\n  - labels: {service: app}\n`;
    expect((await put('traces', text)).status).toBe(200);
    expect(
      (await push('pipe-lines', ['pipe-cart: boom', '  at a', '  at b', 'pipe-cart: fine'])).status,
    ).toBe(204);
    expect((await fronts.rows('pipe-cart')).map((row) => row.Body).sort()).toEqual([
      'pipe-cart: boom\n  at a\n  at b',
      'pipe-cart: fine',
    ]);
    expect(await fronts.rows('pipe-lines')).toEqual([]);
  });

  it('takes the records of OTLP that it is for, and leaves the others of the request to the fast way', async () => {
    const text =
      'name: otlp\nmatch: {source: otlp/logs, service: pipe-otlp}\nstages:\n  - json: {}\n  - output: {field: msg}\n';
    expect((await put('otlp', text)).status).toBe(200);
    const timeUnixNano = `${Date.now()}000123`;
    const value = (stringValue: string) => ({ stringValue });
    const resourceLogs = ['pipe-otlp', 'fast-otlp'].map((service) => ({
      resource: {
        attributes: [
          { key: 'service.name', value: value(service) },
          { key: 'pod', value: value('p-1') },
        ],
      },
      scopeLogs: [
        {
          scope: { name: 'lib', version: '1' },
          logRecords: [
            {
              timeUnixNano,
              severityNumber: 17,
              traceId: 'ab'.repeat(16),
              spanId: 'cd'.repeat(8),
              body: value('{"msg":"paid","n":7}'),
              attributes: [
                { key: 'k', value: { intValue: '42' } },
                { key: 'password', value: value('x') },
              ],
            },
          ],
        },
      ],
    }));
    const answer = await fetch(`${fronts.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceLogs }),
    });
    expect(answer.status).toBe(200);
    const [piped, more] = await fronts.rows('pipe-otlp');
    const [fast] = await fronts.rows('fast-otlp');
    expect(more).toBeUndefined();
    const same = ['Timestamp', 'SeverityNumber', 'TraceId', 'SpanId'];
    for (const column of same) expect([column, piped?.[column]]).toEqual([column, fast?.[column]]);
    expect(fast).toMatchObject({
      Body: '{"msg":"paid","n":7}',
      LogAttributes: { k: '42', password: '[masked:key]' },
    });
    expect(piped).toMatchObject({
      Body: 'paid',
      SeverityText: 'ERROR',
      ResourceAttributes: { 'service.name': 'pipe-otlp', pod: 'p-1' },
      LogAttributes: {
        k: '42',
        password: '[masked:key]',
        n: '7',
        'otel.scope.name': 'lib',
        'otel.scope.version': '1',
      },
    });
    expect((await fetch(`${url}/api/v1/pipelines/otlp`, { method: 'DELETE' })).status).toBe(204);
  });

  it('that is wrong is refused with line, stage and field, and changes nothing', async () => {
    const answer = await put('bad', 'name: bad\nstages:\n  - json: {}\n  - format: {name: foo}\n');
    expect(answer.status).toBe(422);
    const body = (await answer.json()) as { error: { message: string } };
    expect(body.error.message).toMatch(
      /^api:4: stages\.1\.format\.name: is no format of the catalogue; there are auto, /,
    );
    const renamed = await put('other', nginx);
    expect(((await renamed.json()) as { error: { message: string } }).error.message).toBe(
      'The pipeline\'s name is "nginx", the address says "other".',
    );
  });

  it('is there again after a restart', async () => {
    const masker = createMasker(await loadMasking(['catalog'], systemClock), configSchema.parse({}).masking);
    const again = new Pipelines({ catalogDirs: ['catalog'], masker, clock: systemClock, log });
    await again.loadFiles();
    await again.start(ledger);
    expect(again.list('default').map(({ name }) => name)).toEqual(['traces']);
    expect(again.refiner('default', 'loki/push', 'pipe-lines', [])).not.toBeNull();
    expect(again.refiner('another', 'loki/push', 'pipe-lines', [])).toBeNull();
    await again.stop();
  });
});

function clew(args: string[], input: string): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['src/cli/main.ts', ...args], (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
    child.stdin?.end(input);
  });
}

describe('clew pipeline test', () => {
  it('shows what each stage did, for people and as JSON, and fails when a stage could not do its part', async () => {
    const file = join(dir, 'shop.yaml');
    await writeFile(
      file,
      'name: shop\nstages:\n  - json: {}\n  - drop: {field: level, equals: debug, reason: noise}\n  - output: {field: msg}\n',
    );
    const good = await clew(
      ['pipeline', 'test', file],
      '{"msg":"hi","level":"info"}\n{"msg":"x","level":"debug"}\n',
    );
    expect(good).toEqual({
      code: 0,
      err: '',
      out: `line 1: {"msg":"hi","level":"info"}
   1 json      msg = hi
   1 json      level = info
   2 drop      (nothing changed)
   3 output    body = hi
   3 output    - msg
line 2: {"msg":"x","level":"debug"}
   1 json      msg = x
   1 json      level = debug
   2 drop      dropped: noise
`,
    });
    const bad = await clew(['pipeline', 'test', file, '--json'], 'no json\n');
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({
      line: 1,
      stages: [{ stage: 1, name: 'json', fault: 'not a JSON object' }, {}, {}],
    });
    const wrong = await clew(['pipeline', 'test', join(dir, 'none.yaml')], '');
    expect([wrong.code, wrong.err.includes("none.yaml can't be read")]).toEqual([2, true]);
    expect((await clew(['mask', 'test'], 'call 13812345678\n')).out).toBe('call [masked:phone]\n');
    expect((await clew(['pipeline', 'formats'], '')).out).toContain('vpc_flow         flow');
  });
});
