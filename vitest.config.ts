import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { postgresMissing } from './test/support/postgres-programs.ts';

const include = [
  'src/**/*.test.ts',
  'web/src/**/*.test.ts',
  'demo/**/*.test.ts',
  'tools/**/*.test.ts',
  'bench/**/*.test.ts',
  'test/**/*.test.ts',
];

/** Files whose ledger comes from `openTestLedger`: what they show must hold on both twins of the ledger. */
const withLedger = ['src', 'test'].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${folder}/${file}`)
    .filter((file) => readFileSync(join(import.meta.dirname, file), 'utf8').includes('openTestLedger')),
);

// The stores are real engines, chDB holds one data directory per process, and the reference machine has two cores. Files
// run in their own process so that each may open its own engine. The second project repeats the files with a ledger on a
// PostgreSQL server: `vitest run --project postgresql`.
export default defineConfig({
  test: {
    exclude: ['**/node_modules/**', 'web/dist/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'clew', include } },
      ...(postgresMissing === null
        ? [
            {
              extends: true as const,
              test: { name: 'postgresql', include: withLedger, env: { CLEW_TEST_LEDGER: 'server' } },
            },
          ]
        : []),
    ],
  },
});
