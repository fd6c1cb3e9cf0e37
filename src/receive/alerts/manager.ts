import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ClewError } from '../../lib/index.ts';
import { type FrontDeps, tenantOf } from '../http.ts';
import type { AlertBook, BookEntry } from './book.ts';

const receiver = { name: 'clew' };
const filtersMax = 32;

/**
 * What Prometheus, amtool and Grafana read of an Alertmanager: its status, the alerts that fire, and that there are no
 * silences; Clew mutes nothing.
 */
export function managerRoutes(app: FastifyInstance, deps: FrontDeps, book: AlertBook): void {
  const startedAt = new Date(deps.clock.now()).toISOString();
  const options = { schema: { hide: true }, config: { ownCredentials: true } };
  app.get('/api/v2/status', options, async () => ({
    cluster: { status: 'disabled', peers: [] },
    config: { original: '' },
    uptime: startedAt,
    versionInfo: { branch: '', buildDate: '', buildUser: '', goVersion: '', revision: '', version: 'clew' },
  }));
  app.get('/api/v2/receivers', options, async () => [receiver]);
  app.get('/api/v2/silences', options, async () => []);
  const wanted = (request: FastifyRequest): Gettable[] => {
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    if (query.get('active') === 'false') return [];
    const matchers = query.getAll('filter').slice(0, filtersMax).map(matcherOf);
    return book
      .firing(tenantOf(deps, request), deps.clock.now())
      .filter(({ alert }) => matchers.every((matches) => matches(alert.labels)))
      .map(gettable);
  };
  app.get('/api/v2/alerts', options, async (request) => wanted(request));
  app.get('/api/v2/alerts/groups', options, async (request) => {
    const alerts = wanted(request);
    return alerts.length === 0 ? [] : [{ labels: {}, receiver, alerts }];
  });
}

const gettable = ({ alert, updatedAt }: BookEntry) => ({
  annotations: alert.annotations,
  endsAt: new Date(alert.endsAt).toISOString(),
  fingerprint: alert.fingerprint,
  receivers: [receiver],
  startsAt: new Date(alert.startsAt).toISOString(),
  status: { inhibitedBy: [], mutedBy: [], silencedBy: [], state: 'active' },
  updatedAt: new Date(updatedAt).toISOString(),
  generatorURL: alert.generatorUrl,
  labels: alert.labels,
});
type Gettable = ReturnType<typeof gettable>;

/** `name="value"` or `name!="value"`. */
function matcherOf(filter: string): (labels: Readonly<Record<string, string>>) => boolean {
  const [, name = '', operator = '', quoted = ''] =
    /^\s*\{?\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(!?=)(?!~)\s*(.*?)\s*\}?\s*$/.exec(filter.slice(0, 1_000)) ?? [];
  if (operator === '')
    throw new ClewError(
      'bad_request',
      `bad matcher format: ${filter.slice(0, 100)}; name="value" and name!="value" are understood`,
    );
  const value = quoted.replace(/^"(.*)"$/s, '$1').replace(/\\(["\\])/g, '$1');
  return (labels) => ((labels[name] ?? '') === value) === (operator === '=');
}
