import { ClewError } from '../lib/index.ts';
import type { Queryable } from './contract.ts';

/** `table=days` of the configuration, over the default of each table. Throws `bad_request` for a table that is none. */
export async function applyRetention(queryable: Queryable, entries: readonly string[]): Promise<void> {
  const wanted = new Map<string, number>();
  for (const entry of entries) {
    const [table = '', days = ''] = entry.split('=');
    wanted.set(table, Number(days));
  }
  const series = await queryable.query<{ table_name: string; days: number; days_default: number }>(
    `SELECT table_name, extract(epoch FROM retention)::float8 / 86400 AS days,
            extract(epoch FROM coalesce(retention_default, retention))::float8 / 86400 AS days_default
       FROM time_series ORDER BY table_name`,
  );
  const known = series.map((row) => row.table_name);
  for (const table of wanted.keys()) {
    if (!known.includes(table))
      throw new ClewError(
        'bad_request',
        `ledger.retention: ${table} is no time-series table of the ledger; there are ${known.join(', ')}.`,
      );
  }
  for (const { table_name, days, days_default } of series) {
    const kept = wanted.get(table_name);
    if ((kept ?? days_default) === days) continue;
    await queryable.query('SELECT set_retention($1, make_interval(days => $2::int))', [
      table_name,
      kept ?? days_default,
    ]);
  }
}
