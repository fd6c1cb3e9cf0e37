import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import { ClewError } from '../lib/index.ts';
import type { EpochMs, TimeWindow } from '../model/index.ts';
import { createBinder, inWindow, joinClauses } from './clause.ts';

/** States as they are stored; a letter without one is open. */
export type LetterStateName = 'open' | 'replaying' | 'replayed' | 'discarded';

export interface LetterFilter {
  source?: string;
  /** A part of the reason, any case. */
  reason?: string;
  contentType?: string;
  state?: LetterStateName;
}

export interface LetterRow {
  id: string;
  at: EpochMs;
  source: string;
  reason: string;
  contentType: string;
  bytes: number;
  state: LetterStateName;
  /** Payload or its first bytes, as they came. */
  payload: Buffer;
}

export interface LetterGroup {
  source: string;
  /** The reason with quoted parts and numbers as `<*>`. */
  reason: string;
  example: string;
  letters: number;
  bytes: number;
  first: EpochMs;
  last: EpochMs;
}

/** Bytes of a payload that a list shows. */
const previewBytes = 300;
/** Reasons that a list counts; the rest is rare by then. */
const groupsMax = 100;
/** The start of everything that can be stored, for questions by id. */
export const letterTimes: TimeWindow = { from: 0, to: 8_640_000_000_000 };

interface Stored {
  id: string;
  at: string;
  source: string;
  reason: string;
  content_type: string;
  bytes: string;
  state: string;
  payload: string;
}

const states = `(SELECT LetterId, argMax(State, EventId) AS State FROM dead_letter_states
  WHERE Tenant = {tenant:String} GROUP BY LetterId)`;
const joined = `(SELECT l.*, if(s.State = '', 'open', s.State) AS State
  FROM (SELECT * FROM dead_letters WHERE Tenant = {tenant:String} AND ${inWindow}) AS l
  LEFT JOIN ${states} AS s ON s.LetterId = l.EventId)`;
const grouped = `replaceRegexpAll(replaceRegexpAll(Reason, '"[^"]*"', '"<*>"'), '[0-9]+', '<*>')`;
// Base64 takes four characters for three bytes.
const byteLength = `(intDiv(length(Payload) * 3, 4) - multiIf(endsWith(Payload, '=='), 2, endsWith(Payload, '='), 1, 0))`;

function clausesOf(filter: LetterFilter, binder: ReturnType<typeof createBinder>): string[] {
  const clauses: string[] = [];
  if (filter.source !== undefined) clauses.push(`Source = ${binder.bind('String', filter.source)}`);
  if (filter.contentType !== undefined)
    clauses.push(`ContentType = ${binder.bind('String', filter.contentType)}`);
  if (filter.reason !== undefined)
    clauses.push(`positionCaseInsensitiveUTF8(Reason, ${binder.bind('String', filter.reason)}) > 0`);
  if (filter.state !== undefined) clauses.push(`State = ${binder.bind('String', filter.state)}`);
  return clauses;
}

export function lettersQuery(
  tenant: string,
  window: TimeWindow,
  filter: LetterFilter,
  page: { limit: number; before: { at: number; id: string } | null },
): DetailQuery {
  const binder = createBinder();
  const clauses = clausesOf(filter, binder);
  if (page.before) {
    const at = binder.bind('Int64', page.before.at);
    const id = binder.bind('UInt64', page.before.id);
    clauses.push(`(Timestamp, EventId) < (fromUnixTimestamp64Milli(${at}, 'UTC'), ${id})`);
  }
  return {
    name: 'dead_letters.list',
    tenant,
    window,
    params: binder.params,
    sql: `SELECT toString(EventId) AS id, toString(toUnixTimestamp64Milli(Timestamp)) AS at, Source AS source,
  Reason AS reason, ContentType AS content_type, toString(${byteLength}) AS bytes, State AS state,
  substring(Payload, 1, ${(previewBytes / 3) * 4}) AS payload
FROM ${joined}
WHERE ${joinClauses(clauses, inWindow)}
ORDER BY Timestamp DESC, EventId DESC
LIMIT ${binder.bind('UInt32', page.limit)}`,
  };
}

