import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * Systems give connections ports from 32768 on (Linux) or 49152 on (others). A port from there may be somebody's before its
 * program binds it; these are taken only by who asks for them.
 */
const firstPort = 15_000;
const lastPort = 32_000;
const triesMax = 1_000;

const isFreeTcp = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

const isFreeUdp = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });

/**
 * The wanted port when nobody has it at this moment, otherwise 0: who listens there picks one. Only a hint that spares a start in
 * vain; another program may take the port before it is bound.
 */
export async function portHint(wanted: number): Promise<number> {
  return (await isFreeTcp(wanted)) ? wanted : 0;
}

/** Several ports of 127.0.0.1 that differ from each other and are free now, for TCP and for UDP. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > triesMax) throw new Error(`No free port of 127.0.0.1 from ${firstPort} to ${lastPort}.`);
    const port = randomInt(firstPort, lastPort);
    if (!found.has(port) && (await isFreeTcp(port)) && (await isFreeUdp(port))) found.add(port);
  }
  return [...found];
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}
