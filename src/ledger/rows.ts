/**
 * Columns for `INSERT … SELECT FROM unnest($1::…[], $2::…[])`: turns rows into one array per field, in the order given.
 * One statement for thousands of rows is ten times faster than one per row on either twin.
 */
export function rowsOf<Row, Field>(
  rows: readonly Row[],
  fields: readonly ((row: Row) => Field)[],
): Field[][] {
  return fields.map((field) => rows.map(field));
}
