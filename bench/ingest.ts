/**
 * Logs through the real door (OTLP/HTTP, protobuf → columns → fsync → chDB) against the same rows inserted straight into
 * chDB from prebuilt `Native` segments, alternating in one run: `node bench/ingest.ts [rounds]`. CPU is the whole server
 * process with the engine's merges; the sender is a process of its own. Both share the machine, as they would.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmission } from '../src/admit/index.ts';
import { configSchema } from '../src/config/index.ts';
import { openEngine } from '../src/detail/engine.ts';
import { openDetailStore } from '../src/detail/index.ts';
import { migrate } from '../src/detail/migrate.ts';
import { fillEventIds } from '../src/detail/segment.ts';
import { createLogger, systemClock } from '../src/lib/index.ts';
import { createOtlpServer } from '../src/receive/index.ts';
import { jsonToWire } from '../src/receive/otlp/json.ts';
import { LogsTranscoder } from '../src/receive/otlp/logs.ts';

const secondsPerRound = 4;
const recordsPerRequest = 1000;
const payloadCount = 24;
const connections = 4;
const segmentRows = 400_000;

interface Figures {
  rows: number;
  seconds: number;
  cpuUs: number;
  residentMb: number;
}

const words = [
  'payment',
  'cart',
  'timeout',
  'retry',
  'accepted',
  'declined',
  'stock',
  'user',
  'session',
  'cache',
];
/** Requests of 1 000 records: 3 resource and 4 log attributes, ids, about 60 bytes of body from 50 templates. */
function payloads(): Uint8Array[] {
  const nowMs = Date.now();
  return Array.from({ length: payloadCount }, (_, payload) => {
    const logRecords = Array.from({ length: recordsPerRequest }, (_, record) => {
      const n = payload * recordsPerRequest + record;
      const hex = (n * 2_654_435_761).toString(16).padStart(16, '0').slice(-16);
      return {
        timeUnixNano: `${nowMs + (n % 1000)}${String(n % 1_000_000).padStart(6, '0')}`,
        severityNumber: n % 20 === 0 ? 17 : 9,
        severityText: n % 20 === 0 ? 'ERROR' : 'INFO',
        body: {
          stringValue: `${words[n % 10]} ${words[(n >> 2) % 10]} for order ${n} took ${n % 977} ms at /api/v1/orders/${n % 5000}`,
        },
        traceId: hex + hex,
        spanId: hex,
        attributes: [
          { key: 'http.route', value: { stringValue: `/api/v1/${words[n % 7]}` } },
          { key: 'http.response.status_code', value: { intValue: n % 20 === 0 ? 500 : 200 } },
          { key: 'user.id', value: { stringValue: `user-${n % 10_000}` } },
          { key: 'duration_ms', value: { doubleValue: (n % 977) / 10 } },
        ],
      };
    });
    const attributes = ['service.name', 'service.version', 'host.name'].map((key, i) => ({
      key,
      value: { stringValue: `${key}-${(payload + i) % 7}` },
    }));
    const text = JSON.stringify({
      resourceLogs: [{ resource: { attributes }, scopeLogs: [{ scope: { name: 'bench' }, logRecords }] }],
    });
    return jsonToWire('logs', text);
  });
}

const config = configSchema.parse({ ingest: { pendingBytesMax: 4_000_000_000 } });
const log = createLogger({ level: 'error' });
const clock = systemClock;

async function serve(dir: string): Promise<void> {
  const store = await openDetailStore({ dir, config, clock, log });
  const pendingBytes = () => store.health().pendingBytes;
  const door = createAdmission({ config, clock, log, append: (block) => store.append(block), pendingBytes });
  const server = createOtlpServer({ door, config: config.ingest, clock, log });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  process.send?.({ address });
  let cpu = process.cpuUsage();
  process.on('message', async (message) => {
    if (message === 'start') cpu = process.cpuUsage();
    if (message === 'flush') {
      await store.flush();
      const used = process.cpuUsage(cpu);
      const residentMb = process.memoryUsage.rss() / 1e6;
      process.send?.({ cpuUs: used.user + used.system, residentMb });
    }
    if (message === 'stop') {
      await server.close();
      await store.close();
      process.exit(0);
    }
  });
}

