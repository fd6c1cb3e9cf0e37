/**
 * serve — the HTTP face: one server, one group of routes per file, the API document, the console's files.
 *
 * Contract: handlers parse with zod, call one function of another room and shape its answer; errors leave in one form
 * (`{error: {code, message, retryable, details, trace_id}}`).
 * What never happens here: SQL, decisions, state.
 */

export { type ApiDeps, createApi } from './api.ts';
export { healthRoutes } from './health.ts';
export { createServer, type RouteGroup, type ServerOptions } from './server.ts';
