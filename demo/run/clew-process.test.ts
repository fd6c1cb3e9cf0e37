import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ClewProcess } from './clew-process.ts';
import { portOf } from './options.ts';

test('a demo whose port another program takes while it starts listens on another one', {
  timeout: 120_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'clew-demo-test-'));
  const catalogDir = join(dir, 'catalog');
  mkdirSync(catalogDir);
  const other = createServer();
  const taken = await new Promise<number>((resolve) => {
    other.listen(0, '127.0.0.1', () => {
      const address = other.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const ports = { http: taken, otlpHttp: 0, otlpGrpc: 0 };
  const clew = new ClewProcess({ dir, ports, catalogDir, scriptAllow: [], httpAllow: [] });
  try {
    await clew.ready();
    expect(Number(new URL(clew.url).port)).not.toBe(taken);
    expect((await fetch(`${clew.url}/readyz`)).status).toBe(200);
    expect(
      (
        await fetch(`${clew.otlpUrl}/v1/logs`, {
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(200);
  } finally {
    await clew.stop();
    other.close();
    rmSync(dir, { recursive: true, force: true });
  }
});

test.each(['abc', '-1', '70000', '80.5'])(
  'a port "%s" of the environment is refused with its name',
  (text) => {
    expect(() => portOf({ CLEW_HTTP_PORT: text }, 'CLEW_HTTP_PORT', 8080)).toThrow(
      `CLEW_HTTP_PORT is "${text}"; it must be a port, 0 to 65535 (0 picks a free one).`,
    );
  },
);
