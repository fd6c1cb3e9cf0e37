/** Every operation of the API document as a request that names things of one tenant. */
import { type Answer, type Ask, type Belongings, secretWord } from './tenants.ts';

export interface Operation {
  method: string;
  path: string;
  tag: string;
  /** Names of parameters in the path, and of those of the query that must be there. */
  inPath: string[];
  inQuery: string[];
  hasBody: boolean;
}

interface Document {
  paths: Record<
    string,
    Record<
      string,
      {
        tags?: string[];
        parameters?: { in: string; name: string; required?: boolean }[];
        requestBody?: unknown;
      }
    >
  >;
}

export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags = [], parameters = [], requestBody }]) => ({
      method,
      path,
      tag: tags[0] ?? '',
      inPath: parameters.filter((each) => each.in === 'path').map(({ name }) => name),
      inQuery: parameters
        .filter((each) => each.in === 'query' && each.required === true)
        .map(({ name }) => name),
      hasBody: requestBody !== undefined,
    })),
  );
}

const bare = (path: string): string => path.replace(/^\/api\/v1(?=\/)/, '');

/** What stands for a parameter of the path; the kind of thing follows from the path where its name does not tell. */
function pathValue(path: string, name: string, of: Belongings): string | undefined {
  const kinds: Record<string, string | undefined> = {
    trace_id: of.trace,
    evidence_id: of.evidence,
    event_id: of.event,
    table: of.table,
    job: 'oo-agg',
    name: bare(path).startsWith('/pipelines/') ? of.pipeline : undefined,
    id: [
      ['/case/', of.case],
      ['/dead-letters/', of.letter],
      ['/patterns/corrections/', of.correction],
      ['/patterns/', of.pattern],
      ['/locator/', of.locator],
    ].find(([start = '']) => bare(path).startsWith(start))?.[1],
  };
  return kinds[name];
}

const queryValue = (name: string, of: Belongings, nowMs: number): string | undefined =>
  ({ of: 'requests', metric: 'x', from: String(nowMs - 1_800_000), urn: of.urn, src: of.urn, dst: of.urn })[
    name
  ];

const actor = 'mallory';
const plan = (of: Belongings) => ({ case_id: of.case, actor });
/** What is sent to operations that change or ask something; by their path without the prefix. */
const bodies: Record<string, (of: Belongings, nowMs: number) => unknown> = {
  '/patterns/merge': (of) => ({ ids: [of.pattern, '999999'], into: of.pattern, actor }),
  '/patterns/{id}/split': () => ({ shapes: ['1'], template: 'x <*>', actor }),
  '/patterns/{id}/name': () => ({ name: 'mine', actor }),
  '/patterns/corrections/{id}/undo': () => ({ actor }),
  '/patterns/setups': (of) => ({ service: of.service, setup: {}, actor }),
  '/patterns/setups/try': (of) => ({ service: of.service, setup: {} }),
  '/patterns/restart': (of) => ({ service: of.service, actor }),
  '/changes': (of) => ({ kind: 'deploy', service: of.service, title: 'x' }),
  '/dead-letters/replay': (of) => ({ ids: [of.letter] }),
  '/dead-letters/discard': (of) => ({ ids: [of.letter] }),
  '/sql': (of) => ({
    sql: `SELECT Body FROM otel_logs WHERE Tenant = '${of.tenant}' UNION ALL SELECT SpanName FROM otel_traces`,
  }),
  '/diagnose/files': () => ({ meta: { incident_at: '2026-01-01T00:00:00Z' } }),
  '/diagnose': (of, nowMs) => ({ from: nowMs - 600_000, to: nowMs, service: of.service }),
  '/pipelines/{name}': (of) => ({
    text: `name: ${of.pipeline}\nabout: of another\nmatch: {service: y}\nstages:\n- json: {}\n`,
  }),
  '/cypher': () => ({ query: 'MATCH (r:Resource) RETURN r.name' }),
  '/case/create': (of) => ({ title: 'x', tenant: of.tenant }),
  '/case/{id}/transition': () => ({ event: 'start_analysis', actor }),
  '/plan/generate': plan,
  '/gate/eval': (of) => ({ ...plan(of), decision: 'approve' }),
  '/adapter/exec': (of) => ({ ...plan(of), script: 'echo x' }),
  '/verify/run': plan,
  '/events/enqueue': (of, nowMs) => ({
    job: 'oo-agg',
    tenant_id: of.tenant,
    from: nowMs - 600_000,
    to: nowMs - 300_000,
  }),
  '/schema/register': () => ({ table: 'another', columns: [{ name: 'x', type: 'string' }] }),
  '/write/logs/{table}': () => [{ message: 'x' }],
  '/write/metrics/{table}': () => [{ name: 'x', value: 1 }],
};

