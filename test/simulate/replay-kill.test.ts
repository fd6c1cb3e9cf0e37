import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';

const program = join(import.meta.dirname, 'replay-child.ts');
const lettersInAll = 60;
const seed = Number(process.env.KILL_SEED ?? 20_261_120);
const kills = Number(process.env.REPLAY_KILLS ?? 6);

let dir = '';
let child: ChildProcess | undefined;
let url = '';

async function start(): Promise<void> {
  const own = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  child = own;
  if (own.stdout === null) throw new Error('no output');
  for await (const line of createInterface(own.stdout)) {
    url = line;
    return;
  }
  throw new Error('the process ended before it listened');
}

async function kill(): Promise<void> {
  const own = child;
  if (own === undefined || own.exitCode !== null) return;
  const ended = new Promise((resolve) => own.once('exit', resolve));
  own.kill('SIGKILL');
  await ended;
}

const post = (path: string, body: unknown) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

async function rows(sql: string): Promise<unknown[][]> {
  const answer = (await (await post('/api/v1/sql', { sql })).json()) as { rows?: unknown[][] };
  return answer.rows ?? [];
}

async function idsOf(state: string): Promise<string[]> {
  const answer = await fetch(`${url}/api/v1/dead-letters?state=${state}&limit=200`);
  const { data } = (await answer.json()) as { data: { letters: { id: string }[] } };
  return data.letters.map(({ id }) => id);
}

/** A metric of its own in each letter: two tables, so that a kill can fall between them. */
const letter = (n: number): string =>
  `${JSON.stringify({
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: `kill_${n}`,
                gauge: { dataPoints: [{ timeUnixNano: `${Date.now()}000000`, asInt: '1' }] },
              },
            ],
          },
        ],
      },
    ],
  })} trailing`;
const fix = [{ op: 'replace', find: ' trailing', with: '' }];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'clew-replay-kill-'));
  await start();
  for (let n = 0; n < lettersInAll; n++) expect((await post('/v1/metrics', letter(n))).status).toBe(400);
  await until('every letter is kept', async () => (await idsOf('open')).length === lettersInAll);
}, 120_000);
afterAll(async () => {
  await kill();
  await rm(dir, { recursive: true, force: true });
});

test(`killed ${kills} times while letters are replayed, each letter is stored once in the end (seed ${seed})`, async () => {
  let random = seed;
  const next = () => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return random / 2 ** 32;
  };
  const size = Math.ceil(lettersInAll / kills);
  for (let turn = 0; turn < kills; turn++) {
    const ids = (await idsOf('open')).slice(0, size);
    const underway = post('/api/v1/dead-letters/replay', { ids, fix }).catch(() => undefined);
    await Promise.race([underway, new Promise((resolve) => setTimeout(resolve, next() * 150))]);
    await kill();
    await underway;
    await start();
    await until('it answers', async () => (await fetch(`${url}/api/v1/dead-letters`)).status === 200);
  }
  // The next replay ends what was cut short; replays of everything that is open do the rest.
  for (let turn = 0; turn < 5; turn++) {
    const ids = await idsOf('open');
    const replaying = await idsOf('replaying');
    if (ids.length + replaying.length === 0) break;
    await post('/api/v1/dead-letters/replay', { ids: [...ids, ...replaying], fix });
  }
  await until('every letter is replayed', async () => (await idsOf('replayed')).length === lettersInAll);
  const stored = await rows(
    "SELECT MetricName, count() FROM metric_samples WHERE MetricName LIKE 'kill_%' GROUP BY MetricName",
  );
  expect(stored).toHaveLength(lettersInAll);
  expect(stored.every(([, count]) => Number(count) === 1)).toBe(true);
  const series = await rows("SELECT uniqExact(MetricName) FROM metric_series WHERE MetricName LIKE 'kill_%'");
  expect(Number(series[0]?.[0])).toBe(lettersInAll);
}, 300_000);
