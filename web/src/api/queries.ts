/**
 * What the console asks, as TanStack Query options. A relative range is resolved when the question is asked, so a
 * polled query moves with time while its key stays the same; the answer carries the window it is about.
 */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { urnName } from '../../../src/model/urn.ts';
import { now } from '../model/clock.ts';
import type { LogFilter } from '../model/logfilter.ts';
import { type FrameSearch, type Window, windowOf } from '../model/range.ts';
import type { TopologyAnswer } from '../model/topology.ts';
import { get, type Params, request } from './client.ts';
import type {
  CaseDetail,
  CaseRow,
  ChangeRow,
  CypherAnswer,
  Facet,
  GraphAnswer,
  HealthReport,
  LogHistogram,
  LogRow,
  ObjectiveRow,
  PatternRow,
  ServiceRow,
  TimelineEntry,
  TopologySource,
  TraceDetail,
  TraceRow,
} from './types.ts';

export const livePollMs = 5_000;
export const casePollMs = 2_000;
export const tailPollMs = 2_000;
const topologyPollMs = 60_000;

/** The part of the URL that names a time range, as a key. */
export const rangeKey = (search: FrameSearch): readonly unknown[] => [
  search.range ?? '',
  search.from ?? 0,
  search.to ?? 0,
];

export interface Windowed<T> {
  window: Window;
  data: T;
}

