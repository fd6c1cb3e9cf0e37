/** What the Patterns page asks and what it can change. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { now } from '../model/clock.ts';
import { type FrameSearch, type Window, windowOf } from '../model/range.ts';
import { ApiError, get, request } from './client.ts';
import { livePollMs, rangeKey } from './queries.ts';
import type { LogHistogram } from './types.ts';

export interface ListedPattern {
  pattern_id: string | null;
  template: string;
  name: string;
  sample: string;
  severity: string;
  services: string[];
  count: number;
  error_count: number;
  share: number;
  first_seen: number;
  last_seen: number;
  spark: number[];
  is_new: boolean;
  merged: number;
  pinned: boolean;
}

export interface PatternList {
  window: Window;
  rows: ListedPattern[];
  total: number;
  patterns: number;
  truncated: boolean;
}

export interface PatternEvent {
  event_id: string;
  at: number;
  kind: string;
  change: string;
  severity: string;
  service: string;
  pattern_id: string;
  template: string;
  count: number;
  usual: number;
}

export interface Correction {
  id: string;
  kind: 'merge' | 'split' | 'rename' | 'setup' | 'generalise' | 'restart';
  actor: string;
  reason: string;
  at: number;
  detail: Record<string, unknown>;
  undone_at: number | null;
  undone_by: string | null;
}

export interface PatternDetail {
  pattern_id: string;
  template: string;
  name: string;
  sample: string;
  severity: string;
  services: { service: string; first_seen: number; last_seen: number }[];
  first_seen: number | null;
  last_seen: number | null;
  pinned: boolean;
  merged: { pattern_id: string; template: string }[];
  attributes: Record<string, string>;
  shapes: {
    shape: string;
    service: string;
    message: string;
    count: number;
    error_count: number;
    last_seen: number;
  }[];
  shapes_total: number;
  severities: Record<string, number>;
  series: LogHistogram;
  corrections: Correction[];
  events: PatternEvent[];
}

export interface ComparedPattern {
  pattern_id: string;
  template: string;
  name: string;
  severity: string;
  services: string[];
  first_seen: number | null;
  count: number;
  before: number;
  error_count: number;
  errors_before: number;
  ratio: number | null;
  state: 'new' | 'gone' | 'up' | 'down' | 'same';
}

export interface Comparison {
  data: ComparedPattern[];
  now: Window;
  before: Window;
  source: 'details' | 'five_minutes' | 'days';
  release: { at: number; title: string; service: string } | null;
  unmined: { count: number; before: number };
  truncated: boolean;
}

export interface Setup {
  field: string;
  ignore: string[];
  masks: string[];
}

export interface NamedSetup {
  service: string;
  setup: Setup;
  updated_at: number;
  updated_by: string;
}

export interface TriedSetup {
  messages: number;
  templates_plain: number;
  templates: number;
  examples: { template: string; count: number; example: string }[];
}

export type AccessState = 'pending' | 'running' | 'success' | 'failed';
export interface Access {
  service: string;
  state: AccessState;
  flows: { flow: 'mining' | 'counting'; state: AccessState; reason: string }[];
  patterns: number;
  counted_to: number | null;
  requested_by: string | null;
  finished_at: number | null;
}

export interface PatternFilter {
  service?: string;
  severity?: string;
  q?: string;
  only?: string;
  sort?: string;
}

const rowsMax = 500;
const bounds = (window: Window) => ({ from: Math.floor(window.from), to: Math.ceil(window.to) });

export const patternListQuery = (frame: FrameSearch, filter: PatternFilter, poll: number | false) =>
  queryOptions({
    queryKey: ['patterns', ...rangeKey(frame), filter],
    queryFn: async ({ signal }): Promise<PatternList> => {
      const window = windowOf(frame, now());
      const answer = await get<ListedPattern[]>(
        '/patterns',
        { ...filter, limit: rowsMax, ...bounds(window) },
        signal,
      );
      const { total, patterns, truncated } = answer as unknown as PatternList;
      return { window, rows: answer.data, total, patterns, truncated };
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export const patternQuery = (frame: FrameSearch, id: string, poll: number | false) =>
  queryOptions({
    queryKey: ['pattern', id, ...rangeKey(frame)],
    queryFn: async ({ signal }) => {
      const window = windowOf(frame, now());
      const { data } = await get<PatternDetail>(
        `/patterns/${id}`,
        { buckets: 48, ...bounds(window) },
        signal,
      );
      return { window, data };
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export const compareQuery = (frame: FrameSearch, compared: string, service: string | undefined) =>
  queryOptions({
    queryKey: ['patterns-compare', ...rangeKey(frame), compared, service ?? ''],
    queryFn: async ({ signal }): Promise<Comparison> => {
      const window = bounds(windowOf(frame, now()));
      const range = compared === 'release' ? { to: window.to } : window;
      return (await get<ComparedPattern[]>(
        '/patterns/compare',
        { with: compared, service, ...range },
        signal,
      )) as unknown as Comparison;
    },
    placeholderData: keepPreviousData,
  });

export const statusQuery = () =>
  queryOptions({
    queryKey: ['patterns-status'],
    queryFn: async ({ signal }) => (await get<Access[]>('/patterns/status', {}, signal)).data,
    refetchInterval: livePollMs,
  });

export const setupsQuery = () =>
  queryOptions({
    queryKey: ['patterns-setups'],
    queryFn: async ({ signal }) => (await get<NamedSetup[]>('/patterns/setups', {}, signal)).data,
  });

export const correctionsQuery = () =>
  queryOptions({
    queryKey: ['patterns-corrections'],
    queryFn: async ({ signal }) =>
      (await get<Correction[]>('/patterns/corrections', { limit: 200 }, signal)).data,
  });

export const patternEventsQuery = (frame: FrameSearch, service: string | undefined, poll: number | false) =>
  queryOptions({
    queryKey: ['patterns-events', ...rangeKey(frame), service ?? ''],
    queryFn: async ({ signal }) => {
      const window = bounds(windowOf(frame, now()));
      return (await get<PatternEvent[]>('/patterns/events', { service, ...window, limit: 50 }, signal)).data;
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export interface Said {
  actor: string;
  reason: string;
}

/** Each answers the pattern to show next; null where that is none. */
export type Change =
  | { kind: 'merge'; ids: string[] }
  | { kind: 'split'; id: string; shapes: string[]; template: string }
  | { kind: 'rename'; id: string; name: string }
  | { kind: 'undo'; id: string }
  | { kind: 'setup'; service: string; setup: Setup | null; restart: boolean }
  | { kind: 'restart'; service: string | undefined };

