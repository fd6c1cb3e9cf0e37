import { ClewError } from '../lib/index.ts';
import { parseArguments } from './arguments.ts';
import {
  parseIngestOptions,
  parseValidateOptions,
  reportFile,
  validatePhases,
  workloadNames,
} from './bench-options.ts';

export const benchUsage = `clew bench — how fast, how exact, at what cost

  clew bench ingest [options]     load the real program and compare with the engine's own limit
    --workload NAME[,NAME]        ${workloadNames.join(', ')}; all is the default
    --seconds N                   measured load of a round (60)
    --rounds N                    rounds, Clew and the engine alone in turns (1)
    --connections N               connections that send (8)
    --records N                   records in a request (2000; logs-small 50)
    --rate N                      records a second; 0, the default, is as fast as they are acknowledged
    --warmup N                    seconds of load before that are checked, but not timed (3)
    --ceiling-seconds N           how long the engine alone inserts; 0 leaves it out (as --seconds, at most 20)
    --settle N                    longest wait for merges before the disk is looked at, seconds (150)
    --url http://HOST:PORT        a Clew that runs already; --otlp-url for its OTLP port (4318), --token for its token
    --pid N                       its process on this machine, for CPU and memory
    --target NAME                 clew, victorialogs or victoriametrics: what --url is
    --temp-dir DIR                where the data directories of the run are made
    --json FILE                   every figure
    --html [FILE]                 a report page with charts (${reportFile}), with its summary and picture beside it
  clew bench report FILE… [--html FILE]
                                  the same page from files that --json wrote

  clew bench rollup [options]     the window job: time and memory from details to the ledger
    --large                       also a window of ten million rows
    --temp-dir DIR                where the stores of the run are made

  clew bench validate [options]   the validation plan: throughput, routing, tenants, queries, faults, alerts; about eleven minutes
    --quick                       phases of a sixth of the length
    --only NAME[,NAME]            ${validatePhases.join(', ')}
    --out DIR                     where validation.md, .html and .json are written (clew-validation)
    --temp-dir DIR                where the data directory is made

Exit codes: 0 every acknowledged record is there exactly once and all criteria hold, 1 not so or failed, 2 wrong usage.
`;

/** Answers the exit code. The machinery is beside `src/`, for it measures the program from outside. */
export async function bench(argv: readonly string[]): Promise<number> {
  const { command, flags, rest } = parseArguments(argv, ['help', 'quick', 'large']);
  if (command === 'help' || flags.help !== undefined) {
    process.stdout.write(benchUsage);
    return 0;
  }
  // Leaving by exit() ends what the benchmark started and removes its directories; a bare signal would not.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  if (command === 'report') {
    const { reportFrom } = await import('../../bench/ingest.ts');
    await reportFrom(rest, flags.html ?? reportFile);
    return 0;
  }
  if (rest[0] !== undefined)
    throw new ClewError(
      'bad_request',
      `clew bench ${command} takes no word "${rest[0]}"; see clew bench help.`,
    );
  if (command === 'ingest') {
    const options = parseIngestOptions(flags);
    const { benchIngest } = await import('../../bench/ingest.ts');
    return (await benchIngest(options, (text) => process.stdout.write(text))) ? 0 : 1;
  }
  if (command === 'rollup') {
    const { benchRollup } = await import('../../bench/rollup.ts');
    const options = {
      large: flags.large !== undefined,
      ...(flags['temp-dir'] === undefined ? {} : { tempDir: flags['temp-dir'] }),
    };
    return (await benchRollup(options, (text) => process.stdout.write(text))) ? 0 : 1;
  }
  if (command === 'validate') {
    const options = parseValidateOptions(flags);
    const { benchValidate } = await import('../../bench/validate/run.ts');
    return (await benchValidate(options, (text) => process.stdout.write(text))) ? 0 : 1;
  }
  throw new ClewError('bad_request', `There is no "clew bench ${command}".\n\n${benchUsage}`);
}
