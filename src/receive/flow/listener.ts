import { createSocket, type Socket } from 'node:dgram';
import { BlockList, type Socket as Connection, createServer, isIP, type Server } from 'node:net';
import type { Config } from '../../config/index.ts';
import { ClewError, type Clock, type Logger } from '../../lib/index.ts';
import type { Door } from '../door.ts';
import { plainAddress } from './address.ts';
import { FlowBatcher } from './batcher.ts';
import { Collector } from './collector.ts';
import { flowRefused } from './events.ts';
import { ipfixHeaderBytes } from './ipfix.ts';

export interface FlowDeps {
  door: Door;
  config: Config['flow'];
  limits: { attributeBytesMax: number; clockSkewS: number };
  /** Datagrams carry no credentials: whose network it is, the operator has said by configuring it. */
  tenant: string;
  clock: Clock;
  log: Logger;
}

export interface FlowHealth {
  /** Flows that were received and could not be stored. */
  undelivered: number;
  /** Some of them in the last ten minutes. */
  undeliveredLately: boolean;
  /** Flows that wait because too much is pending, bytes. */
  heldBytes: number;
  /** What sequence numbers show to be missing. */
  lost: number;
  /** Datagrams and connections of addresses that may not send. */
  refused: number;
  lastRefused: string;
  lastError: string;
}

export interface FlowListener {
  /** Addresses by protocol, as they are bound: `udp 127.0.0.1:2055`. */
  readonly ports: { netflow: number; ipfix: number; ipfixTcp: number; sflow: number };
  health(): FlowHealth;
  /** Resolves when everything received before the call is durable or counted as undelivered. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** The kernel keeps so many bytes for us while we decode; it may grant less (net.core.rmem_max). */
const receiveBufferBytes = 8_388_608;
/** Exporters that speak IPFIX over TCP at once. */
const connectionsMax = 256;
/** Sets that wait for a template are looked through so often. */
const expireMs = 5_000;

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** Who may send: CIDR ranges or single addresses. Throws for what is neither. */
export function exportersAllowed(config: Config['flow']): (address: string) => boolean {
  if (config.exportersAllow.length === 0) {
    if (isLoopback(config.host)) return isLoopback;
    throw new ClewError(
      'bad_request',
      `flow.host is ${config.host}, which is reachable from other machines, but flow.exporters_allow is empty. Name the exporters (10.0.0.0/8, 192.0.2.7), or listen on 127.0.0.1.`,
    );
  }
  const allowed = new BlockList();
  for (const entry of config.exportersAllow) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address);
    const width = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > width) {
      throw new ClewError(
        'bad_request',
        `flow.exporters_allow: ${JSON.stringify(entry)} is neither an address nor a range such as 10.0.0.0/8.`,
      );
    }
    allowed.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
  return (address) => allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Receives NetFlow, IPFIX and sFlow. A datagram has no answer, so what can't be stored is kept for a while, then counted
 * and named in health; what can't be read becomes a dead letter.
 */
export async function startFlowListener(deps: FlowDeps): Promise<FlowListener> {
  const allowed = exportersAllowed(deps.config);
  const receiver = new Receiver(deps, allowed);
  try {
    await receiver.listen();
  } catch (error) {
    await receiver.stop();
    throw error;
  }
  return receiver;
}

class Receiver implements FlowListener {
  readonly ports = { netflow: 0, ipfix: 0, ipfixTcp: 0, sflow: 0 };
  private readonly deps: FlowDeps;
  private readonly allowed: (address: string) => boolean;
  private readonly batcher: FlowBatcher;
  private readonly collector: Collector;
  private readonly sockets: Socket[] = [];
  /** With the time of the last bytes, by the monotonic clock. */
  private readonly connections = new Map<Connection, number>();
  private server: Server | undefined;
  private readonly stopped = new AbortController();
  private refused = 0;
  private lastRefused = '';
  private connectionCount = 0;

  constructor(deps: FlowDeps, allowed: (address: string) => boolean) {
    this.deps = deps;
    this.allowed = allowed;
    this.batcher = new FlowBatcher(deps);
    this.collector = new Collector(this.batcher);
  }

  async listen(): Promise<void> {
    const { config } = this.deps;
    this.ports.netflow = await this.bind(config.netflowPort, 'flow.netflow_port');
    this.ports.ipfix = await this.bind(config.ipfixPort, 'flow.ipfix_port');
    this.ports.sflow = await this.bind(config.sflowPort, 'flow.sflow_port');
    // With port 0 the free UDP port may be taken in TCP, so that one is chosen on its own.
    this.ports.ipfixTcp = await this.bindTcp(config.ipfixPort);
    void this.expireForever();
  }