export async function runChange(change: Change, said: Said): Promise<string | null> {
  const send = async (path: string, body: object, method: 'POST' | 'PUT' = 'POST') =>
    (
      await request<{ pattern_id?: string }>(`/api/v1/patterns${path}`, {
        method,
        body: { ...body, ...said },
      })
    ).data.pattern_id ?? null;
  switch (change.kind) {
    case 'merge':
      return send('/merge', { ids: change.ids });
    case 'split':
      return send(`/${change.id}/split`, { shapes: change.shapes, template: change.template });
    case 'rename':
      return send(`/${change.id}/name`, { name: change.name }, 'PUT');
    case 'undo':
      return send(`/corrections/${change.id}/undo`, {});
    case 'setup':
      await send('/setups', { service: change.service, setup: change.setup }, 'PUT');
      // Without logs there is nothing to mine again, and that is no failure of the setup.
      return change.restart ? send('/restart', nameOf(change.service)).catch(ignoreMissing) : null;
    case 'restart':
      return send('/restart', nameOf(change.service));
  }
}

const ignoreMissing = (error: unknown): null => {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
};

const nameOf = (service: string | undefined) => (service ? { service } : {});

export const trySetup = async (service: string, setup: Setup): Promise<TriedSetup> =>
  (
    await request<TriedSetup>('/api/v1/patterns/setups/try', {
      method: 'POST',
      body: { service, setup },
    })
  ).data;
