/** What the page Jobs asks and does. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import {
  type HistoryCell,
  type JobHistory,
  type JobRow,
  type RunRow,
  type RunState,
  runStates,
} from '../../../src/model/job-report.ts';
import { now } from '../model/clock.ts';
import { type FrameSearch, windowOf } from '../model/range.ts';
import { get, request } from './client.ts';
import { rangeKey } from './queries.ts';

export { type HistoryCell, type JobHistory, type JobRow, type RunRow, type RunState, runStates };

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
