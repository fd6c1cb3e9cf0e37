/** Logs: counts over time, the lines, what they have in common, and one line in full. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';
import { facetsQuery, histogramQuery, tailPollMs } from '../api/queries.ts';
import { useT } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatCount, formatLength } from '../model/format.ts';
import { dropUndefined, type LogFilter, type LogSearch, toggled } from '../model/logfilter.ts';
import { windowOf } from '../model/range.ts';
import { Problem, Skeleton } from '../panel/bits.tsx';
import { type Frame, useFrame } from '../panel/frame.ts';
import { Histogram } from '../panel/histogram.tsx';
import { Facets } from './logs/facets.tsx';
import { FilterBar } from './logs/filterbar.tsx';
import { Lines } from './logs/lines.tsx';
import { Patterns } from './logs/patterns.tsx';
import './logs/logs.css';

const route = getRouteApi('/logs');

const filterOf = (search: LogSearch): LogFilter =>
  dropUndefined({
    service: search.service,
    severity: search.severity,
    q: search.q,
    trace_id: search.trace_id,
    pattern: search.pattern,
    attr: search.attr,
  });

export function LogsPage() {
  const t = useT();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const frame = useFrame();
  const signature = JSON.stringify(filterOf(search));
  const filter = useMemo<LogFilter>(() => JSON.parse(signature), [signature]);
  const setFilter = (next: LogFilter): void => {
    const cleared = {
      service: undefined,
      severity: undefined,
      q: undefined,
      trace_id: undefined,
      pattern: undefined,
      attr: undefined,
    };
    void navigate({ search: (prev) => ({ ...prev, ...cleared, ...next, line: undefined }) });
  };
  const pick = (key: string, value: string, exclude: boolean): void =>
    setFilter(toggled(filter, key, value, exclude));
  const tab = search.tab ?? 'lines';
  return (
    <div className="logs" data-testid="page-logs">
      <aside className="logs-facets">
        <h2>{t('logs.facets')}</h2>
        <FacetColumn frame={frame} filter={filter} pick={pick} />
      </aside>
      <div className="logs-main">
        <FilterBar filter={filter} setFilter={setFilter} tab={tab} />
        <Overview frame={frame} filter={filter} />
        {tab === 'patterns' ? (
          <Patterns frame={frame} filter={filter} />
        ) : (
          <Lines frame={frame} filter={filter} pick={pick} clear={() => setFilter({})} />
        )}
      </div>
    </div>
  );
}

function FacetColumn(props: {
  frame: Frame;
  filter: LogFilter;
  pick: (key: string, value: string, exclude: boolean) => void;
}) {
  const query = useQuery(facetsQuery(props.frame.frame, props.filter, props.frame.poll(3 * tailPollMs)));
  if (query.data === undefined)
    return query.error === null ? (
      <Skeleton rows={10} />
    ) : (
      <Problem error={query.error} retry={() => void query.refetch()} />
    );
  return <Facets facets={query.data.data} filter={props.filter} pick={props.pick} />;
}

function Overview({ frame, filter }: { frame: Frame; filter: LogFilter }) {
  const t = useT();
  const query = useQuery(histogramQuery(frame.frame, filter, frame.poll(tailPollMs)));
  if (query.data === undefined) {
    return query.error === null ? (
      <div className="histogram empty-histogram" />
    ) : (
      <Problem error={query.error} retry={() => void query.refetch()} />
    );
  }
  const { data, window } = query.data;
  const total = Object.values(data.series)
    .flat()
    .reduce((sum, count) => sum + count, 0);
  const hint = `${t('logs.count', { n: formatCount(total) })} · ${t('logs.histogram', { span: formatLength(data.step_ms) })} · ${t('logs.zoom')}`;
  return (
    <Histogram
      histogram={data}
      window={frame.pinned ? windowOf(frame.frame, now()) : window}
      label={hint}
      hint={hint}
      onZoom={frame.zoom}
    />
  );
}
