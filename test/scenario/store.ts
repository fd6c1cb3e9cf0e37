import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../src/detail/engine.ts';
import type { DetailQuery, DetailStore } from '../../src/detail/index.ts';
import { migrate } from '../../src/detail/migrate.ts';
import { runDerive, runNamed } from '../../src/detail/query.ts';
import { systemClock } from '../../src/lib/index.ts';

export interface TestStore extends DetailStore {
  insert(table: string, rows: readonly Record<string, unknown>[]): Promise<void>;
}

const limits = { timeMsMax: 30_000, bytesReadMax: 8_589_934_592, rowsResultMax: 100_000 };
/** Rows of one INSERT: the text of a statement is held in memory. */
const batchRows = 5_000;

/** The real engine and schema, with a door for rows as objects: scenarios write what receivers would have stored. */
export async function openTestStore(): Promise<TestStore> {
  const dir = mkdtempSync(join(tmpdir(), 'clew-scenario-'));
  const engine = openEngine(dir);
  await migrate(engine);
  return {
    insert: async (table, rows) => {
      for (let at = 0; at < rows.length; at += batchRows) {
        const lines = rows.slice(at, at + batchRows).map((row) => JSON.stringify(row));
        await engine.run('insert', `INSERT INTO ${table} FORMAT JSONEachRow ${lines.join('\n')}`);
      }
    },
    query: <Row>(query: DetailQuery) => runNamed<Row>(engine, systemClock, limits, query),
    derive: (query: DetailQuery) => runDerive(engine, systemClock, limits, query),
    append: () => Promise.reject(new Error('scenarios insert rows')),
    expectAgain: () => undefined,
    userSql: () => Promise.reject(new Error('scenarios ask by name')),
    flush: async () => {},
    health: () => ({ ready: true, pendingBytes: 0, pendingSegments: 0, insertLagMs: 0, lastError: null }),
    close: async () => {
      await engine.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
