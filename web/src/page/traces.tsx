/** Traces: when, how long, failed or not; then one by one. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { livePollMs, servicesQuery, type TraceFilter, tracesQuery } from '../api/queries.ts';
import type { TraceRow } from '../api/types.ts';
import { useT } from '../i18n/index.tsx';
import { seriesColor } from '../model/color.ts';
import { formatCount, formatMs, formatTime } from '../model/format.ts';
import type { Window } from '../model/range.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { noteNewest } from '../panel/freshness.ts';
import { opensRow, useRowKeys } from '../panel/keys.ts';
import { Scatter } from '../panel/scatter.tsx';
import { ServiceName } from '../panel/service.tsx';
import { Widen } from '../panel/widen.tsx';
import { Questions } from './trace/questions.tsx';
import './trace/traces.css';

const route = getRouteApi('/traces');
const thresholds = [10, 50, 100, 250, 500, 1_000, 2_000, 5_000];
/** What the list asks for at most. */
const tracesMax = 300;

export function TracesPage() {
  const t = useT();
  const filter = route.useSearch();
  const frame = useFrame();
  const navigate = useNavigate();
  const { service, operation, status, min_ms, max_ms, attr } = filter;
  const query = useQuery(
    tracesQuery(frame.frame, { service, operation, status, min_ms, max_ms, attr }, frame.poll(livePollMs)),
  );
  const rows = query.data?.data;
  useEffect(() => noteNewest(rows?.[0]?.at), [rows]);
  const open = (traceId: string): void => void navigate({ to: '/traces/$traceId', params: { traceId } });
  return (
    <div className="page traces" data-testid="page-traces">
      <Filters filter={filter} />
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.data === undefined && query.error === null && <Skeleton rows={14} height={16} />}
      {query.data !== undefined && rows !== undefined && rows.length > 0 && (
        <>
          <Scatter
            traces={rows}
            window={coveredBy(rows, query.data.window)}
            label={t('traces.scatter')}
            onOpen={open}
            onZoom={frame.zoom}
          />
          <p className="dim">
            {rows.length >= tracesMax
              ? t('traces.capped', { n: rows.length })
              : t('traces.count', { n: rows.length })}
          </p>
          <Questions service={service} />
          <TraceTable rows={rows} open={open} />
        </>
      )}
      {rows?.length === 0 && <NoTraces />}
    </div>
  );
}

/** A full list reaches back only to its oldest trace; the dots then fill that part of the window. */
const coveredBy = (rows: TraceRow[], window: Window): Window =>
  rows.length < tracesMax ? window : { from: Math.min(...rows.map((row) => row.at)), to: window.to };

function NoTraces() {
  const t = useT();
  const { span } = useFrame();
  const filtered = Object.keys(route.useSearch()).some(
    (key) => !['range', 'from', 'to', 'live', 'lang', 'event'].includes(key),
  );
  return (
    <Empty title={t('traces.empty', { span })}>
      <p>{t(filtered ? 'traces.empty.text' : 'traces.empty.none')}</p>
      <div className="row">
        {filtered && (
          <Link to="/traces" className="button">
            {t('logs.clear')}
          </Link>
        )}
        <Widen />
      </div>
    </Empty>
  );
}

function Filters({ filter }: { filter: TraceFilter }) {
  const t = useT();
  const navigate = route.useNavigate();
  const set = (patch: Partial<TraceFilter>): void =>
    void navigate({ search: (prev) => ({ ...prev, ...patch }) });
  return (
    <div className="page-head">
      <h1>{t('traces.title')}</h1>
      <div className="segmented">
        {([undefined, 'error', 'ok'] as const).map((status) => (
          <button
            type="button"
            key={status ?? 'all'}
            className={`button small ${filter.status === status ? 'chosen' : ''}`}
            onClick={() => set({ status })}
            data-testid={`status-${status ?? 'all'}`}
          >
            {status === undefined ? t('traces.all') : t(`traces.status.${status}`)}
          </button>
        ))}
      </div>
      <ServiceSelect chosen={filter.service} choose={(service) => set({ service })} />
      <Threshold label={t('traces.min')} value={filter.min_ms} choose={(min_ms) => set({ min_ms })} />
      <Threshold label={t('traces.max')} value={filter.max_ms} choose={(max_ms) => set({ max_ms })} />
      <OperationField
        key={filter.operation ?? ''}
        value={filter.operation}
        choose={(operation) => set({ operation })}
      />
      {(filter.attr ?? []).map((each) => (
        <span className="chip" key={each}>
          <b className="clip">{each}</b>
          <button
            type="button"
            aria-label={t('action.remove', { name: each })}
            onClick={() => set({ attr: filter.attr?.filter((other) => other !== each) })}
          >
            ✕
          </button>
        </span>
      ))}
    </div>
  );
}

