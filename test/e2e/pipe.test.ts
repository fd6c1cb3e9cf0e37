/** Commands in a pipe whose reader has seen enough. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../../src/cli/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'pipe-'));
const input = join(dir, 'messages');
writeFileSync(input, 'connect from 10.0.0.1 port 22\n'.repeat(200_000));
afterAll(() => rmSync(dir, { recursive: true }));

it('a reader that goes away ends a command without a complaint', () => {
  const script = `"${process.execPath}" "${main}" patterns --json < "${input}" | head -n 1; exit "\${PIPESTATUS[0]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ template: 'connect from <*> port <*>' });
  expect(status).toBe(0);
});
