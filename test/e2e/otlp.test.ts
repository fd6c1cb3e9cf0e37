/** The program as exporters meet it: OTLP/gRPC across a SIGKILL, OTLP/HTTP on the port of the API. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { afterAll, expect, it } from 'vitest';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const dir = mkdtempSync(join(tmpdir(), 'clew-otlp-e2e-'));
const children = new Set<ChildProcess>();
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dir, { recursive: true, force: true });
});

interface Running {
  child: ChildProcess;
  url: string;
  grpc: string;
}

function start(grpcPort: string): Promise<Running> {
  const env = {
    PATH: process.env.PATH,
    CLEW_LOG_LEVEL: 'warn',
    CLEW_DATA_DIR: join(dir, 'data'),
    CLEW_HTTP_PORT: '0',
    CLEW_OTLP_HTTP_PORT: '0',
    CLEW_OTLP_GRPC_PORT: grpcPort,
  };
  const child = spawn(process.execPath, [main, 'serve'], {
    cwd: dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return new Promise((resolve, reject) => {
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    child.stdout.on('data', () => {
      const [, url, grpc] = /Clew is ready: (\S+) [\s\S]*OTLP\/gRPC: (\S+)/.exec(text) ?? [];
      if (url !== undefined && grpc !== undefined) resolve({ child, url, grpc });
    });
    child.on('exit', (code) => reject(new Error(`Clew ended with ${code}: ${text}`)));
  });
}

async function rows(clew: Running, sql: string): Promise<unknown[][]> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ sql });
  const answer = await fetch(`${clew.url}/api/v1/sql`, { method: 'POST', headers, body });
  return ((await answer.json()) as { rows: unknown[][] }).rows;
}

it('every batch that an OTLP/gRPC exporter was told is kept is there after SIGKILL, the others when they are sent again', {
  timeout: 60_000,
}, async () => {
  const memory = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'killed' }),
    processors: [new SimpleLogRecordProcessor({ exporter: memory })],
  });
  const first = await start('0');
  const exporter = new OTLPLogExporter({ url: `http://${first.grpc}` });
  const failures: string[] = [];
  /** As a batch processor with a queue does it: the same batch until it is taken. */
  const exportUntilTaken = async (name: string): Promise<void> => {
    memory.reset();
    for (let i = 0; i < 20; i++) provider.getLogger('lib').emit({ body: `${name}-${i}` });
    const batch = [...memory.getFinishedLogRecords()];
    for (;;) {
      const failure = await new Promise<string>((resolve) =>
        exporter.export(batch, ({ code, error }) =>
          resolve(code === ExportResultCode.SUCCESS ? '' : (error?.message ?? 'failed')),
        ),
      );
      if (failure === '') return;
      failures.push(failure);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  for (let batch = 0; batch < 10; batch++) await exportUntilTaken(`before-${batch}`);
  const during = exportUntilTaken('during');
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const after = exportUntilTaken('after');
  const second = await start(first.grpc.split(':')[1] ?? '');
  await Promise.all([during, after]);
  await exporter.shutdown();
  expect(failures.join()).toContain('UNAVAILABLE');
  const sql = "SELECT DISTINCT Body FROM otel_logs WHERE ServiceName = 'killed'";
  await expect.poll(async () => (await rows(second, sql)).length, { timeout: 10_000 }).toBe(12 * 20);

  const record = { body: { stringValue: 'by http' } };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'api' } }] };
  const body = JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] });
  for (const path of ['/v1/logs', '/otlp/v1/logs', '/api/v1/otlp/v1/logs']) {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(second.url + path, { method: 'POST', headers, body });
    expect([path, answer.status, await answer.json()]).toEqual([path, 200, {}]);
  }
  const count = "SELECT count() FROM otel_logs WHERE ServiceName = 'api'";
  await expect.poll(async () => String((await rows(second, count))[0]), { timeout: 10_000 }).toBe('3');

  const leaving = once(second.child, 'exit');
  second.child.kill('SIGTERM');
  expect((await leaving)[0]).toBe(0);
});
