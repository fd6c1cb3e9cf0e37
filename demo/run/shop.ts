/**
 * Runs the shop alone, against any OTLP/HTTP receiver:
 * `node demo/run/shop.ts [--otlp http://127.0.0.1:4318] [--clew http://127.0.0.1:8080]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Shop } from './supervisor.ts';

const { values } = parseArgs({
  options: { otlp: { type: 'string', default: 'http://127.0.0.1:4318' }, clew: { type: 'string' } },
});
const dir = mkdtempSync(join(tmpdir(), 'shop-'));
const shop = new Shop({ dir, log: (message) => console.error(message) }).connect({
  otlpEndpoint: values.otlp,
  clewUrl: values.clew ?? null,
});
const end = async () => {
  await shop.stop();
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
};
process.once('SIGINT', end);
process.once('SIGTERM', end);
await shop.start();
console.log(JSON.stringify({ ...shop.urls, dir, services: shop.services() }));
