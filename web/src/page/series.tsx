/** Metrics per minute: a name on the left, on the right a chart for each service and set of labels, the unusual ones first. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { MetricLine, MetricName } from '../../../src/model/series-report.ts';
import { changesQuery, livePollMs } from '../api/queries.ts';
import { seriesNamesQuery, seriesQuery } from '../api/series.ts';
import type { RootSearch, SeriesSearch } from '../app/router.tsx';
import { useWords } from '../i18n/index.tsx';
import { formatCount, formatLength } from '../model/format.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { type Frame, useFrame } from '../panel/frame.ts';
import { MetricChart } from '../panel/metricchart.tsx';
import { ServiceName } from '../panel/service.tsx';
import { Widen } from '../panel/widen.tsx';
import './series.css';

const route = getRouteApi('/series');
const stats = [undefined, 'p95', 'max'] as const;
/** Rollups are made a minute at a time, some two minutes after it. */
const pollMs = 6 * livePollMs;
/** What is shown when nothing was chosen: how long requests take. */
const firstMetric = 'clew.duration_ms';

export function SeriesPage() {
  const { t } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const frame = useFrame();
  const names = useQuery(seriesNamesQuery(frame.frame, undefined, frame.poll(pollMs)));
  const all = names.data?.data;
  const metric =
    search.metric ?? (all?.some((name) => name.metric === firstMetric) ? firstMetric : all?.[0]?.metric);
  const set = (patch: SeriesSearch): void =>
    void navigate({ search: (prev: RootSearch & SeriesSearch) => ({ ...prev, ...patch }), replace: true });
  return (
    <div className="series-page" data-testid="page-series">
      <aside className="series-names">
        <input
          data-query
          value={search.q ?? ''}
          placeholder={t('series.find')}
          aria-label={t('series.find')}
          onChange={(event) => set({ q: event.target.value === '' ? undefined : event.target.value })}
          data-testid="series-find"
        />
        {names.error !== null && <Problem error={names.error} retry={() => void names.refetch()} />}
        {all === undefined && names.error === null && <Skeleton rows={12} />}
        {all && <Names names={all} chosen={metric} typed={search.q ?? ''} set={set} />}
      </aside>
      <div className="page">
        {metric !== undefined && (
          <Chosen metric={metric} search={search} set={set} frame={frame} names={all} />
        )}
        {all?.length === 0 && search.metric === undefined && <NoMetrics frame={frame} />}
        {all === undefined && metric === undefined && <Skeleton rows={8} height={24} />}
      </div>
    </div>
  );
}

function NoMetrics({ frame }: { frame: Frame }) {
  const { t } = useWords();
  return (
    <section className="panel">
      <Empty title={t('series.empty', { span: frame.span })}>
        <p>{t('series.empty.text')}</p>
        <Widen />
      </Empty>
    </section>
  );
}

/** Series that Clew derives itself go by a name that says what they are. */
const own: Record<string, 'series.own.rate' | 'series.own.errors' | 'series.own.duration'> = {
  'clew.requests_per_second': 'series.own.rate',
  'clew.error_rate': 'series.own.errors',
  'clew.duration_ms': 'series.own.duration',
};

