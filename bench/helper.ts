/** The benchmark's own helper processes: one message in, one result out, ticks in between. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Ceiling, CeilingSpec, PartsSpec, TableParts } from './engine.ts';
import type { LoadResult, LoadSpec, Tick } from './load.ts';
import { endWithUs } from './temporary.ts';

interface Message {
  result?: unknown;
  tick?: Tick;
  failure?: string;
}

function ask<Result>(file: string, spec: object, onTick?: (tick: Tick) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    endWithUs(child);
    child.on('message', (message: Message) => {
      if (message.tick !== undefined) onTick?.(message.tick);
      else if (message.failure !== undefined) reject(new Error(message.failure));
      // Both ends are ours and of one version.
      else resolve(message.result as Result);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`${file} ended with ${code} before it had a result`));
    });
    child.send(spec);
  });
}

export const runLoad = (spec: LoadSpec, onTick?: (tick: Tick) => void): Promise<LoadResult> =>
  ask<LoadResult>('load.ts', spec, onTick);
export const runCeiling = (spec: CeilingSpec): Promise<Ceiling> => ask<Ceiling>('engine.ts', spec);
export const readParts = (spec: PartsSpec): Promise<TableParts[]> => ask<TableParts[]>('engine.ts', spec);
