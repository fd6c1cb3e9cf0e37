import { ClewError } from '../lib/index.ts';

export interface ParsedArguments {
  command: string;
  /** `--name value`, `--name=value`, or `--name` alone, which is `true`. */
  flags: Record<string, string>;
  rest: string[];
}

/** Splits a command line. Names in `switches` never take the next word as their value. */
export function parseArguments(argv: readonly string[], switches: readonly string[]): ParsedArguments {
  const flags: Record<string, string> = {};
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (!word.startsWith('--')) {
      rest.push(word);
      continue;
    }
    const [name = '', given] = word.slice(2).split(/=(.*)/s);
    if (name === '') throw new ClewError('bad_request', `"${word}" is not a flag.`);
    const next = argv[index + 1];
    if (given !== undefined) flags[name] = given;
    else if (switches.includes(name) || next === undefined || next.startsWith('--')) flags[name] = 'true';
    else {
      flags[name] = next;
      index++;
    }
  }
  const [command = 'help', ...words] = rest;
  return { command, flags, rest: words };
}

const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `30m`, `3h`, `7d`; null for another text. */
export function spanMs(text: string): number | null {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return count === undefined ? null : Number(count) * (unitMs[unit] ?? 0);
}
