import { createSocket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdmission } from '../../src/admit/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { type FlowListener, startFlowListener } from '../../src/receive/index.ts';

const log = createLogger({ level: 'silent' });
export type Row = Record<string, unknown>;

export interface FlowSystem {
  listener: FlowListener;
  /** Another listener before the same store. */
  listen(more: { exportersAllow?: string[]; netflowPort?: number }): Promise<FlowListener>;
  store: DetailStore;
  /** Bytes that the door is told are pending, on top of the real ones. */
  pretended: { pendingBytes: number };
  send(port: number, ...datagrams: Uint8Array[]): Promise<void>;
  /** Every flow received so far, in the order of arrival. */
  rows(where?: string): Promise<Row[]>;
  letters(): Promise<Row[]>;
  close(): Promise<void>;
}

/** The flow ports before a real door and a real detail store. */
export async function openFlowSystem(): Promise<FlowSystem> {
  const config = configSchema.parse({
    flow: { enabled: true, netflowPort: 0, ipfixPort: 0, sflowPort: 0 },
  });
  const dir = await mkdtemp(join(tmpdir(), 'clew-flows-'));
  const store = await openDetailStore({ dir, config, clock: systemClock, log });
  const pretended = { pendingBytes: 0 };
  const door = createAdmission({
    config,
    clock: systemClock,
    log,
    append: (block) => store.append(block),
    pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
  });
  const { tenant, flow, ingest: limits } = config;
  const listen = (more: Partial<typeof flow>) =>
    startFlowListener({ door, config: { ...flow, ...more }, limits, tenant, clock: systemClock, log });
  const listener = await listen({});
  const read = async (sql: string): Promise<Row[]> => {
    await listener.flush();
    await store.flush();
    const window = { from: 0, to: systemClock.now() + 86_400_000 };
    return (await store.query<Row>({ name: 'test.flows', tenant, window, sql })).rows;
  };
  return {
    listener,
    listen,
    store,
    pretended,
    send: (port, ...datagrams) => sendTo(port, datagrams),
    rows: (where = '1') =>
      read(`SELECT * FROM network_flows WHERE Tenant = {tenant:String} AND ${where} ORDER BY EventId`),
    letters: () => read('SELECT * FROM dead_letters WHERE Tenant = {tenant:String} ORDER BY EventId'),
    async close() {
      await listener.stop();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function sendTo(port: number, datagrams: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  // Loopback hands a datagram over at once; the receiver sees it in its next turn.
  await systemClock.sleep(50);
}
