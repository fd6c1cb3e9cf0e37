/**
 * cli — the command line: `clew serve`, `clew demo`, …; one file per command.
 *
 * Contract: results go to standard output, our log to standard error; exit 0 done, 1 failed, 2 wrong usage.
 * What never happens here: anything a library caller could not do through the rooms; `main.ts` of this room is the only
 * place that reads the environment.
 */
export { type ParsedArguments, parseArguments } from './arguments.ts';
