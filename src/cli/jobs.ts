import { ClewError } from '../lib/index.ts';
import { callApi } from './api.ts';
import { spanMs } from './arguments.ts';

export const jobsUsage = `  clew jobs [list] [--json]                          window jobs: how far behind, what waits, which are paused
  clew jobs runs [--job NAME] [--state queued|running|success|failed] [--since 3h] [--limit N] [--json]
  clew jobs replay JOB --from T --to T [--tenant CODE] [--wait] [--json]
                                                     run its windows again (T: 2026-11-20T12:00:00Z, epoch
                                                     milliseconds, 3h ago as 3h, or now)
  clew jobs probe JOB                                try a paused job at once`;

export interface JobsOptions {
  /** Where Clew listens, without a slash at the end. */
  url: string;
  token: string;
  nowMs: number;
  /** One JSON object a line instead of a table. */
  json: boolean;
  write: (text: string) => void;
  sleep: (ms: number) => Promise<void>;
}

interface Job {
  name: string;
  tenant: string;
  lag_s: number | null;
  waiting: number;
  running: number;
  failed: number;
  duration_ms_p50: number | null;
  last_error: string | null;
  circuit: { state: string; open_until: number | null; last_error: string | null };
}
interface Run {
  job: string;
  from: number;
  to: number;
  state: string;
  kind: string;
  attempts: number;
  rows_written: number;
  error: string | null;
}
interface Replayed {
  job: string;
  tenant: string;
  from: number;
  to: number;
  windows: number;
  queued: number;
}

type Flags = Readonly<Record<string, string>>;

const pollMs = 1_000;
/** Windows of one answer; a replay is waited for by its own range, whatever their number. */
const runsMax = 1_000;

/** Answers the exit code: 1 when a job is paused or gave windows up, or when a replay that was waited for did not succeed. */
export async function jobs(words: readonly string[], flags: Flags, options: JobsOptions): Promise<number> {
  const [action = 'list', name, ...more] = words;
  if (more.length > 0) throw wrong(`"${more[0]}" is one word too many.`);
  switch (action) {
    case 'list':
      return list(options);
    case 'runs':
      return runs(flags, options);
    case 'replay':
      return replay(named(name), flags, options);
    case 'probe':
      await call(options, `/etl/jobs/${encodeURIComponent(named(name))}/probe`, {});
      options.write(
        options.json ? `${JSON.stringify({ job: name })}\n` : `one window of ${name} is tried now\n`,
      );
      return 0;
    default:
      throw wrong(`There is no "jobs ${action}".`);
  }
}

const wrong = (message: string): ClewError => new ClewError('bad_request', `${message}\n${jobsUsage}`);

function named(name: string | undefined): string {
  if (name === undefined) throw wrong('Name the job; clew jobs shows them.');
  return name;
}

const span = (seconds: number | null): string => (seconds === null ? '-' : `${Math.round(seconds)} s`);

async function list(options: JobsOptions): Promise<number> {
  const all = await call<Job[]>(options, '/etl/jobs');
  for (const job of all) {
    if (options.json) options.write(`${JSON.stringify(job)}\n`);
    else
      options.write(
        [
          job.name.padEnd(20),
          job.circuit.state === 'closed' ? 'runs' : 'paused',
          `lag ${span(job.lag_s)}`,
          `${job.waiting} waiting`,
          `${job.failed} given up`,
          job.duration_ms_p50 === null ? '-' : `${Math.round(job.duration_ms_p50)} ms`,
          job.circuit.last_error ?? job.last_error ?? '',
        ].join('\t'),
      );
    if (!options.json) options.write('\n');
  }
  return all.some((job) => job.circuit.state !== 'closed' || job.failed > 0) ? 1 : 0;
}

async function runs(flags: Flags, options: JobsOptions): Promise<number> {
  const query = new URLSearchParams({ from: String(momentOf('since', flags.since ?? '3h', options.nowMs)) });
  for (const key of ['job', 'state', 'limit']) if (flags[key] !== undefined) query.set(key, flags[key]);
  const found = await call<Run[]>(options, `/etl/runs?${query}`);
  if (!options.json && found.length === 0) options.write('no windows\n');
  for (const run of found) {
    if (options.json) options.write(`${JSON.stringify(run)}\n`);
    else
      options.write(
        `${[run.job, iso(run.from), iso(run.to), run.state, run.kind, `${run.attempts} attempts`, `${run.rows_written} rows`, run.error ?? ''].join('\t')}\n`,
      );
  }
  return 0;
}

const iso = (at: number): string => new Date(at).toISOString();

async function replay(job: string, flags: Flags, options: JobsOptions): Promise<number> {
  const from = momentOf('from', flags.from, options.nowMs);
  const to = momentOf('to', flags.to, options.nowMs);
  const tenant = flags.tenant ?? (await tenantOf(job, options));
  const body = { job, tenant_id: /^\d+$/.test(tenant) ? Number(tenant) : tenant, from, to };
  const answer = await call<Replayed>(options, '/events/enqueue', body);
  const told = `${answer.queued} of ${answer.windows} windows of ${job} for ${answer.tenant} are queued, ${iso(answer.from)} to ${iso(answer.to)}\n`;
  options.write(options.json ? `${JSON.stringify(answer)}\n` : told);
  return flags.wait === undefined ? 0 : wait(answer, options);
}

/** Without a name the tenant that this Clew works for. */
async function tenantOf(job: string, options: JobsOptions): Promise<string> {
  const all = await call<Job[]>(options, '/etl/jobs');
  const found = all.find(({ name }) => name === job);
  if (found) return found.tenant;
  throw new ClewError(
    'unprocessable',
    `job: there is no job ${job}; known are ${all.map(({ name }) => name).join(', ')}.`,
  );
}

/** Until none of the windows waits or runs; those that are given up are told. */
async function wait(asked: Replayed, options: JobsOptions): Promise<number> {
  const pending = async (state: string): Promise<Run[]> => {
    const query = new URLSearchParams({
      job: asked.job,
      state,
      from: String(asked.from),
      to: String(asked.to),
      limit: String(runsMax),
    });
    return call<Run[]>(options, `/etl/runs?${query}`);
  };
  while ((await pending('queued')).length > 0 || (await pending('running')).length > 0)
    await options.sleep(pollMs);
  const failed = await pending('failed');
  for (const run of failed)
    options.write(
      options.json
        ? `${JSON.stringify(run)}\n`
        : `${iso(run.from)} ${iso(run.to)} given up: ${run.error ?? ''}\n`,
    );
  if (failed.length === 0 && !options.json) options.write('done\n');
  return failed.length === 0 ? 0 : 1;
}

function momentOf(flag: string, text: string | undefined, nowMs: number): number {
  if (text === undefined) throw wrong(`--${flag} is missing.`);
  const ago = spanMs(text);
  if (ago !== null) return nowMs - ago;
  if (text === 'now') return nowMs;
  const at = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text);
  // A time without a zone would mean something else on every machine.
  if (Number.isNaN(at) || !/^\d{10,16}$|^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text))
    throw new ClewError(
      'bad_request',
      `--${flag} is "${text}"; write 2026-11-20T12:00:00Z, epoch milliseconds, 3h or now.`,
    );
  return at;
}

const call = async <T>(options: JobsOptions, path: string, body?: object): Promise<T> =>
  (await callApi<{ data: T }>(options, path, body)).data;
