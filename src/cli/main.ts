import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Config, loadConfig, rolesOf } from '../config/index.ts';
import { ClewError, createLogger, type Logger, systemClock } from '../lib/index.ts';
import type { Clew } from '../wiring.ts';
import { parseArguments } from './index.ts';
import { refuseUnknownCommand, refuseUnknownFlags, usageOf, wholeUsage } from './usage.ts';

/** After this long an orderly stop is given up; what is on disk is replayed at the next start. */
const stopMsMax = 15_000;
/** Megabytes. Half of it costs 6 % more of the processor; the default, four times as much, gains nothing. */
const youngFlag = '--max-semi-space-size=16';

/** A process that only takes in loads nothing of the rest. */
async function startRoles(config: Config, log: Logger): Promise<Clew> {
  if (rolesOf(config).join() === 'ingest') {
    const { startIngest } = await import('../main-ingest.ts');
    return startIngest(config, log);
  }
  const { startClew } = await import('../main.ts');
  return startClew(config, log);
}

/**
 * Three allocators read their settings when a process starts, so it starts anew under the same number. By itself the engine's
 * keeps what statements free for five seconds, the C library's has eight heaps for each core, which all keep what they had, and
 * JavaScript's lets the part for young objects grow to 134 MB on a machine of 24 GB: under load 330 MB at any time.
 */
function settleAllocators(): void {
  const { env, execPath, execArgv, argv, channel } = process;
  const settings = { JE_MALLOC_CONF: 'dirty_decay_ms:50', MALLOC_ARENA_MAX: '2', ...env };
  const isYoungSet = [...execArgv, env.NODE_OPTIONS ?? ''].some((flag) => flag.includes('semi-space-size'));
  const settled = env.JE_MALLOC_CONF !== undefined && env.MALLOC_ARENA_MAX !== undefined && isYoungSet;
  // A channel to a parent would not live through it.
  if (settled || process.platform !== 'linux' || channel || !process.execve) return;
  const young = isYoungSet ? [] : [youngFlag];
  process.execve(execPath, [execPath, ...young, ...execArgv, ...argv.slice(1)], settings);
}

