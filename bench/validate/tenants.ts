/** Two tenants of one Clew: what one of them sends far beyond its limits changes nothing for the other, and shows nowhere. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../../src/lib/index.ts';
import { runLoad } from '../helper.ts';
import type { SequenceSum } from '../identity.ts';
import type { LoadResult, LoadSpec } from '../load.ts';
import { addAcknowledged, compare, countOf, firstSequence, untilQueryable } from '../round.ts';
import { querySql, type Server, startServer, stopServer } from '../server.ts';
import { inTemporary } from '../temporary.ts';
import type { Signal } from '../workload/index.ts';
import { count, milliseconds, percent } from './plan.ts';
import { exactnessText, type Trial } from './trial.ts';

/** What a tenant may send, records a second; the steady one sends a tenth of it. */
const limit = 20_000;
const steadyRate = 2_000;
const ackLimitMs = 500;
/** A flood is felt where the acknowledgement takes more than twice as long as before it, and so much longer. */
const feltMs = 50;
/** Of the limit, what the other tenant sends before it floods: a paced sender is now and then a little ahead. */
const withinLimit = 0.9;
const warmUpSeconds = 3;
/** Once a refused sender has waited this long it tries again, whatever it was told. */
const floodRetryMs = 20;
/** Above the limit by the burst at the start and by what was under way when it was reached. */
const overLimit = 1.2;
const chapter = '6.6';

interface Tenant {
  name: string;
  /** Clew as this tenant asks it. */
  server: Server;
  run: string;
  totals: Map<Signal, SequenceSum>;
  next: Record<Signal, number>;
}

export async function tenants(trial: Trial): Promise<void> {
  await inTemporary(trial.dir, 'tenants-', async (dir) => {
    const tokens = { steady: randomBytes(24).toString('hex'), flooding: randomBytes(24).toString('hex') };
    const lines = Object.entries(tokens).map(
      ([tenant, token]) => `- { tenant: ${tenant}, sha256: ${sha256Hex(token)} }`,
    );
    const file = join(dir, 'tokens.yaml');
    await writeFile(file, `tokens:\n${lines.join('\n')}\n`);
    const server = await startServer({
      dataDir: dir,
      settings: {
        CLEW_AUTH_TOKEN: randomBytes(24).toString('hex'),
        CLEW_AUTH_TOKENS_FILE: file,
        CLEW_LIMITS_RECORDS_PER_S: String(limit),
      },
    });
    const tenant = (name: keyof typeof tokens): Tenant => ({
      name,
      server: { ...server, headers: { authorization: `Bearer ${tokens[name]}` } },
      run: `${trial.run}-${name}`,
      totals: new Map(),
      next: { ...firstSequence },
    });
    try {
      await flood(trial, tenant('steady'), tenant('flooding'));
    } finally {
      await stopServer(server);
    }
  });
}

async function flood(trial: Trial, steady: Tenant, flooding: Tenant): Promise<void> {
  const seconds = trial.seconds(30, 8);
  const steadily = (length = seconds) =>
    send(steady, { seconds: length, rate: steadyRate, records: 100, connections: 2 });
  trial.print(
    `Tenants: one sends ${count(steadyRate)} log records/s for ${seconds} s, another as much as it may, ${count(limit)} records/s`,
  );
  await steadily(warmUpSeconds);
  const [calm, within] = await Promise.all([
    steadily(),
    send(flooding, { seconds, rate: limit * withinLimit, records: 1_000, connections: 8 }),
  ]);
  trial.print(`Tenants: the same while the other floods for ${seconds} s`);
  const [beside, flooded] = await Promise.all([
    steadily(),
    send(flooding, { seconds, rate: 0, records: 1_000, connections: 8, retryMs: floodRetryMs }),
  ]);
  trial.print(`    p99 of the other: ${milliseconds(within.ack.p99)} within its limit`);
  judgeAcknowledgement(trial, calm, beside);
  judgeFlood(trial, seconds, flooded);
  await judgeRows(trial, steady, beside);
  await judgeRows(trial, flooding, flooded);
  await apart(trial, steady, flooding);
}

type Pace = Pick<LoadSpec, 'seconds' | 'rate' | 'connections' | 'retryMs'> & { records: number };

async function send(tenant: Tenant, { records, ...pace }: Pace): Promise<LoadResult> {
  const { server, run, next, totals } = tenant;
  const result = await runLoad({
    ...pace,
    otlp: server.otlp,
    api: server.api,
    shares: [{ signal: 'logs', weight: 1, records }],
    run,
    headers: server.headers,
    first: next,
    onLost: 'fail',
  });
  tenant.next = result.next;
  addAcknowledged(totals, result);
  return result;
}

