/** Real programs beside a test: whether they are installed, on which port they listen, that they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Those of the programs that are not on the path. */
export const missingPrograms = (...names: string[]): string[] =>
  names.filter(
    (name) =>
      !(process.env.PATH ?? '').split(delimiter).some((folder) => {
        try {
          accessSync(join(folder, name), constants.X_OK);
          return true;
        } catch {
          return false;
        }
      }),
  );

export interface Program {
  process: ChildProcess;
  /** The end of what it wrote. */
  output(): string;
  stop(): Promise<void>;
}

const outputCharsMax = 20_000;

export function startProgram(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text = (text + String(chunk)).slice(-outputCharsMax);
    });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', (error) => {
    text += String(error);
  });
  return {
    process: child,
    output: () => text,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Resolves when the address answers 200; fails with what the program said when it does not. */
export async function answering(url: string, program: Program, timeMs = 30_000): Promise<void> {
  for (const end = Date.now() + timeMs; Date.now() < end; ) {
    if (program.process.exitCode !== null) break;
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} does not answer: ${program.output()}`);
}
