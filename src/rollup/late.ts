import type { Arrivals, LateMinute } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import { type DetailTable, type EpochMs, floorTo, iso, type TimeWindow } from '../model/index.ts';
import { lateTotal, tooLateTotal } from './events.ts';
import type { Job } from './job.ts';
import { requeueWindows } from './queue.ts';
import { upperBound } from './windows.ts';

/**
 * A window that is opened again waits this long: rows that come late come in a stream, and one run shall do for many of
 * them. A sender whose clock is ten minutes behind would otherwise have every window done at every look.
 */
export const lateSettleMs = 30_000;
/** Time between two looks; less than that only finds the same stream in smaller pieces. */
const lookEveryMs = 4_000;

export interface LateOptions {
  ledger: Ledger;
  arrivals: Arrivals;
  jobs: readonly Job[];
  clock: Clock;
  /** How much later than its time a row may come. */
  latenessMs: number;
}

/**
 * Opens windows again that got rows after they may have been done. Asked at every look of the scheduler. What was looked
 * through is noted after the windows are queued, so a crash in between only looks again.
 */
export function lateWatch(options: LateOptions): () => Promise<void> {
  const { clock, latenessMs } = options;
  const jobs = options.jobs.filter((job) => (job.lateTables?.length ?? 0) > 0);
  const tables = [...new Set(jobs.flatMap((job) => job.lateTables ?? []))];
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (latenessMs === 0 || tables.length === 0 || clock.monotonic() - lookedAt < lookEveryMs) return;
    lookedAt = clock.monotonic();
    await lookOnce(options, jobs, tables);
  };
}

async function lookOnce(
  { ledger, arrivals, clock, latenessMs, jobs: allJobs }: LateOptions,
  jobs: readonly Job[],
  tables: readonly DetailTable[],
): Promise<void> {
  const seen = await readSeen(ledger);
  const now = clock.now();
  const before = Math.max(...jobs.map((job) => upperBound(now, job)));
  const look = await arrivals.look({ tables, seen, before, since: now - latenessMs });
  for (const job of jobs) await reopen(ledger, job, allJobs, look.late, now);
  for (const [table, rows] of Object.entries(look.tooLate)) tooLateTotal.inc({ table }, rows);
  await writeSeen(ledger, seen, look.seen, now);
  look.done();
}

async function reopen(
  ledger: Ledger,
  job: Job,
  jobs: readonly Job[],
  late: readonly LateMinute[],
  now: EpochMs,
): Promise<void> {
  const again = { kind: 'late', now, notBefore: now + lateSettleMs } as const;
  for (const [tenant, windows] of windowsByTenant(job, late, upperBound(now, job))) {
    const tenantId = await ledger.tenantId(tenant);
    const opened = await requeueWindows(ledger, { ...again, job: job.name, tenantId, windows });
    if (opened > 0) lateTotal.inc({ job: job.name }, opened);
    // The claim holds them back until the windows that they come after are done.
    for (const next of followersOf(job, jobs)) {
      const theirs = windowsOver(next, windows, upperBound(now, next));
      const what = { ...again, job: next.name, tenantId, windows: theirs, onlyKnown: true };
      const followed = await requeueWindows(ledger, what);
      if (followed > 0) lateTotal.inc({ job: next.name }, followed);
    }
  }
}

/** Jobs of tenants that come after `job`, directly or through others. */
export function followersOf(job: Job, jobs: readonly Job[]): Job[] {
  const followers = new Set<Job>();
  const add = (name: string) => {
    for (const next of jobs) {
      if (next.scope === 'ledger' || followers.has(next) || !next.after.includes(name)) continue;
      followers.add(next);
      add(next.name);
    }
  };
  add(job.name);
  return [...followers];
}

/** The windows of a job that touch those of another one and are over; each once. */
export function windowsOver(
  job: Pick<Job, 'alignMs'>,
  windows: readonly TimeWindow[],
  upper: EpochMs,
): TimeWindow[] {
  const starts = new Set<EpochMs>();
  for (const { from, to } of windows)
    for (let at = floorTo(from, job.alignMs); at < to; at += job.alignMs)
      if (at + job.alignMs <= upper) starts.add(at);
  return [...starts].sort((a, b) => a - b).map((from) => ({ from, to: from + job.alignMs }));
}

/** The windows of a job that hold the minutes. One that is not ready yet will read the rows anyway. */
export function windowsByTenant(
  job: Pick<Job, 'alignMs' | 'lateTables'>,
  late: readonly LateMinute[],
  upper: EpochMs,
): Map<string, TimeWindow[]> {
  const starts = new Map<string, Set<EpochMs>>();
  for (const { table, tenant, from } of late) {
    if (!job.lateTables?.includes(table)) continue;
    const own = starts.get(tenant) ?? new Set<EpochMs>();
    starts.set(tenant, own);
    // A window may be shorter than the minute that is told.
    for (let at = floorTo(from, job.alignMs); at < from + 60_000; at += job.alignMs)
      if (at + job.alignMs <= upper) own.add(at);
  }
  return new Map(
    [...starts].map(([tenant, own]) => [
      tenant,
      [...own].sort((a, b) => a - b).map((from) => ({ from, to: from + job.alignMs })),
    ]),
  );
}

type Seen = Partial<Record<DetailTable, number>>;

async function readSeen(ledger: Ledger): Promise<Seen> {
  const rows = await ledger.query<{ table_name: DetailTable; block: string }>(
    'SELECT table_name, block FROM etl_late_scan',
  );
  return Object.fromEntries(rows.map((row) => [row.table_name, Number(row.block)]));
}

async function writeSeen(ledger: Ledger, before: Seen, after: Seen, now: EpochMs): Promise<void> {
  const changed = Object.entries(after).filter(([table, block]) => before[table as DetailTable] !== block);
  if (changed.length === 0) return;
  await ledger.query(
    `INSERT INTO etl_late_scan (table_name, block, updated_at)
     SELECT table_name, block, $3 FROM unnest($1::text[], $2::bigint[]) AS g(table_name, block)
     ON CONFLICT (table_name) DO UPDATE SET block = excluded.block, updated_at = excluded.updated_at`,
    [changed.map(([table]) => table), changed.map(([, block]) => block), iso(now)],
  );
}
