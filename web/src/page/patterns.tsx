/** Patterns: what is logged, how often, what is new; comparison, corrections, and the state of clustering. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { type PatternList, patternEventsQuery, patternListQuery } from '../api/patterns.ts';
import { histogramQuery, livePollMs } from '../api/queries.ts';
import type { PatternsSearch } from '../app/router.tsx';
import { useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatCount, formatLength, formatNear } from '../model/format.ts';
import { windowOf } from '../model/range.ts';
import { Empty, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { type Frame, useFrame } from '../panel/frame.ts';
import { Histogram } from '../panel/histogram.tsx';
import { useRowKeys } from '../panel/keys.ts';
import { Widen } from '../panel/widen.tsx';
import { Applications } from './patterns/applications.tsx';
import { Changes } from './patterns/changes.tsx';
import { Compare } from './patterns/compare.tsx';
import { PatternSide } from './patterns/detail.tsx';
import { PatternFilters, type SetSearch } from './patterns/filters.tsx';
import { ChangeForm } from './patterns/forms.tsx';
import { PatternTable } from './patterns/list.tsx';
import { Template } from './patterns/template.tsx';
import './logs/logs.css';
import './patterns/patterns.css';

const route = getRouteApi('/patterns');
const tabs = [undefined, 'compare', 'applications', 'changes'] as const;

export function PatternsPage() {
  const { t } = useWords();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const frame = useFrame();
  const set: SetSearch = (patch) => void navigate({ search: (prev) => ({ ...prev, ...patch }) });
  const show = (id: string): void => set({ id });
  return (
    <div className={`patterns-page ${search.id ? 'with-side' : ''}`} data-testid="page-patterns">
      <div className="page patterns-main">
        <div className="page-head">
          <h1>{t('pat.title')}</h1>
          <div className="segmented" role="tablist">
            {tabs.map((tab) => (
              <button
                key={tab ?? 'list'}
                type="button"
                role="tab"
                aria-selected={search.tab === tab}
                className={`button small ${search.tab === tab ? 'chosen' : ''}`}
                onClick={() => set({ tab })}
                data-testid={`pattern-tab-${tab ?? 'list'}`}
              >
                {t(`pat.tab.${tab ?? 'list'}`)}
              </button>
            ))}
          </div>
        </div>
        <PatternFilters search={search} set={set} frame={frame} />
        {search.tab === undefined && <Listed frame={frame} search={search} set={set} show={show} />}
        {search.tab === 'compare' && (
          <Compare frame={frame} compared={search.with ?? 'day'} service={search.service} show={show} />
        )}
        {search.tab === 'applications' && <Applications />}
        {search.tab === 'changes' && <Changes />}
      </div>
      {search.id && (
        <PatternSide frame={frame} id={search.id} close={() => set({ id: undefined })} show={show} />
      )}
    </div>
  );
}

function Listed(props: { frame: Frame; search: PatternsSearch; set: SetSearch; show: (id: string) => void }) {
  const { t } = useWords();
  const { frame, search } = props;
  const { service, severity, q, only, sort } = search;
  const filter = Object.fromEntries(
    Object.entries({ service, severity, q, only, sort }).filter(([, value]) => value !== undefined),
  );
  const query = useQuery(patternListQuery(frame.frame, filter, frame.poll(2 * livePollMs)));
  if (query.error !== null && query.data === undefined)
    return <Problem error={query.error} retry={() => void query.refetch()} />;
  return (
    <>
      <Overview frame={frame} service={service} />
      <Events frame={frame} service={service} show={props.show} />
      <section className="panel">
        {query.data === undefined && <Skeleton rows={12} height={16} />}
        {query.data?.rows.length === 0 && (
          <Empty title={t('pat.empty', { span: frame.span })}>
            <p>{t(Object.keys(filter).length > 0 ? 'pat.empty.filter' : 'pat.empty.text')}</p>
            <Widen />
          </Empty>
        )}
        {query.data && query.data.rows.length > 0 && (
          <Rows list={query.data} span={frame.span} open={search.id} set={props.set} show={props.show} />
        )}
      </section>
    </>
  );
}

function Rows(props: {
  list: PatternList;
  span: string;
  open: string | undefined;
  set: SetSearch;
  show: (id: string) => void;
}) {
  const { t } = useWords();
  const { list, set, show } = props;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [merging, setMerging] = useState(false);
  const [cursor, setCursor] = useState(-1);
  useRowKeys({
    count: list.rows.length,
    selected: cursor,
    select: setCursor,
    open: (index) => {
      const id = list.rows[index]?.pattern_id;
      if (id && /^\d+$/.test(id)) show(id);
    },
    close: () => set({ id: undefined }),
  });
  const choose = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return (
    <>
      <div className="row patterns-summary">
        <span className="dim grow">
          {t('pat.summary', {
            patterns: formatCount(list.patterns),
            records: formatCount(list.total),
            span: props.span,
          })}
        </span>
        {chosen.size > 0 && (
          <>
            <button type="button" className="button small" onClick={() => setChosen(new Set())}>
              {t('pat.unselect')}
            </button>
            <button
              type="button"
              className="button small primary"
              disabled={chosen.size < 2}
              onClick={() => setMerging(true)}
              data-testid="pattern-merge"
            >
              {t('pat.merge', { n: chosen.size })}
            </button>
          </>
        )}
      </div>
      {list.truncated && <p className="note">{t('pat.truncated')}</p>}
      <PatternTable
        rows={list.rows}
        most={Math.max(0.001, ...list.rows.map((row) => row.share))}
        open={props.open}
        cursor={cursor}
        chosen={chosen}
        choose={choose}
        show={show}
      />
      {merging && (
        <ChangeForm
          change={{ kind: 'merge', ids: [...chosen] }}
          title={t('pat.merge', { n: chosen.size })}
          text={t('pat.form.merge.text')}
          close={() => setMerging(false)}
          done={(id) => {
            setChosen(new Set());
            if (id) show(id);
          }}
        >
          <ul className="patterns-shapes">
            {list.rows
              .filter((row) => row.pattern_id !== null && chosen.has(row.pattern_id))
              .map((row) => (
                <li key={row.pattern_id}>
                  <Template text={row.template} />
                </li>
              ))}
          </ul>
        </ChangeForm>
      )}
    </>
  );
}

function Overview({ frame, service }: { frame: Frame; service: string | undefined }) {
  const { t } = useWords();
  const query = useQuery(
    histogramQuery(frame.frame, service ? { service: [service] } : {}, frame.poll(2 * livePollMs)),
  );
  if (query.data === undefined) return <div className="histogram empty-histogram" />;
  const { data, window } = query.data;
  const hint = `${t('logs.histogram', { span: formatLength(data.step_ms) })} · ${t('logs.zoom')}`;
  return (
    <div className="patterns-chart">
      <Histogram
        histogram={data}
        window={frame.pinned ? windowOf(frame.frame, now()) : window}
        label={hint}
        hint={hint}
        onZoom={frame.zoom}
      />
    </div>
  );
}

/** At most this many; the others are on the pattern that they are about. */
const eventsShown = 8;

function Events({
  frame,
  service,
  show,
}: {
  frame: Frame;
  service: string | undefined;
  show: (id: string) => void;
}) {
  const { t, word } = useWords();
  const query = useQuery(patternEventsQuery(frame.frame, service, frame.poll(2 * livePollMs)));
  const events = query.data ?? [];
  if (events.length === 0) return null;
  return (
    <Panel title={t('pat.events')} aside={frame.span} testId="pattern-events">
      <ul className="patterns-events">
        {events.slice(0, eventsShown).map((event) => (
          <li key={event.event_id} className="row">
            <span className="mono dim nowrap">{formatNear(event.at, now())}</span>
            <span
              className={`tag ${event.change === 'new' ? 'new' : ''} ${event.severity === 'ERROR' ? 'bad' : ''}`}
            >
              {word('pat.event', event.change)}
            </span>
            <span className="nowrap">{event.service}</span>
            <button type="button" className="value grow" onClick={() => show(event.pattern_id)}>
              <Template text={event.template} />
            </button>
            <span className="dim nowrap">
              {t('pat.event.usual', { n: formatCount(event.count), usual: formatCount(event.usual) })}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
