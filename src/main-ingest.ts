/**
 * The process that only takes in: receivers, door, write-ahead log. It opens neither the engine nor the ledger, so that no query,
 * window job or crash there can delay an acknowledgement; closed segments are handed over as files.
 */
import { join } from 'node:path';
import { createCardinality } from './admit/index.ts';
import { type Config, requireAllowBeyondLoopback, requireCredentialsBeyondLoopback } from './config/index.ts';
import { openIngestStore } from './detail/index.ts';
import { collectGarbage, inlineMore, type Logger } from './lib/index.ts';
import {
  cardinalitySource,
  createHealth,
  createIntake,
  detailSource,
  doorSource,
  greyFailures,
  lockRoles,
  makeDataDir,
  processSource,
} from './operate/index.ts';
import { createOtlpIntake } from './receive/index.ts';
// Not through its index: that would load what all other rooms load, three times the memory of this process.
import { createIngestApi } from './serve/ingest-api.ts';
import {
  type Clew,
  clock,
  createCredentials,
  createDoor,
  createPipelines,
  createReceivers,
  listen,
  Started,
} from './wiring.ts';

const roles = ['ingest'] as const;

/** Starts every part. Throws a ClewError that says what to change when one can't start; nothing is left running then. */
export async function startIngest(settings: Config, log: Logger): Promise<Clew> {
  requireCredentialsBeyondLoopback(settings);
  inlineMore();
  requireAllowBeyondLoopback(settings);
  const pipelines = await createPipelines(settings, log);
  const config: Config = { ...settings, ingest: Object.assign({ refinery: pipelines }, settings.ingest) };
  const started = new Started(log);
  try {
    makeDataDir(config.dataDir);
    const unlock = lockRoles(config.dataDir, roles);
    started.add('roles', async () => unlock());
    const store = await openIngestStore({ dir: join(config.dataDir, 'detail'), config, clock, log });
    started.add('write-ahead log', () => store.close());
    await pipelines.follow();
    started.add('pipelines', () => pipelines.stop());
    const credentials = await createCredentials(config, log, started);
    const door = createDoor({ config, log, store, masker: pipelines.masker, credentials });
    const guard = createCardinality(config.limits);
    const otlp = createOtlpIntake({ door, guard, config: config.ingest, clock });
    const intake = createIntake({ clock, detail: store, door, guard });
    // Senders may send while the other process is away, so the age of the queue says nothing here; its size does.
    const readiness = () => {
      const [reason] = greyFailures(config, { ...store.health(), insertLagMs: 0 }, door.state());
      return reason === undefined ? { ready: true, reason: 'ok' } : { ready: false, reason };
    };
    const ready = () => store.health().ready;
    const receivers = createReceivers({ config, log, door, guard, otlp, ready });
    const health = createHealth(clock, [
      processSource(config.dataDir),
      detailSource(store),
      doorSource(config, store, door),
      cardinalitySource(guard, clock),
      ...receivers.sources,
    ]);
    intake.start();
    started.add('intake', () => intake.stop());
    const front = { door, guard, clock, log, config: config.ingest, ready: readiness };
    const api = await createIngestApi({
      config,
      log,
      callerOf: (authorization) => credentials.callerOf(authorization),
      front,
      otlp,
      health,
      intake,
      scraper: receivers.scraper,
    });
    const url = await listen(api, config.http, 'http');
    started.add('api', () => api.close());
    const addresses = await receivers.start(started);
    collectGarbage();
    return { url, otlp: addresses, roles, stop: () => started.stop() };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
