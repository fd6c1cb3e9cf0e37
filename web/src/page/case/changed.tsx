import type { Verdict } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { Panel, Skeleton } from '../../panel/bits.tsx';
import { ChangeLine } from '../../panel/change.tsx';

export function Changed({ verdict }: { verdict: Verdict | null }) {
  const { t, say } = useWords();
  return (
    <Panel title={t('case.changed')} testId="case-changes">
      {verdict === null && <Skeleton rows={2} />}
      {verdict?.changes.length === 0 && <p className="panel-body dim">{t('case.changed.none')}</p>}
      <ul className="changes">
        {verdict?.changes.slice(0, 8).map((change) => (
          <ChangeLine key={change.id} row={change} note={say(change.considered, change)} />
        ))}
      </ul>
    </Panel>
  );
}