function ServiceSelect(props: { chosen: string | undefined; choose: (service: string | undefined) => void }) {
  const t = useT();
  const { frame } = useFrame();
  const services = useQuery(servicesQuery(frame, false)).data?.data ?? [];
  const names = [
    ...new Set([...services.map((row) => row.service), ...(props.chosen ? [props.chosen] : [])]),
  ].sort();
  return (
    <label className="inline-field">
      {t('traces.service')}
      <select value={props.chosen ?? ''} onChange={(event) => props.choose(event.target.value || undefined)}>
        <option value="">{t('traces.any')}</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function Threshold(props: {
  label: string;
  value: number | undefined;
  choose: (ms: number | undefined) => void;
}) {
  const t = useT();
  const choices =
    props.value !== undefined && !thresholds.includes(props.value)
      ? [props.value, ...thresholds]
      : thresholds;
  return (
    <label className="inline-field">
      {props.label}
      <select
        value={props.value ?? ''}
        onChange={(event) => props.choose(event.target.value === '' ? undefined : Number(event.target.value))}
      >
        <option value="">{t('traces.any')}</option>
        {choices.map((ms) => (
          <option key={ms} value={ms}>
            {formatMs(ms)}
          </option>
        ))}
      </select>
    </label>
  );
}

function OperationField(props: {
  value: string | undefined;
  choose: (operation: string | undefined) => void;
}) {
  const t = useT();
  const [typed, setTyped] = useState(props.value ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.choose(typed.trim() || undefined);
      }}
    >
      <input
        data-query
        type="search"
        value={typed}
        placeholder={t('traces.operation')}
        aria-label={t('traces.operation')}
        onChange={(event) => setTyped(event.target.value)}
      />
    </form>
  );
}

function TraceTable({ rows, open }: { rows: TraceRow[]; open: (traceId: string) => void }) {
  const t = useT();
  const [selected, select] = useState(-1);
  const longest = Math.max(...rows.map((row) => row.duration_ms), 0.001);
  useRowKeys({
    count: rows.length,
    selected,
    select: (i) => {
      select(i);
      document.getElementById(`trace-${i}`)?.scrollIntoView({ block: 'nearest' });
    },
    open: (i) => {
      const row = rows[i];
      if (row) open(row.trace_id);
    },
  });
  return (
    <section className="panel">
      <table className="grid">
        <thead>
          <tr>
            <th>{t('traces.col.start')}</th>
            <th>{t('traces.col.operation')}</th>
            <th className="num">{t('traces.col.duration')}</th>
            <th />
            <th className="num">{t('traces.col.spans')}</th>
            <th className="num">{t('traces.col.errors')}</th>
            <th>{t('traces.col.services')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <TraceLine
              key={row.trace_id}
              row={row}
              id={`trace-${i}`}
              longest={longest}
              selected={i === selected}
              open={open}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function TraceLine(props: {
  row: TraceRow;
  id: string;
  longest: number;
  selected: boolean;
  open: (traceId: string) => void;
}) {
  const { row } = props;
  const share = Math.max(0.004, row.duration_ms / props.longest);
  return (
    <tr
      id={props.id}
      className={`opens ${props.selected ? 'selected' : ''}`}
      data-testid="trace-row"
      onClick={(event) => opensRow(event) && props.open(row.trace_id)}
    >
      <td className="mono nowrap">
        <Link to="/traces/$traceId" params={{ traceId: row.trace_id }}>
          {formatTime(row.at, true)}
        </Link>
      </td>
      <td className="trace-entry">
        <Link to="/traces/$traceId" params={{ traceId: row.trace_id }} className="row">
          <ServiceName name={row.service} />
          <span className="clip">{row.operation}</span>
        </Link>
      </td>
      <td className="num">{formatMs(row.duration_ms)}</td>
      <td className="duration-cell">
        <i className={row.errors > 0 ? 'failed' : ''} style={{ width: `${share * 100}%` }} />
      </td>
      <td className="num">{row.spans}</td>
      <td className={`num ${row.errors > 0 ? 'bad' : 'dim'}`}>{formatCount(row.errors)}</td>
      <td>
        <span className="trace-services">
          {row.services.slice(0, 6).map((each) => (
            <span key={each.service} title={`${each.service}: ${each.spans}`}>
              <i className="swatch" style={{ background: seriesColor(each.service) }} />
              {each.service}
            </span>
          ))}
          {row.services.length > 6 && <span className="dim">+{row.services.length - 6}</span>}
        </span>
      </td>
    </tr>
  );
}
