import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore, openIngestStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpServer } from '../../src/receive/index.ts';

/** One of the two processes, to be killed: `node roles-child.ts ingest|query <dir>`. Prints its address, or a word, when ready. */
const [, , role, dir = ''] = process.argv;
const config = configSchema.parse({ ingest: { segmentAgeMs: 60, segmentRowsMax: 60 } });
const log = createLogger({ level: 'error' });
const clock = systemClock;
if (role === 'ingest') {
  const store = await openIngestStore({ dir, config, clock, log });
  const door = createAdmission({
    config,
    clock,
    log,
    append: (block) => store.append(block),
    expectAgain: (request, table) => store.expectAgain(request, table),
    pendingBytes: () => store.health().pendingBytes,
  });
  const server = createOtlpServer({ door, config: config.ingest, clock, log });
  process.stdout.write(`${await server.listen({ host: '127.0.0.1', port: 0 })}\n`);
} else {
  await openDetailStore({ dir, config, clock, log, besideIngest: true });
  process.stdout.write('watching\n');
}