/** Inserts prebuilt segments for as long as a round takes. */
async function insertDirectly(dir: string): Promise<void> {
  const engine = openEngine(join(dir, 'engine'));
  const { columns } = await migrate(engine);
  const names = columns.otel_logs.map((column) => column.name).join(', ');
  const structure = columns.otel_logs.map((column) => `${column.name} ${column.type}`).join(', ');
  const transcoder = new LogsTranscoder(config.ingest);
  const bodies = payloads();
  const path = join(dir, 'prebuilt.native');
  const file = await open(path, 'w');
  for (let rows = 0, i = 0; rows < segmentRows; rows += recordsPerRequest, i++) {
    const body = bodies[i % bodies.length];
    const [block] = body === undefined ? [] : transcoder.transcode('default', body, Date.now()).blocks;
    if (block === undefined) throw new Error('no block');
    fillEventIds(block.bytes, block.rows, 1, rows);
    await file.write(block.bytes);
  }
  await file.close();
  const started = performance.now();
  const cpu = process.cpuUsage();
  let rows = 0;
  while (performance.now() - started < secondsPerRound * 1000) {
    const quoted = structure.replaceAll("'", "\\'");
    await engine.run(
      'insert',
      `INSERT INTO otel_logs (${names}) SELECT ${names} FROM file('${path}', 'Native', '${quoted}')
       SETTINGS max_threads = 1, max_insert_threads = 1, min_insert_block_size_rows = ${segmentRows + 1}, min_insert_block_size_bytes = 0`,
    );
    rows += segmentRows;
  }
  const used = process.cpuUsage(cpu);
  const figures: Figures = {
    rows,
    seconds: (performance.now() - started) / 1000,
    cpuUs: used.user + used.system,
    residentMb: process.memoryUsage.rss() / 1e6,
  };
  process.send?.(figures);
  await engine.close();
  process.exit(0);
}

function child(role: string, dir: string): ChildProcess {
  return fork(import.meta.filename, [role, dir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
async function answer<T>(process: ChildProcess): Promise<T> {
  const [message] = await once(process, 'message');
  return message as T;
}

const agent = new Agent({ keepAlive: true, maxSockets: connections });
function send(address: string, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const outgoing = request(`${address}/v1/logs`, { method: 'POST', agent, headers }, (incoming) => {
      incoming.resume();
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function throughDoor(bodies: Uint8Array[]): Promise<Figures & { ackMs: number[] }> {
  const dir = await mkdtemp(join(tmpdir(), 'clew-bench-'));
  const server = child('serve', dir);
  const { address } = await answer<{ address: string }>(server);
  server.send('start');
  const started = performance.now();
  const ackMs: number[] = [];
  let rows = 0;
  const sender = async (first: number) => {
    for (let i = first; performance.now() - started < secondsPerRound * 1000; i++) {
      const body = bodies[i % bodies.length];
      if (body === undefined) return;
      const sent = performance.now();
      const status = await send(address, body);
      if (status !== 200) throw new Error(`status ${status}`);
      ackMs.push(performance.now() - sent);
      rows += recordsPerRequest;
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => sender(index * 7)));
  server.send('flush');
  const figures = await answer<{ cpuUs: number; residentMb: number }>(server);
  const seconds = (performance.now() - started) / 1000;
  server.send('stop');
  await once(server, 'exit');
  await rm(dir, { recursive: true, force: true });
  return { rows, seconds, ackMs, ...figures };
}

async function direct(): Promise<Figures> {
  const dir = await mkdtemp(join(tmpdir(), 'clew-bench-'));
  const worker = child('direct', dir);
  const figures = await answer<Figures>(worker);
  await once(worker, 'exit');
  await rm(dir, { recursive: true, force: true });
  return figures;
}

const line = (name: string, f: Figures): string =>
  `${name.padEnd(7)} ${Math.round(f.rows / f.seconds).toLocaleString('en')} records/s, ${(f.cpuUs / f.rows).toFixed(2)} µs CPU a record, ${Math.round(f.residentMb)} MB`;
const spread = (values: number[]): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q: number) => (sorted[Math.round(q * (sorted.length - 1))] ?? 0).toFixed(2);
  return `min ${at(0)} median ${at(0.5)} max ${at(1)}`;
};

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 3);
  const bodies = payloads();
  const rate: number[] = [];
  const cpu: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const door = await throughDoor(bodies);
    const straight = await direct();
    console.log(line('door', door), `| ack ms ${spread(door.ackMs)}`);
    console.log(line('direct', straight));
    rate.push(door.rows / door.seconds / (straight.rows / straight.seconds));
    cpu.push(door.cpuUs / door.rows / (straight.cpuUs / straight.rows));
  }
  console.log(`records/s door to direct: ${spread(rate)}`);
  console.log(`CPU a record door to direct: ${spread(cpu)}`);
  agent.destroy();
}

const role = process.argv[2];
const dir = process.argv[3] ?? '';
if (role === 'serve') await serve(dir);
else if (role === 'direct') await insertDirectly(dir);
else await main();
