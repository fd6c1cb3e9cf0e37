import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAdmission } from '../../src/admit/index.ts';
import { type Config, configSchema } from '../../src/config/index.ts';
import { type DetailStore, openDetailStore } from '../../src/detail/index.ts';
import { ClewError, createLogger, systemClock } from '../../src/lib/index.ts';
import { createSyslog, type Syslog } from '../../src/receive/index.ts';

/** Real sockets, the real door and the real store; only what the door hears of the store can be bent. */
const dir = mkdtempSync(join(tmpdir(), 'clew-syslog-'));
const log = createLogger({ level: 'silent' });
const base = configSchema.parse({ ingest: { segmentAgeMs: 100 } });
const pretended = { pendingBytes: 0, beforeAppend: async (): Promise<void> => undefined };
let store: DetailStore;
const running: Syslog[] = [];

beforeAll(async () => {
  store = await openDetailStore({ dir: join(dir, 'store'), config: base, clock: systemClock, log });
});
afterEach(async () => {
  pretended.pendingBytes = 0;
  pretended.beforeAppend = async () => undefined;
  for (const syslog of running.splice(0)) await syslog.stop();
});
afterAll(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(settings: Record<string, unknown>) {
  const config: Config = configSchema.parse({ syslog: { timeZone: 'UTC', ...settings } });
  const door = createAdmission({
    config,
    clock: systemClock,
    log,
    append: async (block) => {
      await pretended.beforeAppend();
      await store.append(block);
    },
    pendingBytes: () => pretended.pendingBytes + store.health().pendingBytes,
  });
  const syslog = createSyslog({ door, config, clock: systemClock, log });
  running.push(syslog);
  return { syslog, ports: await syslog.start() };
}
const tcp = { tcp: { enabled: true, port: 0 } };

type Row = Record<string, unknown>;
async function rows(service: string): Promise<Row[]> {
  await store.flush();
  const window = { from: 0, to: Date.now() + 1000 };
  const sql =
    'SELECT * FROM otel_logs WHERE Tenant = {tenant:String} AND ServiceName = {service:String} ORDER BY EventId';
  return (await store.query<Row>({ name: 'test.rows', tenant: 'default', window, sql, params: { service } }))
    .rows;
}
const bodies = async (service: string) => (await rows(service)).map((row) => row.Body);

async function open(port = 0): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
const line = (app: string, text: string) => `<11>1 2026-01-01T10:00:00.5Z h1 ${app} 7 - [a b="c"] ${text}\n`;

describe('lines over TCP', () => {
  it('become rows: service, host, severity, attributes', async () => {
    const { ports, syslog } = await start(tcp);
    const socket = await open(ports.tcp);
    socket.end(`${line('sys-rows', 'first')}<13>Jan  1 10:00:00 sys-rows: second\n{"level":"warn"}`);
    await once(socket, 'close');
    await syslog.stop();
    const [first, second] = await rows('sys-rows');
    expect(first).toMatchObject({
      Body: 'first',
      SeverityText: 'err',
      SeverityNumber: 17,
      ResourceAttributes: { 'service.name': 'sys-rows', 'host.name': 'h1' },
      LogAttributes: {
        'syslog.facility': 'user',
        'syslog.version': '1',
        'syslog.procid': '7',
        'syslog.a.b': 'c',
      },
    });
    expect(String(first?.Timestamp)).toBe('2026-01-01 10:00:00.500000000');
    expect(second).toMatchObject({ Body: 'second', SeverityNumber: 10 });
    expect(second?.LogAttributes).toMatchObject({ 'network.peer.address': '127.0.0.1' });
    const raw = (await rows('unknown_service')).at(-1);
    expect(raw).toMatchObject({
      Body: '{"level":"warn"}',
      SeverityNumber: 13,
      LogAttributes: { 'clew.time': 'received' },
    });
  });

  it('can be queried while the connection stays open', async () => {
    const { ports } = await start(tcp);
    const socket = await open(ports.tcp);
    socket.write(line('sys-open', 'x'));
    await expect.poll(() => bodies('sys-open'), { timeout: 3000 }).toEqual(['x']);
    socket.destroy();
  });

  it('that were longer than allowed keep their start and a mark', async () => {
    const { ports, syslog } = await start({ ...tcp, messageBytesMax: 480 });
    const socket = await open(ports.tcp);
    socket.end(line('sys-long', 'y'.repeat(1000)) + line('sys-long', 'next'));
    await once(socket, 'close');
    await syslog.stop();
    const [long, next] = await rows('sys-long');
    expect(String(long?.Body)).toMatch(/^y{400,}$/);
    expect(long?.LogAttributes).toMatchObject({ 'clew.truncated': 'message' });
    expect(next?.Body).toBe('next');
  });

  it('wait with their sender while the door is full, and none is lost or twice', async () => {
    const { ports, syslog } = await start({ ...tcp, bufferBytesMax: 1_048_576 });
    pretended.pendingBytes = 1e9;
    const socket = await open(ports.tcp);
    const text = 'z'.repeat(1000);
    let blocked = false;
    const total = 30_000;
    for (let i = 0; i < total; i++) {
      if (!socket.write(line('sys-full', `${i} ${text}`))) blocked = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = syslog.state().waitingBytes;
    expect(blocked && socket.writableLength > 0).toBe(true);
    expect(before).toBeGreaterThanOrEqual(1_048_576);
    expect(before).toBeLessThan(1_048_576 + 500_000);
    pretended.pendingBytes = 0;
    socket.end();
    await once(socket, 'close');
    await syslog.stop();
    const numbers = (await bodies('sys-full')).map((body) => Number(String(body).split(' ')[0]));
    expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i));
  });

  it('that the store refuses for a while are tried again, and stored once', async () => {
    const { ports, syslog } = await start(tcp);
    let failures = 0;
    pretended.beforeAppend = async () => {
      if (failures++ < 2) throw new ClewError('unavailable', 'The disk is full.');
    };
    const socket = await open(ports.tcp);
    socket.end(line('sys-again', 'once'));
    await expect.poll(() => bodies('sys-again'), { timeout: 5000 }).toEqual(['once']);
    await syslog.stop();
    expect(failures).toBe(3);
  });

  it('of before a stop are stored, an unfinished one too, and the sender is told to end', async () => {
    const { ports, syslog } = await start(tcp);
    const socket = await open(ports.tcp);
    socket.write(`${line('sys-stop', 'whole')}<11>1 2026-01-01T10:00:00Z h1 sys-stop - - - unfini`);
    await expect
      .poll(() => syslog.state().waitingBytes + (syslog.state().connections > 0 ? 1 : 0))
      .toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await Promise.all([once(socket, 'end'), syslog.stop()]);
    expect(await bodies('sys-stop')).toEqual(['whole', 'unfini']);
  });
});

