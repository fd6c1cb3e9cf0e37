import { ClewError } from '../lib/index.ts';

export const workloadNames = ['logs', 'logs-small', 'spans', 'samples', 'mixed'] as const;

export interface IngestOptions {
  /** A Clew that is running; undefined starts one on a directory of its own. */
  url: string | undefined;
  otlpUrl: string | undefined;
  token: string;
  /** Process of that Clew or peer on this machine, for its CPU and memory; 0 is not known. */
  pid: number;
  /** Clew, or another product that takes the same requests. */
  target: string;
  workloads: string[];
  /** Length of the measured load of one round. */
  seconds: number;
  warmupSeconds: number;
  rounds: number;
  connections: number;
  /** Records in one request; undefined is the workload's own. */
  records: number | undefined;
  /** Records a second; 0 is as fast as they are acknowledged. */
  rate: number;
  /** How long the engine alone inserts in each round; 0 leaves it out. */
  ceilingSeconds: number;
  /** How long merges may go on after the load before the disk is looked at. */
  settleSeconds: number;
  tempDir: string | undefined;
  json: string | undefined;
  html: string | undefined;
}

/** Where the report goes when --html names no file. */
export const reportFile = 'docs/benchmarks/ingest.html';

export const validatePhases = [
  'throughput',
  'queries',
  'routing',
  'tenants',
  'observability',
  'faults',
] as const;
export type ValidatePhase = (typeof validatePhases)[number];

export interface ValidateOptions {
  /** Phases of a sixth of the plan's length. */
  quick: boolean;
  phases: ValidatePhase[];
  out: string;
  tempDir: string | undefined;
}

export function parseValidateOptions(given: Readonly<Record<string, string>>): ValidateOptions {
  const flags = new Flags(given);
  const only = flags.text('only');
  const options: ValidateOptions = {
    quick: flags.switch('quick'),
    phases: only === undefined ? [...validatePhases] : phaseList(only),
    out: flags.text('out') ?? 'clew-validation',
    tempDir: flags.text('temp-dir'),
  };
  flags.done('validate');
  return options;
}

function phaseList(text: string): ValidatePhase[] {
  const names = text.split(',');
  for (const name of names)
    if (!validatePhases.some((phase) => phase === name))
      throw wrong(
        `--only names ${JSON.stringify(name)}; there are ${validatePhases.join(', ')} (several by comma).`,
      );
  return validatePhases.filter((phase) => names.includes(phase));
}

interface Range {
  min: number;
  max: number;
  fallback: number;
}

const wrong = (text: string): ClewError => new ClewError('bad_request', text);

/** Takes flags out one by one; what is left at the end is not known. */
export class Flags {
  private readonly left: Map<string, string>;

  constructor(flags: Readonly<Record<string, string>>) {
    this.left = new Map(Object.entries(flags));
  }

  text(name: string): string | undefined {
    const value = this.left.get(name);
    this.left.delete(name);
    if (value === 'true' || value === '') throw wrong(`--${name} needs a value.`);
    return value;
  }

  /** A flag that may stand alone: then it is `fallback`. */
  file(name: string, fallback: string): string | undefined {
    const value = this.left.get(name);
    this.left.delete(name);
    return value === 'true' ? fallback : value;
  }

  number(name: string, { min, max, fallback }: Range): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw wrong(`--${name} is ${JSON.stringify(text)}; it must be a whole number from ${min} to ${max}.`);
    return value;
  }

  switch(name: string): boolean {
    const value = this.left.get(name);
    this.left.delete(name);
    if (value !== undefined && value !== 'true' && value !== 'false')
      throw wrong(`--${name} is ${JSON.stringify(value)}; it is true, false, or stands alone.`);
    return value === 'true';
  }

  url(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^http:\/\/[^/\s]+\/?$/.test(text) || !URL.canParse(text))
      throw wrong(
        `--${name} is ${JSON.stringify(text)}; it must be http://host:port (the generator speaks no TLS).`,
      );
    return text.replace(/\/$/, '');
  }

  done(command: string): void {
    const [name] = this.left.keys();
    if (name !== undefined) throw wrong(`clew bench ${command} knows no --${name}; see clew bench help.`);
  }
}

export function parseIngestOptions(given: Readonly<Record<string, string>>): IngestOptions {
  const flags = new Flags(given);
  const seconds = flags.number('seconds', { min: 1, max: 3_600, fallback: 60 });
  const options: IngestOptions = {
    url: flags.url('url'),
    otlpUrl: flags.url('otlp-url'),
    token: flags.text('token') ?? '',
    pid: flags.number('pid', { min: 0, max: 4_194_304, fallback: 0 }),
    target: targetOf(flags.text('target')),
    workloads: workloadList(flags.text('workload')),
    seconds,
    warmupSeconds: flags.number('warmup', { min: 0, max: 60, fallback: 3 }),
    rounds: flags.number('rounds', { min: 1, max: 20, fallback: 1 }),
    connections: flags.number('connections', { min: 1, max: 256, fallback: 8 }),
    records:
      given.records === undefined ? undefined : flags.number('records', { min: 1, max: 10_000, fallback: 1 }),
    rate: flags.number('rate', { min: 0, max: 10_000_000, fallback: 0 }),
    ceilingSeconds: flags.number('ceiling-seconds', { min: 0, max: 600, fallback: Math.min(seconds, 20) }),
    settleSeconds: flags.number('settle', { min: 0, max: 600, fallback: 150 }),
    tempDir: flags.text('temp-dir'),
    json: flags.text('json'),
    html: flags.file('html', reportFile),
  };
  flags.done('ingest');
  checkTarget(options);
  if (options.otlpUrl !== undefined && options.url === undefined)
    throw wrong('--otlp-url needs --url: the records are counted through the API.');
  return options;
}

/** What each target takes of the workloads. */
const targets: Record<string, readonly string[]> = {
  clew: workloadNames,
  victorialogs: ['logs', 'logs-small'],
  victoriametrics: ['samples'],
};

function targetOf(text = 'clew'): string {
  if (targets[text] === undefined)
    throw wrong(`--target is ${JSON.stringify(text)}; there are ${Object.keys(targets).join(', ')}.`);
  return text;
}

function checkTarget({ target, url, pid, workloads }: IngestOptions): void {
  if (target !== 'clew' && url === undefined)
    throw wrong(`--target ${target} needs --url: only Clew is started by the benchmark.`);
  if (pid !== 0 && url === undefined)
    throw wrong('--pid needs --url: of a Clew that the benchmark starts it is known.');
  const unable = workloads.find((name) => targets[target]?.includes(name) !== true);
  if (unable !== undefined)
    throw wrong(
      `--target ${target} takes no ${unable}; name with --workload some of ${targets[target]?.join(', ')}.`,
    );
}

function workloadList(text: string | undefined): string[] {
  if (text === undefined || text === 'all') return [...workloadNames];
  return text.split(',').map((name) => {
    const known = workloadNames.find((workload) => workload === name);
    if (known === undefined)
      throw wrong(
        `--workload names ${JSON.stringify(name)}; there are ${workloadNames.join(', ')} (several by comma) and all.`,
      );
    return known;
  });
}
