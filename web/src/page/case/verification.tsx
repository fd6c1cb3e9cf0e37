/** The same observation that broke must hold again, for a while, before the case closes. */
import { staysAbove } from '../../../../src/model/objective.ts';
import type { CaseDetail, Verification } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatClock, formatIndicator, formatLength, formatTime } from '../../model/format.ts';
import { Panel } from '../../panel/bits.tsx';
import { useTick } from '../../panel/tick.ts';
import { TimeChart } from '../../panel/timechart.tsx';

const units: Record<string, string> = {
  availability: 'ratio',
  error_rate: 'ratio',
  latency_p95: 'ms',
  throughput: '/s',
  log_volume: '/s',
};

export function VerificationPanel({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  const { verification } = detail;
  return (
    <Panel title={t('case.verification')} testId="case-verification">
      {verification === null ? (
        <p className="panel-body dim">{t('case.verification.none')}</p>
      ) : (
        <div className="panel-body" data-testid="verification" data-status={verification.status}>
          <Progress verification={verification} />
          <Objectives verification={verification} />
          <History verification={verification} />
        </div>
      )}
    </Panel>
  );
}

function Progress({ verification }: { verification: Verification }) {
  const { t, phrase } = useWords();
  const at = useTick(250);
  const windowMs = verification.window_s * 1_000;
  const held = verification.holds_since === null ? 0 : Math.max(0, at - verification.holds_since);
  const span = formatLength(windowMs);
  if (verification.status === 'pass') return <p className="good">{t('case.verification.pass', { span })}</p>;
  if (verification.status === 'failed') {
    return (
      <>
        <p className="bad">{t('case.verification.failed')}</p>
        {verification.reason && <p className="dim">{phrase(verification.reason)}</p>}
      </>
    );
  }
  return (
    <>
      <p className="dim">{t('case.verification.waiting', { span })}</p>
      <div className="countdown">
        <progress max={windowMs} value={Math.min(held, windowMs)} aria-label={t('case.verification')} />
        <span className={held > 0 ? 'good' : 'warn'}>
          {held > 0
            ? t('case.verification.holding', { left: formatClock(windowMs - held) })
            : t('case.verification.notyet')}
        </span>
        {verification.deadline_at !== null && (
          <span className="dim">
            {t('case.verification.deadline', { time: formatTime(verification.deadline_at) })}
          </span>
        )}
      </div>
    </>
  );
}

function Objectives({ verification }: { verification: Verification }) {
  const { t, word } = useWords();
  return (
    <ul className="objectives">
      {verification.objectives.map((each) => (
        <li key={each.id} className="row">
          <span className="grow clip">
            {each.service} {word('indicator', each.indicator)}
          </span>
          <span className={each.holds === false ? 'bad' : each.holds === true ? 'good' : 'dim'}>
            {formatIndicator(each.indicator, each.value)}
          </span>
          <span className="dim">
            {t('case.verification.target', {
              sign: staysAbove(each.indicator) ? '≥' : '≤',
              target: formatIndicator(each.indicator, each.target),
            })}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Each reading as it came: held or not. The curve stands below it where one indicator is all there is to hold. */
function History({ verification }: { verification: Verification }) {
  const { t, word } = useWords();
  const { history, objectives } = verification;
  const indicators = new Set(objectives.map((each) => each.indicator));
  const [objective] = objectives;
  if (objective === undefined || history.length === 0) return null;
  return (
    <>
      <ol className="readings" aria-label={t('case.verification.readings', { n: history.length })}>
        {history.map((each) => (
          <li key={each.at} className={each.holds ? 'holds' : ''} title={formatTime(each.at)} />
        ))}
      </ol>
      <p className="dim readings-axis mono">
        <span>{formatTime(history[0]?.at ?? verification.started_at)}</span>
        <span>{t('case.verification.readings', { n: history.length })}</span>
        <span>{formatTime(history.at(-1)?.at ?? verification.started_at)}</span>
      </p>
      {indicators.size === 1 && history.length > 1 && (
        <TimeChart
          points={history}
          unit={units[objective.indicator] ?? ''}
          label={word('indicator', objective.indicator)}
          target={objective.target}
          marks={verification.holds_since === null ? [] : [verification.holds_since]}
          height={110}
        />
      )}
    </>
  );
}
