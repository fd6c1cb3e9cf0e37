import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import type { ChangeEvent, TimeWindow } from '../model/index.ts';
import { createBinder, inWindow, joinClauses } from './clause.ts';

/** Enough for weeks of a busy team; the newest are kept. */
const changesMax = 1_000;

interface StoredChange {
  id: string;
  at: string;
  kind: string;
  service: string;
  title: string;
  actor: string;
  labels: Record<string, string>;
}

/**
 * The same id twice is one event, and the newest telling of it wins; the engine merges duplicates only some time later,
 * and only those of one timestamp, so the reader removes them.
 */
export function changesQuery(
  tenant: string,
  window: TimeWindow,
  services: readonly string[] | undefined,
): DetailQuery {
  const binder = createBinder();
  const clauses = services?.length ? [`ServiceName IN ${binder.bind('Array(String)', services)}`] : [];
  return {
    name: 'changes.list',
    tenant,
    window,
    sql: `SELECT Id AS id, toString(toUnixTimestamp64Milli(Timestamp)) AS at, Kind AS kind, ServiceName AS service,
  Title AS title, Actor AS actor, Labels AS labels
FROM change_events
WHERE ${joinClauses(clauses, inWindow)}
ORDER BY Timestamp DESC, EventId DESC
LIMIT 1 BY Id
LIMIT ${changesMax}`,
    params: binder.params,
  };
}

/** Change events of the window, newest first. */
export async function listChanges(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  services?: readonly string[],
): Promise<{ changes: ChangeEvent[]; statistics: QueryStatistics }> {
  const result = await detail.query<StoredChange>(changesQuery(tenant, window, services));
  return {
    changes: result.rows.map((row) => ({ ...row, at: Number(row.at) })),
    statistics: result.statistics,
  };
}
