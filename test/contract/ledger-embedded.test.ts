import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';

const log = createLogger({ level: 'silent' });

describe('the embedded ledger on disk', () => {
  it('keeps what was committed when it is closed and opened again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'clew-ledger-'));
    try {
      const first = await openLedger({ dir, clock: systemClock, log });
      const id = await first.tenantId('kept');
      await first.close();
      const second = await openLedger({ dir, clock: systemClock, log });
      expect(await second.tenantId('kept')).toBe(id);
      await second.close();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('refuses a migration that was edited after it was applied', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'clew-ledger-'));
    const open = (sql: string): Promise<Ledger> =>
      openLedger({
        dir,
        clock: systemClock,
        log,
        migrations: [{ number: 1, name: '001_a', sql, checksum: sql }],
      });
    try {
      await (await open('CREATE TABLE a (id INT)')).close();
      await expect(open('CREATE TABLE a (id BIGINT)')).rejects.toThrow(
        '001_a was changed after it was applied',
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('names the migration that fails and leaves nothing of it behind', async () => {
    const open = (dir: string, sql: string) =>
      openLedger({
        dir,
        clock: systemClock,
        log,
        migrations: [{ number: 1, name: '001_a', sql, checksum: 'x' }],
      });
    const dir = mkdtempSync(join(tmpdir(), 'clew-ledger-'));
    try {
      await expect(open(dir, 'CREATE TABLE a (id INT); SELECT 1/0')).rejects.toThrow(
        /001_a failed: division by zero/,
      );
      const again = await open(dir, 'CREATE TABLE a (id INT)');
      expect(await again.query('SELECT count(*)::int AS n FROM a')).toEqual([{ n: 0 }]);
      await again.close();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
