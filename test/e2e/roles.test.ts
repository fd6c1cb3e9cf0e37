import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';
import { until } from '../support/until.ts';

let dir = '';
const running = new Set<RunningClew>();
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-roles-'));
});
afterAll(async () => {
  for (const clew of running) await clew.kill();
  await rm(dir, { recursive: true, force: true });
});

async function start(roles: string, env: Record<string, string> = {}): Promise<RunningClew> {
  const clew = await startClew(dir, { CLEW_ROLES: roles, ...env });
  running.add(clew);
  return clew;
}

const patience = { withinMs: 60_000 };

const send = (clew: RunningClew, messages: readonly string[]): Promise<Response> =>
  fetch(`${clew.url}/api/v1/logs/ndjson`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: messages.map((message) => JSON.stringify({ message, service: 'shop' })).join('\n'),
  });

const countsOf = async (clew: RunningClew, like: string): Promise<{ rows: number; bodies: number }> => {
  const [row = []] = await clew.sql(
    `SELECT count(), uniqExact(Body) FROM otel_logs WHERE Body LIKE '${like}%'`,
  );
  return { rows: Number(row[0]), bodies: Number(row[1]) };
};

const arrived = (clew: RunningClew, like: string, bodies: number) =>
  until(`${bodies} records ${like}`, async () => (await countsOf(clew, like)).bodies === bodies, patience);

const residentMb = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

describe('two processes on one data directory', () => {
  let ingest: RunningClew;
  let rest: RunningClew;
  beforeAll(async () => {
    // The ingest process is there first, on an empty directory.
    ingest = await start('ingest');
    rest = await start('query,worker');
  }, 180_000);

  it('what one takes in can be asked for at the other', async () => {
    expect((await send(ingest, ['both-1', 'both-2'])).status).toBe(200);
    const otlp = await fetch(`${ingest.otlpUrl}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'both-3' } }] }] }],
      }),
    });
    expect(otlp.status).toBe(200);
    await arrived(rest, 'both-', 3);
    expect(await countsOf(rest, 'both-')).toEqual({ rows: 3, bodies: 3 });
  }, 60_000);

  it('each answers probes and its own part, and names the other for the rest', async () => {
    for (const clew of [ingest, rest])
      for (const path of ['livez', 'readyz', 'healthz', 'metrics'])
        expect((await fetch(`${clew.url}/${path}`)).status, `${clew.url} ${path}`).toBe(200);
    const sql = await fetch(`${ingest.url}/api/v1/sql`, { method: 'POST' });
    expect(sql.status).toBe(404);
    expect(await sql.text()).toMatch(/answered by the one with the roles query,worker/);
    expect((await send(rest, ['nowhere'])).status).toBe(404);
    expect((await fetch(`${ingest.url}/api/v1/intake`)).status).toBe(200);
  }, 60_000);

  it('the process that only takes in stays small', async () => {
    const megabytes = await residentMb(ingest.pid);
    process.stdout.write(`ingest process: ${Math.round(megabytes)} MB resident\n`);
    expect(megabytes).toBeLessThan(200);
  });

  it('a second process of the same role is refused, and says why', async () => {
    await expect(start('ingest')).rejects.toThrow(/Another Clew has the role ingest in .*data\. Stop it/);
    await expect(start('all')).rejects.toThrow(/Another Clew has the role ingest/);
    await expect(start('worker')).rejects.toThrow(/roles is "worker"/);
  }, 60_000);

  it('a pipeline given to the API of one is in effect at the other, also while that one is away', async () => {
    const put = await fetch(`${rest.url}/api/v1/pipelines/hush`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        text: 'name: hush\nmatch: { source: ndjson }\nstages:\n  - drop: { field: body, matches: "^piped-drop", reason: probe }\n',
      }),
    });
    const answer = await put.text();
    expect({ status: put.status, answer }).toMatchObject({ status: 200 });
    const piped = async () => {
      await send(ingest, [`piped-drop-${performance.now()}`, 'piped-keep']);
      const metrics = await (await fetch(`${ingest.url}/metrics`)).text();
      return /clew_pipeline_dropped_total\{[^}]*\} [1-9]/.test(metrics);
    };
    await until('a record dropped by the pipeline', piped, { withinMs: 20_000 });
  }, 60_000);

  it('kill −9 of the one that queries: the other goes on, and nothing is lost or there twice', async () => {
    await send(ingest, ['killq-0']);
    await rest.kill();
    for (let n = 1; n < 20; n++) expect((await send(ingest, [`killq-${n}`])).status).toBe(200);
    expect((await fetch(`${ingest.url}/readyz`)).status).toBe(200);
    rest = await start('query,worker');
    await arrived(rest, 'killq-', 20);
    expect(await countsOf(rest, 'killq-')).toEqual({ rows: 20, bodies: 20 });
  }, 120_000);

  it('kill −9 of the one that takes in: what it acknowledged is there once after its next start', async () => {
    for (let n = 0; n < 20; n++) expect((await send(ingest, [`killi-${n}`])).status).toBe(200);
    await ingest.kill();
    ingest = await start('ingest');
    await send(ingest, ['killi-20']);
    await arrived(rest, 'killi-', 21);
    expect(await countsOf(rest, 'killi-')).toEqual({ rows: 21, bodies: 21 });
  }, 120_000);

  it('the one that queries is away for long: senders are answered 429, and are served again when it is back', async () => {
    await ingest.stop();
    ingest = await start('ingest', { CLEW_INGEST_PENDING_BYTES_MAX: '2000000' });
    await rest.kill();
    const filler = 'x'.repeat(300_000);
    let taken = 0;
    const refusal = async () => {
      const response = await send(ingest, [`full-${taken} ${filler}`]);
      if (response.status !== 200) return response;
      taken += 1;
      return undefined;
    };
    const refused = await until('a sender is refused', refusal, patience);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toMatch(/ingest\.pending_bytes_max/);
    expect(taken).toBeGreaterThan(2);
    rest = await start('query,worker');
    const served = async () => (await send(ingest, [`full-again ${filler}`])).status === 200;
    await until('senders are served again', served, patience);
    await arrived(rest, 'full-', taken + 1);
    expect(await countsOf(rest, 'full-')).toEqual({ rows: taken + 1, bodies: taken + 1 });
  }, 120_000);

  it('one process for everything takes up what two have left', async () => {
    await rest.stop();
    expect((await send(ingest, ['merged-1'])).status).toBe(200);
    await ingest.kill();
    const all = await start('all');
    await arrived(all, 'merged-', 1);
    expect((await send(all, ['merged-2'])).status).toBe(200);
    await arrived(all, 'merged-', 2);
    await all.stop();
  }, 120_000);
});
