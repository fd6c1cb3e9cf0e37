import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DetailStore } from '../../src/detail/contract.ts';
import { openEngine } from '../../src/detail/engine.ts';
import { migrate } from '../../src/detail/migrate.ts';
import { runDerive, runNamed } from '../../src/detail/query.ts';
import { createUserSql } from '../../src/detail/user-sql.ts';
import { systemClock } from '../../src/lib/index.ts';

/**
 * The real engine, tables, binding and fences behind the contract, without segments: rows are put in with SQL. For tests
 * and measurements that need many rows of a known form.
 */
export interface SqlDetail extends DetailStore {
  exec(sql: string): Promise<string>;
}

const limits = { timeMsMax: 30_000, bytesReadMax: 8_589_934_592, rowsResultMax: 100_000 };

export async function openSqlDetail(): Promise<SqlDetail> {
  const directory = mkdtempSync(join(tmpdir(), 'clew-sql-detail-'));
  const engine = openEngine(directory);
  await migrate(engine);
  const userSql = await createUserSql({ engine, clock: systemClock, limits });
  return {
    exec: (sql) => engine.run('insert', sql, undefined, 'TabSeparated'),
    append: () => Promise.reject(new Error('put rows in with exec')),
    expectAgain: () => undefined,
    query: (query) => runNamed(engine, systemClock, limits, query),
    derive: (query) => runDerive(engine, systemClock, limits, query),
    userSql: (tenant, sql) => userSql.run(tenant, sql),
    flush: async () => undefined,
    health: () => ({ ready: true, pendingBytes: 0, pendingSegments: 0, insertLagMs: 0, lastError: null }),
    async close() {
      await engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