  health(): FlowHealth {
    const { undelivered, undeliveredLately, heldBytes, lastError } = this.batcher;
    const { refused, lastRefused } = this;
    const { lost } = this.collector;
    return { undelivered, undeliveredLately, heldBytes, lost, refused, lastRefused, lastError };
  }

  flush(): Promise<void> {
    return this.batcher.flush();
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    for (const socket of this.sockets.splice(0))
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    for (const connection of this.connections.keys()) connection.destroy();
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    // Sets that still wait for a template become dead letters; nothing that was received is lost without a word.
    this.collector.expire(Number.POSITIVE_INFINITY);
    await this.batcher.stop();
  }

  private bind(port: number, setting: string): Promise<number> {
    const { config, log } = this.deps;
    const socket = createSocket(isIP(config.host) === 6 ? 'udp6' : 'udp4');
    this.sockets.push(socket);
    socket.on('message', (bytes, { address }) => {
      const exporter = plainAddress(address);
      if (!this.admits(exporter)) return;
      const now = this.deps.clock.now();
      this.batcher.receivedAt(now, bytes.length);
      this.collector.datagram(bytes, exporter, now);
    });
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => reject(bindError(error, `${config.host}:${port}`, setting)));
      socket.bind({ address: config.host, port, exclusive: true }, () => {
        socket.removeAllListeners('error');
        socket.on('error', (error) => log.error({ err: error, port }, 'a flow socket failed'));
        grow(socket);
        resolve(socket.address().port);
      });
    });
  }

  private bindTcp(port: number): Promise<number> {
    const { config, log } = this.deps;
    const server = createServer({ noDelay: true }, (connection) => this.take(connection));
    server.maxConnections = connectionsMax;
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(bindError(error, `${config.host}:${port}`, 'flow.ipfix_port')));
      server.listen(port, config.host, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => log.error({ err: error, port }, 'the IPFIX port failed'));
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** IPFIX over TCP: messages one after the other, each with its length. */
  private take(connection: Connection): void {
    const exporter = plainAddress(connection.remoteAddress ?? '');
    if (!this.admits(exporter)) {
      connection.destroy();
      return;
    }
    const name = `#${++this.connectionCount}`;
    this.connections.set(connection, this.deps.clock.monotonic());
    let rest: Buffer = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const now = this.deps.clock.now();
      this.connections.set(connection, this.deps.clock.monotonic());
      this.batcher.receivedAt(now, chunk.length);
      while (rest.length >= 4) {
        const length = rest.readUInt16BE(2);
        if (rest.readUInt16BE(0) !== 10 || length < ipfixHeaderBytes) {
          this.batcher.reject(
            'ipfix',
            'The connection carries no IPFIX message where one should begin.',
            rest,
          );
          connection.destroy();
          return;
        }
        if (rest.length < length) break;
        this.collector.message(rest.subarray(0, length), exporter, name, now);
        rest = rest.subarray(length);
      }
      // An exporter over TCP can wait, so it does while too much is pending.
      if (this.batcher.isFull) this.hold(connection);
    });
    connection.on('error', () => connection.destroy());
    connection.on('close', () => {
      this.connections.delete(connection);
      this.collector.endConnection(exporter, name);
    });
  }

  private hold(connection: Connection): void {
    connection.pause();
    void this.batcher.flush().then(() => connection.resume());
  }

  private admits(exporter: string): boolean {
    if (this.allowed(exporter)) return true;
    this.refused += 1;
    this.lastRefused = exporter;
    flowRefused.inc();
    return false;
  }

  private async expireForever(): Promise<void> {
    const { clock } = this.deps;
    while (!this.stopped.signal.aborted) {
      await clock.sleep(expireMs, this.stopped.signal);
      this.collector.expire(clock.now());
      const idleSince = clock.monotonic() - idleMs;
      for (const [connection, at] of this.connections) if (at < idleSince) connection.destroy();
    }
  }
}

/** A connection on which nothing came for so long is given up; exporters connect again. */
const idleMs = 1_800_000;

/** Bursts of a router are larger than the default of 208 KB; what the kernel drops shows as a gap in sequence numbers. */
function grow(socket: Socket): void {
  try {
    socket.setRecvBufferSize(receiveBufferBytes);
  } catch {
    // The default stays.
  }
}

function bindError(error: Error, address: string, setting: string): Error {
  const inUse = 'code' in error && error.code === 'EADDRINUSE';
  if (!inUse) return error;
  return new ClewError(
    'bad_request',
    `${address} is already in use; set ${setting} to another port (0 picks a free one).`,
    { cause: error },
  );
}