async function serve(rest: readonly string[], flags: Record<string, string>): Promise<void> {
  settleAllocators();
  if (rest.length > 0)
    throw new ClewError('bad_request', `"${rest[0]}" is one word too many; settings are --name VALUE.`);
  const { config: file, ...settings } = flags;
  const config = loadConfig({ env: process.env, flags: settings, ...(file === undefined ? {} : { file }) });
  const log = createLogger({ level: config.log.level });
  const clew = await startRoles(config, log);
  const otlp = clew.otlp === null ? '' : ` (OTLP/HTTP ${clew.otlp.url})\nOTLP/gRPC: ${clew.otlp.grpc}`;
  process.stdout.write(`Clew is ready: ${clew.url}${otlp}\nRoles: ${clew.roles.join(', ')}\n`);
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    const giveUp = setTimeout(() => process.exit(1), stopMsMax);
    clew.stop().then(
      () => {
        clearTimeout(giveUp);
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
}

/** The demo is a program of its own beside Clew; this starts it with the words of the command line as they are. */
function demo(argv: readonly string[]): Promise<number> {
  const runner = join(import.meta.dirname, '..', '..', 'demo', 'run', 'main.ts');
  const child = spawn(process.execPath, [runner, ...argv], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Resolves when the reader took it: a slow one must not fill our memory. */
const written = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });

/** How a command that asks a running Clew reaches it, and how it answers. */
function serverOf(flags: Record<string, string>) {
  const { http, auth } = loadConfig({ env: process.env, flags: {} });
  return {
    url: (flags.url ?? `http://${http.host}:${http.port}`).replace(/\/$/, ''),
    token: auth.token,
    nowMs: systemClock.now(),
    json: flags.json !== undefined || !process.stdout.isTTY,
    write: (text: string) => void process.stdout.write(text),
    sleep: (ms: number) => systemClock.sleep(ms),
  };
}
type Server = ReturnType<typeof serverOf>;

async function lintFiles(rest: readonly string[], flags: Readonly<Record<string, string>>): Promise<number> {
  const { loadLintRules } = await import('../operate/index.ts');
  const { lint, lintUsage } = await import('./lint.ts');
  refuseUnknownFlags(flags, lintUsage, ['catalog']);
  const dirs = [join(import.meta.dirname, '../../catalog'), ...(flags.catalog?.split(',') ?? [])];
  return lint(rest, flags, {
    cwd: process.cwd(),
    rules: loadLintRules(dirs),
    write: (text) => process.stdout.write(text),
    tell: (text) => process.stderr.write(text),
  });
}

/** Of a running Clew, or of messages on standard input. */
async function patternsOf(rest: readonly string[], flags: Readonly<Record<string, string>>): Promise<number> {
  const { patternsLive, patternsLiveWords } = await import('./patterns-live.ts');
  if (patternsLiveWords.includes(rest[0] ?? '')) return patternsLive(rest, flags, serverOf(flags));
  const { patterns } = await import('./patterns.ts');
  return patterns(rest, flags, {
    input: process.stdin,
    write: (text: string | Uint8Array) => void process.stdout.write(text),
    color: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  });
}

/** A command that only asks a running Clew. */
interface Asking {
  usage: string;
  run: (words: readonly string[], flags: Record<string, string>, server: Server) => Promise<number>;
}
/** Each is loaded when it is called. */
const asking = new Map<string, () => Promise<Asking>>([
  [
    'dead-letters',
    () => import('./dead-letters.ts').then((its) => ({ usage: its.deadLettersUsage, run: its.deadLetters })),
  ],
  ['priors', () => import('./priors.ts').then((its) => ({ usage: its.priorsUsage, run: its.priors }))],
  [
    'topology',
    () => import('./topology.ts').then((its) => ({ usage: its.topologyUsage, run: its.topology })),
  ],
  ['jobs', () => import('./jobs.ts').then((its) => ({ usage: its.jobsUsage, run: its.jobs }))],
]);

async function ask(
  load: () => Promise<Asking>,
  rest: readonly string[],
  flags: Record<string, string>,
): Promise<number> {
  const { usage, run } = await load();
  refuseUnknownFlags(flags, usage, ['url', 'json']);
  return run(rest, flags, serverOf(flags));
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === 'bench') {
    process.exitCode = await (await import('./bench.ts')).bench(argv.slice(1));
    return;
  }
  if (isOneOf(argv[0], ['-v', '-V', '--version'])) return main(['version']);
  if (isOneOf(argv[0], ['-h', '--help'])) return main(['help']);
  const { command, flags, rest } = parseArguments(argv, [
    'help',
    'headless',
    'json',
    'list-faults',
    'new',
    'all',
    'wait',
  ]);
  if (flags.help !== undefined && command !== 'demo') return help(command === 'help' ? undefined : command);
  if (command === 'serve') return serve(rest, flags);
  if (command === 'demo') {
    process.exitCode = await demo(argv.slice(argv.indexOf('demo') + 1));
    return;
  }
  const load = asking.get(command);
  if (load) {
    process.exitCode = await ask(load, rest, flags);
    return;
  }
  if (command === 'lint') {
    process.exitCode = await lintFiles(rest, flags);
    return;
  }
  if (command === 'patterns') {
    process.exitCode = await patternsOf(rest, flags);
    return;
  }
  if (command === 'anomalies') {
    process.exitCode = await (await import('./anomalies.ts')).anomalies(rest, flags, {
      input: process.stdin,
      write: written,
    });
    return;
  }
  if (command === 'bundle') {
    const { http, auth } = loadConfig({ env: process.env, flags: {} });
    const url = (flags.url ?? `http://${http.host}:${http.port}`).replace(/\/$/, '');
    process.exitCode = await (await import('./bundle.ts')).bundle(rest, flags, {
      live: { url, token: flags.token ?? auth.token },
      nowMs: systemClock.now(),
      write: (text) => process.stdout.write(text),
    });
    return;
  }
  if (command === 'diagnose') {
    const json = flags.json !== undefined || !process.stdout.isTTY;
    process.exitCode = await (await import('./diagnose.ts')).diagnoseCommand(rest, flags, {
      json,
      write: (text) => process.stdout.write(text),
    });
    return;
  }
  if (command === 'pipeline' || command === 'mask') {
    const { maskCommand, pipelineCommand, pipelineUsage } = await import('./pipeline.ts');
    refuseUnknownFlags(flags, usageOf(command, pipelineUsage));
    const run = command === 'pipeline' ? pipelineCommand : maskCommand;
    const config = loadConfig({ env: process.env, flags: {} });
    const write = (text: string) => void process.stdout.write(text);
    process.exitCode = await run({ rest, flags, config, clock: systemClock, input: process.stdin, write });
    return;
  }
  if (command === 'version') {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    process.stdout.write(`${manifest.version}\n`);
    return;
  }
  if (command === 'help') return help(rest[0]);
  refuseUnknownCommand(command, await wholeUsage());
}

const isOneOf = (word: string | undefined, words: readonly string[]): boolean =>
  word !== undefined && words.includes(word);

/** Of one command, or of all. */
async function help(command: string | undefined): Promise<void> {
  const whole = await wholeUsage();
  const own = command === undefined ? whole : `${usageOf(command, whole)}\n`;
  if (own === '\n') refuseUnknownCommand(command ?? '', whole);
  process.stdout.write(own);
}

// `clew … | head` has seen enough: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

main(process.argv.slice(2)).catch((error: unknown) => {
  const wrongUsage = error instanceof ClewError && error.code === 'bad_request';
  process.stderr.write(
    `clew: ${wrongUsage || error instanceof ClewError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(wrongUsage ? 2 : 1);
});
