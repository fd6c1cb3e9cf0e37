import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { LetterResult, Letters } from '../admit/index.ts';
import type { DetailStore } from '../detail/index.ts';
import { ClewError, type Clock } from '../lib/index.ts';
import {
  groupLetters,
  type LetterFilter,
  type LetterGroup,
  type LetterRow,
  listLetters,
  readLetters,
} from '../query/index.ts';
import { replayableSources } from '../receive/index.ts';
import { statistics, windowQuery } from './explore-schema.ts';
import type { RouteGroup } from './server.ts';
import { type TenantOf, windowOf } from './window.ts';

export interface DeadLetterDeps {
  detail: DetailStore;
  clock: Clock;
  tenantOf: TenantOf;
  windowMsMax: number;
  letters: Letters;
}

/** Letters that one request replays or discards: each is read again by its receiver, some 10 ms. */
const lettersMax = 1_000;
const fixesMax = 20;
/** Shown of a payload that is not text: sixteen bytes a line. */
const hexBytesMax = 4_096;
const controls = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu;

const state = z.enum(['open', 'replaying', 'replayed', 'discarded']);
const filter = {
  source: z.string().max(200).optional().describe('Receiver that refused it: otlp/logs, loki/push, …'),
  reason: z.string().min(1).max(500).optional().describe('A part of the reason, any case.'),
  content_type: z.string().max(200).optional(),
};
const listQuery = windowQuery.extend({
  ...filter,
  state: state.optional().describe('Default: open.'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(60).optional().describe('`cursor` of the previous answer.'),
});

const letterAnswer = z.object({
  id: z.string(),
  at: z.number(),
  source: z.string(),
  reason: z.string(),
  content_type: z.string(),
  bytes: z.number(),
  state,
  replayable: z.boolean().describe('False when no receiver takes it again, or when only its start was kept.'),
  encoding: z
    .enum(['text', 'hex'])
    .describe('How `payload` is written; text has control characters as ␀ … ␡.'),
  payload: z.string(),
});
const groupAnswer = z.object({
  source: z.string(),
  reason: z.string().describe('Quoted parts and numbers are written <*>.'),
  example: z.string(),
  letters: z.number(),
  bytes: z.number(),
  first: z.number(),
  last: z.number(),
});

const fix = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('replace'),
    find: z.string().min(1).max(10_000),
    with: z.string().max(10_000),
  }),
  z.strictObject({
    op: z.literal('replace_regex'),
    find: z.string().min(1).max(1_000),
    with: z.string().max(10_000),
  }),
  z.strictObject({ op: z.literal('content_type'), value: z.string().min(1).max(200) }),
]);
const chosen = {
  ids: z
    .array(z.string().regex(/^\d{1,20}$/))
    .min(1)
    .max(lettersMax)
    .optional(),
  filter: windowQuery.extend(filter).optional().describe('Open letters that match, the newest first.'),
  limit: z.number().int().min(1).max(lettersMax).default(lettersMax),
};
const replayBody = z.strictObject({
  ...chosen,
  fix: z.array(fix).max(fixesMax).default([]).describe('Edits of the letter, in order, before it is sent.'),
});
const discardBody = z.strictObject(chosen);

const resultAnswer = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      outcome: z.enum(['replayed', 'refused', 'discarded', 'not_open', 'not_found']),
      reason: z.string(),
      records: z.number(),
    }),
  ),
  counts: z.record(z.string(), z.number()),
});

/** What could not be read: to look at, to send again, to throw away. Register under `/api/v1`. */
export function deadLetterRoutes(deps: DeadLetterDeps): RouteGroup {
  return async (app) => {
    await app.register(readingRoutes(deps));
    await app.register(changingRoutes(deps));
  };
}

function readingRoutes(deps: DeadLetterDeps): RouteGroup {
  const tags = ['dead letters'];
  return async (app) => {
    app.get(
      '/dead-letters',
      {
        schema: {
          tags,
          summary: 'Dead letters, newest first, and how many there are for each reason',
          querystring: listQuery,
          response: {
            200: z.object({
              data: z.object({ groups: z.array(groupAnswer), letters: z.array(letterAnswer) }),
              cursor: z.string().nullable(),
              statistics,
            }),
          },
        },
      },
      async (request) => {
        const { query } = request;
        const tenant = deps.tenantOf(request);
        const window = windowOf(query, deps.clock, deps.windowMsMax);
        const wanted = { ...filterOf(query), state: query.state ?? 'open' };
        const page = { limit: query.limit, ...(query.cursor === undefined ? {} : { cursor: query.cursor }) };
        const found = await listLetters(deps.detail, tenant, window, wanted, page);
        const groups: LetterGroup[] =
          query.cursor === undefined ? await groupLetters(deps.detail, tenant, window, wanted) : [];
        return {
          data: { groups, letters: found.letters.map(answerOf) },
          cursor: found.cursor,
          statistics: found.statistics,
        };
      },
    );
    app.get(
      '/dead-letters/:id',
      {
        schema: {
          tags,
          summary: 'One dead letter with its whole payload',
          params: z.object({ id: z.string().regex(/^\d{1,20}$/) }),
          response: { 200: z.object({ data: letterAnswer.extend({ base64: z.string() }) }) },
        },
      },
      async (request) => {
        const { id } = request.params;
        const [letter] = await readLetters(deps.detail, deps.tenantOf(request), [id]);
        if (letter === undefined) throw new ClewError('not_found', `There is no dead letter ${id}.`);
        return { data: { ...answerOf(letter), base64: letter.payload.toString('base64') } };
      },
    );
  };
}