describe('limits', () => {
  it('of connections: further ones are closed, others go on', async () => {
    const { ports } = await start({ ...tcp, connectionsMax: 1 });
    const first = await open(ports.tcp);
    const second = connect(ports.tcp ?? 0, '127.0.0.1');
    await once(second, 'close');
    first.write(line('sys-limit', 'x'));
    await expect.poll(() => bodies('sys-limit'), { timeout: 3000 }).toEqual(['x']);
    first.destroy();
  });

  it('of silence: an idle connection ends', async () => {
    const { ports } = await start({ ...tcp, idleS: 1 });
    const socket = await open(ports.tcp);
    await once(socket, 'close');
  });

  it('of the port: a taken one is named with its setting', async () => {
    const { ports } = await start(tcp);
    await expect(start({ tcp: { enabled: true, port: ports.tcp } })).rejects.toThrow(
      /already in use; set syslog\.tcp\.port/,
    );
  });
});

describe('datagrams', () => {
  async function send(port: number, messages: string[]): Promise<void> {
    const socket = createSocket('udp4');
    for (const message of messages)
      await new Promise((resolve) => socket.send(message, port, '127.0.0.1', resolve));
    socket.close();
  }

  it('are a message each, newlines and all', async () => {
    const { ports } = await start({ udp: { enabled: true, port: 0 } });
    await send(ports.udp ?? 0, [
      '<13>Jan  1 10:00:00 h1 sys-udp: one\ntwo\n',
      '<13>Jan  1 10:00:00 h1 sys-udp: 3\0',
      '\n',
    ]);
    await expect.poll(() => bodies('sys-udp'), { timeout: 3000 }).toEqual(['one\ntwo', '3']);
  });

  it('without room are dropped and counted', async () => {
    const { ports, syslog } = await start({ udp: { enabled: true, port: 0 }, bufferBytesMax: 1_048_576 });
    pretended.pendingBytes = 1e9;
    const sent = 40;
    await send(
      ports.udp ?? 0,
      Array.from({ length: sent }, (_, i) => `<13>Jan  1 10:00:00 h1 sys-drop: ${i} ${'x'.repeat(50_000)}`),
    );
    await expect.poll(() => syslog.state().dropped, { timeout: 3000 }).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { dropped } = syslog.state();
    pretended.pendingBytes = 0;
    await syslog.stop();
    expect((await bodies('sys-drop')).length + dropped).toBe(sent);
  });
});

describe('TLS', () => {
  const file = (name: string) => join(dir, name);
  beforeAll(() => {
    for (const name of ['server', 'client', 'stranger']) {
      execFileSync(
        'openssl',
        ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
          .concat(['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'])
          .concat(['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]),
        { stdio: 'ignore' },
      );
    }
  });
  const tls = (more: Record<string, string> = {}) => ({
    tls: { enabled: true, port: 0, certFile: file('server.crt'), keyFile: file('server.key'), ...more },
  });
  const read = (name: string) => execFileSync('cat', [file(name)]);

  it('carries counted messages, and with a client CA only those of its certificates', async () => {
    const { ports, syslog } = await start(tls({ clientCaFile: file('client.crt') }));
    const options = { port: ports.tls, host: '127.0.0.1', ca: read('server.crt') };
    const message = line('sys-tls', 'secret').trimEnd();
    const known = connectTls({ ...options, cert: read('client.crt'), key: read('client.key') });
    known.end(`${Buffer.byteLength(message)} ${message}`);
    known.resume();
    await once(known, 'close');
    for (const own of [{}, { cert: read('stranger.crt'), key: read('stranger.key') }]) {
      const unknown = connectTls({ ...options, ...own });
      unknown.on('error', () => undefined);
      unknown.write(`${Buffer.byteLength(message)} ${message}`);
      unknown.resume();
      await new Promise((resolve) => unknown.once('close', resolve));
    }
    await syslog.stop();
    expect(await bodies('sys-tls')).toEqual(['secret']);
  });

  it('a handshake that never ends does not hold up a stop', async () => {
    const { ports, syslog } = await start(tls());
    const socket = await open(ports.tls);
    socket.on('error', () => undefined);
    const started = performance.now();
    await syslog.stop();
    expect(performance.now() - started).toBeLessThan(4000);
    socket.destroy();
  });

  it('does not start without its files, and says which setting names them', async () => {
    await expect(start({ tls: { enabled: true, port: 0 } })).rejects.toThrow(
      /syslog\.tls\.cert_file is empty/,
    );
    await expect(start(tls({ keyFile: '/nowhere.pem' }))).rejects.toThrow(
      /syslog\.tls\.key_file \(\/nowhere\.pem\) can't be read/,
    );
  });
});
