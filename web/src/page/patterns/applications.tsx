/** Whether clustering works for each application, and how its messages are read. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Access, type NamedSetup, setupsQuery, statusQuery } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatNear } from '../../model/format.ts';
import { Empty, Health, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { ServiceName } from '../../panel/service.tsx';
import { ChangeForm } from './forms.tsx';
import { SetupForm } from './setup.tsx';

const healthOf = { success: 'ok', failed: 'failing', running: 'explained', pending: 'no_data' } as const;

export function Applications() {
  const { t } = useWords();
  const status = useQuery(statusQuery());
  const setups = useQuery(setupsQuery());
  const [editing, setEditing] = useState<string | null>(null);
  const [restarting, setRestarting] = useState<string | null>(null);
  const rows = status.data;
  const setupOf = (service: string) => setups.data?.find((each) => each.service === service);
  const actions = (
    <span className="row">
      <button type="button" className="button small" onClick={() => setEditing('')}>
        {t('pat.app.all')}: {t('pat.app.edit')}
      </button>
      {rows !== undefined && rows.length > 0 && (
        <button type="button" className="button small" onClick={() => setRestarting('')}>
          {t('pat.app.restart.all')}
        </button>
      )}
    </span>
  );
  return (
    <Panel title={t('pat.app.title')} aside={actions} testId="pattern-applications">
      {status.error !== null && <Problem error={status.error} retry={() => void status.refetch()} />}
      {rows === undefined && status.error === null && <Skeleton rows={6} />}
      {rows?.length === 0 && (
        <Empty title={t('pat.app.empty')}>
          <p>{t('pat.app.empty.text')}</p>
        </Empty>
      )}
      {rows !== undefined && rows.length > 0 && (
        <AccessTable rows={rows} setupOf={setupOf} edit={setEditing} restart={setRestarting} />
      )}
      {editing !== null && (
        <SetupForm service={editing} setup={setupOf(editing)?.setup ?? null} close={() => setEditing(null)} />
      )}
      {restarting !== null && (
        <ChangeForm
          change={{ kind: 'restart', service: restarting === '' ? undefined : restarting }}
          title={t('pat.form.restart')}
          text={t('pat.form.restart.text', { service: restarting || t('pat.setup.all') })}
          close={() => setRestarting(null)}
        />
      )}
    </Panel>
  );
}

function AccessTable(props: {
  rows: Access[];
  setupOf: (service: string) => NamedSetup | undefined;
  edit: (service: string) => void;
  restart: (service: string) => void;
}) {
  const { t } = useWords();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t('pat.col.service')}</th>
          <th>{t('pat.app.state')}</th>
          <th>{t('pat.app.flow')}</th>
          <th className="num">{t('pat.app.patterns')}</th>
          <th>{t('pat.app.counted')}</th>
          <th>{t('pat.app.setup')}</th>
          <th aria-label={t('pat.app.restart')} />
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={row.service} data-testid="pattern-access">
            <td>
              <ServiceName name={row.service} />
            </td>
            <td>
              <Health state={healthOf[row.state]} label={t(`pat.access.${row.state}`)} />
            </td>
            <td>
              {row.flows.map((flow) => (
                <div key={flow.flow} className={flow.state === 'failed' ? 'bad' : 'dim'}>
                  {t(`pat.flow.${flow.flow}`)}: {flow.reason || t(`pat.access.${flow.state}`)}
                </div>
              ))}
            </td>
            <td className="num">{formatCount(row.patterns)}</td>
            <td className="mono nowrap">
              {row.counted_to === null ? '–' : formatNear(row.counted_to, now())}
            </td>
            <td>
              <SetupText own={props.setupOf(row.service)} shared={props.setupOf('')} />
            </td>
            <td className="nowrap">
              <button type="button" className="button small" onClick={() => props.edit(row.service)}>
                {t('pat.app.edit')}
              </button>{' '}
              <button type="button" className="button small" onClick={() => props.restart(row.service)}>
                {t('pat.app.restart')}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function SetupText({ own, shared }: { own: NamedSetup | undefined; shared: NamedSetup | undefined }) {
  const { t } = useWords();
  if (own === undefined)
    return (
      <span className="dim">{t(shared === undefined ? 'pat.app.setup.none' : 'pat.app.setup.shared')}</span>
    );
  const { field, ignore, masks } = own.setup;
  return (
    <>
      {field !== '' && `${t('pat.app.setup.field', { field })}, `}
      {t('pat.app.setup.own', { masks: masks.length, ignore: ignore.length })}
    </>
  );
}
