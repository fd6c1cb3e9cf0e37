import type { FastifyInstance } from 'fastify';
import type { Caller } from '../admit/index.ts';
import type { Config } from '../config/index.ts';
import type { Logger } from '../lib/index.ts';
import type { Health, Intake } from '../operate/index.ts';
import type { FrontDeps, OtlpIntake, Scraper } from '../receive/index.ts';
import { healthRoutes } from './health.ts';
import { intakeRoutes } from './intake.ts';
import { telemetrySenders } from './senders.ts';
import { createServer } from './server.ts';
import { targetRoutes } from './targets.ts';

export interface IngestApiDeps {
  config: Config;
  log: Logger;
  callerOf: (authorization: string) => Caller;
  front: FrontDeps;
  otlp: OtlpIntake;
  health: Health;
  intake: Intake;
  scraper: Pick<Scraper, 'state'>;
}

const elsewhere =
  'This process only takes telemetry in (roles is ingest); the console, queries, /api/v1/sql, alerts, changes, /schema and /write are answered by the one with the roles query,worker.';

/** The port of a process that only takes in: receivers, probes, figures. The caller listens and closes. */
export async function createIngestApi(deps: IngestApiDeps): Promise<FastifyInstance> {
  const { config, log, front } = deps;
  const { connections, ingest } = config;
  const { bodyBytesMax } = ingest;
  const app = await createServer({ log, callerOf: deps.callerOf, bodyBytesMax, connections, elsewhere });
  await app.register(healthRoutes({ health: deps.health, ready: front.ready }));
  await app.register(telemetrySenders(config, front, deps.otlp));
  await app.register(intakeRoutes(deps.intake), { prefix: '/api/v1' });
  await app.register(targetRoutes({ state: () => deps.scraper.state() }), { prefix: '/api/v1' });
  return app;
}
