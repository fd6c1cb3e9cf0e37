/** The engine that answers Cypher beside the embedded ledger, in a thread of its own; see embedded.ts. */
import { mkdirSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type Extension, PGlite } from '@electric-sql/pglite';
import { z } from 'zod';
import { liteDriver } from '../driver.ts';
import { queryableOf } from '../driver-ledger.ts';
import { engineOf } from '../lite-engine.ts';
import { refusal, type WorkerAnswer, type WorkerRequest } from './embedded.ts';
import { replaceGraph, runCypher } from './sql.ts';

/** It holds a few thousand rows. */
const settings = [
  'shared_buffers=4MB',
  'wal_buffers=256kB',
  'max_connections=4',
  'max_wal_size=32MB',
  'min_wal_size=32MB',
];
const { dir } = z.object({ dir: z.string() }).parse(workerData);
const say = (answer: WorkerAnswer) => parentPort?.postMessage(answer);

/** A package that may be left out: who needs no Cypher need not install it. */
const agePackage: string = '@electric-sql/pglite-age';

async function open() {
  const { age }: { age: Extension } = await import(agePackage);
  if (!dir.includes('://')) mkdirSync(dir, { recursive: true });
  const lite = await PGlite.create({ dataDir: dir, extensions: { age }, postgresqlconf: settings });
  await lite.exec('CREATE EXTENSION IF NOT EXISTS age');
  return liteDriver(engineOf(lite));
}

async function answer(
  driver: Awaited<ReturnType<typeof open>>,
  request: WorkerRequest,
): Promise<WorkerAnswer> {
  try {
    const result = await driver.transaction((run) =>
      request.kind === 'replace'
        ? replaceGraph(queryableOf(run), request.name, request.graph).then(() => null)
        : runCypher(queryableOf(run), request.name, request.cypher, request.limits),
    );
    return { id: request.id, kind: 'done', answer: result };
  } catch (error) {
    return refusal(request.id, error);
  }
}

open().then(
  (driver) => {
    parentPort?.on('message', (request: WorkerRequest) => {
      void answer(driver, request).then(say);
    });
    say({ kind: 'ready' });
  },
  (error: unknown) =>
    say({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
);
