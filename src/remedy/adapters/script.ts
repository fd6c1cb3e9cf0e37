import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../../lib/index.ts';
import { scriptOutputDroppedBytesTotal } from '../events.ts';
import { maskSecrets } from '../mask.ts';
import type { Adapter, AdapterResult, StepContext } from './adapter.ts';
import { allowedPrograms, resolveProgram } from './allow.ts';
import { splitWords } from './argv.ts';

/** Time between the polite and the final signal to a process group, milliseconds. */
const graceMs = 2_000;
/** After the program's end its pipes may be held by a child that escaped the group: don't wait longer. */
const drainMs = 1_000;
const argumentsMax = 200;
const argumentBytesMax = 32_768;

const paramsSchema = z
  .strictObject({
    /** A command line, split into words without a shell. */
    script: z.string().min(1).max(argumentBytesMax).optional(),
    program: z.string().min(1).max(4_096).optional(),
    args: z
      .array(z.union([z.string(), z.number(), z.boolean()]).transform(String))
      .max(argumentsMax)
      .default([]),
  })
  .refine((params) => (params.script === undefined) !== (params.program === undefined), {
    message: 'give either script (a command line) or program and args',
  });

type Command = { ok: true; path: string; args: string[] } | { ok: false; problems: string[] };

export interface ScriptOptions {
  allow: readonly string[];
  outputBytesMax: number;
  clock: Clock;
}

/** Starts an allow-listed program: no shell, own process group, bare environment, bounded output. */
export function scriptExec(options: ScriptOptions): Adapter {
  const programs = allowedPrograms(options.allow);
  const commandOf = (params: Record<string, unknown>): Command => {
    const parsed = paramsSchema.safeParse(params);
    if (!parsed.success) return { ok: false, problems: parsed.error.issues.map(problemOf) };
    const { script, program, args } = parsed.data;
    const words = script === undefined ? [program ?? '', ...args] : splitWords(script);
    if (words === null) return { ok: false, problems: ['params.script has a quote that is not closed'] };
    const [name = '', ...rest] = words;
    if (words.some((word) => word.includes('\u0000')))
      return { ok: false, problems: ['an argument holds a NUL character'] };
    const resolved = resolveProgram(name, programs);
    return resolved.ok
      ? { ok: true, path: resolved.path, args: rest }
      : { ok: false, problems: [resolved.problem] };
  };
  return {
    action: 'script.exec',
    check: (params) => {
      const command = commandOf(params);
      return command.ok ? [] : command.problems;
    },
    run: async (params, context) => {
      const command = commandOf(params);
      if (!command.ok) return { ok: false, output: {}, error: command.problems.join('; ') };
      return runProgram(command, options, context);
    },
  };
}

const problemOf = (issue: z.core.$ZodIssue): string =>
  `params${issue.path.length > 0 ? `.${issue.path.join('.')}` : ''}: ${issue.message}`;

async function runProgram(
  command: { path: string; args: string[] },
  options: ScriptOptions,
  context: StepContext,
): Promise<AdapterResult> {
  if (context.signal.aborted) return { ok: false, output: {}, error: 'stopped before it began' };
  const child = spawn(command.path, command.args, {
    shell: false,
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', CASE_ID: context.caseId },
  });
  const stdout = collect(child.stdout, options.outputBytesMax);
  const stderr = collect(child.stderr, options.outputBytesMax);
  const end = ending(child);
  const stop = () => void endGroup(child, options.clock, end);
  context.signal.addEventListener('abort', stop, { once: true });
  const { code, signal, error } = await end;
  context.signal.removeEventListener('abort', stop);
  killGroup(child, 'SIGKILL');
  const drained = new AbortController();
  await Promise.race([Promise.all([stdout.done, stderr.done]), options.clock.sleep(drainMs, drained.signal)]);
  drained.abort();
  const dropped = stdout.dropped() + stderr.dropped();
  if (dropped > 0) scriptOutputDroppedBytesTotal.inc(dropped);
  const output = {
    exit_code: code,
    signal,
    stdout: maskSecrets(stdout.text()),
    stderr: maskSecrets(stderr.text()),
    stdout_dropped_bytes: stdout.dropped(),
    stderr_dropped_bytes: stderr.dropped(),
  };
  if (error) return { ok: false, output, error: `${command.path} could not be started: ${error.message}` };
  if (context.signal.aborted) return { ok: false, output, error: 'stopped before it ended' };
  if (code === 0) return { ok: true, output };
  return { ok: false, output, error: signal ? `ended by ${signal}` : `exit code ${code}` };
}

interface Ending {
  code: number | null;
  signal: string | null;
  error: Error | null;
}

const ending = (child: ChildProcess): Promise<Ending> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }));
  });

async function endGroup(child: ChildProcess, clock: Clock, end: Promise<Ending>): Promise<void> {
  killGroup(child, 'SIGTERM');
  const over = new AbortController();
  void end.then(() => over.abort());
  await clock.sleep(graceMs, over.signal);
  if (!over.signal.aborted) killGroup(child, 'SIGKILL');
}

/** The whole group, so that children of the program end with it. Gone already is fine. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') child.kill(signal);
  }
}

/** Keeps the beginning of a stream; reads on and counts, so that the program never blocks on a full pipe. */
function collect(stream: Readable | null, bytesMax: number) {
  const chunks: Buffer[] = [];
  let kept = 0;
  let dropped = 0;
  stream?.on('data', (chunk: Buffer) => {
    const take = Math.min(chunk.length, bytesMax - kept);
    if (take > 0) chunks.push(chunk.subarray(0, take));
    kept += take;
    dropped += chunk.length - take;
  });
  const done = new Promise<void>((resolve) => {
    if (!stream) return resolve();
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  return { done, dropped: () => dropped, text: () => Buffer.concat(chunks).toString('utf8') };
}
