import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type JobRow, replayJob } from '../../api/jobs.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatCount, formatDay, formatTime } from '../../model/format.ts';
import { windowsIn } from '../../model/jobstrip.ts';
import { windowOf } from '../../model/range.ts';
import { Problem } from '../../panel/bits.tsx';
import { Dialog } from '../../panel/dialog.tsx';
import { useFrame } from '../../panel/frame.ts';

/** As an input of type datetime-local writes it, in the browser's zone. */
const localText = (at: number): string => `${formatDay(at)}T${formatTime(at)}`;

/** Chooses a range of time and runs the job's windows in it again. */
export function ReplayDialog({ job, close }: { job: JobRow; close: () => void }) {
  const { t } = useWords();
  const { frame } = useFrame();
  const client = useQueryClient();
  const shown = windowOf(frame, now());
  const due = Math.floor((shown.to - job.delay_s * 1_000) / (job.align_s * 1_000)) * job.align_s * 1_000;
  const [from, setFrom] = useState(localText(shown.from));
  const [to, setTo] = useState(localText(Math.max(due, shown.from + job.align_s * 1_000)));
  const range = { from: Date.parse(from), to: Date.parse(to) };
  const valid = Number.isFinite(range.from) && Number.isFinite(range.to) && range.to > range.from;
  const count = valid ? windowsIn(range.from, range.to, job.align_s * 1_000) : 0;
  const over = count > job.replay_windows_max;
  const replay = useMutation({
    mutationFn: () => replayJob(job, range.from, range.to),
    onSettled: () =>
      Promise.all(
        ['jobs', 'job-runs', 'job-history'].map((key) => client.invalidateQueries({ queryKey: [key] })),
      ),
  });
  const field = (label: string, value: string, change: (text: string) => void) => (
    <label className="field">
      {label}
      <input type="datetime-local" step={1} value={value} onChange={(event) => change(event.target.value)} />
    </label>
  );
  return (
    <Dialog title={t('jobs.replay.title', { job: job.name })} close={close} className="jobs-replay">
      <p className="dim">{t('jobs.replay.text')}</p>
      <div className="row">
        {field(t('time.from'), from, setFrom)}
        {field(t('time.to'), to, setTo)}
      </div>
      <p className={over || !valid ? 'warn' : ''} role="status">
        {!valid
          ? t('jobs.replay.reversed')
          : over
            ? t('jobs.replay.over', { n: formatCount(count), max: formatCount(job.replay_windows_max) })
            : t('jobs.replay.count', { n: formatCount(count) })}
      </p>
      <div className="row">
        <button
          type="button"
          className="button primary"
          disabled={!valid || over || replay.isPending}
          onClick={() => replay.mutate()}
        >
          {t('jobs.replay.go')}
        </button>
        {replay.data && (
          <span role="status">{t('jobs.replayed', { n: formatCount(replay.data.queued) })}</span>
        )}
      </div>
      {replay.error !== null && <Problem error={replay.error} />}
    </Dialog>
  );
}
