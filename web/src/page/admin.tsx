import { useQuery } from '@tanstack/react-query';
import { healthQuery } from '../api/queries.ts';
import type { HealthReport } from '../api/types.ts';
import { useT, useWords } from '../i18n/index.tsx';
import { formatOwnMetric } from '../model/format.ts';
import { byDimension } from '../model/healthrows.ts';
import { Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { LearningPanel } from '../panel/learning.tsx';

type Namespace = HealthReport['namespaces'][number];
type Metric = Namespace['data'][number];

export function AdminPage() {
  const t = useT();
  const query = useQuery(healthQuery());
  const report = query.data;
  return (
    <div className="page" data-testid="page-admin">
      <div className="page-head">
        <h1>{t('admin.title')}</h1>
        {report && (
          <Health
            state={report.status ? 'ok' : 'failing'}
            label={report.status ? t('admin.ok') : t('admin.bad')}
          />
        )}
        <span className="grow" />
        <a href="/metrics">{t('admin.metrics')}</a>
        <a href="/api/docs">{t('admin.docs')}</a>
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {report === undefined && query.error === null && <Skeleton rows={10} />}
      {report && (
        <div className="health-panels">
          {[...report.namespaces]
            .sort((a, b) => Number(a.status) - Number(b.status))
            .map((each) => (
              <NamespacePanel key={each.namespace} report={each} />
            ))}
          <LearningPanel />
        </div>
      )}
    </div>
  );
}

function NamespacePanel({ report }: { report: Namespace }) {
  const { word } = useWords();
  const { columns, lines } = byDimension(report.data);
  return (
    <Panel
      title={word('namespace', report.namespace)}
      aside={<Health state={report.status ? 'ok' : 'failing'} />}
      className={columns.length > 0 ? 'health-wide' : ''}
      testId="health-namespace"
    >
      {columns.length > 0 ? <Matrix columns={columns} lines={lines} /> : <Checks metrics={report.data} />}
    </Panel>
  );
}

/** The name without its unit, which stands at the figure. */
const nameOf = (metric: Metric): string => metric.metric_name.replace(/_(bytes|ms|s)$/, '');

const capability = 'capability: ';
/** What the ledger's engine can do; its message begins with its name. */
const isCapability = (metric: Metric): boolean => metric.metric_name.startsWith(capability);

/** A word of ours, or the name of what the engine has. */
const ownName = (metric: Metric, word: (prefix: string, word: string) => string): string =>
  isCapability(metric) ? metric.metric_name.slice(capability.length) : word('own', nameOf(metric));

function Checks({ metrics }: { metrics: Metric[] }) {
  const { t, word, phrase } = useWords();
  if (metrics.length === 0) return <p className="panel-body dim">{t('admin.nothing')}</p>;
  return (
    <table className="grid health-table">
      <tbody>
        {metrics.map((metric) => (
          <tr key={`${metric.metric_name} ${JSON.stringify(metric.dimensions)}`}>
            <td className="nowrap" title={metric.metric_name}>
              <Health
                state={metric.status ? 'ok' : 'failing'}
                label={[phrase(ownName(metric, word)), ...Object.values(metric.dimensions)].join(' · ')}
              />
            </td>
            <td className="num nowrap">
              {isCapability(metric)
                ? word('capability', String(metric.metric_value))
                : formatOwnMetric(metric.metric_name, metric.metric_value)}
            </td>
            <td className="dim">
              {phrase(
                isCapability(metric)
                  ? metric.message.slice(ownName(metric, word).length + 2)
                  : metric.message,
              )}
              {metric.suggestion !== '' && !metric.status && (
                <p className="warn">
                  {t('admin.suggestion')}: {phrase(metric.suggestion)}
                </p>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The same checks of many things: one row a thing, one column a check. */
function Matrix({ columns, lines }: { columns: string[]; lines: { name: string; cells: Metric[] }[] }) {
  const { t, word, phrase } = useWords();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t('admin.col.check')}</th>
          {columns.map((column) => (
            <th key={column} className="num" title={column}>
              {word('own', column.replace(/_(bytes|ms|s)$/, ''))}
            </th>
          ))}
          <th>{t('admin.suggestion')}</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(({ name, cells }) => (
          <tr key={name}>
            <td className="nowrap">
              <Health state={cells.every((cell) => cell.status) ? 'ok' : 'failing'} label={name} />
            </td>
            {cells.map((cell) => (
              <td
                key={cell.metric_name}
                className={`num ${cell.status ? '' : 'bad'}`}
                title={phrase(cell.message)}
              >
                {typeof cell.metric_value === 'string'
                  ? word('circuit', cell.metric_value)
                  : formatOwnMetric(cell.metric_name, cell.metric_value)}
              </td>
            ))}
            <td className="warn">
              {cells
                .filter((cell) => !cell.status)
                .map((cell) => phrase(cell.suggestion || cell.message))
                .join(' ') || <span className="dim">–</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
