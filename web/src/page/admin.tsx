import { useQuery } from '@tanstack/react-query';
import { healthQuery } from '../api/queries.ts';
import type { HealthReport } from '../api/types.ts';
import { useT } from '../i18n/index.tsx';
import { formatCount } from '../model/format.ts';
import { Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';

type Namespace = HealthReport['namespaces'][number];

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
      {report &&
        [...report.namespaces]
          .sort((a, b) => Number(a.status) - Number(b.status))
          .map((each) => <NamespacePanel key={each.namespace} report={each} />)}
    </div>
  );
}

function NamespacePanel({ report }: { report: Namespace }) {
  const t = useT();
  return (
    <Panel title={report.namespace} aside={<Health state={report.status ? 'ok' : 'failing'} />}>
      <table className="grid health-table">
        <thead>
          <tr>
            <th>{t('admin.col.check')}</th>
            <th className="num">{t('admin.col.value')}</th>
            <th>{t('admin.col.message')}</th>
          </tr>
        </thead>
        <tbody>
          {report.data.map((metric) => (
            <tr key={`${metric.metric_name} ${JSON.stringify(metric.dimensions)}`}>
              <td className="nowrap">
                <Health
                  state={metric.status ? 'ok' : 'failing'}
                  label={[metric.metric_name, ...Object.values(metric.dimensions)].join(' ')}
                />
              </td>
              <td className="num">
                {typeof metric.metric_value === 'number'
                  ? formatCount(metric.metric_value)
                  : metric.metric_value}
              </td>
              <td>
                {metric.message}
                {metric.suggestion !== '' && !metric.status && (
                  <p className="warn">
                    {t('admin.suggestion')}: {metric.suggestion}
                  </p>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
