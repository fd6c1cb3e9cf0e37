/** Every page and what its address may hold. Pages are loaded when they are first opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from '@tanstack/react-router';
import { dropUndefined, type LogSearch, parseLogSearch } from '../model/logfilter.ts';
import { type FrameSearch, parseFrame } from '../model/range.ts';
import { type Layer, layers, type Span, spans } from '../model/topology.ts';
import { listOf, momentOf, numberOf, oneOf, parseSearch, stringifySearch, textOf } from '../model/url.ts';
import { HomePage } from '../page/home.tsx';
import { CrashPage, MissingPage } from './crash.tsx';
import { FrameLayout } from './frame.tsx';

/** Every page: the time, and the event that is looked at over it. */
export type RootSearch = FrameSearch & { event?: string };

const rootRoute = createRootRoute({
  validateSearch: (raw: Record<string, unknown>): RootSearch => ({
    ...parseFrame(raw),
    ...dropUndefined({ event: textOf(raw.event) }),
  }),
  search: { middlewares: [retainSearchParams(['range', 'from', 'to', 'live'])] },
  component: FrameLayout,
  notFoundComponent: MissingPage,
  errorComponent: CrashPage,
});

const homeRoute = createRoute({ getParentRoute: () => rootRoute, path: '/', component: HomePage });

const logsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/logs',
  validateSearch: (raw: Record<string, unknown>): LogSearch => parseLogSearch(raw),
  component: lazyRouteComponent(() => import('../page/logs.tsx'), 'LogsPage'),
});

export interface TracesSearch {
  service?: string;
  operation?: string;
  status?: 'error' | 'ok';
  min_ms?: number;
  max_ms?: number;
  attr?: string[];
}

const tracesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/traces',
  validateSearch: (raw: Record<string, unknown>): TracesSearch =>
    dropUndefined({
      service: textOf(raw.service),
      operation: textOf(raw.operation),
      status: oneOf(raw.status, ['error', 'ok'] as const),
      min_ms: numberOf(raw.min_ms),
      max_ms: numberOf(raw.max_ms),
      attr: listOf(raw.attr),
    }),
  component: lazyRouteComponent(() => import('../page/traces.tsx'), 'TracesPage'),
});

export interface TraceSearch {
  span?: string;
  critical?: 'only';
}

const traceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/traces/$traceId',
  validateSearch: (raw: Record<string, unknown>): TraceSearch =>
    dropUndefined({ span: textOf(raw.span), critical: oneOf(raw.critical, ['only'] as const) }),
  component: lazyRouteComponent(() => import('../page/trace.tsx'), 'TracePage'),
});

export interface MapSearch {
  at?: number;
  /** The moment that is compared with. */
  since?: number;
  layer?: Layer;
  span?: Span;
  /** The other end of the way from `node`. */
  target?: string;
  focus?: string;
  hops?: number;
  node?: string;
  open?: string[];
}

const mapRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/map',
  validateSearch: (raw: Record<string, unknown>): MapSearch =>
    dropUndefined({
      at: momentOf(raw.at),
      since: momentOf(raw.since),
      layer: oneOf(raw.layer, layers),
      span: oneOf(raw.span, Object.keys(spans) as Span[]),
      target: textOf(raw.target),
      focus: textOf(raw.focus),
      hops: numberOf(raw.hops),
      node: textOf(raw.node),
      open: listOf(raw.open),
    }),
  component: lazyRouteComponent(() => import('../page/map.tsx'), 'MapPage'),
});

const casesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/cases',
  validateSearch: (raw: Record<string, unknown>): { show?: 'closed' | 'all' } =>
    dropUndefined({ show: oneOf(raw.show, ['closed', 'all'] as const) }),
  component: lazyRouteComponent(() => import('../page/cases.tsx'), 'CasesPage'),
});

const caseRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/cases/$caseId',
  validateSearch: (raw: Record<string, unknown>): { evidence?: string } =>
    dropUndefined({ evidence: textOf(raw.evidence) }),
  component: lazyRouteComponent(() => import('../page/case.tsx'), 'CasePage'),
});

export interface PatternsSearch {
  service?: string;
  severity?: string;
  q?: string;
  only?: 'new' | 'errors';
  sort?: 'errors' | 'first_seen' | 'last_seen';
  tab?: 'compare' | 'applications' | 'changes';
  with?: 'previous' | 'hour' | 'week' | 'year' | 'release';
  /** The pattern that is open. */
  id?: string;
}

const patternsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/patterns',
  validateSearch: (raw: Record<string, unknown>): PatternsSearch =>
    dropUndefined({
      service: textOf(raw.service),
      severity: textOf(raw.severity),
      q: textOf(raw.q),
      only: oneOf(raw.only, ['new', 'errors'] as const),
      sort: oneOf(raw.sort, ['errors', 'first_seen', 'last_seen'] as const),
      tab: oneOf(raw.tab, ['compare', 'applications', 'changes'] as const),
      with: oneOf(raw.with, ['previous', 'hour', 'week', 'year', 'release'] as const),
      id: textOf(raw.id),
    }),
  component: lazyRouteComponent(() => import('../page/patterns.tsx'), 'PatternsPage'),
});

export interface SeriesSearch {
  metric?: string;
  service?: string;
  stat?: 'p95' | 'max';
  /** Part of the names in the list. */
  q?: string;
}

const seriesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/series',
  validateSearch: (raw: Record<string, unknown>): SeriesSearch =>
    dropUndefined({
      metric: textOf(raw.metric),
      service: textOf(raw.service),
      stat: oneOf(raw.stat, ['p95', 'max'] as const),
      q: textOf(raw.q),
    }),
  component: lazyRouteComponent(() => import('../page/series.tsx'), 'SeriesPage'),
});

const sloRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/slo',
  component: lazyRouteComponent(() => import('../page/slo.tsx'), 'SloPage'),
});

const intakeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/intake',
  component: lazyRouteComponent(() => import('../page/intake.tsx'), 'IntakePage'),
});

const storageRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/storage',
  component: lazyRouteComponent(() => import('../page/storage.tsx'), 'StoragePage'),
});

const jobsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/jobs',
  validateSearch: (raw: Record<string, unknown>): { job?: string } => dropUndefined({ job: textOf(raw.job) }),
  component: lazyRouteComponent(() => import('../page/jobs.tsx'), 'JobsPage'),
});

const adminRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/admin',
  component: lazyRouteComponent(() => import('../page/admin.tsx'), 'AdminPage'),
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    homeRoute,
    logsRoute,
    tracesRoute,
    traceRoute,
    mapRoute,
    casesRoute,
    caseRoute,
    patternsRoute,
    seriesRoute,
    sloRoute,
    intakeRoute,
    storageRoute,
    jobsRoute,
    adminRoute,
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultErrorComponent: CrashPage,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