/** Throws where it is not known how to name a tenant's things to an operation: say it above when a route is new. */
export function requestOf(operation: Operation, of: Belongings, nowMs: number): [string, string, unknown] {
  const { method, path, inPath, inQuery } = operation;
  const missing = (what: string) =>
    new Error(`${method} ${path}: what is ${what} of a tenant? Say it in api-walk.ts.`);
  let url = path;
  for (const name of inPath) {
    const value = pathValue(path, name, of);
    if (value === undefined) throw missing(`{${name}}`);
    url = url.replace(`{${name}}`, encodeURIComponent(value));
  }
  const query = inQuery.map((name) => {
    const value = queryValue(name, of, nowMs);
    if (value === undefined) throw missing(`?${name}`);
    return `${name}=${encodeURIComponent(value)}`;
  });
  if (query.length > 0) url += `?${query.join('&')}`;
  const takesBody = operation.hasBody || (method !== 'get' && bodies[bare(path)] !== undefined);
  const body = bodies[bare(path)];
  if (takesBody && method !== 'delete' && body === undefined) throw missing('the body');
  return [method, url, method === 'delete' || method === 'get' ? undefined : body?.(of, nowMs)];
}

/** Senders' own operations store for whoever sends; only those that name a table could reach another tenant's. */
export const isSenders = ({ tag, inPath }: Operation): boolean =>
  tag === 'ingest' && !inPath.includes('table');

/** Answers with all that the tenant has of its kind, so also with what it was sent about before. */
const isOwnList = ({ method, path }: Operation): boolean =>
  method === 'put' && bare(path) === '/patterns/setups';

/** An answer without what the request said, without times and counts: two answers that say the same are equal. */
export function said({ status, text }: Answer, ...whose: Belongings[]): string {
  let plain = text.replace(/"trace_id":"[0-9a-f]*"/g, '');
  // New ids of what the request made; those of another tenant's things are names below.
  const uuids = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  const names = whose.flatMap((of) => Object.values(of)).filter((value) => !/^\d+$/.test(value));
  for (const name of names.sort((a, b) => b.length - a.length))
    plain = plain.replaceAll(new RegExp(`(?<![\\w-])${name}(?![\\w-])`, 'g'), '#');
  return `${status} ${plain.replace(uuids, '#').replace(/\d+(\.\d+)?(e-?\d+)?/g, '0')}`;
}

/** Asks an operation about `of` and, with another tenant's token, answers what must not be. */
export async function leaks(
  operation: Operation,
  ask: Ask,
  of: Belongings,
  none: Belongings,
): Promise<string[]> {
  const nowMs = Date.now();
  const [theirs, unknown] = [requestOf(operation, of, nowMs), requestOf(operation, none, nowMs)];
  const answer = await ask(...theirs);
  // Both names in both: what the walk itself made before (a change of a service) is told again.
  const found = said(answer, of, none);
  const name = `${operation.method} ${operation.path}`;
  const problems: string[] = [];
  if (answer.status === 500) problems.push(`${name}: ${answer.text}`);
  if (found.includes(secretWord)) problems.push(`${name} shows it: ${answer.text.slice(0, 500)}`);
  if (isOwnList(operation) || JSON.stringify(theirs) === JSON.stringify(unknown)) return problems;
  const other = said(await ask(...unknown), of, none);
  const at = [...found].findIndex((letter, index) => letter !== other[index]);
  const from = Math.max(0, at - 100);
  if (found !== other)
    problems.push(
      `${name} tells that it is there: ${found.slice(from, at + 200)} | ${other.slice(from, at + 200)}`,
    );
  return problems;
}
