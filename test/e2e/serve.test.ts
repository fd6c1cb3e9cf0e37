/** The program as a user starts it: its command line, its ports, its answers, kill and stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const dir = mkdtempSync(join(tmpdir(), 'clew-serve-test-'));

interface Running {
  process: ChildProcess;
  url: string;
  otlp: string;
}

function launch(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [main, 'serve'], {
    cwd: dir,
    env: { PATH: process.env.PATH, CLEW_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const output = (child: ChildProcess): Promise<{ code: number | null; text: string }> =>
  new Promise((resolve) => {
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
    child.on('exit', (code) => resolve({ code, text }));
  });

function start(env: Record<string, string> = {}): Promise<Running> {
  const child = launch({
    CLEW_DATA_DIR: join(dir, 'data'),
    CLEW_HTTP_PORT: '0',
    CLEW_OTLP_HTTP_PORT: '0',
    CLEW_OTLP_GRPC_PORT: '0',
    ...env,
  });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += String(chunk);
      const ready = /Clew is ready: (\S+) \(OTLP\/HTTP (\S+)\)/.exec(text);
      if (ready?.[1] && ready[2]) resolve({ process: child, url: ready[1], otlp: ready[2] });
    });
    child.stderr?.on('data', (chunk) => (text += String(chunk)));
    child.on('exit', (code) => reject(new Error(`Clew ended with ${code}: ${text}`)));
  });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(child.exitCode)));

const logOf = (body: string) => ({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'till' } }] },
      scopeLogs: [
        {
          logRecords: [
            { timeUnixNano: `${Date.now()}000000`, severityNumber: 9, body: { stringValue: body } },
          ],
        },
      ],
    },
  ],
});

const send = (clew: Running, body: string): Promise<Response> =>
  fetch(`${clew.otlp}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(logOf(body)),
  });

async function bodies(clew: Running): Promise<unknown[]> {
  const sql = "SELECT Body FROM otel_logs WHERE ServiceName = 'till' ORDER BY EventId";
  const answer = await fetch(`${clew.url}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const { rows } = (await answer.json()) as { rows: unknown[][] };
  return rows.map((row) => row[0]);
}

/** As `curl -X METHOD -d BODY` sends it: a form by name, JSON by nature. */
async function curl(
  clew: Running,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const answer = await fetch(clew.url + path, {
    method,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: JSON.stringify(body),
  });
  const { data } = (await answer.json()) as { data: { case_id: string; status: string } };
  return { status: answer.status, data };
}

let clew: Running;
beforeAll(async () => {
  clew = await start();
});
afterAll(async () => {
  clew.process.kill('SIGKILL');
  await ended(clew.process);
  rmSync(dir, { recursive: true, force: true });
});

test('probes, health, metrics and the API document answer', async () => {
  for (const path of ['/livez', '/readyz', '/healthz', '/healthz?include=detail', '/api/openapi.json']) {
    // A busy machine makes the event loop late for a moment, and /healthz says so.
    await expect
      .poll(async () => (await fetch(clew.url + path)).status, { message: path, timeout: 30_000 })
      .toBe(200);
  }
  const health = (await (await fetch(`${clew.url}/healthz`)).json()) as {
    data: { namespaces: { namespace: string }[] };
  };
  expect(health.data.namespaces.map(({ namespace }) => namespace)).toEqual([
    'process',
    'detail',
    'ingest',
    'cardinality',
    'ledger',
    'bus',
    'rollup',
  ]);
  const metrics = await (await fetch(`${clew.url}/metrics`)).text();
  for (const name of [
    'case_transition_total',
    'conflict_total',
    'idempotent_replay_total',
    'outbox_publish_total',
    'inbox_dedup_total',
    'adapter_step_latency_seconds',
    'verify_latency_seconds',
    'window_lag_seconds',
  ]) {
    expect(metrics, name).toContain(`# TYPE ${name} `);
  }
});

test('a record can be queried at most two seconds after its acknowledgement', async () => {
  expect((await send(clew, 'first')).status).toBe(200);
  await expect.poll(() => bodies(clew), { timeout: 2_000, interval: 100 }).toEqual(['first']);
});

