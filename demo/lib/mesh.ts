import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, readBytes, send, sendOnce } from './http-raw.ts';

/** A little more than the longest wait inside the shop, so that callers see their own timeout first. */
const timeoutMs = 6_000;

export interface RouteState {
  /** Release that receives the traffic; empty while none is known. */
  current: string;
  /** Address of each known release. */
  releases: Record<string, string>;
}

/**
 * The pass-through proxy between the services: one port per service, forwarding to the release that traffic is
 * routed to. It adds nothing to requests and sends no telemetry.
 */
export class Mesh {
  readonly #routes = new Map<string, RouteState>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 });

  async open(service: string, port: number): Promise<void> {
    this.#routes.set(service, { current: '', releases: {} });
    const server = createServer((request, response) => void this.#pass(service, request, response));
    server.keepAliveTimeout = 60_000;
    await listen(server, port);
  }

  routes(): Record<string, RouteState> {
    return Object.fromEntries(this.#routes);
  }

  register(service: string, version: string, base: string): boolean {
    const route = this.#routes.get(service);
    if (!route) return false;
    route.releases[version] = base;
    if (route.current === '') route.current = version;
    return true;
  }

  forget(service: string, version: string): void {
    const route = this.#routes.get(service);
    if (route && route.current !== version) delete route.releases[version];
  }

  /** Shifts all traffic; returns the release before, or a sentence that says why not. */
  flip(service: string, to: string): { previous: string } | { problem: string } {
    const route = this.#routes.get(service);
    if (!route)
      return { problem: `No service ${service}; there are ${[...this.#routes.keys()].join(', ')}.` };
    if (route.releases[to] === undefined)
      return {
        problem: `No release ${to} of ${service}; there are ${Object.keys(route.releases).join(', ')}.`,
      };
    const previous = route.current;
    route.current = to;
    return { previous };
  }

  async #pass(service: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = this.#routes.get(service);
    const base = route?.releases[route.current];
    try {
      if (base === undefined) throw new Error(`no instance of ${service}`);
      const payload = await readBytes(request);
      const answer = await this.#forward(new URL(request.url ?? '/', base), request, payload);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else send(response, { status: 502, body: { error: 'no_instance', message } });
    }
  }

  /** Tries again once on a kept connection that an ended process had already closed: that request was never read. */
  async #forward(url: URL, request: IncomingMessage, payload: Buffer): Promise<IncomingMessage> {
    const { host: _, connection: __, ...headers } = request.headers;
    const options = { agent: this.#agent, method: request.method ?? 'GET', headers, payload, timeoutMs };
    try {
      return await sendOnce(url, options);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
      return sendOnce(url, options);
    }
  }
}
