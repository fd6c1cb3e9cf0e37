import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FrontDeps } from '../http.ts';
import { failure } from './failure.ts';

/** The version of the protocol that is spoken here: clients of 7 and 8 accept a server of this one. */
const version = '8.19.0';
/** What Elasticsearch itself says as long as a cluster has no id, and what a licence without one has. */
const noId = '_na_';
const json = 'application/json';
const clusterName = 'clew';

/** Clients take an answer only with this header, and in the type that they asked for. */
export function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  body: unknown,
): FastifyReply {
  const compatible = /application\/vnd\.elasticsearch\+json; *compatible-with=\d/.exec(
    request.headers.accept ?? '',
  );
  return (
    reply
      .status(status)
      .header('x-elastic-product', 'Elasticsearch')
      .header('content-type', compatible === null ? json : compatible[0])
      // As bytes: Fastify would rewrite the type of a text, and clients compare it.
      .send(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  );
}

/** Browsers say that they want a page; clients of Elasticsearch say JSON, or that anything will do. */
export const wantsClusterInfo = (request: FastifyRequest): boolean =>
  !(request.headers.accept ?? '').toLowerCase().includes('text/html');

/** What `GET /` says to a client; registered where the console is, as both share the path. */
export function clusterInfo(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answer(request, reply.header('vary', 'accept'), 200, {
    name: clusterName,
    cluster_name: clusterName,
    cluster_uuid: noId,
    version: {
      number: version,
      build_flavor: 'default',
      build_type: 'unknown',
      build_hash: 'unknown',
      build_date: '1970-01-01T00:00:00Z',
      build_snapshot: false,
      lucene_version: '9.12.0',
      minimum_wire_compatibility_version: '7.17.0',
      minimum_index_compatibility_version: '7.0.0',
    },
    // Clients of 7.14 and later look for this sentence before they send anything.
    tagline: 'You Know, for Search',
  });
}

const license = { status: 'active', uid: noId, type: 'basic', mode: 'basic' };
/** Things that Elasticsearch needs to be told before it takes logs; here columns are fixed and nothing is kept of them. */
const setups = ['_index_template', '_component_template', '_template', '_ilm/policy', '_data_stream'];
const pipelines = '_ingest/pipeline';

/** The warning header as Elasticsearch writes it; clients log it. */
export const warn = (reply: FastifyReply, text: string): FastifyReply =>
  reply.header('warning', `299 Elasticsearch-${version} ${JSON.stringify(text)}`);

export const pipelineWarning = 'Clew runs no ingest pipelines: documents are kept as they are sent';

/** Paths that clients ask before they send. What isn't there is 404; a set-up call is acknowledged, with a warning. */
export function handshakeRoutes(app: FastifyInstance, deps: FrontDeps): void {
  const options = { schema: { hide: true }, config: { ownCredentials: true } };
  app.get('/_license', options, (request, reply) => answer(request, reply, 200, { license }));
  app.get('/_xpack', options, (request, reply) =>
    answer(request, reply, 200, {
      build: { hash: 'unknown', date: '1970-01-01T00:00:00.000Z' },
      license,
      features: { ilm: { available: false, enabled: false } },
      tagline: 'You know, for X',
    }),
  );
  for (const path of ['/_cluster/health', '/_cluster/health/:index']) {
    app.get(path, options, (request, reply) => {
      const status = deps.ready().ready ? 'green' : 'red';
      return answer(request, reply, 200, health(status));
    });
  }
  for (const kind of [...setups, pipelines]) {
    const warning = kind === pipelines ? pipelineWarning : `Clew needs no [${kind}] and keeps none`;
    app.get(`/${kind}/:name`, options, (request, reply) =>
      answer(request, reply, 404, failure(404, `no [${kind}] is kept here`)),
    );
    app.put(`/${kind}/:name`, options, (request, reply) =>
      answer(request, warn(reply, warning), 200, { acknowledged: true }),
    );
  }
}

const health = (status: string): Record<string, unknown> => ({
  cluster_name: clusterName,
  status,
  timed_out: false,
  number_of_nodes: 1,
  number_of_data_nodes: 1,
  active_primary_shards: 1,
  active_shards: 1,
  relocating_shards: 0,
  initializing_shards: 0,
  unassigned_shards: 0,
  delayed_unassigned_shards: 0,
  number_of_pending_tasks: 0,
  number_of_in_flight_fetch: 0,
  task_max_waiting_in_queue_millis: 0,
  active_shards_percent_as_number: 100,
});
