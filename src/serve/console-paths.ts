/**
 * Paths that the console draws itself; each answers with the same index.html. They are listed, not caught by a
 * wildcard, so that an unknown API path stays a JSON 404, and none of them is a path of the API (`/case/…` is the
 * API's, `/cases/…` the console's).
 */
export const consolePaths = [
  '/',
  '/cases',
  '/cases/:id',
  '/logs',
  '/traces',
  '/traces/:id',
  '/map',
  '/patterns',
  '/series',
  '/slo',
  '/intake',
  '/storage',
  '/jobs',
  '/admin',
] as const;

/** Whether a URL is the console's own shell: code without data, so it may be sent before anybody has signed in. */
export const isConsolePath = (url: string): boolean =>
  /^\/((cases|traces)(\/[^/?]+)?|logs|map|patterns|series|slo|intake|storage|jobs|admin)?\/?(\?|$)/.test(url);
