import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { livePollMs, objectivesQuery } from '../api/queries.ts';
import type { ObjectiveRow } from '../api/types.ts';
import { useWords } from '../i18n/index.tsx';
import { formatCount, formatIndicator, formatRatio } from '../model/format.ts';
import { Empty, Health, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { ServiceName } from '../panel/service.tsx';

const stateOf = (row: ObjectiveRow): 'broken' | 'nodata' | 'holds' =>
  row.value === null || row.holds === null ? 'nodata' : row.holds ? 'holds' : 'broken';

const order = { broken: 0, holds: 1, nodata: 2 } as const;

export function SloPage() {
  const { t } = useWords();
  const { poll } = useFrame();
  const query = useQuery(objectivesQuery(poll(livePollMs)));
  const rows =
    query.data === undefined
      ? undefined
      : [...query.data].sort((a, b) => order[stateOf(a)] - order[stateOf(b)] || (a.id < b.id ? -1 : 1));
  return (
    <div className="page" data-testid="page-slo">
      <h1>{t('slo.title')}</h1>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      <section className="panel">
        {rows === undefined && query.error === null && <Skeleton rows={8} height={16} />}
        {rows?.length === 0 && (
          <Empty title={t('slo.empty')}>
            <p>{t('slo.empty.text')}</p>
          </Empty>
        )}
        {rows !== undefined && rows.length > 0 && <ObjectiveTable rows={rows} />}
      </section>
    </div>
  );
}

function ObjectiveTable({ rows }: { rows: ObjectiveRow[] }) {
  const { t } = useWords();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t('slo.col.state')}</th>
          <th>{t('slo.col.service')}</th>
          <th>{t('slo.col.indicator')}</th>
          <th className="num">{t('slo.col.target')}</th>
          <th className="num">{t('slo.col.value')}</th>
          <th className="num">{t('slo.col.burn')}</th>
          <th>{t('slo.col.budget')}</th>
          <th>{t('slo.col.source')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <ObjectiveLine key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

const healthOf = { broken: 'failing', holds: 'ok', nodata: 'no_data' } as const;

function ObjectiveLine({ row }: { row: ObjectiveRow }) {
  const { t, word } = useWords();
  const state = stateOf(row);
  const atMost =
    row.indicator === 'latency_p95' || row.indicator === 'error_rate' || row.indicator === 'log_volume';
  return (
    <tr>
      <td>
        <Health state={healthOf[state]} label={t(`slo.${state}`)} />
      </td>
      <td>
        <Link to="/traces" search={{ service: row.service }}>
          <ServiceName name={row.service} />
        </Link>
      </td>
      <td>{word('indicator', row.indicator)}</td>
      <td className="num">
        {atMost ? '≤' : '≥'} {formatIndicator(row.indicator, row.target)}
      </td>
      <td className={`num ${state === 'broken' ? 'bad' : ''}`}>
        {formatIndicator(row.indicator, row.value)}
      </td>
      <td className={`num ${(row.burn_rate ?? 0) > 1 ? 'bad' : ''}`}>
        {row.burn_rate === null ? '–' : `${formatCount(row.burn_rate)}×`}
      </td>
      <td>
        <Budget left={row.budget_left} />
      </td>
      <td className="dim" title={row.source}>
        {row.source.split('/').at(-1)}
      </td>
    </tr>
  );
}

function Budget({ left }: { left: number | null }) {
  if (left === null) return <span className="dim">–</span>;
  const share = Math.max(0, Math.min(1, left));
  return (
    <span className="row">
      <meter min={0} max={1} low={0.25} high={0.5} optimum={1} value={share} />
      {left < 0 ? <span className="bad">−{formatRatio(-left)}</span> : formatRatio(left)}
    </span>
  );
}
