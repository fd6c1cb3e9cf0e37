/** Objectives: what is left of each error budget, the worst first, then every indicator of every service beside its target. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { livePollMs, objectivesQuery } from '../api/queries.ts';
import type { ObjectiveRow } from '../api/types.ts';
import { useWords } from '../i18n/index.tsx';
import { formatCount, formatIndicator, formatRatio } from '../model/format.ts';
import { Empty, Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { ServiceName } from '../panel/service.tsx';
import { HowToSend } from '../panel/widen.tsx';
import './slo.css';

type State = 'broken' | 'nodata' | 'holds';

const stateOf = (row: ObjectiveRow): State =>
  row.value === null || row.holds === null ? 'nodata' : row.holds ? 'holds' : 'broken';

const atMost = new Set(['latency_p95', 'error_rate', 'log_volume']);
const targetOf = (row: ObjectiveRow): string =>
  `${atMost.has(row.indicator) ? '≤' : '≥'} ${formatIndicator(row.indicator, row.target)}`;

export function SloPage() {
  const { t } = useWords();
  const { poll } = useFrame();
  const query = useQuery(objectivesQuery(poll(livePollMs)));
  const rows = query.data;
  return (
    <div className="page" data-testid="page-slo">
      <div className="page-head">
        <h1>{t('slo.title')}</h1>
        {rows !== undefined && rows.length > 0 && <Summary rows={rows} />}
        <span className="dim">{t('slo.window')}</span>
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined && query.error === null && <Skeleton rows={8} height={16} />}
      {rows?.length === 0 && (
        <section className="panel">
          <Empty title={t('slo.empty')}>
            <p>{t('slo.empty.text')}</p>
            <div className="row">
              <Link to="/traces" className="button">
                {t('nav.traces')}
              </Link>
              <HowToSend />
            </div>
          </Empty>
        </section>
      )}
      {rows !== undefined && rows.length > 0 && (
        <>
          <Budgets rows={rows} />
          <Indicators rows={rows} />
        </>
      )}
    </div>
  );
}

function Summary({ rows }: { rows: ObjectiveRow[] }) {
  const { t } = useWords();
  const count = (state: State): number => rows.filter((row) => stateOf(row) === state).length;
  const [broken, nodata] = [count('broken'), count('nodata')];
  const texts = [
    broken > 0
      ? t('slo.summary.broken', { broken, n: rows.length })
      : t('slo.summary.hold', { n: count('holds') }),
    nodata > 0 ? t('slo.summary.nodata', { n: nodata }) : '',
  ];
  return (
    <Health
      state={broken > 0 ? 'failing' : nodata === rows.length ? 'no_data' : 'ok'}
      label={texts.filter((text) => text !== '').join(' · ')}
    />
  );
}

function Budgets({ rows }: { rows: ObjectiveRow[] }) {
  const { t, word } = useWords();
  const kept = rows.filter((row) => row.budget_left !== null);
  if (kept.length === 0) return null;
  const worstFirst = kept.sort(
    (a, b) =>
      (a.budget_left ?? 0) - (b.budget_left ?? 0) ||
      (b.burn_rate ?? 0) - (a.burn_rate ?? 0) ||
      (a.id < b.id ? -1 : 1),
  );
  return (
    <Panel title={t('slo.budgets')} aside={t('slo.budgets.note')}>
      <ol className="budgets" data-testid="slo-budgets">
        {worstFirst.map((row) => (
          <li key={row.id} data-testid="slo-budget">
            <Link to="/traces" search={{ service: row.service }}>
              <ServiceName name={row.service} />
            </Link>
            <span className="dim clip">
              {word('indicator', row.indicator)} {targetOf(row)}
            </span>
            <BudgetBar left={row.budget_left ?? 0} />
            <span className={`num ${(row.budget_left ?? 0) <= 0 ? 'bad' : ''}`}>
              {t('slo.left', { share: budgetText(row.budget_left ?? 0) })}
            </span>
            <span className={`num ${(row.burn_rate ?? 0) > 1 ? 'bad' : 'dim'}`}>
              {row.burn_rate === null ? '' : t('slo.burns', { rate: formatCount(row.burn_rate) })}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** Whole percents tell enough of a budget. */
const budgetText = (left: number): string => `${Math.round(left * 100)} %`.replace('-', '−');

function BudgetBar({ left }: { left: number }) {
  const share = Math.max(0, Math.min(1, left));
  const tone = share <= 0.25 ? 'low' : share <= 0.5 ? 'half' : '';
  return (
    <span className={`budget-bar ${tone}`} role="img" aria-label={formatRatio(share)}>
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}

const indicators = ['availability', 'error_rate', 'latency_p95', 'throughput', 'log_volume'];

/** One row a service, one column an indicator: 35 objectives of seven services fit on a screen. */
function Indicators({ rows }: { rows: ObjectiveRow[] }) {
  const { t, word } = useWords();
  const byService = new Map<string, ObjectiveRow[]>();
  for (const row of rows) byService.set(row.service, [...(byService.get(row.service) ?? []), row]);
  const present = [...new Set(rows.map((row) => row.indicator))].sort(
    (a, b) => placeOf(a) - placeOf(b) || (a < b ? -1 : 1),
  );
  const services = [...byService].sort(
    ([a, ofA], [b, ofB]) => brokenIn(ofB) - brokenIn(ofA) || (a < b ? -1 : 1),
  );
  return (
    <Panel title={t('slo.indicators')} aside={t('slo.indicators.note')}>
      <div className="slo-scroll">
        <table className="grid slo-grid">
          <thead>
            <tr>
              <th>{t('slo.col.service')}</th>
              {present.map((indicator) => (
                <th key={indicator} className="num">
                  {word('indicator', indicator)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {services.map(([service, own]) => (
              <tr key={service} data-testid="slo-service">
                <td>
                  <Link to="/traces" search={{ service }}>
                    <ServiceName name={service} />
                  </Link>
                </td>
                {present.map((indicator) => (
                  <td key={indicator} className="num">
                    {own
                      .filter((row) => row.indicator === indicator)
                      .map((row) => (
                        <Reading key={row.id} row={row} />
                      ))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const placeOf = (indicator: string): number => {
  const at = indicators.indexOf(indicator);
  return at < 0 ? indicators.length : at;
};
const brokenIn = (rows: ObjectiveRow[]): number => rows.filter((row) => stateOf(row) === 'broken').length;

const healthOf = { broken: 'failing', holds: 'ok', nodata: 'no_data' } as const;

function Reading({ row }: { row: ObjectiveRow }) {
  const { t } = useWords();
  const state = stateOf(row);
  const from = row.source === 'baseline' ? t('slo.from.baseline') : row.source;
  return (
    <span className="reading" title={`${t(`slo.${state}`)} · ${t('slo.col.source')}: ${from}`}>
      <Health
        state={healthOf[state]}
        label={state === 'nodata' ? t('slo.nodata') : formatIndicator(row.indicator, row.value)}
      />
      <span className="dim reading-target">{targetOf(row)}</span>
    </span>
  );
}
