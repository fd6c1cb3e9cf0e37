/** Every job's windows as a strip, how far it is behind, and whether it is paused; the chosen one in full. */
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type JobRow, jobHistoryQuery, jobsQuery } from '../api/jobs.ts';
import { type Translate, useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatCount, formatLength, formatMs, formatNear, formatSpan } from '../model/format.ts';
import { Empty, Health, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { useFrame } from '../panel/frame.ts';
import { JobDetail } from './jobs/detail.tsx';
import { Legend, Strip } from './jobs/strip.tsx';
import './jobs.css';

const stripPollMs = 10_000;

export function JobsPage() {
  const { t, length } = useWords();
  const search = useSearch({ from: '/jobs' });
  const { span } = useFrame();
  const query = useQuery(jobsQuery());
  const jobs = query.data;
  const chosen = jobs?.find(({ name }) => name === search.job) ?? jobs?.[0];
  return (
    <div className="page" data-testid="page-jobs">
      <div className="page-head">
        <h1>{t('jobs.title')}</h1>
        <span className="dim">{t('jobs.lead')}</span>
        <span className="grow" />
        <Legend />
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {jobs === undefined && query.error === null && <Skeleton rows={10} />}
      {jobs?.length === 0 && (
        <Empty title={t('jobs.empty')}>
          <p>{t('jobs.empty.text')}</p>
        </Empty>
      )}
      {jobs && jobs.length > 0 && (
        <Panel title={t('jobs.list')} aside={length(span)} className="jobs-list">
          {jobs.map((job) => (
            <JobLine key={job.name} job={job} chosen={job === chosen} />
          ))}
        </Panel>
      )}
      {chosen && <JobDetail key={chosen.name} job={chosen} />}
    </div>
  );
}

/** A job is failing when it gave something up or is paused, suspect when it is more than five windows behind. */
export function jobHealth(job: JobRow): 'ok' | 'suspect' | 'failing' | 'no_data' {
  if (job.circuit.state !== 'closed' || job.failed > 0) return 'failing';
  if (job.lag_s === null) return 'no_data';
  return job.lag_s > job.delay_s + 5 * job.align_s ? 'suspect' : 'ok';
}

function healthText(job: JobRow, t: Translate): string {
  if (job.circuit.state !== 'closed') return t(`jobs.circuit.${job.circuit.state}`);
  if (job.failed > 0) return t('jobs.failed', { n: formatCount(job.failed) });
  if (job.lag_s === null) return t('jobs.none');
  return jobHealth(job) === 'suspect' ? t('jobs.behind') : t('jobs.circuit.closed');
}

function JobLine({ job, chosen }: { job: JobRow; chosen: boolean }) {
  const { t, length } = useWords();
  const { frame, poll } = useFrame();
  const navigate = useNavigate();
  const history = useQuery(jobHistoryQuery(frame, job.name, poll(stripPollMs)));
  const timing = t('jobs.every', {
    span: formatLength(job.align_s * 1_000),
    delay: formatLength(job.delay_s * 1_000),
  });
  const since =
    job.waiting_from === null ? '' : t('jobs.waiting.from', { time: formatNear(job.waiting_from, now()) });
  const open = (): void => void navigate({ to: '/jobs', search: (before) => ({ ...before, job: job.name }) });
  return (
    <div className={`jobs-line ${chosen ? 'chosen' : ''}`} data-testid={`job-${job.name}`}>
      <div className="jobs-name">
        <Link
          to="/jobs"
          search={(before) => ({ ...before, job: job.name })}
          className="mono"
          title={job.name}
        >
          {job.name}
        </Link>
        <span className="dim" title={timing}>
          {timing}
        </span>
      </div>
      <Strip history={history.data} open={open} />
      <div className="jobs-state">
        <Health state={jobHealth(job)} label={healthText(job, t)} />
      </div>
      <div className="jobs-figure">
        <strong>{job.lag_s === null ? '–' : length(formatSpan(job.lag_s * 1_000))}</strong>
        <span className="dim">{t('jobs.lag')}</span>
      </div>
      <div className="jobs-figure">
        <strong>{formatCount(job.waiting)}</strong>
        <span className="dim" title={since}>
          {since === '' ? t('jobs.waiting') : since}
        </span>
      </div>
      <div className="jobs-figure jobs-duration">
        <strong>{formatMs(job.duration_ms_p50)}</strong>
        <span className="dim">p95 {formatMs(job.duration_ms_p95)}</span>
      </div>
    </div>
  );
}
