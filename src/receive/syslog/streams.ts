import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Clock, Logger } from '../../lib/index.ts';
import { plainAddress } from './allow.ts';
import type { Collector } from './collector.ts';
import { syslogConnections, syslogRefused } from './events.ts';
import { FrameReader } from './frames.ts';

export interface StreamDeps {
  transport: 'tcp' | 'tls';
  collector: Pick<Collector, 'offer' | 'full'>;
  clock: Clock;
  log: Logger;
  allowed: (address: string) => boolean;
  messageBytesMax: number;
  connectionsMax: number;
  idleS: number;
  /** For TLS: contents of the PEM files. `ca`: senders must show a certificate of it. */
  tls?: { cert: Buffer; key: Buffer; ca?: Buffer };
}

/** Finds senders that went away without a word long before the idle time ends. */
const keepAliveMs = 60_000;
const handshakeMsMax = 10_000;
/** How long senders have to see that we stop and to finish what they are sending. */
const drainMsMax = 2_000;

/** Syslog over TCP (RFC 6587) or TLS (RFC 5425). */
export class StreamListener {
  private readonly deps: StreamDeps;
  private readonly server: Server;
  /** Connections as they came; those under TLS may not have shaken hands. */
  private readonly accepting = new Set<Socket>();
  private readonly sockets = new Set<Socket>();

  constructor(deps: StreamDeps) {
    this.deps = deps;
    const secure = deps.tls === undefined ? undefined : this.secured(deps.tls);
    this.server = createServer((socket) => this.accepted(socket, secure));
    this.server.maxConnections = deps.connectionsMax;
    this.server.on('drop', () => syslogRefused.inc({ reason: 'connections' }));
  }

  get connections(): number {
    return this.sockets.size;
  }

  listen(host: string, port: number): Promise<number> {
    const { server } = this;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        server.on('error', (error) => this.deps.log.error({ err: error }, 'syslog listener failed'));
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** There is room again: streams are read on. */
  resume(): void {
    for (const socket of this.sockets) socket.resume();
  }

  /**
   * Tells senders that we end and reads on until they have ended too. A sender that looks at its connection before it
   * writes (rsyslog does) then loses nothing.
   */
  async stop(): Promise<void> {
    if (!this.server.listening) return;
    // A server calls itself closed before its last socket has told what came of its last line.
    const sockets = [...this.sockets, ...this.accepting];
    const ended = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const closed = Promise.all([new Promise((resolve) => this.server.close(resolve)), ...ended]);
    for (const socket of this.sockets) socket.end();
    const stop = new AbortController();
    await Promise.race([closed, this.deps.clock.sleep(drainMsMax, stop.signal)]);
    stop.abort();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  private secured(tls: NonNullable<StreamDeps['tls']>): Server {
    const asks = tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
    const options = { ...tls, ...asks, handshakeTimeout: handshakeMsMax };
    const server = createTlsServer(options, (socket) => this.connected(socket));
    server.on('tlsClientError', (error, socket) => {
      syslogRefused.inc({ reason: 'tls' });
      this.deps.log.warn(
        { err: error, peer: socket.remoteAddress },
        'a syslog sender failed the TLS handshake',
      );
      socket.destroy();
    });
    return server;
  }

  /** The address is looked at before anything else is done for it. */
  private accepted(socket: Socket, secure: Server | undefined): void {
    if (!this.deps.allowed(socket.remoteAddress ?? '')) {
      syslogRefused.inc({ reason: 'address' });
      socket.destroy();
      return;
    }
    this.accepting.add(socket);
    socket.on('close', () => this.accepting.delete(socket));
    if (secure === undefined) this.connected(socket);
    else secure.emit('connection', socket);
  }

  private connected(socket: Socket): void {
    const { deps, sockets } = this;
    const { collector, transport } = deps;
    const peer = plainAddress(socket.remoteAddress ?? '');
    const frames = new FrameReader(deps.messageBytesMax, (bytes, cut) =>
      collector.offer({ bytes, cut, peer, transport }),
    );
    const count = (change: 1 | -1) => syslogConnections.inc(change);
    sockets.add(socket);
    count(1);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setTimeout(deps.idleS * 1000, () => {
      // Silent because we don't read is not idle.
      if (!socket.isPaused()) socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      if (collector.full) for (const each of sockets) each.pause();
    });
    socket.on('error', (error) => deps.log.debug({ err: error, peer }, 'syslog connection failed'));
    // After the end as after a break: what came of the last line is kept.
    socket.on('close', () => {
      frames.end();
      sockets.delete(socket);
      count(-1);
    });
    if (collector.full) socket.pause();
  }
}
