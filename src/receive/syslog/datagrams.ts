import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Logger } from '../../lib/index.ts';
import { plainAddress } from './allow.ts';
import type { Collector } from './collector.ts';
import { syslogDropped, syslogRefused } from './events.ts';
import { withoutTrailer } from './frames.ts';

export interface DatagramDeps {
  collector: Pick<Collector, 'offer' | 'full'>;
  log: Logger;
  allowed: (address: string) => boolean;
  messageBytesMax: number;
}

/** Asked for; the kernel gives what net.core.rmem_max allows. Some seconds of a burst that the program is too busy for. */
const receiveBytes = 8_388_608;

/** Syslog over UDP (RFC 5426): a message a datagram. Without room a datagram is dropped, as the network would, and counted. */
export class DatagramListener {
  private readonly deps: DatagramDeps;
  private socket: Socket | undefined;
  dropped = 0;

  constructor(deps: DatagramDeps) {
    this.deps = deps;
  }

  async listen(host: string, port: number): Promise<number> {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: receiveBytes });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, host, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', (error) => this.deps.log.error({ err: error }, 'syslog listener failed'));
    socket.on('message', (bytes, sender) => this.received(bytes, sender.address));
    this.socket = socket;
    return socket.address().port;
  }

  async stop(): Promise<void> {
    const { socket } = this;
    this.socket = undefined;
    if (socket === undefined) return;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  private received(datagram: Uint8Array, address: string): void {
    const { collector, allowed, messageBytesMax } = this.deps;
    if (!allowed(address)) {
      syslogRefused.inc({ reason: 'address' });
      return;
    }
    if (collector.full) {
      this.dropped += 1;
      syslogDropped.inc({ reason: 'full' });
      return;
    }
    const end = withoutTrailer(datagram, 0, datagram.length);
    if (end === 0) return;
    const bytes = datagram.subarray(0, Math.min(end, messageBytesMax));
    collector.offer({ bytes, cut: end > messageBytesMax, peer: plainAddress(address), transport: 'udp' });
  }
}
