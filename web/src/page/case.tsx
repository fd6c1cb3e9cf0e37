/** The page that matters: impact, cause, evidence, change, plan, approval, steps, proof, history. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { ApiError } from '../api/client.ts';
import { caseQuery, timelineQuery } from '../api/queries.ts';
import type { CaseDetail, TimelineEntry } from '../api/types.ts';
import { useT, useWords } from '../i18n/index.tsx';
import { actionsIn } from '../model/casestate.ts';
import { Empty, Problem, Skeleton } from '../panel/bits.tsx';
import { usePageTitle } from '../panel/title.ts';
import { MapAround } from './case/around.tsx';
import { Broke, Signals } from './case/broke.tsx';
import { Changed } from './case/changed.tsx';
import { EvidencePanel } from './case/evidence.tsx';
import { CaseHeader } from './case/header.tsx';
import { Layers } from './case/layers.tsx';
import { PlanPanel } from './case/plan.tsx';
import { Timeline } from './case/timeline.tsx';
import { VerificationPanel } from './case/verification.tsx';
import './case/case.css';

const route = getRouteApi('/cases/$caseId');

export function CasePage() {
  const t = useT();
  const { caseId } = route.useParams();
  const detail = useQuery(caseQuery(caseId));
  const timeline = useQuery(timelineQuery(caseId, detail.data?.status === 'CLOSED'));
  usePageTitle(detail.data === undefined ? t('nav.cases') : undefined);
  if (detail.data === undefined) {
    if (detail.error === null) return <Skeleton rows={12} height={18} />;
    if (detail.error instanceof ApiError && detail.error.status === 404) {
      return (
        <Empty title={t('case.missing')}>
          <Link to="/cases" search={{ show: 'all' }} className="button">
            {t('home.cases.all')}
          </Link>
        </Empty>
      );
    }
    return <Problem error={detail.error} retry={() => void detail.refetch()} />;
  }
  return <CaseBody detail={detail.data} timeline={timeline.data ?? []} stale={detail.error} />;
}

function CaseBody(props: { detail: CaseDetail; timeline: TimelineEntry[]; stale: unknown }) {
  const { detail, timeline } = props;
  const verdict = detail.verdict;
  return (
    <div className="page case" data-testid="page-case" data-status={detail.status}>
      {props.stale !== null && <Problem error={props.stale} />}
      <CaseHeader detail={detail} timeline={timeline} />
      <Asks detail={detail} />
      <div className="case-top">
        <div className="case-column broke">
          <Broke detail={detail} />
          <Signals detail={detail} />
        </div>
        <Layers verdict={verdict} />
        <Changed verdict={verdict} />
      </div>
      <MapAround detail={detail} />
      <EvidencePanel detail={detail} />
      <PlanPanel detail={detail} />
      <div className="case-bottom">
        <VerificationPanel detail={detail} />
        <Timeline entries={timeline} />
      </div>
    </div>
  );
}

/** While a person is asked, the question stands at the top; the answer is given beside the plan. */
function Asks({ detail }: { detail: CaseDetail }) {
  const { t, phrase } = useWords();
  if (actionsIn(detail.status).length === 0) return null;
  const review = (): void => document.getElementById('plan')?.scrollIntoView({ block: 'center' });
  return (
    <div className="asks-strip" role="status">
      <p className="grow">
        {detail.status === 'PARKED' ? (
          <>
            <b className="warn">{t('case.parked')}</b>{' '}
            {phrase(detail.parked_reason ?? '') || t('case.parked.text')}
          </>
        ) : (
          <>
            <b className="warn">{t('case.asks')}</b> {detail.plan?.title}
          </>
        )}
      </p>
      <button type="button" className="button" onClick={review} data-testid="review-plan">
        {t('case.review')} ↓
      </button>
    </div>
  );
}
