import { ClewError } from '../lib/index.ts';
import { callApi } from './api.ts';
import { spanMs } from './arguments.ts';

export const deadLettersUsage = `  clew dead-letters list [--source S] [--reason TEXT] [--state STATE] [--since 24h] [--limit N] [--json]
  clew dead-letters show ID
  clew dead-letters replay (ID … | --source S | --reason TEXT) [--since 24h]
                    [--replace FIND --with TEXT | --regex FIND --with TEXT] [--content-type TYPE]
  clew dead-letters discard (ID … | --source S | --reason TEXT) [--since 24h]
                                                     what could not be read: look, mend, send again, throw away`;

export interface DeadLettersOptions {
  /** Where Clew listens, without a slash at the end. */
  url: string;
  /** '' when none is needed. */
  token: string;
  nowMs: number;
  /** One JSON object a line instead of a table. */
  json: boolean;
  write: (text: string) => void;
}

interface Listed {
  data: {
    groups: { source: string; reason: string; letters: number }[];
    letters: { id: string; at: number; source: string; reason: string; bytes: number; replayable: boolean }[];
  };
}
interface Results {
  data: { id: string; outcome: string; reason: string; records: number }[];
  counts: Record<string, number>;
}

/** Answers the exit code: 1 when a letter was refused again. */
export async function deadLetters(
  words: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: DeadLettersOptions,
): Promise<number> {
  const [action = '', ...ids] = words;
  switch (action) {
    case 'list':
      return list(flags, options);
    case 'show':
      return show(ids, options);
    case 'replay':
      return change('replay', ids, flags, options, { fix: fixesOf(flags) });
    case 'discard':
      return change('discard', ids, flags, options, {});
    default:
      throw new ClewError('bad_request', `Say what to do with dead letters:\n${deadLettersUsage}`);
  }
}

async function list(flags: Readonly<Record<string, string>>, options: DeadLettersOptions): Promise<number> {
  const query = new URLSearchParams({ from: String(fromOf(flags, options)), to: String(options.nowMs) });
  for (const name of ['source', 'reason', 'state', 'limit'])
    if (flags[name] !== undefined) query.set(name, flags[name]);
  const { data } = await callApi<Listed>(options, `/dead-letters?${query}`);
  if (options.json) {
    for (const letter of data.letters) options.write(`${JSON.stringify(letter)}\n`);
    return 0;
  }
  if (data.letters.length === 0) options.write('no dead letters\n');
  for (const group of data.groups) options.write(`${group.letters}\t${group.source}\t${group.reason}\n`);
  if (data.letters.length > 0) options.write('\n');
  for (const { id, at, source, bytes, reason } of data.letters)
    options.write(`${id}\t${new Date(at).toISOString()}\t${source}\t${bytes} B\t${reason}\n`);
  return 0;
}

async function show(ids: readonly string[], options: DeadLettersOptions): Promise<number> {
  const [id] = ids;
  if (id === undefined || ids.length > 1) throw new ClewError('bad_request', 'Name one dead letter to show.');
  const { data } = await callApi<{ data: Record<string, unknown> }>(
    options,
    `/dead-letters/${encodeURIComponent(id)}`,
  );
  if (options.json) {
    options.write(`${JSON.stringify(data)}\n`);
    return 0;
  }
  for (const name of ['id', 'source', 'reason', 'content_type', 'bytes', 'state', 'replayable'])
    options.write(`${name}: ${String(data[name])}\n`);
  options.write(`\n${String(data.payload)}\n`);
  return 0;
}

async function change(
  action: 'replay' | 'discard',
  ids: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: DeadLettersOptions,
  more: object,
): Promise<number> {
  const filter = {
    from: fromOf(flags, options),
    to: options.nowMs,
    ...(flags.source === undefined ? {} : { source: flags.source }),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
  if (ids.length === 0 && flags.source === undefined && flags.reason === undefined)
    throw new ClewError('bad_request', `Name letters to ${action}, or choose them by --source or --reason.`);
  const chosen = ids.length > 0 ? { ids } : { filter };
  const answer = await callApi<Results>(options, `/dead-letters/${action}`, { ...chosen, ...more });
  for (const { id, outcome, reason, records } of answer.data) {
    if (options.json) options.write(`${JSON.stringify({ id, outcome, reason, records })}\n`);
    else options.write(`${id}\t${outcome}\t${reason === '' ? `${records} records` : reason}\n`);
  }
  if (!options.json) {
    const parts = Object.entries(answer.counts).map(([outcome, count]) => `${count} ${outcome}`);
    options.write(`${parts.join(', ') || 'no letter matches'}\n`);
  }
  return answer.data.some(({ outcome }) => outcome === 'refused' || outcome === 'not_found') ? 1 : 0;
}

function fixesOf(flags: Readonly<Record<string, string>>): object[] {
  const fixes: object[] = [];
  const to = flags.with ?? '';
  if (flags.replace !== undefined) fixes.push({ op: 'replace', find: flags.replace, with: to });
  if (flags.regex !== undefined) fixes.push({ op: 'replace_regex', find: flags.regex, with: to });
  if (flags['content-type'] !== undefined) fixes.push({ op: 'content_type', value: flags['content-type'] });
  return fixes;
}

function fromOf(flags: Readonly<Record<string, string>>, options: DeadLettersOptions): number {
  const since = flags.since ?? '24h';
  const length = spanMs(since);
  if (length === null)
    throw new ClewError('bad_request', `--since is "${since}"; write a number and s, m, h or d, like 3h.`);
  return Math.max(0, options.nowMs - length);
}
