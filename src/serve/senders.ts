import type { FastifyPluginAsync } from 'fastify';
import type { Config } from '../config/index.ts';
import { newUuid } from '../lib/index.ts';
import {
  cloudFlowRoutes,
  elasticRoutes,
  eventRoutes,
  type FrontDeps,
  jaegerRoutes,
  journaldRoutes,
  lokiRoutes,
  ndjsonRoutes,
  type OtlpIntake,
  otlpRoutes,
  remoteWrite,
  zipkinRoutes,
} from '../receive/index.ts';

/** OTLP/HTTP as exporters, Loki (`/otlp`) and Prometheus (`/api/v1/otlp`) have its paths. */
const otlpPrefixes = ['', '/otlp', '/api/v1/otlp'];

/** Other products' ways to send telemetry, under the paths that their clients know; they need the door and nothing else. */
export function telemetrySenders(config: Config, front: FrontDeps, otlp: OtlpIntake): FastifyPluginAsync {
  return async (app) => {
    for (const prefix of otlpPrefixes) await app.register(otlpRoutes(front, otlp), { prefix });
    await app.register(lokiRoutes(front));
    await app.register(zipkinRoutes(front));
    await app.register(jaegerRoutes(front));
    await app.register(elasticRoutes({ ...front, newId: newUuid }));
    await app.register(journaldRoutes(front));
    await app.register(ndjsonRoutes(front), { prefix: '/api/v1' });
    await app.register(eventRoutes({ ...front, secret: config.auth.token }), { prefix: '/api/v1' });
    await app.register(cloudFlowRoutes(front), { prefix: '/api/v1' });
    await app.register(remoteWrite(front), { prefix: '/api/v1' });
  };
}
