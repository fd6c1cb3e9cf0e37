/** One job: what it is doing, its lag and durations over time, its windows, and the ways to run them again. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  type JobHistory,
  type JobRow,
  jobHistoryQuery,
  probeJob,
  type RunRow,
  type RunState,
  replayJob,
  runStates,
  runsQuery,
} from '../../api/jobs.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatLength, formatMs, formatNear, formatTime } from '../../model/format.ts';
import { pointsOf, rangesOf } from '../../model/jobstrip.ts';
import { Empty, Panel, Problem, Skeleton } from '../../panel/bits.tsx';
import { useFrame } from '../../panel/frame.ts';
import { TimeChart } from '../../panel/timechart.tsx';
import { ReplayDialog } from './replay.tsx';

const detailPollMs = 5_000;

export function JobDetail({ job }: { job: JobRow }) {
  const { t, length } = useWords();
  const { frame, poll, span } = useFrame();
  const history = useQuery(jobHistoryQuery(frame, job.name, poll(detailPollMs)));
  return (
    <>
      <Now job={job} history={history.data} />
      <div className="jobs-pair">
        <Panel title={t('jobs.chart.lag')} aside={t('jobs.lag.allowed', { span: allowed(job) })}>
          <Chart history={history.data} of="lag" job={job} />
        </Panel>
        <Panel title={t('jobs.chart.duration')} aside={length(span)}>
          <Chart history={history.data} of="duration" job={job} />
        </Panel>
      </div>
      <Windows job={job} />
    </>
  );
}

const allowed = (job: JobRow): string => formatLength((job.delay_s + job.align_s) * 1_000);

function Chart({
  history,
  of,
  job,
}: {
  history: JobHistory | undefined;
  of: 'lag' | 'duration';
  job: JobRow;
}) {
  const { t } = useWords();
  if (history === undefined) return <Skeleton rows={5} />;
  const points = pointsOf(history, (cell) => (of === 'lag' ? cell.lag_s_max : cell.duration_ms_max));
  if (points.every(({ value }) => value === null))
    return (
      <div className="jobs-nochart">
        <p className="dim">{t('jobs.chart.none')}</p>
      </div>
    );
  return of === 'lag' ? (
    <TimeChart
      points={points}
      unit="s"
      label={t('jobs.chart.lag')}
      target={job.delay_s + job.align_s}
      height={130}
    />
  ) : (
    <TimeChart points={points} unit="ms" label={t('jobs.chart.duration')} height={130} />
  );
}

/** What it does at this moment: progress of what waits, its pause, and what can be done. */
function Now({ job, history }: { job: JobRow; history: JobHistory | undefined }) {
  const { t } = useWords();
  const client = useQueryClient();
  const [replaying, setReplaying] = useState(false);
  const probe = useMutation({
    mutationFn: () => probeJob(job),
    onSettled: () => client.invalidateQueries({ queryKey: ['jobs'] }),
  });
  const { circuit } = job;
  return (
    <Panel
      title={<span className="mono">{job.name}</span>}
      aside={job.after.length > 0 ? t('jobs.after', { jobs: job.after.join(', ') }) : undefined}
      testId="job-now"
    >
      <div className="jobs-now">
        <Progress job={job} history={history} />
        <span className="grow" />
        {circuit.state !== 'closed' && (
          <button
            type="button"
            className="button primary"
            disabled={probe.isPending}
            onClick={() => probe.mutate()}
          >
            {t('jobs.probe')}
          </button>
        )}
        <button type="button" className="button" data-testid="job-replay" onClick={() => setReplaying(true)}>
          {t('jobs.replay')}
        </button>
      </div>
      {circuit.state !== 'closed' && (
        <div className="jobs-paused" role="status">
          <p className="bad">
            {circuit.state === 'open' && circuit.open_until !== null
              ? t('jobs.circuit.text', { n: circuit.failures, time: formatTime(circuit.open_until) })
              : t('jobs.circuit.trying', { n: circuit.failures })}
          </p>
          {circuit.last_error !== null && <p className="mono">{circuit.last_error}</p>}
        </div>
      )}
      {probe.error !== null && <Problem error={probe.error} />}
      {replaying && <ReplayDialog job={job} close={() => setReplaying(false)} />}
    </Panel>
  );
}

function Progress({ job, history }: { job: JobRow; history: JobHistory | undefined }) {
  const { t } = useWords();
  const all =
    history?.cells.reduce(
      (sum, { states }) => sum + runStates.reduce((n, state) => n + (states[state] ?? 0), 0),
      0,
    ) ?? 0;
  const done = history?.cells.reduce((sum, { states }) => sum + (states.success ?? 0), 0) ?? 0;
  const notes = [
    job.waiting > 0 ? `${formatCount(job.waiting)} ${t('jobs.waiting')}` : '',
    job.waiting_late > 0 ? t('jobs.waiting.late', { n: formatCount(job.waiting_late) }) : '',
    job.waiting_replay > 0 ? t('jobs.waiting.replay', { n: formatCount(job.waiting_replay) }) : '',
    job.failed > 0 ? t('jobs.failed', { n: formatCount(job.failed) }) : '',
  ].filter((note) => note !== '');
  return (
    <div className="jobs-progress">
      <div className="jobs-bar" role="presentation">
        <i style={{ width: `${all === 0 ? 0 : (100 * done) / all}%` }} />
      </div>
      <span>
        {t('jobs.done', { done: formatCount(done), all: formatCount(all) })}
        <span className="dim">{notes.length > 0 ? ` · ${notes.join(' · ')}` : ''}</span>
      </span>
    </div>
  );
}

