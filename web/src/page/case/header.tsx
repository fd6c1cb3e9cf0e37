import type { CaseDetail, TimelineEntry } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { caseSteps, stepStates } from '../../model/casestate.ts';
import { formatCount, formatNear, formatRatio, formatSpan } from '../../model/format.ts';
import { Severity } from '../../panel/bits.tsx';
import { StateMark } from '../../panel/state.tsx';
import { useTick } from '../../panel/tick.ts';
import { usePageTitle } from '../../panel/title.ts';

export function CaseHeader({ detail, timeline }: { detail: CaseDetail; timeline: TimelineEntry[] }) {
  const { say } = useWords();
  const named = detail.signals.find((signal) => signal.title === detail.title);
  usePageTitle(`INC-${detail.number} ${say(detail.title, named)}`);
  return (
    <header className="case-head">
      <div className="case-title">
        <h1>
          <span className="dim">INC-{detail.number}</span> {say(detail.title, named)}
        </h1>
        <Impact detail={detail} />
      </div>
      <Stepper detail={detail} timeline={timeline} />
    </header>
  );
}

/** Who is affected, since when, how much; what is not known is not said. */
function Impact({ detail }: { detail: CaseDetail }) {
  const { t, word, length } = useWords();
  const at = useTick(1_000);
  const scope = detail.verdict?.scope;
  const since = scope?.since ?? detail.signals[0]?.since ?? detail.created_at;
  const end = detail.closed_at ?? detail.updated_at;
  return (
    <p className="case-impact">
      <StateMark status={detail.status} />
      <Severity severity={detail.severity} label={word('severity', detail.severity)} />
      <span className="mono">{t('case.since', { time: formatNear(since, at) })}</span>
      {detail.status === 'CLOSED' ? (
        <span>{t('case.closed', { span: formatSpan(end - detail.created_at) })}</span>
      ) : (
        <span>{length(formatSpan(at - since))}</span>
      )}
      {scope !== undefined && scope.totalRequests > 0 && (
        <span>
          {t('case.requests', {
            bad: formatCount(scope.affectedRequests),
            all: formatCount(scope.totalRequests),
          })}{' '}
          ({formatRatio(scope.affectedRequests / scope.totalRequests)})
        </span>
      )}
      {scope?.only && <span>{t('case.only', scope.only)}</span>}
    </p>
  );
}

function Stepper({ detail, timeline }: { detail: CaseDetail; timeline: TimelineEntry[] }) {
  const { t, word } = useWords();
  const states = stepStates(detail.status, timeline);
  return (
    <ol className="stepper" aria-label={t('state.step')}>
      {caseSteps.map((step, i) => (
        <li
          key={step}
          className={`step-${states[i]}`}
          aria-current={states[i] === 'now' || states[i] === 'stopped' ? 'step' : undefined}
        >
          <i aria-hidden="true" />
          {step === 'WAIT_GATE' ? t('state.short.WAIT_GATE') : word('state', step)}
        </li>
      ))}
    </ol>
  );
}
