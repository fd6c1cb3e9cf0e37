import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { livePollMs, patternsQuery } from '../../api/queries.ts';
import type { PatternRow } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatNear } from '../../model/format.ts';
import type { LogFilter } from '../../model/logfilter.ts';
import { Empty, Problem, Severity, Skeleton } from '../../panel/bits.tsx';
import type { Frame } from '../../panel/frame.ts';
import { SparkBars } from '../../panel/spark.tsx';

export function Patterns({ frame, filter }: { frame: Frame; filter: LogFilter }) {
  const { t } = useWords();
  const query = useQuery(patternsQuery(frame.frame, filter, frame.poll(livePollMs)));
  if (query.error !== null && query.data === undefined)
    return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton rows={12} height={16} />;
  if (query.data.data.length === 0) {
    return (
      <Empty title={t('logs.empty', { span: frame.span })}>
        <p>{t('logs.pattern.empty')}</p>
      </Empty>
    );
  }
  return (
    <div className="patterns">
      <table className="grid">
        <thead>
          <tr>
            <th>{t('logs.col.severity')}</th>
            <th>{t('logs.pattern.template')}</th>
            <th>{t('logs.pattern.over')}</th>
            <th className="num">{t('logs.pattern.count')}</th>
            <th className="num">{t('logs.pattern.errors')}</th>
            <th>{t('logs.pattern.first')}</th>
            <th>{t('logs.pattern.last')}</th>
          </tr>
        </thead>
        <tbody>
          {query.data.data.map((row) => (
            <PatternLine key={row.pattern_id ?? row.template} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PatternLine({ row }: { row: PatternRow }) {
  const { t } = useWords();
  const id = row.pattern_id;
  return (
    <tr data-testid="pattern-row">
      <td>
        <Severity severity={row.severity} />
      </td>
      <td className="mono template">
        {row.is_new && <span className="tag new">{t('logs.pattern.new')}</span>}{' '}
        {id === null ? (
          row.template
        ) : (
          <Link
            from="/logs"
            to="/logs"
            search={(prev) => ({ ...prev, pattern: id, tab: undefined, line: undefined })}
          >
            {row.name !== '' && <strong>{row.name} </strong>}
            {row.template}
          </Link>
        )}{' '}
        {id !== null && /^\d+$/.test(id) && (
          <Link to="/patterns" search={{ id }} className="dim" aria-label={`${t('nav.patterns')} ${id}`}>
            ↗
          </Link>
        )}
      </td>
      <td>
        <SparkBars values={row.spark} label={row.template} />
      </td>
      <td className="num">{formatCount(row.count)}</td>
      <td className={`num ${row.error_count > 0 ? 'bad' : 'dim'}`}>{formatCount(row.error_count)}</td>
      <td className="mono nowrap">{formatNear(row.first_seen, now())}</td>
      <td className="mono nowrap">{formatNear(row.last_seen, now())}</td>
    </tr>
  );
}
