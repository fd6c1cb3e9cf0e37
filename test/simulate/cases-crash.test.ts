import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { nextState } from '../../src/cases/index.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { systemClock } from '../../src/lib/index.ts';
import { type CaseEvent, type CaseState, caseEvents } from '../../src/model/index.ts';
import { log, worldOn } from '../contract/cases-support.ts';
import { testSeed } from '../support/seed.ts';

const child = join(import.meta.dirname, 'cases-crash-child.ts');
const incidents = 5;
const kills = 7;
/** Set CLEW_TEST_SEED to repeat a run. */
const seed = testSeed;

/** Mulberry32: enough to pick moments, and the same ones for the same seed. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const releases = new Map<string, string>();
const server = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk) => {
    text += chunk;
  });
  request.on('end', () => {
    const body: { service?: string; to?: string } = JSON.parse(text || '{}');
    const previous = releases.get(body.service ?? '') ?? 'bad';
    if (body.service && body.to) releases.set(body.service, body.to);
    // Slow enough that kills also fall into the middle of a step.
    void systemClock.sleep(40).then(() => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ previous }));
    });
  });
});
const dir = mkdtempSync(join(tmpdir(), 'clew-crash-'));
let running: ChildProcess | null = null;
/** Cases that a new life found half-way: without any, the kills proved nothing. */
let foundUnfinished = 0;

afterAll(() => {
  running?.kill('SIGKILL');
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** One life; killed `killAfterMs` after it started its loop, or left alone. True when it came to rest. */
function life(gateway: string, killAfterMs: number | null): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [child, dir, gateway, String(incidents)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running = process_;
    let errors = '';
    let rested = false;
    process_.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    process_.stdout.on('data', (chunk) => {
      foundUnfinished += Number(/found (\d+)/.exec(String(chunk))?.[1] ?? 0);
      if (String(chunk).includes('at rest')) rested = true;
      if (String(chunk).includes('started') && killAfterMs !== null)
        void systemClock.sleep(killAfterMs).then(() => process_.kill('SIGKILL'));
    });
    process_.on('exit', (code, signal) => {
      if (signal === 'SIGKILL' || code === 0) resolve(rested);
      else reject(new Error(`the process ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}

const isEvent = (text: string): text is CaseEvent => caseEvents.some((event) => event === text);

async function checkCase(ledger: Ledger, id: string, status: string, version: number): Promise<void> {
  const rows = await ledger.query<{ event: string; from_status: string; to_status: string; version: number }>(
    `SELECT event, from_status, to_status, version FROM case_timeline
     WHERE case_id = $1 AND version IS NOT NULL ORDER BY version`,
    [id],
  );
  expect(rows.map((row) => row.version)).toEqual(Array.from({ length: version }, (_, index) => index + 1));
  expect(rows.at(-1)?.to_status).toBe(status);
  for (const [index, row] of rows.slice(1).entries()) {
    expect(row.from_status).toBe(rows[index]?.to_status);
    expect(isEvent(row.event) && nextState(row.from_status as CaseState, row.event)).toBe(row.to_status);
  }
  const messages = await ledger.query<{ topic: string; version: number }>(
    `SELECT topic, (payload->>'version')::int AS version FROM outbox
     WHERE key = $1 AND payload ? 'version' ORDER BY id`,
    [id],
  );
  const told = messages.filter((message) => message.topic === 'evt.case.transition.v1');
  expect(told.map((message) => message.version)).toEqual(rows.map((row) => row.version));
  const commands: Partial<Record<string, string>> = {
    analysis_done: 'cmd.plan.generate',
    plan_ready: 'cmd.gate.eval',
    gate_approved: 'cmd.exec.run',
    exec_done: 'cmd.verify.run',
  };
  for (const row of rows) {
    const wanted = commands[row.event];
    const sent = messages.filter(
      (message) => message.version === row.version && message.topic.startsWith('cmd.'),
    );
    expect(sent.map((message) => message.topic)).toEqual(wanted ? [wanted] : []);
  }
}

test(`a process killed again and again leaves no half-done transition and finishes every case (seed ${seed})`, async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const next = random(seed);
  for (let round = 0; round < kills; round++) await life(gateway, Math.floor(next() * 700));
  expect(await life(gateway, null)).toBe(true);
  expect(foundUnfinished).toBeGreaterThan(0);

  const ledger = await openLedger({ dir: join(dir, 'ledger'), clock: systemClock, log });
  const world = worldOn(ledger);
  const list = await world.cases.list({ tenant: 'default', limit: 100 });
  expect(list.map((each) => each.number).sort()).toEqual([1, 2, 3, 4, 5]);
  for (const each of list) {
    await checkCase(ledger, each.id, each.status, each.version);
    expect(await world.cases.verifyEvidence(each.id)).toMatchObject({ ok: true });
    expect(releases.get(each.service)).toBe(each.status === 'CLOSED' ? 'good' : 'bad');
  }
  expect(list.filter((each) => each.status === 'CLOSED').length).toBeGreaterThan(0);
  const [left] = await ledger.query<{ waiting: number; running: number }>(
    `SELECT (SELECT count(*)::int FROM outbox WHERE published_at IS NULL) AS waiting,
       (SELECT count(*)::int FROM exec_step WHERE status IN ('running', 'pending')) AS running`,
  );
  expect(left).toEqual({ waiting: 0, running: 0 });
  await ledger.close();
}, 180_000);
