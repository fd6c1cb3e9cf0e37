/** A bad network between a sender and Clew: every byte is late, and connections break in the middle of a request. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface ProxyOptions {
  target: string;
  delayMs: number;
  /** A connection is cut after about so many bytes in either direction together. */
  cutAfterBytes: number;
  /** Share of the answers that never arrive: the request was taken, and its sender can't know. */
  answersLost: number;
}

export class BadNetwork {
  /** Connections that were cut. */
  cuts = 0;
  private readonly options: ProxyOptions;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(options: ProxyOptions) {
    this.options = options;
    this.server = createServer((client) => this.join(client));
  }

  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', () => {
        const address = this.server.address();
        resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
      });
    });
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private join(client: Socket): void {
    const target = new URL(this.options.target);
    const upstream = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    // A network that breaks says no goodbye: an orderly end would tell Clew that its answer was read.
    const cut = () => {
      this.cuts++;
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    };
    // Between half and one and a half times the bytes, so that cuts hit heads, bodies and answers alike.
    let left = this.options.cutAfterBytes * (0.5 + Math.random());
    const forward = (from: Socket, to: Socket, lost: number) => {
      this.sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0 || Math.random() < lost) {
          if (!from.destroyed) cut();
          return;
        }
        setTimeout(() => to.writable && to.write(chunk), this.options.delayMs);
      });
      from.on('error', end);
      from.on('close', () => {
        this.sockets.delete(from);
        setTimeout(end, this.options.delayMs);
      });
    };
    forward(client, upstream, 0);
    forward(upstream, client, this.options.answersLost);
  }
}
