/** What the page Jobs asks and does. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { now } from '../model/clock.ts';
import { type FrameSearch, windowOf } from '../model/range.ts';
import { get, request } from './client.ts';
import { rangeKey } from './queries.ts';

export const runStates = ['queued', 'running', 'success', 'failed'] as const;
export type RunState = (typeof runStates)[number];

export interface JobRow {
  name: string;
  tenant: string;
  after: string[];
  align_s: number;
  delay_s: number;
  replay_windows_max: number;
  done_to: number | null;
  lag_s: number | null;
  waiting: number;
  waiting_from: number | null;
  waiting_late: number;
  waiting_replay: number;
  running: number;
  failed: number;
  last_error: string | null;
  last_error_at: number | null;
  duration_ms_p50: number | null;
  duration_ms_p95: number | null;
  circuit: {
    state: 'closed' | 'open' | 'half_open';
    failures: number;
    opened_at: number | null;
    open_until: number | null;
    last_error: string | null;
  };
}

export interface JobCell {
  from: number;
  to: number;
  states: Partial<Record<RunState, number>>;
  duration_ms_max: number | null;
  lag_s_max: number | null;
  rows_read: number;
  rows_written: number;
  retries: number;
}

export interface JobHistory {
  job: string;
  from: number;
  to: number;
  cell_ms: number;
  align_ms: number;
  cells: JobCell[];
}

export interface RunRow {
  run_id: string;
  job: string;
  from: number;
  to: number;
  state: RunState;
  kind: 'planned' | 'late' | 'replay';
  attempts: number;
  successes: number;
  error: string | null;
  rows_read: number;
  rows_written: number;
  rows_conflict: number;
  started_at: number | null;
  finished_at: number | null;
  not_before: number | null;
}

const jobsPollMs = 5_000;
/** Cells of a strip; each is at least five pixels wide on a small screen. */
const cells = 120;

export const jobsQuery = () =>
  queryOptions({
    queryKey: ['jobs'],
    queryFn: async ({ signal }) => (await get<JobRow[]>('/etl/jobs', {}, signal)).data,
    refetchInterval: jobsPollMs,
  });

export const jobHistoryQuery = (frame: FrameSearch, job: string, poll: number | false) =>
  queryOptions({
    queryKey: ['job-history', job, ...rangeKey(frame)],
    queryFn: async ({ signal }) => {
      const { from, to } = windowOf(frame, now());
      const params = { from: Math.floor(from), to: Math.ceil(to), cells };
      return (await get<JobHistory>(`/etl/jobs/${encodeURIComponent(job)}/history`, params, signal)).data;
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

const runsShown = 100;

export const runsQuery = (
  frame: FrameSearch,
  job: string,
  state: RunState | undefined,
  poll: number | false,
) =>
  queryOptions({
    queryKey: ['job-runs', job, state, ...rangeKey(frame)],
    queryFn: async ({ signal }) => {
      const { from, to } = windowOf(frame, now());
      const params = {
        job,
        from: Math.floor(from),
        to: Math.ceil(to),
        limit: runsShown,
        ...(state === undefined ? {} : { state }),
      };
      return (await get<RunRow[]>('/etl/runs', params, signal)).data;
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export interface Replayed {
  from: number;
  to: number;
  windows: number;
  queued: number;
}

export async function replayJob(job: JobRow, from: number, to: number): Promise<Replayed> {
  const body = { job: job.name, tenant_id: job.tenant, from, to };
  return (await request<Replayed>('/api/v1/events/enqueue', { method: 'POST', body })).data;
}

export async function probeJob(job: JobRow): Promise<void> {
  await request(`/api/v1/etl/jobs/${encodeURIComponent(job.name)}/probe`, { method: 'POST', body: {} });
}
