/** systemd's own uploader sends a journal to Clew, unchanged: every entry arrives, and once. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';

const folder = ['/lib/systemd', '/usr/lib/systemd'].find((path) =>
  existsSync(join(path, 'systemd-journal-upload')),
);
const program = (name: string) => join(folder ?? '', name);
const dir = mkdtempSync(join(tmpdir(), 'clew-journald-'));
let clew: RunningClew;

beforeAll(async () => {
  clew = await startClew(dir, { CLEW_AUTH_TOKEN: 's3cret' });
});
afterAll(async () => {
  await clew.stop();
  rmSync(dir, { recursive: true, force: true });
});

const entries = 5000;
const journal = join(dir, 'made.journal');

/** A journal file, made by systemd from the export format. */
function makeJournal(): void {
  const parts: Buffer[] = [];
  const start = BigInt(Date.now() - 60_000) * 1000n;
  for (let i = 0; i < entries; i++) {
    const head = `__REALTIME_TIMESTAMP=${start + BigInt(i)}\n__MONOTONIC_TIMESTAMP=${1000 + i}\n_BOOT_ID=${'ab'.repeat(16)}\n`;
    const fields = `_HOSTNAME=h1\nSYSLOG_IDENTIFIER=jd-real\nPRIORITY=${i % 8}\n_PID=${i}\n`;
    const message = Buffer.from(i % 10 === 0 ? `entry ${i}\nof two lines` : `entry ${i}`);
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(message.length));
    parts.push(Buffer.from(`${head}${fields}MESSAGE\n`), size, message, Buffer.from('\n\n'));
  }
  execFileSync(program('systemd-journal-remote'), ['-o', journal, '-'], {
    input: Buffer.concat(parts),
    stdio: 'pipe',
  });
}
const upload = (url: string, ...args: string[]) =>
  spawnSync(
    program('systemd-journal-upload'),
    [`--url=${url}`, `--file=${journal}`, '--follow=no', ...args],
    {
      encoding: 'utf8',
      timeout: 30_000,
    },
  );
const withToken = () => clew.url.replace('//', '//clew:s3cret@');
const counted = async () =>
  (
    await clew.sql(
      "SELECT count(), uniqExact(Body), uniqExact(LogAttributes['journald.cursor']), countIf(Body LIKE '%of two lines'), countIf(SeverityNumber = 17) FROM otel_logs WHERE ServiceName = 'jd-real'",
    )
  )[0]?.map(Number);

describe.skipIf(folder === undefined)('systemd-journal-upload', () => {
  test('sends every entry once, bytes and all, with the token in its URL', async () => {
    makeJournal();
    const { status, stderr } = upload(withToken());
    expect(`${status} ${stderr}`).toMatch(/^0 /);
    await expect
      .poll(counted, { timeout: 10_000 })
      .toEqual([entries, entries, entries, entries / 10, entries / 8]);
  });

  test('is not needed: journalctl writes JSON, which Clew takes as it is', async () => {
    const json = execFileSync('journalctl', [`--file=${journal}`, '-o', 'json', '--all'], {
      maxBuffer: 64e6,
    });
    const answer = await fetch(`${clew.url}/api/v1/logs/ndjson`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: 'Bearer s3cret' },
      body: json,
    });
    expect(await answer.json()).toEqual({ accepted: entries, rejected: 0, errors: [] });
    // Every field of each entry is the same as by the uploader, so the rows come in pairs.
    const pairs = () =>
      clew.sql(
        "SELECT count() FROM (SELECT Body, Timestamp, SeverityNumber, ResourceAttributes, LogAttributes['journald.cursor'], LogAttributes['_PID'], count() AS n FROM otel_logs WHERE ServiceName = 'jd-real' GROUP BY ALL HAVING n = 2)",
      );
    await expect.poll(async () => (await pairs())[0]?.map(Number), { timeout: 10_000 }).toEqual([entries]);
  });

  test('ends with an error when the token is missing', () => {
    const { status, stderr } = upload(clew.url);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/failed with code 401/);
  });
});

test('an upload that goes on ends with 503 when Clew stops, and what came of it is kept', async () => {
  const request = httpRequest(`${clew.url}/upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.fdo.journal', authorization: 'Bearer s3cret' },
  });
  const status = new Promise((resolve, reject) => {
    request.on('response', (response) => resolve(response.resume().statusCode));
    request.on('error', reject);
  });
  request.write('SYSLOG_IDENTIFIER=jd-stop\nMESSAGE=kept\n\nSYSLOG_IDENTIFIER=jd-stop\nMESS');
  const kept = () => clew.sql("SELECT Body FROM otel_logs WHERE ServiceName = 'jd-stop'");
  await expect.poll(kept, { timeout: 10_000 }).toEqual([['kept']]);
  const started = performance.now();
  await Promise.all([clew.stop(), status]);
  expect(await status).toBe(503);
  expect(performance.now() - started).toBeLessThan(20_000);
});