function judgeAcknowledgement(trial: Trial, calm: LoadResult, beside: LoadResult): void {
  const most = Math.min(ackLimitMs, 2 * calm.ack.p99 + feltMs);
  trial.check({
    dimension: 'write',
    chapter,
    criterion: 'beside a tenant that floods: acknowledgement p99 of another',
    limit: `< ${milliseconds(most)}`,
    measured: `${milliseconds(beside.ack.p99)}; ${milliseconds(calm.ack.p99)} while the other keeps to its limit`,
    passed: beside.ack.p99 < most,
    how: `From the time at which a request was due to its answer, ${count(steadyRate)} records/s on 2 connections; the limit is twice that beside the same tenant within its limit and ${feltMs} ms, at most ${ackLimitMs} ms.`,
  });
  trial.check({
    dimension: 'write',
    chapter,
    criterion: 'beside a tenant that floods: requests of another that are refused',
    limit: '0',
    measured: `${count(beside.refused)} of ${count(beside.requests)}`,
    passed: beside.refused === 0,
    how: 'Answers 429 and 503 to the tenant that stays below its limit.',
  });
}

function judgeFlood(trial: Trial, seconds: number, flooded: LoadResult): void {
  const rate = countOf(flooded) / Math.max(seconds, flooded.seconds);
  const offered = ((flooded.refused + flooded.requests) * 1_000) / Math.max(seconds, flooded.seconds);
  trial.check({
    dimension: 'write',
    chapter,
    criterion: 'a tenant that floods is kept to its limit',
    limit: `≤ ${count(limit * overLimit)} records/s taken, the rest answered 429`,
    measured: `${count(rate)} records/s of ${count(offered)} records/s taken, ${count(flooded.refused)} requests refused`,
    passed: rate <= limit * overLimit && flooded.refused > 0,
    how: `Eight connections send 1,000 records a request as fast as they are answered, and again ${floodRetryMs} ms after a refusal; limits.records_per_s is ${count(limit)}.`,
  });
}

/** All that was acknowledged to a tenant, as the tenant itself reads it. */
async function judgeRows(trial: Trial, tenant: Tenant, load: LoadResult): Promise<void> {
  await untilQueryable(tenant.server, tenant.run, tenant.totals);
  const exact = exactnessText(await compare(tenant.server, tenant.run, tenant.totals));
  const [[strange] = []] = await querySql(
    tenant.server,
    `SELECT countIf(ScopeName != '${tenant.run}') FROM otel_logs`,
  );
  trial.check({
    dimension: 'correct',
    chapter,
    criterion: `tenant ${tenant.name}: every row is there once, and no other`,
    limit: 'every acknowledged record exactly once, 0 of others',
    measured: `${percent(exact.share)}: ${exact.measured}; ${strange} of others`,
    passed: exact.passed && Number(strange) === 0 && countOf(load) > 0,
    how: 'Read by SQL with the token of the tenant: count, distinct count, sum and exclusive or of the numbers, and rows that it did not send.',
  });
}

/** Asks as one tenant for what is the other's, in every way that names it. */
async function apart(trial: Trial, steady: Tenant, flooding: Tenant): Promise<void> {
  const opened = await ask(flooding, 'POST', '/case/create', { title: flooding.run });
  const id = /"id":"([0-9a-f-]{36})"/.exec(opened.text)?.[1] ?? '';
  const now = Date.now();
  const window = `from=${now - 600_000}&to=${now + 60_000}`;
  const looks: [string, string, unknown?][] = [
    [
      'POST',
      '/api/v1/sql',
      { sql: `SELECT ScopeName FROM otel_logs WHERE Tenant = '${flooding.name}' LIMIT 1` },
    ],
    ['GET', `/api/v1/logs?${window}&limit=500`],
    ['GET', `/api/v1/logs/facets?${window}`],
    ['GET', '/api/v1/dead-letters'],
    ['GET', '/case'],
    ['GET', `/case?tenant=${flooding.name}`],
    ['GET', `/case/${id}`],
    ['GET', `/case/${id}/timeline`],
    ['POST', '/gate/eval', { case_id: id, decision: 'approve', actor: steady.name }],
  ];
  const seen: string[] = [];
  for (const [method, path, body] of looks) {
    const { status, text } = await ask(steady, method, path, body);
    if (status >= 500 || text.includes(flooding.run))
      seen.push(`${method} ${path.split('?')[0]} (${status})`);
  }
  const own = await ask(flooding, 'GET', `/case/${id}`);
  trial.check({
    dimension: 'correct',
    chapter,
    criterion: 'a tenant sees nothing of another’s',
    limit: '0 answers that show or reach it',
    measured: seen.length === 0 ? `0 of ${looks.length} answers` : seen.join(', '),
    passed: seen.length === 0 && own.text.includes(flooding.run),
    how: 'SQL, search, facets, dead letters, lists and cases by id are asked with the token of one tenant and the header X-Scope-OrgID of the other; the owner finds its case by the same id.',
  });
}

async function ask(
  { server }: Tenant,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const answer = await fetch(server.api + path, {
    method,
    headers: {
      ...server.headers,
      'x-scope-orgid': 'flooding',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}
