/** What the page Intake asks and does. */
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { now } from '../model/clock.ts';
import { type FrameSearch, windowOf } from '../model/range.ts';
import { get, request } from './client.ts';
import { livePollMs, rangeKey } from './queries.ts';

type ByName = Record<string, number>;

export interface IntakeStep {
  at: number;
  records: ByName;
  bytes: ByName;
  rejected: ByName;
  ack_p99_ms: ByName;
  refused: ByName;
  letters: ByName;
  pending_bytes: number;
  insert_lag_ms: number;
}

export interface IntakeReport {
  step_ms: number;
  steps: IntakeStep[];
  offenders: {
    tenant: string;
    metric: string;
    label: string;
    rule: string;
    count: number;
    last: number;
    example: string;
  }[];
  use: { tenant: string; series: number; streams: number }[];
  masked: ByName;
  commit_ms: number;
  disk_free_bytes: number | null;
}

export interface LetterGroup {
  source: string;
  reason: string;
  example: string;
  letters: number;
  bytes: number;
  first: number;
  last: number;
}

export interface LetterRow {
  id: string;
  at: number;
  source: string;
  reason: string;
  content_type: string;
  bytes: number;
  state: string;
  replayable: boolean;
  encoding: 'text' | 'hex';
  payload: string;
}

export interface LetterFix {
  op: 'replace' | 'replace_regex' | 'content_type';
  find?: string;
  with?: string;
  value?: string;
}

export interface LetterResult {
  id: string;
  outcome: 'replayed' | 'refused' | 'discarded' | 'not_open' | 'not_found';
  reason: string;
  records: number;
}

export const intakeQuery = () =>
  queryOptions({
    queryKey: ['intake'],
    queryFn: async ({ signal }) => (await get<IntakeReport>('/intake', {}, signal)).data,
    refetchInterval: livePollMs,
    placeholderData: keepPreviousData,
  });

export interface LetterChoice {
  source?: string;
  reason?: string;
}

export interface LetterPage {
  groups: LetterGroup[];
  letters: LetterRow[];
}

export const lettersQuery = (frame: FrameSearch, choice: LetterChoice, poll: number | false) =>
  queryOptions({
    queryKey: ['dead-letters', ...rangeKey(frame), choice],
    queryFn: async ({ signal }) => {
      const { from, to } = windowOf(frame, now());
      const params = { ...choice, from: Math.floor(from), to: Math.ceil(to) };
      return (await get<LetterPage>('/dead-letters', params, signal)).data;
    },
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });

export const letterQuery = (id: string) =>
  queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: async ({ signal }) => (await get<LetterRow>(`/dead-letters/${id}`, {}, signal)).data,
    staleTime: 60_000,
  });

export async function changeLetters(
  action: 'replay' | 'discard',
  ids: readonly string[],
  fix: readonly LetterFix[],
): Promise<LetterResult[]> {
  const body = action === 'replay' ? { ids, fix } : { ids };
  const answer = await request<LetterResult[]>(`/api/v1/dead-letters/${action}`, { method: 'POST', body });
  return answer.data;
}
