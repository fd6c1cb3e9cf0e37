/** Home: is anything wrong, what is being done about it, what was changed. */
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { urnName } from '../../../src/model/urn.ts';
import { casesQuery, changesQuery, livePollMs, servicesQuery, type Windowed } from '../api/queries.ts';
import { signalsQuery } from '../api/series.ts';
import type { CaseRow, ChangeRow, ServiceRow } from '../api/types.ts';
import { useT, useWords } from '../i18n/index.tsx';
import { formatMs, formatRate, formatRatio, formatSpan } from '../model/format.ts';
import { Empty, Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { ChangeLine } from '../panel/change.tsx';
import { type Frame, useFrame } from '../panel/frame.ts';
import { noteNewest } from '../panel/freshness.ts';
import { ServiceName } from '../panel/service.tsx';
import { Spark } from '../panel/spark.tsx';
import { StateMark } from '../panel/state.tsx';
import { useTick } from '../panel/tick.ts';
import { Widen } from '../panel/widen.tsx';
import { FirstSteps } from './first.tsx';
import { Unusual } from './unusual.tsx';
import './home.css';

const severityOf: Record<string, number> = { failing: 0, suspect: 1, ok: 2, no_data: 3 };

/** What needs eyes first; then by name, so that rows do not jump while figures move. */
export const byUrgency = (a: ServiceRow, b: ServiceRow): number =>
  (severityOf[a.health] ?? 4) - (severityOf[b.health] ?? 4) || (a.service < b.service ? -1 : 1);

export function HomePage() {
  const frame = useFrame();
  const services = useQuery(servicesQuery(frame.frame, frame.poll(livePollMs)));
  const cases = useQuery(casesQuery(undefined, frame.poll(livePollMs)));
  const changes = useQuery(changesQuery(frame.frame, frame.poll(livePollMs)));
  const signals = useQuery(signalsQuery(frame.frame, frame.poll(livePollMs)));
  const rows = services.data?.data;
  useEffect(() => {
    for (const row of rows ?? []) noteNewest(row.last_seen);
  }, [rows]);
  const open = (cases.data ?? []).filter((row) => row.status !== 'CLOSED');
  const nothing = [rows, cases.data, signals.data?.data].every((list) => list?.length === 0);
  if (nothing && !frame.pinned) return <FirstSteps />;
  return (
    <div className="page home" data-testid="page-home">
      {(open.length > 0 || cases.isPending) && <OpenCases rows={cases.isPending ? undefined : open} />}
      <div className="home-columns">
        <div className="home-main">
          <Services rows={rows} error={services.error} retry={() => void services.refetch()} frame={frame} />
          <Unusual frame={frame} changes={changes.data?.data ?? []} />
        </div>
        <div className="home-side">
          <Changes query={changes} />
        </div>
      </div>
    </div>
  );
}

function OpenCases({ rows }: { rows: CaseRow[] | undefined }) {
  const { t, word, say, length } = useWords();
  const at = useTick(1_000);
  return (
    <Panel title={t('home.cases')} aside={<Link to="/cases">{t('home.cases.all')}</Link>}>
      {rows === undefined && <Skeleton rows={1} />}
      <ul className="open-cases">
        {rows?.map((row) => (
          <li key={row.id}>
            <Link to="/cases/$caseId" params={{ caseId: row.id }} data-testid="case-row">
              <b>INC-{row.number}</b>
              <span className="grow clip">{say(row.title, row.said)}</span>
              <span className="dim clip">
                {row.cause && `${urnName(row.cause.resource)} · ${word('kind', row.cause.kind)}`}
              </span>
              <StateMark status={row.status} />
              <span className="dim num">{length(formatSpan(at - row.created_at))}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Summary({ rows }: { rows: ServiceRow[] }) {
  const t = useT();
  const failing = rows.filter((row) => row.health === 'failing').length;
  const suspect = rows.filter((row) => row.health === 'suspect').length;
  if (failing + suspect === 0) return <span>{t('home.summary.ok', { n: rows.length })}</span>;
  return (
    <span>
      {failing > 0 && <span className="bad">{t('home.summary.failing', { failing })}, </span>}
      {suspect > 0 && <span className="warn">{t('home.summary.suspect', { suspect })}, </span>}
      {t('home.summary.of', { n: rows.length })}
    </span>
  );
}

function Services(props: {
  rows: ServiceRow[] | undefined;
  error: unknown;
  retry: () => void;
  frame: Frame;
}) {
  const t = useT();
  const { rows, frame } = props;
  return (
    <Panel
      title={t('home.title')}
      aside={
        rows !== undefined && rows.length > 0 ? (
          <>
            <Summary rows={rows} /> · {t('home.window', { span: frame.span })}
          </>
        ) : undefined
      }
    >
      {props.error !== null && <Problem error={props.error} retry={props.retry} />}
      {rows === undefined && props.error === null && <Skeleton rows={7} height={18} />}
      {rows?.length === 0 && <Quiet frame={frame} />}
      {rows !== undefined && rows.length > 0 && <ServiceTable rows={[...rows].sort(byUrgency)} />}
    </Panel>
  );
}

function Quiet({ frame }: { frame: Frame }) {
  const t = useT();
  return (
    <Empty title={t('home.quiet.title', { span: frame.span })}>
      <p>{t('home.quiet.text')}</p>
      <Widen />
    </Empty>
  );
}

function ServiceTable({ rows }: { rows: ServiceRow[] }) {
  const t = useT();
  return (
    <table className="grid services">
      <thead>
        <tr>
          <th>{t('home.col.health')}</th>
          <th>{t('home.col.service')}</th>
          <th colSpan={2}>{t('home.col.rps')}</th>
          <th colSpan={2}>{t('home.col.errors')}</th>
          <th colSpan={2}>{t('home.col.p95')}</th>
          <th className="num">{t('home.col.logs')}</th>
          <th>{t('home.col.slo')}</th>
          <th />
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <ServiceLine key={row.urn} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function ServiceLine({ row }: { row: ServiceRow }) {
  const t = useT();
  const broken = row.objectives.filter((each) => each.holds === false);
  const latencyBroken = broken.some((each) => each.indicator === 'latency_p95');
  return (
    <tr data-testid="service-row">
      <td>
        <Health state={row.health} />
      </td>
      <td className="service-cell">
        <Link to="/map" search={{ focus: row.urn, node: row.urn }}>
          <ServiceName name={row.service} />
        </Link>
      </td>
      <td className="num">{formatRate(row.rps)}</td>
      <td>
        <Spark values={row.spark.rps} label={`${row.service} ${t('home.col.rps')}`} least={0.1} />
      </td>
      <td className={`num ${row.error_rate >= 0.01 ? 'bad' : ''}`}>{formatRatio(row.error_rate)}</td>
      <td>
        <Spark
          values={row.spark.errors}
          label={`${row.service} ${t('home.col.errors')}`}
          tone={row.error_rate >= 0.01 ? 'bad' : 'plain'}
          least={0.02}
        />
      </td>
      <td className={`num ${latencyBroken ? 'bad' : ''}`}>{formatMs(row.p95_ms)}</td>
      <td>
        <Spark
          values={row.spark.p95_ms}
          label={`${row.service} ${t('home.col.p95')}`}
          tone={latencyBroken ? 'bad' : 'plain'}
        />
      </td>
      <td className="num">{formatRate(row.log_rate)}</td>
      <td className="nowrap">
        <Objectives total={row.objectives.length} broken={broken.length} />
      </td>
      <td className="row-links nowrap">
        <Link to="/logs" search={{ service: [row.service] }}>
          {t('nav.logs')}
        </Link>
        <Link to="/traces" search={{ service: row.service }}>
          {t('nav.traces')}
        </Link>
      </td>
    </tr>
  );
}

function Objectives({ total, broken }: { total: number; broken: number }) {
  const t = useT();
  if (total === 0) return <span className="dim">{t('home.slo.none')}</span>;
  if (broken > 0) return <span className="bad">{t('home.slo.broken', { broken, n: total })}</span>;
  return <span className="dim">{t('home.slo.hold', { n: total })}</span>;
}

function Changes({ query }: { query: UseQueryResult<Windowed<ChangeRow[]>> }) {
  const t = useT();
  const rows = query.data?.data;
  return (
    <Panel title={t('home.changes')}>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined && query.error === null && <Skeleton rows={3} />}
      {rows?.length === 0 && <p className="panel-body dim">{t('home.changes.none')}</p>}
      <ul className="changes">
        {[...(rows ?? [])]
          .sort((a, b) => b.at - a.at)
          .slice(0, 30)
          .map((row) => (
            <ChangeLine key={row.id} row={row} />
          ))}
      </ul>
    </Panel>
  );
}
