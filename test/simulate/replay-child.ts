import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpIntake, type Door, otlpRoutes } from '../../src/receive/index.ts';
import { deadLetterRoutes } from '../../src/serve/dead-letters.ts';
import { createServer } from '../../src/serve/index.ts';
import { createReplay } from '../../src/serve/replay.ts';
import { sqlRoutes } from '../../src/serve/sql.ts';

/** Receivers, dead letters and SQL as a process of its own, to be killed: `node replay-child.ts <dir>`. Prints its address. */
const dir = process.argv[2] ?? '';
const config = configSchema.parse({ ingest: { segmentAgeMs: 60 } });
const log = createLogger({ level: 'error' });
const clock = systemClock;
const detail = await openDetailStore({ dir, config, clock, log });
const door = createAdmission({
  config,
  clock,
  log,
  append: (block) => detail.append(block),
  pendingBytes: () => detail.health().pendingBytes,
});
const fronts = (own: Door) => {
  const deps = { door: own, config: config.ingest, clock, log };
  return otlpRoutes(deps, createOtlpIntake(deps));
};
const app = await createServer({ log, bodyBytesMax: config.ingest.bodyBytesMax });
const tenantOf = () => config.tenant;
const letters = createReplay({ config, clock, log, detail, fronts });
await app.register(fronts(door));
await app.register(deadLetterRoutes({ detail, clock, tenantOf, windowMsMax: 86_400_000, letters }), {
  prefix: '/api/v1',
});
await app.register(sqlRoutes({ detail, tenantOf }), { prefix: '/api/v1' });
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
