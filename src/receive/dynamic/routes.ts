import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, mapError, mediaTypeOf, tenantOf, useDoor } from '../http.ts';
import { eachItem, isRecord, jsonText } from '../json.ts';
import { LogSink } from '../log-sink.ts';
import { decodeBody } from '../otlp/body.ts';
import type { Transcoded } from '../otlp/transcoder.ts';
import { MalformedError } from '../otlp/wire.ts';
import { takeRequest } from '../take.ts';
import { writeLog } from './logs.ts';
import { MetricSink } from './metrics.ts';
import { readBack } from './read-back.ts';
import { layoutOf, readRecord } from './record.ts';
import { type RegistryStore, TableRegistry } from './registry.ts';
import { parseRegistration, type TableSchema } from './schema.ts';

export interface DynamicDeps extends FrontDeps {
  registry: RegistryStore;
}

type Kind = 'metrics' | 'logs';
const recordsMax = 200_000;
const errorsMax = 100;
const contentTypes = ['application/json', 'application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** A table that can't be written to: its request is a dead letter as a whole. */
class TableError extends MalformedError {
  readonly code: 'not_found' | 'unprocessable';
  constructor(code: 'not_found' | 'unprocessable', message: string) {
    super(message);
    this.code = code;
  }
}

interface Sinks {
  logs: LogSink;
  metrics: MetricSink;
}

/**
 * Records in a form of one's own: a table is registered by its columns, and each record of it is checked against them and kept
 * as samples or log records. `metrics_events` and `logs_events` are there without registration.
 */
export function dynamicRoutes(deps: DynamicDeps): FastifyPluginAsync {
  return async (app) => {
    const registry = new TableRegistry(deps.registry, deps.clock);
    const sinks: Sinks = {
      logs: new LogSink(deps.config, 'write/logs'),
      metrics: new MetricSink(deps.config, deps.guard),
    };
    schemaRoutes(app, deps, registry);
    await app.register(async (writers) => {
      useDoor(writers, deps);
      for (const kind of ['metrics', 'logs'] as const) {
        for (const path of [`/write/${kind}`, `/write/${kind}/:table`]) {
          writers.post<{ Params: { table?: string }; Querystring: { table?: string } }>(
            path,
            {
              schema: { tags: ['ingest'], summary: `Records of a registered table, as ${kind}` },
              config: { ownCredentials: true },
            },
            async (request, reply) => {
              const { table } = { ...request.query, ...request.params };
              return write(deps, registry, sinks, kind, table ?? `${kind}_events`, request, reply);
            },
          );
        }
      }
    });
  };
}

function schemaRoutes(app: FastifyInstance, deps: DynamicDeps, registry: TableRegistry): void {
  const tags = ['tables'];
  app.post<{ Querystring: { table?: string } }>(
    '/schema/register',
    {
      schema: {
        tags,
        summary: 'Register the columns of a table',
        description:
          '201 for a new table or version, 200 for columns that are registered so already, 409 for others.',
      },
    },
    async (request, reply) => {
      const { table, columns } = parseRegistration(request.body, request.query.table);
      const { schema, outcome } = await registry.register(tenantOf(deps, request), table, columns);
      return reply
        .status(outcome === 'unchanged' ? 200 : 201)
        .send({ data: { ...shownSchema(schema), outcome } });
    },
  );
  app.get(
    '/schema',
    { schema: { tags, summary: 'Registered tables, and those that are there without' } },
    async (request) => ({
      data: (await registry.list(tenantOf(deps, request))).map(shownSchema),
    }),
  );
  app.get<{ Params: { table: string } }>(
    '/schema/:table',
    { schema: { tags, summary: 'One table' } },
    async (request) => {
      const schema = await registry.find(tenantOf(deps, request), request.params.table);
      if (schema === undefined)
        throw new ClewError(
          'not_found',
          `No table is registered as ${JSON.stringify(request.params.table.slice(0, 63))}.`,
        );
      return { data: shownSchema(schema) };
    },
  );
}

const shownSchema = (schema: TableSchema) => ({
  table: schema.table,
  version: schema.version,
  builtin: schema.builtin,
  columns: schema.columns,
  read: readBack(schema),
});

interface Report {
  accepted: number;
  rejected: number;
  errors: { index: number; reason: string }[];
}

async function write(
  deps: DynamicDeps,
  registry: TableRegistry,
  sinks: Sinks,
  kind: Kind,
  table: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { bodyBytesMax } = deps.config;
  const type = mediaTypeOf(request);
  if (!contentTypes.includes(type))
    throw new ClewError(
      'unsupported_media_type',
      `Content-Type ${JSON.stringify(type.slice(0, 80))} is not understood; send application/json or application/x-ndjson.`,
    );
  const tenant = tenantOf(deps, request);
  const schema = await registry.find(tenant, table);
  const report: Report = { accepted: 0, rejected: 0, errors: [] };
  try {
    const { records } = await takeRequest(deps, {
      tenant,
      signal: kind,
      source: `write/${kind}`,
      contentType: `${type}; table=${/^\w{1,63}$/.test(table) ? table : '?'}`,
      raw: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      unpack: (raw) => decodeBody(raw, request.headers['content-encoding'] ?? '', bodyBytesMax),
      transcode: (body) =>
        transcode(sinks, kind, checked(schema, kind, table), tenant, deps.clock.now(), body, report),
      onLost: () => sinks.metrics.forget(),
    });
    report.accepted = records;
  } catch (error) {
    if (error instanceof TableError) throw new ClewError(error.code, error.message, { details: { table } });
    throw mapError(error, bodyBytesMax);
  }
  if (report.accepted > 0 || report.rejected === 0) return reply.status(200).send(report);
  const [first] = report.errors;
  throw new ClewError(
    'bad_request',
    `None of ${report.rejected} records could be kept; record ${first?.index}: ${first?.reason}. They are in the dead letters.`,
    { details: { rejected: report.rejected, errors: report.errors } },
  );
}

function checked(schema: TableSchema | undefined, kind: Kind, table: string): TableSchema {
  if (schema === undefined)
    throw new TableError(
      'not_found',
      `No table is registered as ${JSON.stringify(table.slice(0, 63))}; register it by POST /schema/register.`,
    );
  if (kind === 'metrics' && !schema.columns.some(({ type }) => type === 'double' || type === 'bigint'))
    throw new TableError(
      'unprocessable',
      `The table ${table} has no column of type double or bigint, so its records are no metrics.`,
    );
  return schema;
}

function transcode(
  sinks: Sinks,
  kind: Kind,
  schema: TableSchema,
  tenant: string,
  nowMs: number,
  body: Uint8Array,
  report: Report,
): Transcoded {
  const layout = layoutOf(schema, kind);
  const sink = sinks[kind];
  const one = (value: unknown) => {
    const values = readRecord(value, layout);
    if (kind === 'metrics') sinks.metrics.record(values, schema.table);
    else writeLog(values, () => jsonText(value), sinks.logs);
  };
  const refuse = (index: number, reason: string, payload: Uint8Array) => {
    sink.reject(`record ${index}: ${reason}`, payload);
    report.rejected += 1;
    if (report.errors.length < errorsMax) report.errors.push({ index, reason });
  };
  return sink.collect(tenant, nowMs, () =>
    eachItem(new TextDecoder().decode(body), recordsMax, one, refuse, (whole) =>
      Array.isArray(whole)
        ? whole
        : isRecord(whole) && Array.isArray(whole.records)
          ? whole.records
          : undefined,
    ),
  );
}
