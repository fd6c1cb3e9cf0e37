import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, parseBody, readText, type ShopReply, send } from '../lib/http-raw.ts';
import { Router } from '../lib/router.ts';
import { type Shop, UnknownNameError } from './supervisor.ts';

export interface ControlServer {
  url: string;
  close(): Promise<void>;
}

type Fields = Record<string, unknown>;
type Action = (params: Record<string, string>, body: Fields) => Promise<ShopReply> | ShopReply;

const ok = (body: unknown): ShopReply => ({ status: 200, body });
const actorOf = (body: Fields): string => (typeof body.actor === 'string' ? body.actor : 'operator');

function field(body: Fields, key: string): string {
  const value = body[key];
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new TypeError(`Field "${key}" must be a text or a number.`);
  return String(value);
}

function routes(shop: Shop): Router<Action> {
  const router = new Router<Action>();
  router.add('GET /services', () => ok(shop.services()));
  router.add('POST /services/{name}/restart', async ({ name = '' }, body) => {
    await shop.restart(name, actorOf(body));
    return ok({ service: name, restarted: true });
  });
  router.add('POST /services/{name}/deploy', async ({ name = '' }, body) => {
    const version = field(body, 'version');
    return ok({ service: name, version, ...(await shop.deploy(name, version, actorOf(body))) });
  });
  router.add('GET /config/{service}/{key}', ({ service = '', key = '' }) =>
    ok({ service, key, ...shop.config(service, key) }),
  );
  router.add('PUT /config/{service}/{key}', ({ service = '', key = '' }, body) =>
    ok(shop.setConfig(service, key, field(body, 'value'), actorOf(body))),
  );
  return router;
}

/** The operators' API of the shop, on loopback: restart, deploy, configuration. */
export async function startControl(shop: Shop): Promise<ControlServer> {
  const router = routes(shop);
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    try {
      const match = router.find(request.method ?? 'GET', path);
      if (!match) return send(response, failure(404, `No route ${request.method} ${path}.`));
      send(response, await match.handler(match.params, parseBody(await readText(request))));
    } catch (error) {
      const status = error instanceof UnknownNameError ? 404 : error instanceof TypeError ? 400 : 500;
      send(response, failure(status, error instanceof Error ? error.message : String(error)));
    }
  };
  const server = createServer((request, response) => void handle(request, response));
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const failure = (status: number, message: string): ShopReply => ({
  status,
  body: { error: 'control', message },
});
