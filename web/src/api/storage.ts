/** What the page Storage asks. */
import { queryOptions } from '@tanstack/react-query';
import type { StorageReport, TableUse } from '../../../src/model/index.ts';
import { get } from './client.ts';

export type { StorageReport, TableUse };

/** The server counts anew once a minute. */
const pollMs = 60_000;

export const storageQuery = () =>
  queryOptions({
    queryKey: ['storage'],
    queryFn: async ({ signal }) => (await get<StorageReport>('/storage', {}, signal)).data,
    refetchInterval: pollMs,
  });
