/** The thread of the embedded ledger; see lite-thread.ts. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { createLite, engineOf, type LiteEngine } from './lite-engine.ts';
import { detailsOf, type LiteAnswer, type LiteOptions, type LiteRequest } from './lite-thread.ts';

const { dir, snapshot } = workerData as LiteOptions;
const say = (answer: LiteAnswer): void => parentPort?.postMessage(answer);

async function answer(engine: LiteEngine, request: LiteRequest): Promise<LiteAnswer> {
  const { id } = request;
  try {
    if (request.kind === 'query')
      return { id, kind: 'done', rows: await engine.query(request.sql, request.params) };
    await (request.kind === 'script' ? engine.script(request.sql) : engine.close());
    return { id, kind: 'done', rows: null };
  } catch (error) {
    return { id, kind: 'refused', error: detailsOf(error) };
  }
}

/** The engine makes a new directory by an instance of its own, 300 MB, which an idle thread would keep for long. */
function forgetTheMaking(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}

createLite(dir, snapshot).then(
  (lite) => {
    const engine = engineOf(lite);
    parentPort?.on('message', (request: LiteRequest) => void answer(engine, request).then(say));
    forgetTheMaking();
    say({ kind: 'ready' });
  },
  (error: unknown) => say({ kind: 'failed', error: detailsOf(error) }),
);