/** Letters of the window, newest first; `cursor` names where the next page begins. */
export async function listLetters(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LetterFilter,
  page: { limit: number; cursor?: string },
): Promise<{ letters: LetterRow[]; cursor: string | null; statistics: QueryStatistics }> {
  const before = page.cursor === undefined ? null : positionOf(page.cursor);
  const query = lettersQuery(tenant, window, filter, { limit: page.limit, before });
  const { rows, statistics } = await detail.query<Stored>(query);
  const letters = rows.map(letterOf);
  const last = letters.at(-1);
  const more = last !== undefined && letters.length === page.limit;
  return { letters, cursor: more ? `${last.at}.${last.id}` : null, statistics };
}

/** How many letters there are for each reason, most first. */
export async function groupLetters(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  filter: LetterFilter,
): Promise<LetterGroup[]> {
  const binder = createBinder();
  const { rows } = await detail.query<Record<string, string>>({
    name: 'dead_letters.groups',
    tenant,
    window,
    sql: `SELECT Source AS source, ${grouped} AS reason, any(Reason) AS example, toString(count()) AS letters,
  toString(sum(${byteLength})) AS bytes, toString(toUnixTimestamp64Milli(min(Timestamp))) AS first,
  toString(toUnixTimestamp64Milli(max(Timestamp))) AS last
FROM ${joined}
WHERE ${joinClauses(clausesOf(filter, binder), inWindow)}
GROUP BY source, reason
ORDER BY count() DESC, source, reason
LIMIT ${groupsMax}`,
    params: binder.params,
  });
  return rows.map((row) => ({
    source: row.source ?? '',
    reason: row.reason ?? '',
    example: row.example ?? '',
    letters: Number(row.letters),
    bytes: Number(row.bytes),
    first: Number(row.first),
    last: Number(row.last),
  }));
}

/** Letters of these ids, payloads whole. */
export async function readLetters(
  detail: DetailStore,
  tenant: string,
  ids: readonly string[],
): Promise<LetterRow[]> {
  if (ids.length === 0) return [];
  const binder = createBinder();
  const { rows } = await detail.query<Stored>({
    name: 'dead_letters.read',
    tenant,
    window: letterTimes,
    sql: `SELECT toString(EventId) AS id, toString(toUnixTimestamp64Milli(Timestamp)) AS at, Source AS source,
  Reason AS reason, ContentType AS content_type, toString(${byteLength}) AS bytes, State AS state, Payload AS payload
FROM ${joined}
WHERE EventId IN (${ids.map((id) => binder.bind('UInt64', id)).join(', ')})
ORDER BY EventId`,
    params: binder.params,
  });
  return rows.map(letterOf);
}

/** Letters whose replay was begun and not noted as ended. */
export async function unsettledLetters(
  detail: DetailStore,
  tenant: string,
): Promise<{ letterId: string; batch: string }[]> {
  const { rows } = await detail.query<{ letter_id: string; batch: string }>({
    name: 'dead_letters.unsettled',
    tenant,
    window: letterTimes,
    sql: `SELECT toString(LetterId) AS letter_id, argMax(Batch, EventId) AS batch
FROM dead_letter_states WHERE Tenant = {tenant:String} AND ${inWindow}
GROUP BY LetterId HAVING argMax(State, EventId) = 'replaying' ORDER BY LetterId`,
  });
  return rows.map((row) => ({ letterId: row.letter_id, batch: row.batch }));
}

const stateNames = ['open', 'replaying', 'replayed', 'discarded'] as const;

const letterOf = (row: Stored): LetterRow => ({
  id: row.id,
  at: Number(row.at),
  source: row.source,
  reason: row.reason,
  contentType: row.content_type,
  bytes: Number(row.bytes),
  state: stateNames.find((name) => name === row.state) ?? 'open',
  payload: Buffer.from(row.payload, 'base64'),
});

function positionOf(cursor: string): { at: number; id: string } {
  const match = /^(\d{1,15})\.(\d{1,20})$/.exec(cursor);
  if (match === null)
    throw new ClewError('bad_request', `cursor ${JSON.stringify(cursor.slice(0, 60))} is none of ours.`);
  return { at: Number(match[1]), id: match[2] ?? '0' };
}
