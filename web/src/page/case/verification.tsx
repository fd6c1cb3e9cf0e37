/** The same observation that broke must hold again, for a while, before the case closes. */
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
  const { t } = useWords();
  const at = useTick(250);
  const windowMs = verification.window_s * 1_000;
  const held = verification.holds_since === null ? 0 : Math.max(0, at - verification.holds_since);
  const span = formatLength(windowMs);
  if (verification.status === 'pass') return <p className="good">{t('case.verification.pass', { span })}</p>;
  if (verification.status === 'failed') {
    return (
      <>
        <p className="bad">{t('case.verification.failed')}</p>
        {verification.reason && <p className="dim">{verification.reason}</p>}
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
            {t('case.verification.target', { target: formatIndicator(each.indicator, each.target) })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function History({ verification }: { verification: Verification }) {
  const { t } = useWords();
  const objective = verification.objectives[0];
  if (objective === undefined || verification.history.length < 2) return null;
  return (
    <TimeChart
      points={verification.history}
      unit={units[objective.indicator] ?? ''}
      label={t('case.verification')}
      target={objective.target}
      marks={verification.holds_since === null ? [] : [verification.holds_since]}
      height={110}
    />
  );
}
