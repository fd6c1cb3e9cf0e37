import scalar from '@scalar/fastify-api-reference';
import type { RouteGroup } from './server.ts';

/**
 * Nothing on this page may come from elsewhere. The page's own settings ask for that (no web fonts, no telemetry, no proxy),
 * and the policy makes the browser refuse whatever a later version of the library would try.
 */
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'";

/** The API document as JSON and as a page to read and try. Register without a prefix, after or before the others. */
export function docsRoutes(): RouteGroup {
  return async (app) => {
    app.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    app.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', contentSecurityPolicy);
    });
    await app.register(scalar, {
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
  };
}
