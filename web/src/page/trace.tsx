/** One trace: where its time went and where it failed. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { ApiError } from '../api/client.ts';
import { traceQuery } from '../api/queries.ts';
import type { Span, TraceDetail } from '../api/types.ts';
import { useT } from '../i18n/index.tsx';
import { formatMoment, formatMs } from '../model/format.ts';
import { criticalPath, failingSpans, type WaterfallRow, waterfallRows } from '../model/waterfall.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { useRowKeys } from '../panel/keys.ts';
import { usePageTitle } from '../panel/title.ts';
import { SpanDetail } from './trace/span.tsx';
import { Waterfall } from './trace/waterfall.tsx';
import './trace/trace.css';

const route = getRouteApi('/traces/$traceId');

export function TracePage() {
  const t = useT();
  const { traceId } = route.useParams();
  const query = useQuery(traceQuery(traceId));
  usePageTitle(`${t('trace.title')} ${traceId.slice(0, 8)}`);
  if (query.data === undefined && query.error === null) return <Skeleton rows={18} height={14} />;
  const missing = query.error instanceof ApiError && query.error.status === 404;
  if (query.data === undefined && !missing)
    return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined || query.data.spans.length === 0) {
    return (
      <Empty title={`${t('trace.title')} ${traceId.slice(0, 16)}`}>
        <p>{t('trace.missing')}</p>
        <div className="row">
          <button type="button" className="button" onClick={() => void query.refetch()}>
            {t('action.retry')}
          </button>
          <Link to="/logs" search={{ trace_id: traceId, range: '24h' }} className="button">
            {t('trace.alllogs')}
          </Link>
        </div>
      </Empty>
    );
  }
  return <TraceBody trace={query.data} />;
}

function TraceBody({ trace }: { trace: TraceDetail }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const critical = useMemo(() => criticalPath(trace.spans), [trace]);
  const rows = useMemo(() => {
    const all = waterfallRows(trace.spans, collapsed);
    return search.critical === 'only' ? all.filter((row) => critical.has(row.span.span_id)) : all;
  }, [trace, collapsed, critical, search.critical]);
  const chosen = search.span ?? failingSpans(trace.spans)[0]?.span_id;
  const selected = rows.findIndex((row) => row.span.span_id === chosen);
  const select = (id: string | undefined): void =>
    void navigate({ search: (prev) => ({ ...prev, span: id }), replace: true });
  const toggle = (id: string): void => {
    const next = new Set(collapsed);
    if (!next.delete(id)) next.add(id);
    setCollapsed(next);
  };
  useRowKeys({
    count: rows.length,
    selected,
    select: (i) => select(rows[i]?.span.span_id),
    open: (i) => {
      const row = rows[i];
      if (row && row.children > 0) toggle(row.span.span_id);
    },
    close: () => history.back(),
  });
  const span = trace.spans.find((each) => each.span_id === chosen);
  return (
    <div className="trace" data-testid="page-trace">
      <TraceHead
        trace={trace}
        critical={search.critical === 'only'}
        rows={rows}
        setCollapsed={setCollapsed}
        select={select}
      />
      <div className="trace-body">
        <Waterfall
          trace={trace}
          rows={rows}
          collapsed={collapsed}
          critical={critical}
          selected={selected}
          select={select}
          toggle={toggle}
        />
        <SpanDetail trace={trace} span={span} />
      </div>
    </div>
  );
}

interface HeadProps {
  trace: TraceDetail;
  critical: boolean;
  rows: WaterfallRow<Span>[];
  setCollapsed: (collapsed: ReadonlySet<string>) => void;
  select: (id: string) => void;
}

function TraceHead({ trace, critical, setCollapsed, select }: HeadProps) {
  const t = useT();
  const root = waterfallRows(trace.spans)[0]?.span;
  const failed = failingSpans(trace.spans);
  const services = new Set(trace.spans.map((span) => span.service)).size;
  const parents = new Set(trace.spans.map((span) => span.parent_span_id));
  const navigate = route.useNavigate();
  return (
    <header className="trace-head">
      <h1 className="clip">
        {root?.service} <span className="dim">{root?.name}</span>
      </h1>
      <p className="trace-facts">
        <b>{formatMs(trace.duration_ms)}</b>
        <span className="mono">{formatMoment(trace.at, true)}</span>
        <span>{t('trace.spans', { n: trace.spans.length })}</span>
        <span>{t('trace.services', { n: services })}</span>
        <span className={failed.length > 0 ? 'bad' : ''}>
          {failed.length > 0 ? t('trace.errors', { n: failed.length }) : t('trace.errors.none')}
        </span>
        <Link
          to="/logs"
          search={{
            trace_id: trace.trace_id,
            from: Math.floor(trace.at) - 60_000,
            to: Math.ceil(trace.at + trace.duration_ms) + 60_000,
          }}
        >
          {t('trace.logs', { n: trace.logs.length })}
        </Link>
        {root && (
          <Link to="/traces" search={{ service: root.service, operation: root.name }}>
            {t('trace.similar')}
          </Link>
        )}
        <span className="mono dim">{trace.trace_id}</span>
      </p>
      <div className="row wrap">
        <button
          type="button"
          className={`button small ${critical ? 'chosen' : ''}`}
          aria-pressed={critical}
          onClick={() =>
            void navigate({
              search: (prev) => ({ ...prev, critical: critical ? undefined : 'only' }),
              replace: true,
            })
          }
        >
          {t('trace.critical.only')}
        </button>
        <button type="button" className="button small" onClick={() => setCollapsed(parents)}>
          {t('trace.collapse')}
        </button>
        <button type="button" className="button small" onClick={() => setCollapsed(new Set())}>
          {t('trace.expand')}
        </button>
        {failed.length > 0 && <span className="dim">{t('trace.errors.first')}:</span>}
        {failed.slice(0, 4).map((span) => (
          <button
            type="button"
            key={span.span_id}
            className="button small error-jump"
            onClick={() => {
              setCollapsed(new Set());
              select(span.span_id);
            }}
          >
            ✕ {span.service} {span.name}
          </button>
        ))}
      </div>
    </header>
  );
}
