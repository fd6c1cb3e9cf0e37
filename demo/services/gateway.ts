/**
 * The shop's public entry, and the mesh between its services. Browsers talk to the public port; services talk to
 * each other through one mesh port per service; releases are shifted through the admin port.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen, parseBody, readText, type ShopReply, send } from '../lib/http-raw.ts';
import type { ShopRequest } from '../lib/http-server.ts';
import { Mesh } from '../lib/mesh.ts';
import { tell } from '../lib/process.ts';
import { runService } from '../lib/service.ts';

const publicRoutes = [
  'GET /',
  'GET /search',
  'GET /products/{sku}',
  'GET /cart',
  'POST /cart/items',
  'POST /checkout',
  'GET /orders/{id}',
];

const mesh = new Mesh();

async function admin(request: IncomingMessage): Promise<ShopReply> {
  const [, root, area, service, releases, version] = (request.url ?? '').split('/');
  if (root !== 'admin' || area !== 'routes') return problem(404, 'The admin API begins with /admin/routes.');
  if (request.method === 'GET' && service === undefined) return { status: 200, body: mesh.routes() };
  if (service === undefined) return problem(404, 'Name a service: /admin/routes/{service}.');
  const body = parseBody(await readText(request));
  if (releases === 'releases' && version !== undefined)
    return release(request.method, service, version, body);
  if (request.method !== 'PUT') return problem(405, 'Use PUT with {"to": "<release>"}.');
  if (typeof body.to !== 'string') return problem(400, 'Field "to" must name a release.');
  const flipped = mesh.flip(service, body.to);
  if ('problem' in flipped) return problem(422, flipped.problem);
  const actor = typeof body.actor === 'string' ? body.actor : 'gateway-admin';
  const { previous } = flipped;
  if (previous !== body.to) tell({ type: 'flipped', service, from: previous, to: body.to, actor });
  return { status: 200, body: { service, previous, current: body.to } };
}

function release(
  method: string | undefined,
  service: string,
  version: string,
  body: Record<string, unknown>,
): ShopReply {
  if (method === 'DELETE') {
    mesh.forget(service, version);
    return { status: 200, body: { service, version } };
  }
  if (typeof body.base !== 'string') return problem(400, 'Field "base" must be the address of the release.');
  if (!mesh.register(service, version, body.base)) return problem(404, `No service ${service}.`);
  return { status: 200, body: { service, version, base: body.base } };
}

const problem = (status: number, message: string): ShopReply => ({
  status,
  body: { error: 'admin', message },
});

async function handleAdmin(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    send(response, await admin(request));
  } catch (error) {
    send(response, problem(400, error instanceof Error ? error.message : String(error)));
  }
}

await runService(async (service) => {
  for (const [name, base] of Object.entries(service.settings.peers)) {
    const port = Number(new URL(base).port);
    if (name === 'admin')
      await listen(
        createServer((request, response) => void handleAdmin(request, response)),
        port,
      );
    else await mesh.open(name, port);
  }
  const pass = async (request: ShopRequest): Promise<ShopReply> => {
    const query = request.query.size > 0 ? `?${request.query}` : '';
    const { method } = request;
    const user = String(request.headers['x-user-id'] ?? 'anonymous');
    request.span.setAttribute('user.id', user);
    const answer = await service.forward('frontend', {
      method,
      path: `${request.path}${query}`,
      headers: { 'x-user-id': user },
      ...(method === 'GET' ? {} : { body: request.body }),
    });
    if (answer.status >= 500)
      request.span.setStatus({ code: 2, message: `frontend answered ${answer.status}` });
    service.telemetry.log(
      answer.status >= 500 ? 'warn' : 'info',
      `${method} ${request.path} ${answer.status}`,
      {
        'http.request.method': method,
        'http.response.status_code': answer.status,
        'user.region': request.region,
      },
    );
    return answer;
  };
  for (const pattern of publicRoutes) service.route(pattern, pass);
});
