import { parseArgs } from 'node:util';
import { faultNamed, faults } from '../faults/index.ts';

export interface DemoOptions {
  listFaults: boolean;
  headless: boolean;
  json: boolean;
  fault: string;
  keep: boolean;
  /** Who approves the repair: Clew's policy, or a person in the console. */
  approval: 'policy' | 'person';
  warmupS: number;
  timeoutS: number;
}

export class UsageError extends Error {}

/** Enough for every service to have shown what is normal, and then some. */
const warmupSDefault = 75;
const timeoutSDefault = 300;

export const usage = `usage: npm run demo -- [options]

  --list-faults      print the names of the faults, one a line
  --fault NAME       what to break after the warm-up (default bad-release)
  --headless         no person: exit 0 only if the case closed through a passed verification
  --json             progress as one JSON object a line
  --warmup SECONDS   normal operation before the fault (default ${warmupSDefault})
  --timeout SECONDS  longest wait for the case to close, after the fault (default ${timeoutSDefault})
  --approval WHO     who approves the repair: policy (default) or person, in the console
  --keep             keep the run's directory (Clew's data, the shop's databases, logs)

Clew listens on 8080 and 4318, or on free ports where those are taken; CLEW_HTTP_PORT, CLEW_OTLP_HTTP_PORT and
CLEW_OTLP_GRPC_PORT name others. Exit codes: 0 done, 1 the case did not close with the right cause, 2 wrong usage.
`;

function seconds(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0 || value > 86_400)
    throw new UsageError(`--${name} must be a number of seconds from 0 to 86400, not "${text}".`);
  return value;
}

const portMax = 65_535;

/** The port that a setting of Clew names in the environment. */
export function portOf(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > portMax)
    throw new UsageError(`${name} is "${text}"; it must be a port, 0 to ${portMax} (0 picks a free one).`);
  return port;
}

function approver(text: string): DemoOptions['approval'] {
  if (text === 'policy' || text === 'person') return text;
  throw new UsageError(`--approval must be policy or person, not "${text}".`);
}

export function readOptions(argv: string[]): DemoOptions {
  const values = parse(argv);
  const fault = values.fault ?? 'bad-release';
  if (!faultNamed(fault))
    throw new UsageError(
      `There is no fault "${fault}"; there are ${faults.map(({ name }) => name).join(', ')}.`,
    );
  return {
    listFaults: values['list-faults'] ?? false,
    headless: values.headless ?? false,
    json: values.json ?? false,
    fault,
    keep: values.keep ?? false,
    approval: approver(values.approval ?? 'policy'),
    warmupS: seconds('warmup', values.warmup, warmupSDefault),
    timeoutS: seconds('timeout', values.timeout, timeoutSDefault),
  };
}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        'list-faults': { type: 'boolean' },
        headless: { type: 'boolean' },
        json: { type: 'boolean' },
        fault: { type: 'string' },
        keep: { type: 'boolean' },
        approval: { type: 'string' },
        warmup: { type: 'string' },
        timeout: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