function Windows({ job }: { job: JobRow }) {
  const { t } = useWords();
  const { frame, poll, set } = useFrame();
  const client = useQueryClient();
  const [state, setState] = useState<RunState | undefined>(undefined);
  const query = useQuery(runsQuery(frame, job.name, state, poll(detailPollMs)));
  const runs = query.data;
  const again = useMutation({
    mutationFn: async (windows: readonly RunRow[]) => {
      for (const range of rangesOf(windows)) await replayJob(job, range.from, range.to);
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['jobs'] }),
        client.invalidateQueries({ queryKey: ['job-runs', job.name] }),
        client.invalidateQueries({ queryKey: ['job-history', job.name] }),
      ]),
  });
  const failed = runs?.filter((run) => run.state === 'failed') ?? [];
  return (
    <Panel
      title={t('jobs.windows')}
      testId="job-windows"
      aside={
        <div className="row">
          {failed.length > 0 && (
            <button
              type="button"
              className="button small"
              disabled={again.isPending}
              onClick={() => again.mutate(failed)}
            >
              {t('jobs.replay.failed', { n: failed.length })}
            </button>
          )}
          <StateChoice value={state} choose={setState} />
        </div>
      }
    >
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {again.error !== null && <Problem error={again.error} />}
      {runs === undefined && query.error === null && <Skeleton rows={6} />}
      {runs?.length === 0 && (
        <Empty title={t('jobs.windows.empty')}>
          <p>{t('jobs.windows.empty.text', { delay: formatLength(job.delay_s * 1_000) })}</p>
          <button
            type="button"
            className="button"
            onClick={() => set({ range: '3h', from: undefined, to: undefined })}
          >
            {t('jobs.windows.wider')}
          </button>
        </Empty>
      )}
      {runs !== undefined && runs.length > 0 && (
        <RunTable runs={runs} again={(run) => again.mutate([run])} busy={again.isPending} />
      )}
    </Panel>
  );
}

function StateChoice(props: { value: RunState | undefined; choose: (state: RunState | undefined) => void }) {
  const { t } = useWords();
  return (
    <div className="segmented">
      {[undefined, ...runStates].map((state) => (
        <button
          key={state ?? 'any'}
          type="button"
          className={`button small ${state === props.value ? 'chosen' : ''}`}
          aria-pressed={state === props.value}
          onClick={() => props.choose(state)}
        >
          {t(`jobs.state.${state ?? 'any'}`)}
        </button>
      ))}
    </div>
  );
}

function RunTable({ runs, again, busy }: { runs: RunRow[]; again: (run: RunRow) => void; busy: boolean }) {
  const { t } = useWords();
  return (
    <div className="jobs-table">
      <table className="grid">
        <thead>
          <tr>
            <th>{t('jobs.col.window')}</th>
            <th>{t('jobs.col.state')}</th>
            <th>{t('jobs.col.kind')}</th>
            <th className="num">{t('jobs.col.attempts')}</th>
            <th className="num">{t('jobs.col.duration')}</th>
            <th className="num">{t('jobs.col.read')}</th>
            <th className="num">{t('jobs.col.written')}</th>
            <th className="num">{t('jobs.col.overwritten')}</th>
            <th>{t('jobs.col.error')}</th>
            <th aria-label={t('jobs.again')} />
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <RunLine key={run.run_id} run={run} again={again} busy={busy} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunLine({ run, again, busy }: { run: RunRow; again: (run: RunRow) => void; busy: boolean }) {
  const { t } = useWords();
  const took = run.started_at !== null && run.finished_at !== null ? run.finished_at - run.started_at : null;
  const finished = run.state === 'success' || run.state === 'failed';
  return (
    <tr>
      <td className="nowrap mono">
        {formatNear(run.from, now())} – {formatTime(run.to)}
      </td>
      <td className="nowrap">
        <span className={`jobs-mark ${run.state}`}>{t(`jobs.state.${run.state}`)}</span>
      </td>
      <td
        className="nowrap dim"
        title={run.successes > 1 ? t('jobs.times', { n: run.successes }) : undefined}
      >
        {t(`jobs.kind.${run.kind}`)}
        {run.successes > 1 && ` ×${run.successes}`}
      </td>
      <td className="num">{run.attempts}</td>
      <td className="num nowrap">{finished ? formatMs(took) : '–'}</td>
      <td className="num">{formatCount(run.rows_read)}</td>
      <td className="num">{formatCount(run.rows_written)}</td>
      <td className="num">{formatCount(run.rows_conflict)}</td>
      <td className="jobs-error">
        {run.error !== null && <span className={run.state === 'failed' ? 'bad' : 'warn'}>{run.error}</span>}
        {run.not_before !== null && run.not_before > now() && (
          <span className="dim"> {t('jobs.retry.at', { time: formatTime(run.not_before) })}</span>
        )}
      </td>
      <td className="num">
        {finished && (
          <button type="button" className="button small quiet" disabled={busy} onClick={() => again(run)}>
            {t('jobs.again')}
          </button>
        )}
      </td>
    </tr>
  );
}