export function windowed<T>(
  key: string,
  path: string,
  frame: FrameSearch,
  params: Params,
  poll: number | false,
) {
  return queryOptions({
    queryKey: [key, ...rangeKey(frame), params],
    queryFn: async ({ signal }): Promise<Windowed<T>> => {
      const window = windowOf(frame, now());
      const answer = await get<T>(
        path,
        { ...params, from: Math.floor(window.from), to: Math.ceil(window.to) },
        signal,
      );
      return { window, data: answer.data };
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });
}

export const servicesQuery = (frame: FrameSearch, poll: number | false) =>
  windowed<ServiceRow[]>('services', '/services', frame, {}, poll);

export const changesQuery = (frame: FrameSearch, poll: number | false, service?: string) =>
  windowed<ChangeRow[]>('changes', '/changes', frame, { service }, poll);

const logParams = (filter: LogFilter): Params => ({
  service: filter.service,
  severity: filter.severity,
  q: filter.q,
  trace_id: filter.trace_id,
  pattern: filter.pattern,
  attr: filter.attr,
});

export const logPageRows = 200;

export interface LogPage {
  window: Window;
  rows: LogRow[];
  cursor: string | null;
}

/** One page of lines, newest first. The window is fixed by the first page so that later pages fit to it. */
export async function fetchLogs(
  frame: FrameSearch,
  filter: LogFilter,
  page: { window: Window; cursor: string } | null,
  signal?: AbortSignal,
): Promise<LogPage> {
  const window = page?.window ?? windowOf(frame, now());
  const answer = await get<LogRow[]>(
    '/logs',
    {
      ...logParams(filter),
      from: Math.floor(window.from),
      to: Math.ceil(window.to),
      limit: logPageRows,
      cursor: page?.cursor,
    },
    signal,
  );
  return { window, rows: answer.data, cursor: answer.cursor ?? null };
}

export const histogramQuery = (frame: FrameSearch, filter: LogFilter, poll: number | false) =>
  windowed<LogHistogram>(
    'log-histogram',
    '/logs/histogram',
    frame,
    { ...logParams(filter), buckets: 60 },
    poll,
  );

export const facetsQuery = (frame: FrameSearch, filter: LogFilter, poll: number | false) =>
  windowed<Facet[]>('log-facets', '/logs/facets', frame, logParams(filter), poll);

export const patternsQuery = (frame: FrameSearch, filter: LogFilter, poll: number | false) =>
  windowed<PatternRow[]>('log-patterns', '/logs/patterns', frame, logParams(filter), poll);

export interface TraceFilter {
  service?: string;
  operation?: string;
  status?: 'error' | 'ok';
  min_ms?: number;
  max_ms?: number;
  attr?: string[];
}

export const tracesQuery = (frame: FrameSearch, filter: TraceFilter, poll: number | false) =>
  windowed<TraceRow[]>('traces', '/traces', frame, { ...filter, limit: 300 }, poll);

export const traceQuery = (traceId: string) =>
  queryOptions({
    queryKey: ['trace', traceId],
    queryFn: async ({ signal }) =>
      (await get<TraceDetail>(`/traces/${encodeURIComponent(traceId)}`, {}, signal)).data,
    staleTime: 15_000,
  });

const namedNode = (node: GraphAnswer['nodes'][number]): GraphAnswer['nodes'][number] => ({
  ...node,
  service: node.service || node.name || urnName(node.urn),
});

export const graphQuery = (at: number | undefined, windowS: number, poll: number | false) =>
  queryOptions({
    queryKey: ['graph', at ?? 0, windowS],
    queryFn: async ({ signal }): Promise<GraphAnswer> => {
      const { data } = await get<GraphAnswer>('/graph', { at: at ?? now(), window_s: windowS }, signal);
      return { nodes: data.nodes.map(namedNode), edges: data.edges };
    },
    placeholderData: keepPreviousData,
    refetchInterval: at === undefined ? poll : false,
  });

/** Resources and edges at a moment; compared with an earlier one where `since` is given. */
export const topologyQuery = (
  moments: { at: number | undefined; since: number | undefined },
  relation: string[],
  enabled: boolean,
) =>
  queryOptions({
    queryKey: ['topology', moments.at ?? 0, moments.since ?? 0, relation],
    enabled,
    queryFn: async ({ signal }) => {
      const { at, since } = moments;
      const path = since === undefined ? '/topology' : '/topology/diff';
      const params = since === undefined ? { at } : { from: since, to: at };
      return (await get<TopologyAnswer>(path, { ...params, relation }, signal)).data;
    },
    placeholderData: keepPreviousData,
    refetchInterval: moments.at === undefined ? topologyPollMs : false,
  });

/** When topology changed. */
export const momentsQuery = (window: Window) =>
  queryOptions({
    queryKey: ['topology-moments', window.from, window.to],
    queryFn: async ({ signal }) =>
      (
        await get<{ at: number; opened: number; closed: number }[]>(
          '/topology/moments',
          { from: window.from, to: window.to },
          signal,
        )
      ).data,
    placeholderData: keepPreviousData,
  });

/** Sources of declared topology and what could not be read. */
export const topologySourcesQuery = () =>
  queryOptions({
    queryKey: ['topology-sources'],
    queryFn: async ({ signal }) => (await get<TopologySource[]>('/topology/sources', {}, signal)).data,
    staleTime: 60_000,
  });

export const cypher = async (query: string) =>
  request<CypherAnswer>('/api/v1/cypher', { method: 'POST', body: { query, limit: 200 } });

export const objectivesQuery = (poll: number | false) =>
  queryOptions({
    queryKey: ['objectives'],
    queryFn: async ({ signal }) => (await get<ObjectiveRow[]>('/objectives', {}, signal)).data,
    refetchInterval: poll,
  });

export const casesQuery = (status: string | undefined, poll: number | false) =>
  queryOptions({
    queryKey: ['cases', status ?? ''],
    queryFn: async ({ signal }) => (await get<CaseRow[]>('/case', { status }, signal)).data,
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

const isOver = (detail: CaseDetail | undefined): boolean => detail?.status === 'CLOSED';

export const caseQuery = (id: string) =>
  queryOptions({
    queryKey: ['case', id],
    queryFn: async ({ signal }) =>
      (await get<CaseDetail>(`/case/${encodeURIComponent(id)}`, {}, signal)).data,
    refetchInterval: (query) => (isOver(query.state.data) ? false : casePollMs),
  });

export const timelineQuery = (id: string, over: boolean) =>
  queryOptions({
    queryKey: ['case-timeline', id],
    queryFn: async ({ signal }) =>
      (await get<TimelineEntry[]>(`/case/${encodeURIComponent(id)}/timeline`, {}, signal)).data,
    refetchInterval: over ? false : casePollMs,
  });

/** The raw rows of a piece of evidence, the rollup's row where it rests on one, and the page that shows them. */
export interface EvidenceRows {
  data: Record<string, unknown>[];
  row?: Record<string, unknown>;
  link?: string | null;
}

export const evidenceRowsQuery = (evidenceId: string) =>
  queryOptions({
    queryKey: ['evidence-rows', evidenceId],
    queryFn: async ({ signal }): Promise<EvidenceRows> =>
      get<Record<string, unknown>[]>(`/evidence/${encodeURIComponent(evidenceId)}/rows`, {}, signal),
    staleTime: 60_000,
  });

/** 503 carries the same report: it is how an unhealthy Clew answers. */
export const healthQuery = () =>
  queryOptions({
    queryKey: ['healthz'],
    queryFn: async ({ signal }) => (await request<HealthReport>('/healthz', { signal, alsoOk: 503 })).data,
    refetchInterval: livePollMs,
  });
