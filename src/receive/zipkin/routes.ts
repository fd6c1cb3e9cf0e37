import type { FastifyPluginAsync } from 'fastify';
import { type FrontDeps, useDoor } from '../http.ts';
import { SpanSink } from '../span-sink.ts';
import { type SpanReader, sendSpanFailure, takeSpans } from '../spans-http.ts';
import { readSpansJson } from './json.ts';
import { readSpansProtobuf } from './protobuf.ts';
import { ZipkinWriter } from './span.ts';

const jsonType = 'application/json';

/** Zipkin's v2 API for senders: POST /api/v2/spans, JSON or protobuf. */
export function zipkinRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    app.setErrorHandler((error, request, reply) => sendSpanFailure(deps, error, request, reply));
    const reader = zipkinReader(deps);
    const schema = { tags: ['ingest'], summary: 'Spans, as Zipkin takes them (v2, JSON or protobuf)' };
    app.post('/api/v2/spans', { schema, config: { ownCredentials: true } }, (request, reply) =>
      takeSpans(deps, request, reply, reader),
    );
  };
}

export function zipkinReader(deps: Pick<FrontDeps, 'config' | 'clock'>): SpanReader {
  const sink = new SpanSink(deps.config);
  const writer = new ZipkinWriter(sink);
  return {
    source: 'zipkin/spans',
    contentTypes: [jsonType, 'application/x-protobuf', 'application/protobuf'],
    transcode: (tenant, body, contentType) =>
      sink.collect(tenant, deps.clock.now(), () => {
        writer.begin();
        const take = (span: Parameters<typeof writer.span>[0]) => writer.span(span);
        const refuse = (reason: string, payload: Uint8Array) => sink.reject(reason, payload);
        if (contentType === jsonType) readSpansJson(new TextDecoder().decode(body), take, refuse);
        else readSpansProtobuf(body, take, refuse);
      }),
  };
}
