import type { FastifyPluginAsync } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, useDoor } from '../http.ts';
import { SpanSink } from '../span-sink.ts';
import { type SpanReader, sendSpanFailure, takeSpans } from '../spans-http.ts';
import { readBatch } from './batch.ts';

const format = 'jaeger.thrift';

/** What Jaeger's collector takes from clients over HTTP: POST /api/traces, a Thrift batch in the binary protocol. */
export function jaegerRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, request, reply) => sendSpanFailure(deps, error, request, reply));
    const reader = jaegerReader(deps);
    const schema = { tags: ['ingest'], summary: 'Spans, as Jaeger takes them (Thrift over HTTP)' };
    app.post<{ Querystring: { format?: string } }>(
      '/api/traces',
      { schema, config: { ownCredentials: true } },
      (request, reply) => {
        const asked = request.query.format ?? format;
        if (asked !== format) {
          const shown = JSON.stringify(asked.slice(0, 40));
          throw new ClewError('bad_request', `format ${shown} is not understood; send format=${format}.`);
        }
        return takeSpans(deps, request, reply, reader);
      },
    );
  };
}

export function jaegerReader(deps: Pick<FrontDeps, 'config' | 'clock'>): SpanReader {
  const sink = new SpanSink(deps.config);
  return {
    source: 'jaeger/spans',
    contentTypes: ['application/x-thrift', 'application/vnd.apache.thrift.binary'],
    transcode: (tenant, body) => sink.collect(tenant, deps.clock.now(), () => readBatch(body, sink)),
  };
}
