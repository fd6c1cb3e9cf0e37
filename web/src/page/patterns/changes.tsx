import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Correction, correctionsQuery } from '../../api/patterns.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatNear } from '../../model/format.ts';
import { Empty, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { ChangeForm } from './forms.tsx';

/** Who changed what about patterns, and the way back. */
export function Changes() {
  const { t } = useWords();
  const query = useQuery(correctionsQuery());
  return (
    <Panel title={t('pat.tab.changes')} testId="pattern-changes">
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.data === undefined && query.error === null && <Skeleton rows={6} />}
      {query.data?.length === 0 && (
        <Empty title={t('pat.changes.empty')}>
          <p>{t('pat.changes.empty.text')}</p>
        </Empty>
      )}
      <div className="patterns-changes">
        {query.data?.map((each) => (
          <CorrectionLine key={each.id} correction={each} />
        ))}
      </div>
    </Panel>
  );
}

export function CorrectionLine({ correction }: { correction: Correction }) {
  const { t } = useWords();
  const [undoing, setUndoing] = useState(false);
  const undone = correction.undone_at !== null;
  const can = !undone && correction.kind !== 'restart';
  return (
    <div className={`patterns-change ${undone ? 'undone' : ''}`} data-testid="pattern-change">
      <span className="mono dim nowrap">{formatNear(correction.at, now())}</span>
      <span className="grow">
        <strong>{t(`pat.change.${correction.kind}`)}</strong> <What correction={correction} />{' '}
        <span className="dim">
          {t('pat.change.by', { actor: correction.actor })}
          {correction.reason !== '' && ` – ${correction.reason}`}
          {correction.undone_at !== null &&
            ` · ${t('pat.change.undone', { actor: correction.undone_by ?? '', when: formatNear(correction.undone_at, now()) })}`}
        </span>
      </span>
      {can && (
        <button
          type="button"
          className="button small"
          onClick={() => setUndoing(true)}
          data-testid="pattern-undo"
        >
          {t('pat.change.undo')}
        </button>
      )}
      {undoing && (
        <ChangeForm
          change={{ kind: 'undo', id: correction.id }}
          title={t('pat.form.undo')}
          text={t('pat.form.undo.text')}
          close={() => setUndoing(false)}
        />
      )}
    </div>
  );
}

function What({ correction }: { correction: Correction }) {
  const { t } = useWords();
  const { detail, kind } = correction;
  const text = (key: string): string => String(detail[key] ?? '');
  const list = (key: string): string[] => (Array.isArray(detail[key]) ? detail[key].map(String) : []);
  const values: Record<string, string | number> = {
    id: text('id'),
    into: text('into'),
    new: text('new'),
    name: text('name') || '–',
    template: text('template'),
    from: list('from').join(', '),
    service: text('service') || t('pat.setup.all'),
    services: list('services').join(', '),
    n: kind === 'split' ? list('shapes').length : list('from').length,
  };
  return <>{t(`pat.change.${kind}.text`, values)}</>;
}