function Names(props: {
  names: MetricName[];
  chosen: string | undefined;
  typed: string;
  set: (patch: SeriesSearch) => void;
}) {
  const { t } = useWords();
  const needle = props.typed.toLowerCase();
  const nameOf = (metric: string): string => (own[metric] === undefined ? metric : t(own[metric]));
  const shown = props.names
    .filter(({ metric }) => `${metric} ${nameOf(metric)}`.toLowerCase().includes(needle))
    .sort((a, b) => Number(own[b.metric] !== undefined) - Number(own[a.metric] !== undefined));
  if (shown.length === 0 && props.names.length > 0) return <p className="dim">{t('series.nomatch')}</p>;
  return (
    <ul>
      {shown.map(({ metric, services, series }) => (
        <li key={metric}>
          <button
            type="button"
            className={`series-name ${metric === props.chosen ? 'chosen' : ''}`}
            aria-pressed={metric === props.chosen}
            title={`${metric}\n${services.join(', ')}`}
            onClick={() => props.set({ metric })}
            data-testid="series-name"
          >
            <span className={`grow clip ${own[metric] === undefined ? 'mono' : ''}`}>{nameOf(metric)}</span>
            <span className="dim num">{formatCount(series)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Chosen(props: {
  metric: string;
  search: SeriesSearch;
  set: (patch: SeriesSearch) => void;
  frame: Frame;
  names: MetricName[] | undefined;
}) {
  const { t } = useWords();
  const { metric, search, set, frame } = props;
  const { service, stat } = search;
  const query = useQuery(seriesQuery(frame.frame, { metric, service, stat }, frame.poll(pollMs)));
  const changes = useQuery(changesQuery(frame.frame, frame.poll(pollMs), service));
  const found = query.data;
  const look = found?.data;
  const marks = (changes.data?.data ?? []).map((change) => change.at);
  const label = own[metric];
  return (
    <>
      <header className="page-head">
        <h1 className={label === undefined ? 'mono' : ''}>{label === undefined ? metric : t(label)}</h1>
        {look && (
          <span className="dim">
            {look.unit !== '' && `${look.unit} · `}
            {t('series.step', { span: formatLength(look.step_ms) })}
          </span>
        )}
        <span className="grow" />
        <label className="row">
          {t('traces.service')}
          <select
            value={service ?? ''}
            onChange={(event) => set({ service: event.target.value === '' ? undefined : event.target.value })}
            data-testid="series-service"
          >
            <option value="">{t('traces.any')}</option>
            {[
              ...new Set([...(service === undefined ? [] : [service]), ...servicesOf(props.names, metric)]),
            ].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <fieldset className="segmented" aria-label={t('series.stat')}>
          {stats.map((each) => (
            <button
              type="button"
              key={each ?? 'avg'}
              className={`button small ${stat === each ? 'chosen' : ''}`}
              aria-pressed={stat === each}
              onClick={() => set({ stat: each })}
            >
              {t(`series.stat.${each ?? 'avg'}`)}
            </button>
          ))}
        </fieldset>
      </header>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {found === undefined && query.error === null && <Skeleton rows={8} height={24} />}
      {look?.series.length === 0 && <NoMetrics frame={frame} />}
      {look && look.series.length > 0 && (
        <>
          <p className="chart-legend dim">
            <i className="key band" /> {t('series.legend.usual')} <i className="key median" />{' '}
            {t('series.legend.median')} <i className="key incident" /> {t('series.legend.unusual')}{' '}
            <i className="key mark" /> {t('case.legend.change')}
          </p>
          <div className="series-charts">
            {[...look.series].sort(byUnusual).map((line) => (
              <section key={line.key} className="panel series-panel">
                <LineHead line={line} />
                <MetricChart
                  line={line}
                  unit={look.unit}
                  label={`${line.service} ${metric}`}
                  window={found.window}
                  stepMs={look.step_ms}
                  changes={marks}
                  onZoom={frame.zoom}
                />
              </section>
            ))}
          </div>
          {look.truncated && <p className="dim">{t('series.truncated', { n: look.series.length })}</p>}
        </>
      )}
    </>
  );
}

const servicesOf = (names: MetricName[] | undefined, metric: string): string[] =>
  names?.find((name) => name.metric === metric)?.services ?? [];

const byUnusual = (a: MetricLine, b: MetricLine): number =>
  Number(b.unusual.length > 0) - Number(a.unusual.length > 0) || (a.service < b.service ? -1 : 1);

function LineHead({ line }: { line: MetricLine }) {
  const { t } = useWords();
  const navigate = route.useNavigate();
  const labels = Object.entries(line.labels);
  const newest = line.unusual[0];
  return (
    <p className="series-head">
      <ServiceName name={line.service} />
      <span className="mono dim clip grow" title={labels.map(([key, value]) => `${key}=${value}`).join('\n')}>
        {labels.map(([key, value]) => `${key}=${value}`).join(' ')}
      </span>
      {newest && (
        <button
          type="button"
          className="link bad"
          onClick={() =>
            void navigate({
              search: (prev: RootSearch & SeriesSearch) => ({ ...prev, event: newest.event_id }),
            })
          }
          data-testid="series-unusual"
        >
          {t('series.unusual', { n: line.unusual.length })}
        </button>
      )}
    </p>
  );
}
