import Fastify, { type FastifyInstance } from 'fastify';
import type { RouteGroup } from './server.ts';

/**
 * Nothing on this page may come from elsewhere. The page's own settings ask for that (no web fonts, no telemetry, no proxy),
 * and the policy makes the browser refuse whatever a later version of the library would try.
 */
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'";

/** The page's library holds 40 MB resident once loaded, so it is loaded when somebody opens the page. */
async function openPage(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference');
  const page = Fastify();
  await page.register(scalar, {
    routePrefix: '/api/docs',
    configuration: {
      url: '/api/openapi.json',
      pageTitle: 'Clew API',
      withDefaultFonts: false,
      telemetry: false,
      hideClientButton: true,
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
    },
  });
  return page;
}

/** The API document as JSON and as a page to read and try. Register without a prefix, in any order with the others. */
export function docsRoutes(): RouteGroup {
  return async (app) => {
    let page: Promise<FastifyInstance> | undefined;
    app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    app.get('/api/docs', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/api/docs/'));
    app.get('/api/docs/*', { schema: { hide: true } }, async (request, reply) => {
      page ??= openPage();
      const answer = await (await page).inject({ method: 'GET', url: request.url });
      if (answer.statusCode === 404) return reply.callNotFound();
      return reply
        .status(answer.statusCode)
        .header('content-security-policy', contentSecurityPolicy)
        .type(String(answer.headers['content-type']))
        .send(answer.rawPayload);
    });
    app.addHook('onClose', async () => {
      if (page) await (await page).close();
    });
  };
}
