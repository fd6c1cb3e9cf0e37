import { ClewError } from '../lib/index.ts';
import { callApi } from './api.ts';
import { spanMs } from './arguments.ts';

export const patternsLiveUsage = `  clew patterns list [--service S] [--q TEXT] [--severity ERROR] [--new] [--since 30m] [--limit N] [--json]
  clew patterns compare [--with hour|day|week|year|previous|release] [--service S] [--since 30m] [--all] [--json]
  clew patterns events [--service S] [--since 24h] [--json]
  clew patterns status [--json]                      whether the clustering of each application works (exit 1: one fails)
  clew patterns restart (SERVICE | --all) [--actor NAME] [--reason TEXT]
                                                     patterns of a running Clew: list, compare, what changed, mine again`;

/** Words after `clew patterns` that ask a running Clew; without one messages come on standard input. */
export const patternsLiveWords: readonly string[] = ['list', 'compare', 'events', 'status', 'restart'];

export interface PatternsLiveOptions {
  /** Where Clew listens, without a slash at the end. */
  url: string;
  token: string;
  nowMs: number;
  /** One JSON object a line instead of a table. */
  json: boolean;
  write: (text: string) => void;
}

type Flags = Readonly<Record<string, string>>;
type Row = Record<string, unknown>;

const known: Record<string, readonly string[]> = {
  list: ['service', 'q', 'severity', 'new', 'since', 'limit'],
  compare: ['with', 'service', 'since', 'all', 'limit'],
  events: ['service', 'since', 'limit'],
  status: [],
  restart: ['all', 'actor', 'reason'],
};

/** `clew patterns list|compare|events|status|restart`; answers the exit code. */
export async function patternsLive(
  words: readonly string[],
  flags: Flags,
  options: PatternsLiveOptions,
): Promise<number> {
  const [word = '', ...rest] = words;
  const allowed = [...(known[word] ?? []), 'json', 'url'];
  const strange = Object.keys(flags).find((name) => !allowed.includes(name));
  if (strange !== undefined || (word !== 'restart' && rest.length > 0) || rest.length > 1)
    throw new ClewError(
      'bad_request',
      `${strange === undefined ? `"${rest.at(-1)}" is one word too many` : `There is no flag --${strange}`}.\n\n${patternsLiveUsage}`,
    );
  switch (word) {
    case 'list':
      return list(flags, options);
    case 'compare':
      return compare(flags, options);
    case 'events':
      return events(flags, options);
    case 'restart':
      return restart(rest[0], flags, options);
    default:
      return status(options);
  }
}

function windowOf(flags: Flags, fallback: string, options: PatternsLiveOptions): Record<string, string> {
  const since = flags.since ?? fallback;
  const length = spanMs(since);
  if (length === null)
    throw new ClewError('bad_request', `--since is "${since}"; write a number and s, m, h or d, like 3h.`);
  return { from: String(Math.max(0, options.nowMs - length)), to: String(options.nowMs) };
}

function queryOf(flags: Flags, names: readonly string[], more: Record<string, string>): URLSearchParams {
  const query = new URLSearchParams(more);
  for (const name of names) if (flags[name] !== undefined) query.set(name, flags[name]);
  return query;
}

/** Rows as JSON lines, or as lines of columns; `none` when there are no rows. */
function show(
  options: PatternsLiveOptions,
  rows: readonly Row[],
  columns: (row: Row) => unknown[],
  none: string,
) {
  const lines = rows.map((row) => (options.json ? JSON.stringify(row) : columns(row).map(String).join('\t')));
  if (lines.length > 0) options.write(`${lines.join('\n')}\n`);
  if (rows.length === 0 && !options.json) options.write(`${none}\n`);
}

const titleOf = (row: Row): string => [row.name, row.template].filter(Boolean).join(': ');

async function list(flags: Flags, options: PatternsLiveOptions): Promise<number> {
  const query = queryOf(flags, ['service', 'q', 'severity', 'limit'], windowOf(flags, '30m', options));
  if (flags.new !== undefined) query.set('only', 'new');
  const { data } = await callApi<{ data: Row[] }>(options, `/patterns?${query}`);
  const columns = (row: Row) => [
    row.pattern_id ?? '-',
    row.severity,
    row.count,
    `${(Number(row.share) * 100).toFixed(1)} %`,
    row.is_new === true ? 'new' : '',
    (row.services as string[]).join(','),
    titleOf(row),
  ];
  show(options, data, columns, 'no patterns; look further back with --since');
  return 0;
}

async function compare(flags: Flags, options: PatternsLiveOptions): Promise<number> {
  const window = windowOf(flags, '30m', options);
  const query = queryOf(flags, ['service', 'with', 'limit'], window);
  if (flags.with === 'release') query.delete('from');
  const { data } = await callApi<{ data: Row[] }>(options, `/patterns/compare?${query}`);
  const rows = flags.all === undefined ? data.filter((row) => row.state !== 'same') : data;
  const columns = (row: Row) => [
    row.state,
    row.pattern_id,
    row.severity,
    `${row.before} → ${row.count}`,
    (row.services as string[]).join(','),
    titleOf(row),
  ];
  show(options, rows, columns, 'nothing is different');
  return 0;
}

async function events(flags: Flags, options: PatternsLiveOptions): Promise<number> {
  const query = queryOf(flags, ['service', 'limit'], windowOf(flags, '24h', options));
  const { data } = await callApi<{ data: Row[] }>(options, `/patterns/events?${query}`);
  const columns = (row: Row) => [
    new Date(Number(row.at)).toISOString(),
    row.change,
    row.severity,
    row.service,
    `${row.count} in 5 min, usually ${row.usual}`,
    row.template,
  ];
  show(options, data, columns, 'no events');
  return 0;
}

interface Status {
  data: {
    service: string;
    state: string;
    patterns: number;
    flows: { flow: string; state: string; reason: string }[];
  }[];
}

async function status(options: PatternsLiveOptions): Promise<number> {
  const { data } = await callApi<Status>(options, '/patterns/status');
  const columns = (row: Row) => {
    const { service, state, patterns, flows } = row as unknown as Status['data'][number];
    const reasons = flows
      .filter(({ reason }) => reason !== '')
      .map(({ flow, reason }) => `${flow}: ${reason}`);
    return [service, state, `${patterns} patterns`, reasons.join(' ')];
  };
  show(options, data as unknown as Row[], columns, 'no application has sent logs yet');
  return data.some(({ state }) => state === 'failed') ? 1 : 0;
}

async function restart(
  service: string | undefined,
  flags: Flags,
  options: PatternsLiveOptions,
): Promise<number> {
  if ((service === undefined) === (flags.all === undefined))
    throw new ClewError('bad_request', 'Name an application to restart, or give --all.');
  const body = {
    ...(service === undefined ? {} : { service }),
    actor: flags.actor ?? 'command line',
    reason: flags.reason ?? '',
  };
  const { data } = await callApi<{ data: { services: string[] } }>(options, '/patterns/restart', body);
  if (options.json) options.write(`${JSON.stringify(data)}\n`);
  else options.write(`mining again: ${data.services.join(', ')}\n`);
  return 0;
}
