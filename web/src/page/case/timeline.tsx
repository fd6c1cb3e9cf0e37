import type { TimelineEntry } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { timelineReason } from '../../i18n/reason.ts';
import { now } from '../../model/clock.ts';
import { formatNear } from '../../model/format.ts';
import { Panel } from '../../panel/bits.tsx';

/** Everything that happened to the case, newest first: what, who, why, and the trace of the request. */
export function Timeline({ entries }: { entries: TimelineEntry[] }) {
  const { t } = useWords();
  return (
    <Panel
      title={t('case.timeline')}
      testId="case-timeline"
      aside={<span className="num">{entries.length}</span>}
    >
      {entries.length === 0 && <p className="panel-body dim">{t('case.timeline.empty')}</p>}
      <ol className="timeline">
        {[...entries].reverse().map((entry) => (
          <TimelineLine key={entry.id} entry={entry} />
        ))}
      </ol>
    </Panel>
  );
}

function TimelineLine({ entry }: { entry: TimelineEntry }) {
  const words = useWords();
  const { t, word } = words;
  const reason = timelineReason(entry, words);
  const moved = entry.to !== null && entry.to !== entry.from;
  return (
    <li className={moved ? 'moved' : ''} data-testid="timeline-entry" data-event={entry.event}>
      <span className="mono dim">{formatNear(entry.at, now())}</span>
      <span>
        <b>{word('event', entry.event)}</b>
        {moved && <span className="dim"> → {word('state', entry.to ?? '')}</span>}{' '}
        <span className="dim">{t('case.timeline.by', { actor: entry.actor })}</span>
        {reason !== '' && <span className="timeline-reason">{reason}</span>}
      </span>
      <span className="mono dim clip" title={entry.trace_id ?? ''}>
        {entry.trace_id?.slice(0, 8)}
      </span>
    </li>
  );
}
