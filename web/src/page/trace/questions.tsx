/** Which dependency is slow or fails, and what is heaviest: endpoints, users, log patterns, label values. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { livePollMs } from '../../api/queries.ts';
import {
  type DependencyRow,
  dependenciesQuery,
  type HeaviestAnswer,
  type HeaviestBy,
  type HeaviestOf,
  heaviestChoices,
  heaviestQuery,
} from '../../api/questions.ts';
import { type Translate, useT } from '../../i18n/index.tsx';
import { formatCount, formatMs, formatRate, formatRatio } from '../../model/format.ts';
import { Empty, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { useFrame } from '../../panel/frame.ts';
import { type ShareBar, ShareBars } from '../../panel/shares.tsx';

/** Rollups change once a minute. */
const pollMs = 6 * livePollMs;

export const Questions = ({ service }: { service: string | undefined }) => (
  <div className="question-pair">
    <Dependencies service={service} />
    <Heaviest service={service} />
  </div>
);

function Dependencies({ service }: { service: string | undefined }) {
  const t = useT();
  const frame = useFrame();
  const [by, setBy] = useState<'slow' | 'failing'>('slow');
  const params = { by, ...(service === undefined ? {} : { service }) };
  const query = useQuery(dependenciesQuery(frame.frame, params, frame.poll(pollMs)));
  const rows = query.data?.data.filter((row) => by === 'slow' || row.error_rate > 0);
  const choice = (['slow', 'failing'] as const).map((each) => (
    <button
      key={each}
      type="button"
      className={`button small ${by === each ? 'chosen' : ''}`}
      aria-pressed={by === each}
      onClick={() => setBy(each)}
    >
      {t(`ask.${each}`)}
    </button>
  ));
  return (
    <Panel
      title={t('ask.dependencies')}
      aside={<div className="segmented">{choice}</div>}
      testId="panel-dependencies"
    >
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined && query.error === null && <Skeleton rows={5} height={14} />}
      {rows?.length === 0 && <Empty title={t('ask.noCalls')}>{t('ask.noCalls.hint')}</Empty>}
      {rows !== undefined && rows.length > 0 && (
        <ShareBars bars={dependencyBars(t, rows, by, service === undefined)} testId="dependency-bars" />
      )}
    </Panel>
  );
}

const shortName = (urn: string): string => urn.split(':').slice(2).join(':');

function dependencyBars(
  t: Translate,
  rows: DependencyRow[],
  by: 'slow' | 'failing',
  withCaller: boolean,
): ShareBar[] {
  const most = Math.max(...rows.map((row) => (by === 'slow' ? row.p95_ms : row.error_rate)));
  return rows.map((row) => {
    const name = withCaller ? `${shortName(row.src)} → ${row.name}` : row.name;
    const trace = by === 'slow' ? row.slowest_trace : (row.failed_trace ?? row.slowest_trace);
    const value = by === 'slow' ? row.p95_ms : row.error_rate;
    return {
      key: `${row.src} ${row.dst}`,
      label: trace ? (
        <Link to="/traces/$traceId" params={{ traceId: trace }}>
          {name}
        </Link>
      ) : (
        name
      ),
      part: most === 0 ? 0 : value / most,
      failed: by === 'failing' ? 1 : row.error_rate,
      value: by === 'slow' ? formatMs(row.p95_ms) : formatRatio(row.error_rate),
      title: t('ask.dependency', {
        src: shortName(row.src),
        dst: row.name,
        p95: formatMs(row.p95_ms),
        errors: formatRatio(row.error_rate),
        rate: formatRate(row.rps),
      }),
    };
  });
}

const weightsOf: Record<HeaviestOf, readonly HeaviestBy[]> = {
  endpoints: ['time', 'count', 'errors'],
  users: ['count', 'time', 'errors'],
  patterns: ['count', 'errors'],
  labels: ['count'],
};
const attributeOf: Partial<Record<HeaviestOf, string>> = { users: 'user.id', labels: 'host' };

function Heaviest({ service }: { service: string | undefined }) {
  const t = useT();
  const frame = useFrame();
  const [asked, setAsked] = useState<{ of: HeaviestOf; by: HeaviestBy; attribute: string }>({
    of: 'endpoints',
    by: 'time',
    attribute: '',
  });
  const { of, by, attribute } = asked;
  const named = attribute === '' ? {} : { attribute };
  const params = { of, by, ...named, ...(service === undefined ? {} : { service }) };
  const query = useQuery(heaviestQuery(frame.frame, params, frame.poll(pollMs)));
  const answer = query.data?.data;
  const choose = (next: HeaviestOf) =>
    setAsked({ of: next, by: weightsOf[next][0] ?? 'count', attribute: attributeOf[next] ?? '' });
  return (
    <Panel
      title={t('ask.heaviest')}
      aside={answer && <span className="dim">{t('ask.distinct', { n: formatCount(answer.distinct) })}</span>}
      testId="panel-heaviest"
    >
      <div className="question-controls">
        <label className="inline-field">
          {t('ask.what')}
          <select value={of} onChange={(event) => choose(choiceOf(event.target.value))}>
            {heaviestChoices.map((each) => (
              <option key={each} value={each}>
                {t(`ask.of.${each}`)}
              </option>
            ))}
          </select>
        </label>
        <label className="inline-field">
          {t('ask.weight')}
          <select
            value={by}
            onChange={(event) =>
              setAsked({ ...asked, by: weightsOf[of].find((each) => each === event.target.value) ?? 'count' })
            }
          >
            {weightsOf[of].map((each) => (
              <option key={each} value={each}>
                {t(`ask.by.${each}`)}
              </option>
            ))}
          </select>
        </label>
        {(of === 'users' || of === 'labels') && (
          <AttributeField
            key={of}
            label={t(`ask.attribute.${of}`)}
            value={attribute}
            choose={(next) => setAsked({ ...asked, attribute: next })}
          />
        )}
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {answer === undefined && query.error === null && <Skeleton rows={5} height={14} />}
      {answer?.values.length === 0 && <Empty title={t('ask.nothing')} />}
      {answer !== undefined && answer.values.length > 0 && (
        <ShareBars bars={heaviestBars(answer, by)} testId="heaviest-bars" />
      )}
    </Panel>
  );
}

const choiceOf = (text: string): HeaviestOf => heaviestChoices.find((each) => each === text) ?? 'endpoints';

function AttributeField(props: { label: string; value: string; choose: (name: string) => void }) {
  const [typed, setTyped] = useState(props.value);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim() !== '') props.choose(typed.trim());
      }}
    >
      <input
        value={typed}
        aria-label={props.label}
        title={props.label}
        onChange={(event) => setTyped(event.target.value)}
      />
    </form>
  );
}

function heaviestBars(answer: HeaviestAnswer, by: HeaviestBy): ShareBar[] {
  const most = answer.values[0]?.share ?? 1;
  return answer.values.map((row) => {
    const weight = by === 'time' ? formatMs(row.weight) : formatCount(row.weight);
    const value = `${weight} · ${formatRatio(row.share)}`;
    return {
      key: row.value,
      label: row.name,
      part: most === 0 ? 0 : row.share / most,
      ...(by === 'errors' ? { failed: 1 } : {}),
      value,
      title: `${row.name} — ${value}`,
    };
  });
}
