import { queryOptions } from '@tanstack/react-query';
import { queryString, request } from './client.ts';

export interface Prior {
  kind: string;
  resource_type: string;
  confirmed: number;
  refuted: number;
  adjustment: number;
  cases: { case_id: string; number: number; resource: string; outcome: string; at: number }[];
}

const path = '/api/v1/priors';
const pollMs = 30_000;

export const priorsQuery = () =>
  queryOptions({
    queryKey: ['priors'],
    // `enabled` stands beside `data`, so the answer is taken as it is.
    queryFn: async ({ signal }) => {
      const answer = (await request<Prior[]>(path, { signal })) as { data: Prior[]; enabled?: boolean };
      return { priors: answer.data, enabled: answer.enabled !== false };
    },
    refetchInterval: pollMs,
  });

/** One kind of cause at a type of resource, or all of them. */
export const forgetPriors = (which: Pick<Prior, 'kind' | 'resource_type'> | null) =>
  request(
    `${path}${queryString(which === null ? {} : { kind: which.kind, resource_type: which.resource_type })}`,
    { method: 'DELETE' },
  );
