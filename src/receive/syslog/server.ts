import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/index.ts';
import { ClewError, type Clock, type Logger } from '../../lib/index.ts';
import type { Door } from '../door.ts';
import { allowOf } from './allow.ts';
import { Collector, type Transport } from './collector.ts';
import { DatagramListener } from './datagrams.ts';
import { WallClock } from './local-time.ts';
import { MessageReader } from './message.ts';
import { StreamListener } from './streams.ts';

export interface SyslogDeps {
  door: Door;
  config: Pick<Config, 'syslog' | 'ingest' | 'tenant'>;
  clock: Clock;
  log: Logger;
}

export interface SyslogState {
  connections: number;
  connectionsMax: number;
  waitingBytes: number;
  bufferBytesMax: number;
  /** Datagrams dropped since the start, because there was no room. */
  dropped: number;
}

export interface Syslog {
  /** Binds what is enabled; answers the ports. Throws a ClewError that names the setting. */
  start(): Promise<Partial<Record<Transport, number>>>;
  /** Takes no more and delivers what is in memory. */
  stop(): Promise<void>;
  state(): SyslogState;
}

/** A store that takes nothing for so long will not take the last lines either. */
const flushMsMax = 5_000;

/** The syslog listeners: TCP, UDP and TLS, each off until it is enabled, with one collector behind them. */
export function createSyslog(deps: SyslogDeps): Syslog {
  const { clock, log, config } = deps;
  const { messageBytesMax, connectionsMax, idleS, bufferBytesMax } = config.syslog;
  const streams: StreamListener[] = [];
  const collector = new Collector({
    door: deps.door,
    clock,
    log,
    limits: config.ingest,
    tenant: config.tenant,
    reader: new MessageReader(new WallClock(config.syslog.timeZone)),
    bufferBytesMax,
    onRoom: () => {
      for (const stream of streams) stream.resume();
    },
  });
  const common = { collector, clock, log, allowed: allowOf(config.syslog.allow), messageBytesMax };
  const datagrams = new DatagramListener(common);

  async function stream(transport: 'tcp' | 'tls'): Promise<number> {
    const { host, port } = config.syslog[transport];
    const tls = transport === 'tls' ? { tls: await readTls(config.syslog.tls) } : {};
    const made = new StreamListener({ ...common, transport, connectionsMax, idleS, ...tls });
    streams.push(made);
    return made.listen(host, port);
  }

  return {
    async start() {
      const ports: Partial<Record<Transport, number>> = {};
      const { tcp, udp, tls } = config.syslog;
      if (tcp.enabled) ports.tcp = await bound('syslog.tcp', tcp, () => stream('tcp'));
      if (udp.enabled) ports.udp = await bound('syslog.udp', udp, () => datagrams.listen(udp.host, udp.port));
      if (tls.enabled) ports.tls = await bound('syslog.tls', tls, () => stream('tls'));
      if (Object.keys(ports).length > 0) log.info({ ports }, 'syslog listens');
      return ports;
    },
    async stop() {
      await Promise.all([datagrams.stop(), ...streams.map((each) => each.stop())]);
      const stop = new AbortController();
      await collector.close(clock.sleep(flushMsMax, stop.signal));
      stop.abort();
    },
    state: () => ({
      connections: streams.reduce((sum, each) => sum + each.connections, 0),
      connectionsMax,
      waitingBytes: collector.bytes,
      bufferBytesMax,
      dropped: datagrams.dropped,
    }),
  };
}

async function readTls(tls: Config['syslog']['tls']): Promise<{ cert: Buffer; key: Buffer; ca?: Buffer }> {
  const read = async (name: string, path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (cause) {
      const shown = path === '' ? 'is empty' : `(${path}) can't be read`;
      throw new ClewError('bad_request', `syslog.tls.${name} ${shown}; name a PEM file.`, { cause });
    }
  };
  const cert = await read('cert_file', tls.certFile);
  const key = await read('key_file', tls.keyFile);
  if (tls.clientCaFile === '') return { cert, key };
  return { cert, key, ca: await read('client_ca_file', tls.clientCaFile) };
}

async function bound(
  key: string,
  { host, port }: { host: string; port: number },
  listen: () => Promise<number>,
): Promise<number> {
  try {
    return await listen();
  } catch (error) {
    if (error instanceof ClewError || !(error instanceof Error)) throw error;
    const code = 'code' in error ? error.code : '';
    const reason =
      code === 'EADDRINUSE'
        ? `is already in use; set ${key}.port to another port (0 picks a free one)`
        : `can't be listened on: ${error.message}`;
    throw new ClewError('bad_request', `${key}: ${host}:${port} ${reason}.`, { cause: error });
  }
}
