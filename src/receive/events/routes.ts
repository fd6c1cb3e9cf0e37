import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, takeLogs, useDoor } from '../http.ts';
import { RecordError } from '../json.ts';
import { decodeBody } from '../otlp/body.ts';
import { type EventTarget, readBinaryCloudEvent, readCloudEvents } from './cloud-events.ts';
import { type Hook, hooks } from './hooks.ts';
import { Rollouts, readKubernetes } from './kubernetes.ts';
import { acceptSignatures } from './signature.ts';
import { EventSink, type Report } from './sink.ts';

export interface EventDeps extends FrontDeps {
  /** What webhooks are signed with: the token that other senders show. Empty: no credentials are asked for. */
  secret: string;
}

/** How the body of one kind of request is read. */
type Read = (body: Uint8Array, target: EventTarget, request: FastifyRequest) => void;

const jsonTypes = ['application/json', 'application/x-ndjson', 'application/ndjson', 'application/jsonl'];
const textOf = (body: Uint8Array): string => new TextDecoder().decode(body);

/**
 * Events, each answered once it is on disk: CloudEvents, events of Kubernetes, and what delivery tools tell by their
 * webhooks. 202 says how many were kept and why others were not; when none could be kept it is 400. Register under /api/v1.
 */
export function eventRoutes(deps: EventDeps): FastifyPluginAsync {
  return async (app) => {
    acceptSignatures(
      app,
      deps.secret,
      ({ routeOptions }) => routeOptions.url?.endsWith('/changes/github') === true,
    );
    // GitLab can send no other header of its own.
    app.addHook('onRequest', async ({ headers }) => {
      const token = headers['x-gitlab-token'];
      if (typeof token === 'string') headers.authorization ??= `Bearer ${token}`;
    });
    useDoor(app, deps);
    const sink = new EventSink(deps.config);
    const rollouts = new Rollouts();
    const serve = (path: string, summary: string, source: string, read: Read) => {
      app.post(
        path,
        { schema: { tags: ['ingest'], summary }, config: { ownCredentials: true } },
        (request, reply) => receive(deps, { sink, rollouts, source, read }, request, reply),
      );
    };
    serve('/events', 'CloudEvents 1.0: binary, structured or a batch', 'events/cloudevents', cloudEvents);
    serve('/events/cloudevents', 'The same as /events', 'events/cloudevents', cloudEvents);
    serve(
      '/events/kubernetes',
      'Events of Kubernetes: one, a list, or one a line',
      'events/kubernetes',
      (body, target, request) => {
        needJson(request);
        readKubernetes(textOf(body), target.sink, target.rollouts, target.nowMs);
      },
    );
    for (const [name, hook] of Object.entries(hooks))
      serve(
        `/changes/${name}`,
        `Changes, as ${hook.sender} tells them`,
        `changes/${name}`,
        (body, target, request) => readHook(hook, body, target, request),
      );
    // Senders of CloudEvents that ask before they deliver (Azure Event Grid) are let in, at any rate.
    app.options(
      '/events',
      { schema: { hide: true }, config: { ownCredentials: true } },
      async (request, reply) => {
        const origin = request.headers['webhook-request-origin'];
        if (typeof origin === 'string')
          reply.header('webhook-allowed-origin', origin).header('webhook-allowed-rate', '*');
        return reply.header('allow', 'POST').status(200).send();
      },
    );
  };
}

interface Receiver {
  sink: EventSink;
  rollouts: Rollouts;
  source: string;
  read: Read;
}

async function receive(
  deps: FrontDeps,
  { sink, rollouts, source, read }: Receiver,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { bodyBytesMax } = deps.config;
  let report: Report = { accepted: 0, rejected: 0, ignored: 0, changes: 0, errors: [] };
  try {
    await takeLogs(deps, request, {
      source,
      signal: 'events',
      contentType: request.headers['content-type'] ?? 'application/json',
      ...(isBinary(request) ? { recordType: structuredType } : {}),
      unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', bodyBytesMax),
      transcode: (tenant, body) => {
        const nowMs = deps.clock.now();
        const result = sink.collect(tenant, nowMs, () => {
          try {
            read(body, { sink, rollouts, nowMs }, request);
          } catch (error) {
            if (!(error instanceof RecordError)) throw error;
            sink.refuse(0, error.message, error.payload ?? body);
          }
        });
        report = sink.report;
        return result;
      },
    });
  } catch (error) {
    throw mapError(error, bodyBytesMax);
  }
  const { accepted, rejected, errors } = report;
  if (accepted === 0 && rejected > 0) {
    const [first] = errors;
    throw new ClewError(
      'bad_request',
      `None of ${rejected} could be kept; record ${first?.index ?? 0}: ${first?.reason ?? 'it is invalid'}. They are in the dead letters.`,
      { details: { rejected, errors } },
    );
  }
  return reply.status(202).send(report);
}

const structuredType = 'application/cloudevents+json';
const isBinary = ({ headers }: FastifyRequest): boolean =>
  headers['ce-specversion'] !== undefined || headers['ce-id'] !== undefined;

function cloudEvents(body: Uint8Array, target: EventTarget, request: FastifyRequest): void {
  const type = mediaTypeOf(request);
  if (/^application\/cloudevents(-batch)?(\+|$)/.test(type)) {
    if (!/\+json$/.test(type))
      throw new ClewError(
        'unsupported_media_type',
        `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send application/cloudevents+json or application/cloudevents-batch+json.`,
      );
    readCloudEvents(textOf(body), target);
  } else if (isBinary(request)) readBinaryCloudEvent(request.headers, body, target);
  else if (jsonTypes.includes(type)) readCloudEvents(textOf(body), target);
  else
    throw new ClewError(
      'unsupported_media_type',
      `Content-Type ${JSON.stringify(type.slice(0, 80))} without the headers of an event (ce-id, ce-source, …) is not understood; send application/cloudevents+json.`,
    );
}

/** A web page of anybody may send text to an address of this machine, but not JSON. */
function needJson(request: FastifyRequest): void {
  const type = mediaTypeOf(request);
  if (jsonTypes.includes(type)) return;
  throw new ClewError(
    'unsupported_media_type',
    `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send application/json or application/x-ndjson.`,
  );
}

function readHook(hook: Hook, body: Uint8Array, target: EventTarget, request: FastifyRequest): void {
  needJson(request);
  const change = hook.read(textOf(body), request.headers, target.nowMs);
  if (change === undefined) target.sink.ignore();
  else target.sink.change(change);
}
