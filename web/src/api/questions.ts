/** Questions over many records: the worst dependencies, the heaviest values. */
import type { FrameSearch } from '../model/range.ts';
import { windowed } from './queries.ts';

export interface DependencyRow {
  src: string;
  dst: string;
  name: string;
  type: string;
  rps: number;
  error_rate: number;
  p95_ms: number;
  slowest_trace: string | null;
  failed_trace: string | null;
}

export interface HeaviestAnswer {
  values: { value: string; name: string; weight: number; share: number; overcount: number }[];
  distinct: number;
  total: number;
}

export const heaviestChoices = ['endpoints', 'users', 'patterns', 'labels'] as const;
export type HeaviestOf = (typeof heaviestChoices)[number];
export type HeaviestBy = 'count' | 'time' | 'errors';

export const dependenciesQuery = (
  frame: FrameSearch,
  params: { service?: string; by: 'slow' | 'failing' },
  poll: number | false,
) => windowed<DependencyRow[]>('dependencies', '/dependencies', frame, params, poll);

export const heaviestQuery = (
  frame: FrameSearch,
  params: { of: HeaviestOf; by: HeaviestBy; attribute?: string; service?: string },
  poll: number | false,
) => windowed<HeaviestAnswer>('heaviest', '/heaviest', frame, { ...params, limit: 8 }, poll);
