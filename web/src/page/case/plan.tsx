/** What would be done, under which rule, and the buttons; while it runs, each step as it goes. */
import type { CaseDetail, ChangePlan, ExecutedStep } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { formatLength, formatMs } from '../../model/format.ts';
import { type PlannedStep, plannedSteps, summaryOf } from '../../model/plansteps.ts';
import { Panel, Skeleton } from '../../panel/bits.tsx';
import { useTick } from '../../panel/tick.ts';
import { CaseActions } from './actions.tsx';

export function PlanPanel({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  const { plan } = detail;
  const title = plan === null ? t('case.plan') : `${t('case.plan')}: ${plan.title}`;
  return (
    <Panel
      title={title}
      testId="case-plan"
      id="plan"
      className={detail.status === 'WAIT_GATE' ? 'asks' : ''}
      aside={plan === null ? undefined : <Facts plan={plan} />}
    >
      {plan === null ? <NoPlan detail={detail} /> : <Steps detail={detail} plan={plan} />}
      <div className="plan-foot">
        <Gate detail={detail} />
        <CaseActions detail={detail} />
      </div>
    </Panel>
  );
}

function Facts({ plan }: { plan: ChangePlan }) {
  const { t } = useWords();
  return (
    <>
      {plan.source && <span>{t('case.plan.from', { name: plan.source.template })} · </span>}
      <span className={plan.risk_score >= 0.5 ? 'warn' : ''}>
        {t('case.plan.risk', { risk: plan.risk_score.toFixed(2) })}
      </span>
    </>
  );
}

function NoPlan({ detail }: { detail: CaseDetail }) {
  const { t } = useWords();
  if (detail.status === 'NEW' || detail.status === 'ANALYZING' || detail.status === 'PLANNING') {
    return (
      <>
        <p className="panel-body dim">{t('case.plan.waiting')}</p>
        <Skeleton rows={2} />
      </>
    );
  }
  return <p className="panel-body dim">{t('case.plan.nofit')}</p>;
}

function Steps({ detail, plan }: { detail: CaseDetail; plan: ChangePlan }) {
  const { t } = useWords();
  const { forward, rollback } = plannedSteps(plan, detail.steps);
  return (
    <div className="plan-steps">
      <ol>
        {forward.map((step) => (
          <StepRow key={step.seq} step={step} />
        ))}
      </ol>
      {rollback.length === 0 && <p className="dim rollback-none">{t('case.plan.rollback.none')}</p>}
      {rollback.length > 0 && (
        <details open={rollback.some((step) => step.run !== undefined)}>
          <summary className="dim">
            {t('case.plan.rollback')} ({rollback.length})
          </summary>
          <ol>
            {rollback.map((step) => (
              <StepRow key={step.seq} step={step} />
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

function StepRow({ step }: { step: PlannedStep }) {
  const { t } = useWords();
  const status = step.run?.status ?? 'pending';
  return (
    <li className={`plan-step step-is-${status}`} data-testid="plan-step" data-status={status}>
      <span className="num dim">{step.seq}</span>
      <span className="plan-what">
        <b>{step.title}</b> <span className="mono dim">{step.action}</span>
        <br />
        <span className="mono params">{summaryOf(step.params)}</span>
        {step.run?.error && <span className="bad step-error">{step.run.error}</span>}
        {step.run !== undefined && hasOutput(step.run) && (
          <details>
            <summary className="dim">{t('case.plan.output')}</summary>
            <pre className="code">{outputText(step.run.output)}</pre>
          </details>
        )}
      </span>
      <span className="dim nowrap">
        {t('case.plan.timeout', { span: formatLength(step.timeoutS * 1_000) })} ·{' '}
        {t('case.plan.retry', { n: step.retry })}
      </span>
      <StepStatus run={step.run} status={status} />
    </li>
  );
}

function StepStatus({ run, status }: { run: ExecutedStep | undefined; status: ExecutedStep['status'] }) {
  const { t } = useWords();
  const at = useTick(500);
  const took =
    run?.started_at === null || run?.started_at === undefined
      ? null
      : (run.finished_at ?? at) - run.started_at;
  return (
    <span className={`step-status step-status-${status}`}>
      <i className="step-dot" aria-hidden="true" />
      {t(`case.step.${status}`)}
      {took !== null && <span className="dim"> {formatMs(Math.max(0, took))}</span>}
      {run !== undefined && run.attempt > 1 && (
        <span className="dim"> {t('case.plan.attempt', { n: run.attempt })}</span>
      )}
    </span>
  );
}

const hasOutput = (run: ExecutedStep): boolean =>
  run.output !== null && run.output !== undefined && run.output !== '' && outputText(run.output) !== '{}';

const outputText = (output: unknown): string =>
  typeof output === 'string' ? output : JSON.stringify(output, null, 2);

/** What policy said, which policy it was, and why. */
function Gate({ detail }: { detail: CaseDetail }) {
  const { t, phrase } = useWords();
  const { gate } = detail;
  if (gate === null) {
    return detail.plan === null ? (
      <span className="grow" />
    ) : (
      <p className="gate dim grow">
        {t('case.plan.policy')}: {t('case.plan.policy.none')}
      </p>
    );
  }
  const outcome =
    gate.decision === 'needs_person' ||
    (gate.needs_person && gate.decision !== 'approve' && gate.decision !== 'reject')
      ? 'needs'
      : gate.decision === 'reject'
        ? 'rejected'
        : gate.actor.endsWith('@svc')
          ? 'auto'
          : 'approved';
  return (
    <div className="gate grow" data-testid="gate" data-decision={gate.decision}>
      <p>
        {t('case.plan.policy')}{' '}
        {gate.policies.map((policy) => (
          <span key={policy} className="tag">
            {policy}
          </span>
        ))}{' '}
        <b className={outcome === 'rejected' ? 'bad' : outcome === 'needs' ? 'warn' : 'good'}>
          {t(`case.plan.${outcome}`, { actor: gate.actor })}
        </b>
      </p>
      {gate.reasons.map((reason) => (
        <p key={reason} className="dim">
          {phrase(reason)}
        </p>
      ))}
    </div>
  );
}
