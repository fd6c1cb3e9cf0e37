import type { FastifyPluginAsync } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterOf, takeLogs, useDoor } from '../http.ts';
import { LogSink } from '../log-sink.ts';
import { decodeBody } from '../otlp/body.ts';
import { type LineError, readRecords } from './records.ts';

const contentTypes = [
  'application/x-ndjson',
  'application/ndjson',
  'application/json',
  'application/jsonl',
  'application/x-jsonlines',
  'application/stream+json',
];

/**
 * Logs as plain JSON, for everything that can POST. 200 says how many lines were kept and which were not, and is not to be
 * repeated; 400 means that none was kept. Register under the prefix of the API.
 */
export function ndjsonRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, _request, reply) => {
      const mapped = mapError(error, deps.config.bodyBytesMax);
      if (mapped instanceof ClewError && (mapped.status === 429 || mapped.status === 503))
        reply.header('retry-after', retryAfterOf(mapped));
      throw mapped;
    });
    const sink = new LogSink(deps.config, 'ndjson');
    const schema = { tags: ['ingest'], summary: 'Logs as JSON: one object a line, or an array of objects' };
    app.post('/logs/ndjson', { schema, config: { ownCredentials: true } }, async (request) => {
      const type = mediaTypeOf(request);
      if (!contentTypes.includes(type)) {
        throw new ClewError(
          'unsupported_media_type',
          `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send application/x-ndjson or application/json.`,
        );
      }
      let errors: LineError[] = [];
      const { records: accepted, rejected } = await takeLogs(deps, request, {
        source: 'ndjson',
        contentType: type,
        unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', deps.config.bodyBytesMax),
        transcode: (tenant, body) =>
          sink.collect(tenant, deps.clock.now(), () => {
            errors = readRecords(body, sink);
          }),
      });
      if (accepted > 0) return { accepted, rejected, errors };
      if (rejected === 0)
        throw new ClewError('bad_request', 'The body holds no record; send JSON objects, one a line.');
      throw new ClewError('bad_request', `None of ${rejected} lines could be kept: ${errors[0]?.reason}.`, {
        details: { accepted, rejected, errors },
      });
    });
  };
}
