import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError, publicError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, retryAfterS, takeLogs, useDoor } from '../http.ts';
import { decodeBody } from '../otlp/body.ts';
import { parseOrder, readAwsBody } from './aws.ts';
import { readAzure } from './azure.ts';
import { readCommon, readFirehose, readFirehoseRecords } from './firehose.ts';
import { readHubble } from './hubble.ts';
import { CloudFlowSink, type FlowReport, newReport } from './out.ts';

type Read = (body: Uint8Array, out: CloudFlowSink, request: FastifyRequest) => void;

const jsonTypes = ['application/json', 'application/x-ndjson', 'application/ndjson', 'application/jsonl'];
/** AWS' logs are text; what was fetched from S3 or Kinesis as it lies there is bytes. */
const textTypes = ['text/plain', 'application/octet-stream', 'application/gzip', 'application/x-gzip'];
const textOf = (body: Uint8Array): string => new TextDecoder().decode(body);

/**
 * Flow logs of clouds and clusters by HTTP, answered once they are on disk. 200 says how many were kept and why others
 * were not; when none could be kept it is 400. Register under /api/v1.
 */
export function cloudFlowRoutes(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    // Two groups beside each other: each asks for credentials in its own form.
    await app.register(plain(deps));
    await app.register(firehose(deps));
  };
}

function plain(deps: FrontDeps): FastifyPluginAsync {
  return async (app) => {
    useDoor(app, deps);
    const sink = new CloudFlowSink(deps.config);
    const serve = (name: string, summary: string, types: readonly string[], read: Read) => {
      app.post(
        `/flows/${name}`,
        { schema: { tags: ['ingest'], summary }, config: { ownCredentials: true } },
        async (request, reply) => {
          needType(request, types);
          return sendReport(await receive(deps, sink, `flows/${name}`, read, request), reply);
        },
      );
    };
    serve(
      'aws-vpc',
      'VPC Flow Logs of AWS: lines, or the envelope of CloudWatch Logs',
      [...jsonTypes, ...textTypes],
      aws(deps),
    );
    serve(
      'azure',
      'Flow logs of Azure: network security groups and virtual networks',
      jsonTypes,
      (body, out) => readAzure(textOf(body), out),
    );
    serve(
      'hubble',
      'Flows of Cilium Hubble, as `hubble observe -o json` writes them',
      jsonTypes,
      (body, out) => readHubble(textOf(body), out),
    );
  };
}

const budgetOf = (deps: FrontDeps) => ({ left: deps.config.bodyBytesMax, limit: deps.config.bodyBytesMax });

const aws =
  (deps: FrontDeps): Read =>
  (body, out, request) => {
    const { fields } = request.query as Record<string, unknown>;
    const order = typeof fields === 'string' && fields !== '' ? parseOrder(fields) : undefined;
    readAwsBody(body, order, out, budgetOf(deps));
  };

/**
 * A web page of anybody may send text to an address of this machine, but not JSON, and a browser always says where a page
 * came from.
 */
function needType(request: FastifyRequest, types: readonly string[]): void {
  const type = mediaTypeOf(request);
  if (!types.includes(type)) {
    throw new ClewError(
      'unsupported_media_type',
      `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send ${types.slice(0, 2).join(' or ')}${types.length > 4 ? ` or ${textTypes[0]}` : ''}.`,
    );
  }
  if (textTypes.includes(type) && request.headers.origin !== undefined)
    throw new ClewError('forbidden', 'A web page may send flow logs as application/json only.');
}

async function receive(
  deps: FrontDeps,
  sink: CloudFlowSink,
  source: string,
  read: Read,
  request: FastifyRequest,
): Promise<FlowReport> {
  const { bodyBytesMax } = deps.config;
  let report: FlowReport | undefined;
  try {
    await takeLogs(deps, request, {
      source,
      signal: 'flows',
      contentType: request.headers['content-type'] ?? 'application/octet-stream',
      unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', bodyBytesMax),
      transcode: (tenant, body) => {
        const result = sink.collect(tenant, deps.clock.now(), () => read(body, sink, request));
        // The sink serves the next request while this one is being stored.
        report = sink.report;
        return result;
      },
    });
  } catch (error) {
    throw mapError(error, bodyBytesMax);
  }
  return report ?? newReport();
}

function sendReport(report: FlowReport, reply: FastifyReply): FastifyReply {
  const { accepted, rejected, skipped, errors } = report;
  if (accepted === 0 && skipped === 0 && rejected > 0) {
    const [first] = errors;
    throw new ClewError(
      'bad_request',
      `None of ${rejected} records could be kept; record ${first?.index ?? 0}: ${first?.reason ?? 'it is invalid'}. They are in the dead letters.`,
      { details: { rejected, errors } },
    );
  }
  return reply.status(200).send(report);
}

const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
};

/**
 * Amazon Data Firehose, HTTP endpoint delivery 1.0: it repeats until the answer is 200 with its own request id, so records
 * that can't be read become dead letters and are not asked for again.
 */
function firehose(deps: FrontDeps): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    app.addHook('onRequest', async (request) => {
      const key = header(request, 'x-amz-firehose-access-key');
      if (key !== undefined && key !== '') request.headers.authorization ??= `Bearer ${key}`;
    });
    useDoor(app, deps);
    const answer = (request: FastifyRequest, requestId: string, errorMessage?: string) => ({
      requestId: requestId || (header(request, 'x-amz-firehose-request-id') ?? ''),
      timestamp: Math.floor(deps.clock.now()),
      ...(errorMessage === undefined ? {} : { errorMessage }),
    });
    app.setErrorHandler((error, request, reply) => {
      const mapped = mapError(error, deps.config.bodyBytesMax);
      const status = mapped instanceof ClewError ? mapped.status : 500;
      if (status >= 500) deps.log.error({ err: error, route: request.url }, 'Firehose delivery failed');
      if (status === 429 || status === 503) reply.header('retry-after', String(retryAfterS));
      reply.status(status).send(answer(request, '', publicError(mapped).message));
    });
    const sink = new CloudFlowSink(deps.config);
    app.post(
      '/flows/aws-firehose',
      {
        schema: { tags: ['ingest'], summary: 'VPC Flow Logs, as Amazon Data Firehose delivers them' },
        config: { ownCredentials: true },
      },
      async (request, reply) => {
        needType(request, jsonTypes);
        let requestId = '';
        await receive(
          deps,
          sink,
          'flows/aws-firehose',
          (body, out) => {
            const found = readFirehose(body);
            requestId = found.requestId;
            const { order, common } = readCommon(header(request, 'x-amz-firehose-common-attributes'));
            readFirehoseRecords(found.records, order, common, out, budgetOf(deps));
          },
          request,
        );
        return reply.status(200).send(answer(request, requestId));
      },
    );
  };
}
