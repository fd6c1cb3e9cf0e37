import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parseMemory, parseStat, usageOf } from './process-tree.ts';

test('a process name with spaces and parentheses does not shift the fields', () => {
  const stat = '42 (a (b) c) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 12 0 1000 1 2';
  expect(parseStat(stat)).toEqual({ parent: 7, ticks: 307 });
});

test('memory is read in bytes, and is 0 where the kernel names none', () => {
  expect(parseMemory('VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\n', 'VmHWM')).toBe(1234 * 1024);
  expect(parseMemory('State:\tZ (zombie)\n', 'VmHWM')).toBe(0);
});

test.skipIf(process.platform !== 'linux')(
  'counts the CPU of a child, and nothing once it is gone',
  async () => {
    const child = spawn(process.execPath, ['-e', 'for(let i=0;;i++);']);
    try {
      const own = usageOf(process.pid);
      await expect
        .poll(() => usageOf(child.pid ?? 0)?.cpuMs ?? 0, { timeout: 20_000 })
        .toBeGreaterThanOrEqual(200);
      const withChild = usageOf(process.pid);
      expect(withChild?.processes).toBeGreaterThanOrEqual(2);
      expect((withChild?.cpuMs ?? 0) - (own?.cpuMs ?? 0)).toBeGreaterThanOrEqual(150);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(usageOf(child.pid ?? 0)).toBeUndefined();
  },
);
