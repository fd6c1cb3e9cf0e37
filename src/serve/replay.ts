import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify';
import { createLetters, type Letters, type StoredLetter } from '../admit/index.ts';
import type { Config } from '../config/index.ts';
import type { WritableStore } from '../detail/index.ts';
import type { Clock, Logger } from '../lib/index.ts';
import { type LetterRow, readLetters, unsettledLetters } from '../query/index.ts';
import type { Door, MakeReceivers, ReplayRequest } from '../receive/index.ts';
import { isCut } from './dead-letters.ts';

export interface ReplayDeps {
  config: Config;
  clock: Clock;
  log: Logger;
  detail: WritableStore;
  /** The receivers on the port of the API, in front of a door; paths as the senders know them. */
  fronts: (door: Door) => FastifyPluginAsync;
}

/** Replaying through the receivers themselves: the same plugins before another door, asked without a socket. */
export function createReplay(deps: ReplayDeps): Letters {
  const { detail, clock, log } = deps;
  return createLetters({
    clock,
    log,
    append: (block) => detail.append(block),
    flush: () => detail.flush(),
    segments: detail.segments,
    load: async (tenant, ids) => (await readLetters(detail, tenant, ids)).map((row) => storedOf(tenant, row)),
    unsettled: (tenant) => unsettledLetters(detail, tenant),
    makeReceivers: receiversOf(deps),
  });
}

function receiversOf(deps: ReplayDeps): MakeReceivers {
  return async (door) => {
    const app = Fastify({ logger: false, bodyLimit: deps.config.ingest.bodyBytesMax });
    await app.register(deps.fronts(door));
    return { send: (request) => inject(app, request), close: () => app.close() };
  };
}

async function inject(
  app: FastifyInstance,
  request: ReplayRequest,
): Promise<{ status: number; body: string }> {
  const answer = await app.inject({
    method: 'POST',
    url: request.url,
    headers: { 'content-type': request.contentType },
    payload: request.payload,
  });
  return { status: answer.statusCode, body: answer.body };
}

const storedOf = (tenant: string, row: LetterRow): StoredLetter => ({
  id: row.id,
  tenant,
  source: row.source,
  reason: row.reason,
  contentType: row.contentType,
  payload: row.payload,
  state: row.state,
  cut: isCut(row.reason),
});
