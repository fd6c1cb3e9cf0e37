/** The real program: what it took in comes out as a bundle. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningClew, startClew } from '../support/clew.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, '../../src/cli/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'bundle-'));
const spansSent = 45_000;
let clew: RunningClew;

beforeAll(async () => {
  clew = await startClew(dir);
}, 60_000);
afterAll(async () => {
  await clew.stop();
  rmSync(dir, { recursive: true });
});

const post = async (path: string, body: unknown) => {
  const response = await fetch(`${clew.otlpUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
};
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] };
const nano = (ms: number) => `${ms}000000`;

it('a bundle of a running Clew holds every span, record, value and change of its span of time once', async () => {
  const at = Date.now() - 60_000;
  for (let from = 0; from < spansSent; from += 5_000)
    await post('/v1/traces', {
      resourceSpans: [
        {
          resource,
          scopeSpans: [
            {
              spans: Array.from({ length: 5_000 }, (_, i) => ({
                traceId: (from + i + 1).toString(16).padStart(32, '0'),
                spanId: (from + i + 1).toString(16).padStart(16, '0'),
                name: 'GET /cart',
                kind: 2,
                startTimeUnixNano: nano(at + Math.floor((from + i) / 2)),
                endTimeUnixNano: nano(at + Math.floor((from + i) / 2) + 20),
                status: i === 0 ? { code: 2, message: 'no stock' } : {},
              })),
            },
          ],
        },
      ],
    });
  const logRecords = [
    { timeUnixNano: nano(at), severityText: 'ERROR', severityNumber: 17, body: { stringValue: 'a, "b"' } },
  ];
  await post('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
  const dataPoints = [
    { timeUnixNano: nano(at), asDouble: 0.5, attributes: [{ key: 'cpu', value: { stringValue: '1' } }] },
  ];
  await post('/v1/metrics', {
    resourceMetrics: [
      { resource, scopeMetrics: [{ metrics: [{ name: 'cpu.busy', gauge: { dataPoints } }] }] },
    ],
  });
  await fetch(`${clew.url}/api/v1/changes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'deploy', service: 'cart', title: 'cart 2', at }),
  });
  const tables = ['otel_traces', 'otel_logs', 'metric_samples', 'change_events'];
  const counts = tables.map((table) => `(SELECT count() FROM ${table})`).join(', ');
  await expect
    .poll(() => clew.sql(`SELECT ${counts}`), { timeout: 20_000 })
    .toEqual([[String(spansSent), '1', '1', '1']]);
  const out = join(dir, 'out');
  const span = ['--at', new Date(at + 30_000).toISOString(), '--before', '2m', '--after', '2m'];
  await run(process.execPath, [main, 'bundle', '--url', clew.url, '--out', out, ...span]);
  const lines = (file: string) =>
    gunzipSync(readFileSync(join(out, file)))
      .toString()
      .trimEnd()
      .split('\n');
  const spans = lines('spans.ndjson.gz').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(new Set(spans.map((one) => one.span_id)).size).toBe(spansSent);
  expect(spans).toHaveLength(spansSent);
  const failed = spans.filter((one) => one.status === 'ERROR');
  expect(failed).toHaveLength(spansSent / 5_000);
  expect(failed[0]).toMatchObject({
    service: 'cart',
    duration_ms: 20,
    attributes: { 'status.message': 'no stock' },
  });
  expect(JSON.parse(lines('logs.ndjson.gz')[0] ?? '')).toMatchObject({
    severity: 'ERROR',
    body: 'a, "b"',
    service: 'cart',
  });
  expect(lines('metrics.csv.gz')[1]).toMatch(/,cart,"cpu\.busy\{cpu=""1""\}",0\.5$/);
  expect(JSON.parse(lines('events.ndjson.gz')[0] ?? '')).toMatchObject({ kind: 'deploy', service: 'cart' });
  expect(JSON.parse(readFileSync(join(out, 'meta.json'), 'utf8')).incident_at).toBe(
    new Date(at + 30_000).toISOString(),
  );
}, 90_000);

it.each([
  [['bundle'], /--out DIR/],
  [['bundle', '--out', 'x', '--before', 'long'], /"long" is not a span/],
  [['bundle', 'import', '--out', 'x'], /Name files/],
  [['bundle', 'import', 'missing.csv', '--out', 'x'], /no file missing\.csv/],
  [['bundle', '--out', 'x', '--frist', '1'], /no flag --frist/],
])('%j says what would be right', async (words, message) => {
  await expect(run(process.execPath, [main, ...words], { cwd: dir })).rejects.toThrow(message);
});

describe('diagnosis of a window of what is stored', () => {
  const ask = (body: unknown) =>
    fetch(`${clew.url}/api/v1/diagnose`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('answers as the command does, and names nothing where nothing is wrong', async () => {
    const now = Date.now();
    const response = await ask({ from: now - 300_000, to: now });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as { verdict: string; checks: unknown[]; causes: unknown[] };
    expect(answer.checks.length).toBeGreaterThan(0);
    expect(['root_cause', 'inconclusive', 'external']).toContain(answer.verdict);
  });

  it.each([
    [{ at: 'noon' }, /at/],
    [{ from: 10, to: 5 }, /from, to: it begins at 10 and ends at 5/],
    [{ from: 0, to: 90_000_000 }, /1500 minutes are asked for; at most 360/],
    [{ from: 'yesterday' }, /from/],
    [{ from: 0, to: 5, frist: 1 }, /frist/],
  ])('%j is refused with what is wrong', async (body, message) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(message);
  });
});
