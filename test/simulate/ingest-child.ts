import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createOtlpServer } from '../../src/receive/index.ts';

/** The ingest path as a process of its own, to be killed: `node ingest-child.ts <dir>`. Prints its address when ready. */
const dir = process.argv[2] ?? '';
const config = configSchema.parse({ ingest: { segmentAgeMs: 60, segmentRowsMax: 60 } });
const log = createLogger({ level: 'error' });
const clock = systemClock;
const store = await openDetailStore({ dir, config, clock, log });
const door = createAdmission({
  config,
  clock,
  log,
  append: (block) => store.append(block),
  expectAgain: (request, table) => store.expectAgain(request, table),
  pendingBytes: () => store.health().pendingBytes,
});
const server = createOtlpServer({ door, config: config.ingest, clock, log });
const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${address}\n`);
