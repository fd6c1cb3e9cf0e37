import { ClewError } from '../../lib/index.ts';
import type { Queryable } from '../contract.ts';
import { rowsOf } from '../rows.ts';
import { agtypeValue } from './agtype.ts';
import type { CallsGraph, CypherAnswer, CypherLimits, GraphEdge, GraphVertex } from './contract.ts';
import { checkCypher } from './guard.ts';

/** One refresh of graphs at a time; the number is arbitrary and ours alone. */
const graphLock = 4_315_103;
const rowsPerStatement = 1_000;

export const graphName = (tenantId: number, defaultTenantId: number): string =>
  tenantId === defaultTenantId ? 'ops' : `ops_${Math.trunc(tenantId)}`;

/** AGE finds its operators by the search path; `SET LOCAL` ends with the transaction. */
const ageFirst = 'SET LOCAL search_path = ag_catalog, public';

/** Makes the graph with its two labels where it is not there yet. In a transaction. */
export async function ensureGraph(tx: Queryable, name: string): Promise<void> {
  await tx.query(ageFirst);
  await tx.query('SELECT pg_advisory_xact_lock($1::bigint)', [graphLock]);
  const has = async (sql: string) => (await tx.query(sql, [name])).length > 0;
  if (!(await has('SELECT 1 FROM ag_catalog.ag_graph WHERE name = $1::name')))
    await tx.query('SELECT ag_catalog.create_graph($1::name)::text', [name]);
  const label = `SELECT 1 FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph g ON g.graphid = l.graph WHERE g.name = $1::name AND l.name =`;
  if (!(await has(`${label} 'Resource'`)))
    await tx.query(`SELECT ag_catalog.create_vlabel($1, 'Resource')::text`, [name]);
  if (!(await has(`${label} 'CALLS'`)))
    await tx.query(`SELECT ag_catalog.create_elabel($1, 'CALLS')::text`, [name]);
}

/**
 * Writes straight into the label tables: 300 vertices and 1 500 edges take 50 ms, where Cypher's MERGE takes seconds, and
 * in AGE 1.7 `UNWIND … MERGE (a)-[e]->(b)` in one statement silently loses edges. Questions that run meanwhile still see
 * the graph as it was.
 */
export async function replaceGraph(tx: Queryable, name: string, graph: CallsGraph): Promise<void> {
  await ensureGraph(tx, name);
  await tx.query(`DELETE FROM "${name}"."CALLS"`);
  await tx.query(`DELETE FROM "${name}"."Resource"`);
  const idOf = (label: string, id: string) =>
    `ag_catalog._graphid(ag_catalog._label_id('${name}', '${label}')::int, ${id})`;
  const properties = (row: GraphVertex | GraphEdge) => JSON.stringify(row.properties);
  for (let start = 0; start < graph.vertices.length; start += rowsPerStatement)
    await tx.query(
      `INSERT INTO "${name}"."Resource" (id, properties)
       SELECT ${idOf('Resource', 'g.id')}, g.properties::ag_catalog.agtype FROM unnest($1::bigint[], $2::text[]) AS g(id, properties)`,
      rowsOf<GraphVertex, string>(graph.vertices.slice(start, start + rowsPerStatement), [
        (row) => row.id,
        properties,
      ]),
    );
  for (let start = 0; start < graph.edges.length; start += rowsPerStatement)
    await tx.query(
      `INSERT INTO "${name}"."CALLS" (id, start_id, end_id, properties)
       SELECT ${idOf('CALLS', '($4::bigint + g.place)')}, ${idOf('Resource', 'g.src')}, ${idOf('Resource', 'g.dst')}, g.properties::ag_catalog.agtype
         FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS g(src, dst, properties, place)`,
      [
        ...rowsOf<GraphEdge, string>(graph.edges.slice(start, start + rowsPerStatement), [
          (row) => row.src,
          (row) => row.dst,
          properties,
        ]),
        start,
      ],
    );
}

const columnOf = (index: number): string => `c${index}`;

/**
 * Runs a question in a transaction that can't write and ends after its time. `checkCypher` has taken it apart and written
 * it anew; it stands in a dollar quote with a tag that it does not contain.
 */
export async function runCypher(
  tx: Queryable,
  name: string,
  given: string,
  limits: CypherLimits,
): Promise<CypherAnswer> {
  const { text, columns } = checkCypher(given);
  let tag = 'clew';
  while (text.includes(`$${tag}`)) tag += '_';
  await tx.query('SET TRANSACTION READ ONLY');
  await tx.query(ageFirst);
  await tx.query(`SET LOCAL statement_timeout = ${Math.trunc(limits.timeoutMs)}`);
  const list = columns.map((_, index) => `${columnOf(index)} ag_catalog.agtype`).join(', ');
  const sql = `SELECT * FROM ag_catalog.cypher('${name}', $${tag}$ ${text} $${tag}$) AS (${list}) LIMIT ${Math.trunc(limits.rowsMax) + 1}`;
  try {
    const rows = await tx.query<Record<string, string | null>>(sql);
    return {
      columns,
      rows: rows
        .slice(0, limits.rowsMax)
        .map((row) => columns.map((_, index) => agtypeValue(row[columnOf(index)] ?? null))),
      truncated: rows.length > limits.rowsMax,
    };
  } catch (error) {
    throw publicCypherError(error, limits);
  }
}

/** What the engine says of a question is about the user's own text; what it says of itself is not passed on. */
export function publicCypherError(error: unknown, { timeoutMs }: CypherLimits): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (code === '57014') return timedOut(timeoutMs);
  if (code === '25006')
    return new ClewError('unprocessable', 'query: changes the graph; only reading is allowed.');
  // Classes 42 (syntax, names), 22 (values), 0A (not supported), 21, 54 (limits): the question is at fault.
  if (/^(42|22|0A|21|54)/.test(code))
    return new ClewError('unprocessable', `query: ${message}.`, { cause: error });
  return error;
}

export const timedOut = (timeoutMs: number): ClewError =>
  new ClewError('timeout', `query: took longer than ${timeoutMs} ms; narrow it, or raise timeout_ms.`);