function changingRoutes(deps: DeadLetterDeps): RouteGroup {
  const tags = ['dead letters'];
  return async (app) => {
    app.post(
      '/dead-letters/replay',
      {
        schema: {
          tags,
          summary: 'Send dead letters again through the receivers that refused them',
          description:
            'Each letter is stored whole or refused whole. A letter that was replayed is never stored twice.',
          body: replayBody,
          response: { 200: resultAnswer },
        },
      },
      async (request) => {
        const { fix: fixes } = request.body;
        checkExpressions(fixes);
        const tenant = deps.tenantOf(request);
        const ids = await idsOf(deps, tenant, request.body);
        return resultsOf(await deps.letters.replay(tenant, ids, fixes));
      },
    );
    app.post(
      '/dead-letters/discard',
      {
        schema: {
          tags,
          summary: 'Take dead letters off the list; their bytes stay until the table lets them go',
          body: discardBody,
          response: { 200: resultAnswer },
        },
      },
      async (request) => {
        const tenant = deps.tenantOf(request);
        return resultsOf(await deps.letters.discard(tenant, await idsOf(deps, tenant, request.body)));
      },
    );
  };
}

async function idsOf(
  deps: DeadLetterDeps,
  tenant: string,
  body: z.infer<typeof discardBody>,
): Promise<string[]> {
  if ((body.ids === undefined) === (body.filter === undefined))
    throw new ClewError('bad_request', 'Give either ids or filter.');
  if (body.ids !== undefined) return [...new Set(body.ids)];
  const window = windowOf(body.filter ?? {}, deps.clock, deps.windowMsMax);
  const wanted: LetterFilter = { ...filterOf(body.filter ?? {}), state: 'open' };
  const { letters } = await listLetters(deps.detail, tenant, window, wanted, { limit: body.limit });
  return letters.map((letter) => letter.id);
}

function filterOf(query: { source?: string; reason?: string; content_type?: string }): LetterFilter {
  return {
    ...(query.source === undefined ? {} : { source: query.source }),
    ...(query.reason === undefined ? {} : { reason: query.reason }),
    ...(query.content_type === undefined ? {} : { contentType: query.content_type }),
  };
}

function checkExpressions(fixes: z.infer<typeof replayBody>['fix']): void {
  for (const [index, { op, ...rest }] of fixes.entries()) {
    if (op !== 'replace_regex' || !('find' in rest)) continue;
    try {
      new RegExp(rest.find, 'gu');
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it is invalid';
      throw new ClewError('bad_request', `fix[${index}].find: ${why}.`);
    }
  }
}

function resultsOf(results: LetterResult[]) {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { data: results, counts };
}

export const isCut = (reason: string): boolean => /\(first \d+ of \d+ bytes kept\)$/.test(reason);

function answerOf(letter: LetterRow): z.infer<typeof letterAnswer> {
  const { payload } = letter;
  // A list holds the first bytes only, so the last character may be half of one.
  const whole = payload.length === letter.bytes;
  const isText = isUtf8(payload) || (!whole && isUtf8(payload.subarray(0, lastWhole(payload))));
  return {
    id: letter.id,
    at: letter.at,
    source: letter.source,
    reason: letter.reason,
    content_type: letter.contentType,
    bytes: letter.bytes,
    state: letter.state,
    replayable: replayableSources.includes(letter.source) && !isCut(letter.reason),
    encoding: isText ? 'text' : 'hex',
    payload: isText ? safeText(payload) : hexOf(payload),
  };
}

/** Where the last whole character ends. */
function lastWhole(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1;
  return Math.max(0, end - 1);
}

/** Nothing in it moves a cursor, hides text or turns its direction, in a terminal or on a page. */
const safeText = (bytes: Buffer): string =>
  bytes.toString('utf8').replace(controls, (mark) => {
    const code = mark.codePointAt(0) ?? 0;
    if (mark === '\n' || mark === '\t') return mark;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? '␡' : `\\u{${code.toString(16)}}`;
  });

function hexOf(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, hexBytesMax); at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = row.toString('hex').replace(/(..)(?=.)/g, '$1 ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '·');
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  if (bytes.length > hexBytesMax) lines.push(`… ${bytes.length - hexBytesMax} bytes more, whole in base64`);
  return lines.join('\n');
}
