import type { Ledger, Queryable } from '../ledger/index.ts';
import { type EpochMs, iso } from '../model/index.ts';

/** Locators of each dataset are as old as the rows that lead by them to raw records, and are forgotten with them. */
const rowsOfDataset: Record<string, string> = {
  traces: 'service_call_5m',
  logs: 'log_pattern_5m',
  metrics: 'metric_1m',
};

/** Deleted by one run of the maintenance, in statements of `locatorsPerStatement`; a day of it deletes two million. */
const locatorsPerRunMax = 20_000;
const locatorsPerStatement = 1_000;

interface Reference {
  table_name: string;
  column_name: string;
}

/** Columns that name a locator, in whichever room: what one of them names is kept, however old it is. */
const references = (ledger: Queryable): Promise<Reference[]> =>
  ledger.query<Reference>(
    `SELECT DISTINCT k.conrelid::regclass::text AS table_name, quote_ident(a.attname) AS column_name
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
      WHERE k.contype = 'f' AND k.confrelid = 'oo_locator'::regclass AND NOT c.relispartition ORDER BY 1, 2`,
  );

/**
 * Deletes locators older than the retention of the rows that they belong to, unless evidence or another row still names
 * them. Answers with how many went.
 */
export async function forgetLocators(ledger: Ledger, now: EpochMs): Promise<number> {
  const unnamed = (await references(ledger)).map(
    ({ table_name, column_name }) =>
      `AND NOT EXISTS (SELECT FROM ${table_name} named WHERE named.${column_name} = o.id)`,
  );
  const sql = `
DELETE FROM oo_locator WHERE id IN (
  SELECT o.id FROM unnest($1::text[], $2::text[]) AS d(dataset, table_name) JOIN time_series s USING (table_name)
    JOIN oo_locator o ON o.dataset = d.dataset AND o.t_from < $3::timestamptz - s.retention AND o.t_to < $3::timestamptz - s.retention
   WHERE true ${unnamed.join(' ')} LIMIT ${locatorsPerStatement})
RETURNING 1`;
  const params = [Object.keys(rowsOfDataset), Object.values(rowsOfDataset), iso(now)];
  let deleted = 0;
  for (;;) {
    const rows = await ledger.query(sql, params);
    deleted += rows.length;
    if (rows.length < locatorsPerStatement || deleted >= locatorsPerRunMax) return deleted;
  }
}
