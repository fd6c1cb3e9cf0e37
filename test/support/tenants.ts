/** Everything that a tenant may have, made through the real program, each with a word in it that no other tenant may read. */
import type { RunningClew } from './clew.ts';
import { until } from './until.ts';

export const secretWord = 'shopsecret';
export const service = `${secretWord}-till`;

export interface Answer {
  status: number;
  text: string;
}

/** Asks with a token; `X-Scope-OrgID` names the other tenant each time, and must not matter. */
export function askAs(clew: RunningClew, token: string) {
  return async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(clew.url + path, {
      method: method.toUpperCase(),
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        'x-scope-orgid': 'shop',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  };
}
export type Ask = ReturnType<typeof askAs>;

/** Ids of one tenant's things, by the kind of thing. */
export interface Belongings {
  case: string;
  letter: string;
  trace: string;
  pattern: string;
  correction: string;
  event: string;
  evidence: string;
  locator: string;
  pipeline: string;
  table: string;
  tenant: string;
  service: string;
  urn: string;
}

/** Names that nothing has: what is answered about them must be what is answered about another tenant's. */
export const nothing: Belongings = {
  case: '00000000-0000-4000-8000-000000000000',
  letter: '999999999999',
  trace: '0000000000000000000000000000dead',
  pattern: '999999999998',
  correction: '999999999997',
  event: '00000000-0000-4000-8000-000000000001',
  evidence: '999999999996',
  locator: '999999999995',
  pipeline: 'none',
  table: 'none',
  tenant: 'nobody',
  service: 'nobodys',
  urn: 'urn:svc:nobodys',
};

const traceId = '00000000000000000000000000abcdef';

const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
const nanos = (ms: number): string => `${BigInt(Math.round(ms)) * 1_000_000n}`;

function logs(nowMs: number): unknown {
  const logRecords = Array.from({ length: 40 }, (_, i) => ({
    timeUnixNano: nanos(nowMs - 180_000 + i * 100),
    severityNumber: i % 4 === 0 ? 17 : 9,
    body: { stringValue: `${secretWord} order ${i} placed in ${i * 3} ms` },
  }));
  return { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] };
}

function spans(nowMs: number): unknown {
  const made = Array.from({ length: 60 }, (_, i) => ({
    traceId,
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: `${secretWord} GET`,
    kind: 2,
    startTimeUnixNano: nanos(nowMs - i * 300),
    endTimeUnixNano: nanos(nowMs - i * 300 + 5),
  }));
  return { resourceSpans: [{ resource, scopeSpans: [{ spans: made }] }] };
}

async function need(answer: Promise<Answer>, status = 200): Promise<{ data: never }> {
  const { status: got, text } = await answer;
  if (got !== status) throw new Error(`${got} instead of ${status}: ${text}`);
  return JSON.parse(text.startsWith('{') ? text : '{"data":null}');
}

/** Sends and makes all of it, and waits until jobs and detection made theirs. */
export async function furnish(ask: Ask, waitMs: number): Promise<Belongings> {
  const now = Date.now();
  await need(ask('POST', '/v1/logs', logs(now)));
  await need(ask('POST', '/v1/traces', spans(now)));
  await need(ask('POST', '/loki/api/v1/push', `{"${secretWord}":`), 400);
  await need(
    ask('POST', '/schema/register', { table: 'till', columns: [{ name: secretWord, type: 'string' }] }),
    201,
  );
  const text = `name: own\nabout: ${secretWord}\nmatch: {service: x}\nstages:\n- json: {}\n`;
  await need(ask('PUT', '/api/v1/pipelines/own', { text }));
  await need(ask('PUT', '/api/v1/patterns/setups', { service, setup: {}, actor: 'dana' }));
  await need(ask('POST', '/api/v1/changes', { kind: 'deploy', service, title: secretWord }), 202);
  const alert = {
    labels: { alertname: secretWord, severity: 'critical', service },
    annotations: { summary: `${secretWord} closed` },
    startsAt: new Date(now).toISOString(),
  };
  await need(ask('POST', '/api/v2/alerts', [alert]));
  const opened = await need(ask('POST', '/case/create', { title: secretWord }), 201);
  const list = <T>(path: string, what: (data: never) => T | undefined): Promise<T> =>
    until(path, async () => what((await need(ask('GET', path))).data), { withinMs: waitMs, everyMs: 500 });
  const event = await list('/api/v1/signals', ([row]: { event_id: string }[]) => row?.event_id);
  const pieces = await list(`/api/v1/events/${event}/evidence`, ({ evidence }: Evidence) => evidence[0]);
  await list('/api/v1/objectives', ([row]: { id: string }[]) => row?.id);
  await list('/api/v1/topology', ({ nodes }: { nodes: { urn: string }[] }) => nodes[0]?.urn);
  return {
    case: (opened.data as { id: string }).id,
    letter: await list(
      '/api/v1/dead-letters',
      ({ letters }: { letters: { id: string }[] }) => letters[0]?.id,
    ),
    trace: traceId,
    pattern: await list(
      '/api/v1/patterns',
      (rows: { pattern_id: string; template: string }[]) =>
        rows.find((row) => row.template.includes('order'))?.pattern_id,
    ),
    correction: await list('/api/v1/patterns/corrections', ([row]: { id: string }[]) => row?.id),
    event,
    evidence: pieces.evidence_id,
    locator: pieces.locator.id,
    pipeline: 'own',
    table: 'till',
    tenant: 'shop',
    service,
    urn: `urn:svc:${service}`,
  };
}

interface Evidence {
  evidence: { evidence_id: string; locator: { id: string } }[];
}
