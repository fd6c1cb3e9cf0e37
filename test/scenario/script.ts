/** A scenario as text: what runs, what breaks, what must be found. One instruction per line, `#` begins a comment. */
export interface ServiceSpec {
  name: string;
  ownMs: number;
  version: string;
  runtime: string;
  logsPerRequest: number;
}
export interface CallSpec {
  src: string;
  dst: string;
  share: number;
  tolerate: boolean;
}
export interface DatabaseSpec {
  service: string;
  system: string;
  address: string;
  namespace: string;
  statement: string;
  table: string;
  ms: number;
}
export interface ExternalSpec {
  service: string;
  address: string;
  ms: number;
}
export type Options = Record<string, string>;
export interface Instruction {
  kind: string;
  options: Options;
}
export interface ChangeSpec {
  offsetS: number;
  kind: string;
  service: string;
  title: string;
  labels: Options;
}
export interface Scenario {
  name: string;
  entry: { service: string; rps: number };
  warmS: number;
  faultS: number;
  services: ServiceSpec[];
  calls: CallSpec[];
  databases: DatabaseSpec[];
  externals: ExternalSpec[];
  pools: { service: string; max: number }[];
  faults: Instruction[];
  changes: ChangeSpec[];
  expect: Instruction[];
}

const words = (line: string): string[] =>
  [...line.matchAll(/([\w.:>-]+=)?"([^"]*)"|(\S+)/g)].map((m) =>
    m[2] === undefined ? (m[3] ?? '') : `${m[1] ?? ''}${m[2]}`,
  );

function optionsOf(parts: readonly string[]): { plain: string[]; options: Options } {
  const plain: string[] = [];
  const options: Options = {};
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at > 0 && /^[\w-]+$/.test(part.slice(0, at))) options[part.slice(0, at)] = part.slice(at + 1);
    else plain.push(part);
  }
  return { plain, options };
}

const num = (text: string | undefined, fallback: number): number => {
  if (text === undefined) return fallback;
  const value = Number(text.replace(/(ms|s)$/, ''));
  if (!Number.isFinite(value)) throw new Error(`not a number: ${text}`);
  return value;
};

export function parseScenario(text: string): Scenario {
  const scenario: Scenario = {
    name: '',
    entry: { service: '', rps: 10 },
    warmS: 240,
    faultS: 60,
    services: [],
    calls: [],
    databases: [],
    externals: [],
    pools: [],
    faults: [],
    changes: [],
    expect: [],
  };
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    try {
      apply(scenario, line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : error}: ${line}`);
    }
  });
  return scenario;
}

function apply(scenario: Scenario, line: string): void {
  const [verb = '', ...rest] = words(line);
  const { plain, options } = optionsOf(rest);
  const [first = '', second = '', third = ''] = plain;
  switch (verb) {
    case 'name':
      scenario.name = line.slice(5);
      break;
    case 'entry':
      scenario.entry = { service: first, rps: num(options.rps, 10) };
      break;
    case 'warm':
      scenario.warmS = num(first, 240);
      break;
    case 'service':
      scenario.services.push({
        name: first,
        ownMs: num(options.own, 4),
        version: options.version ?? '1.0',
        runtime: options.runtime ?? 'go',
        logsPerRequest: num(options.logs, 1),
      });
      break;
    case 'call':
      scenario.calls.push({
        src: first,
        dst: third,
        share: num(options.share, 1),
        tolerate: options.tolerate === 'yes',
      });
      if (second !== '->') throw new Error('write: call A -> B');
      break;
    case 'database':
      scenario.databases.push({
        service: first,
        system: second,
        address: options.address ?? '',
        namespace: third,
        statement: options.statement ?? 'SELECT 1',
        table: options.table ?? '',
        ms: num(options.ms, 2),
      });
      break;
    case 'external':
      scenario.externals.push({ service: first, address: second, ms: num(options.ms, 40) });
      break;
    case 'pool':
      scenario.pools.push({ service: first, max: num(options.max, 10) });
      break;
    case 'fault':
      scenario.faultS = num(options.for, scenario.faultS);
      scenario.faults.push({ kind: first, options });
      break;
    case 'change': {
      const { title = '', ...labels } = options;
      scenario.changes.push({ offsetS: num(first, 0), kind: second, service: third, title, labels });
      break;
    }
    case 'expect':
      scenario.expect.push({ kind: first, options: { ...options, value: second, more: third } });
      break;
    default:
      throw new Error(`unknown word ${verb}`);
  }
}