test('the walk-through of the state machine closes a case by plain curl calls', async () => {
  const created = await curl(clew, 'POST', '/case/create', { title: 'p95 spike', tenant: 't-001' });
  const id = created.data.case_id;
  const key = { 'idempotency-key': 'a1' };
  const event = { event: 'start_analysis', actor: 'analyst@svc' };
  const first = await curl(clew, 'PATCH', `/case/${id}/transition`, event, key);
  expect(await curl(clew, 'PATCH', `/case/${id}/transition`, event, key)).toEqual(first);
  const steps: [string, Record<string, unknown>, string][] = [
    ['/plan/generate', { template: 'k8s.rollout.canary' }, 'WAIT_GATE'],
    ['/gate/eval', {}, 'EXECUTING'],
    ['/adapter/exec', { adapter: 'script', script: 'echo ok' }, 'VERIFYING'],
    ['/verify/run', {}, 'CLOSED'],
  ];
  for (const [path, body, status] of steps) {
    expect((await curl(clew, 'POST', path, { case_id: id, ...body })).data.status, path).toBe(status);
  }
  const same = await fetch(`${clew.url}/api/v1/case/${id}`);
  expect(((await same.json()) as { data: { status: string } }).data.status).toBe('CLOSED');
});

test('after kill -9 everything acknowledged is there once, and cases are as they were', async () => {
  const { data } = await curl(clew, 'POST', '/case/create', { title: 'survives' });
  for (const body of ['second', 'third']) expect((await send(clew, body)).status).toBe(200);
  clew.process.kill('SIGKILL');
  await ended(clew.process);
  clew = await start();
  await expect
    .poll(() => bodies(clew), { timeout: 5_000, interval: 100 })
    .toEqual(['first', 'second', 'third']);
  expect((await fetch(`${clew.url}/case/${data.case_id}`)).status).toBe(200);
});

test('SIGTERM ends it in order', async () => {
  clew.process.kill('SIGTERM');
  expect(await ended(clew.process)).toBe(0);
  clew = await start();
  expect(await bodies(clew)).toEqual(['first', 'second', 'third']);
});

describe('refuses to start', () => {
  test('beyond loopback without a token, saying what to set', async () => {
    const { code, text } = await output(
      launch({ CLEW_HTTP_HOST: '0.0.0.0', CLEW_DATA_DIR: join(dir, 'other') }),
    );
    expect(code).toBe(2);
    expect(text).toMatch(/auth\.token is empty.*CLEW_AUTH_TOKEN/);
  });

  test('on a port that is taken, naming the setting', async () => {
    const port = new URL(clew.url).port;
    const { code, text } = await output(
      launch({
        CLEW_HTTP_PORT: port,
        CLEW_OTLP_HTTP_PORT: '0',
        CLEW_OTLP_GRPC_PORT: '0',
        CLEW_DATA_DIR: join(dir, 'third'),
      }),
    );
    expect(code).toBe(2);
    expect(text).toMatch(/already in use; set http\.port/);
  });
});

test('with a token nothing but probes and the console answers without it', async () => {
  const guarded = await start({ CLEW_AUTH_TOKEN: 's3cret', CLEW_DATA_DIR: join(dir, 'guarded') });
  try {
    expect((await fetch(`${guarded.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${guarded.url}/api/v1/case`)).status).toBe(401);
    expect((await fetch(`${guarded.url}/metrics`)).status).toBe(401);
    expect((await send(guarded, 'no')).status).toBe(401);
    const authorization = 'Bearer s3cret';
    expect((await fetch(`${guarded.url}/api/v1/case`, { headers: { authorization } })).status).toBe(200);
  } finally {
    guarded.process.kill('SIGTERM');
    await ended(guarded.process);
  }
});

test('what ends npm ends the Clew that it started', async () => {
  const npm = spawn('npm', ['run', '-s', 'clew', '--', 'serve'], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: {
      PATH: process.env.PATH,
      CLEW_DATA_DIR: join(dir, 'npm'),
      CLEW_HTTP_PORT: '0',
      CLEW_OTLP_HTTP_PORT: '0',
      CLEW_OTLP_GRPC_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    npm.stdout.on('data', (chunk) => {
      text += String(chunk);
      const [, found] = /Clew is ready: (\S+) \(.*\n/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    npm.once('exit', (code) => reject(new Error(`npm ended with ${code}: ${text}`)));
  });
  const gone = ended(npm);
  npm.kill('SIGTERM');
  await gone;
  await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
});
