import { createServer } from 'node:net';

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const got = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => resolve(got));
    });
  });
}

/**
 * The wanted port when nobody has it at this moment, otherwise 0: who listens there picks one. Only a hint that spares a start in
 * vain; another program may take the port before it is bound.
 */
export async function portHint(wanted: number): Promise<number> {
  return (await tryPort(wanted)) === null ? 0 : wanted;
}

async function freePort(): Promise<number> {
  const port = await tryPort(0);
  if (port === null) throw new Error('No free port on 127.0.0.1.');
  return port;
}

/** Several free ports that differ from each other. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) found.add(await freePort());
  return [...found];
}
