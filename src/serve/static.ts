import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyReply } from 'fastify';
import { ClewError } from '../lib/index.ts';
import { clusterInfo, wantsClusterInfo } from '../receive/index.ts';
import { consolePaths } from './console-paths.ts';
import type { RouteGroup } from './server.ts';

/** Nothing from elsewhere may run in the console or frame it. */
const contentPolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const notBuiltPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Clew</title>
<body style="font:15px/1.6 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem;background:#0f1216;color:#d7dde4">
<h1 style="font-size:20px">The console is not built yet</h1>
<p>Clew itself is running: telemetry is taken in and the API answers at
<a style="color:#7cb0ff" href="/api/docs">/api/docs</a>.</p>
<p>Stop Clew and start it again with</p><pre style="padding:12px;border:1px solid #313a45">npm start</pre>
<p>which builds the console first.</p>`;

/**
 * The console: hashed files under /assets for ever, index.html for every path that it draws. `/` is also where clients of
 * Elasticsearch ask what they talk to; they don't ask for a page.
 */
export function consoleRoutes(deps: { distDir: string }): RouteGroup {
  return async (app) => {
    await serveAssets(app, join(deps.distDir, 'assets'));
    for (const path of consolePaths) {
      app.get(path, { schema: { hide: true } }, async (request, reply) =>
        path === '/' && wantsClusterInfo(request)
          ? clusterInfo(request, reply)
          : sendShell(reply, deps.distDir),
      );
    }
    // A person who mistyped gets the console, which says so and leads home; a program gets the API's own answer.
    app.get('/*', { schema: { hide: true } }, async (request, reply) => {
      const page = !ofPrograms.test(request.url) && /\btext\/html\b/.test(request.headers.accept ?? '');
      if (!page) return reply.callNotFound();
      return sendShell(reply.status(404), deps.distDir);
    });
  };
}

/** Paths that only programs ask for. */
const ofPrograms = /^\/(api|v1|v2|loki|otlp|assets|metrics|_)/;

async function serveAssets(app: Parameters<RouteGroup>[0], root: string): Promise<void> {
  if (existsSync(root)) {
    await app.register(fastifyStatic, {
      root,
      prefix: '/assets/',
      maxAge: '365d',
      immutable: true,
      index: false,
      // `npm start` builds them beside the files.
      preCompressed: true,
    });
    return;
  }
  app.get('/assets/*', { schema: { hide: true } }, async () => {
    throw new ClewError(
      'not_found',
      'The console was not built when Clew started. Build it and start again.',
    );
  });
}

/** Read at each request: 1 kB, and a console that was built again is served without a restart. */
async function sendShell(reply: FastifyReply, distDir: string): Promise<FastifyReply> {
  const page = await readFile(join(distDir, 'index.html'), 'utf8').catch(() => null);
  reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').header('vary', 'accept');
  if (page === null) return reply.status(503).send(notBuiltPage);
  reply.header('content-security-policy', contentPolicy).header('referrer-policy', 'same-origin');
  return reply.header('x-content-type-options', 'nosniff').send(page);
}
