/** Windows of a job over the range, one cell a step: what happened by height and colour, both. */
import { type JobHistory, runStates } from '../../api/jobs.ts';
import { useWords } from '../../i18n/index.tsx';
import { now } from '../../model/clock.ts';
import { formatMoment, formatMs } from '../../model/format.ts';
import { cellState, wholeStrip } from '../../model/jobstrip.ts';
import { windowOf } from '../../model/range.ts';
import { useFrame } from '../../panel/frame.ts';

export function Strip({ history, open }: { history: JobHistory | undefined; open?: () => void }) {
  const { t } = useWords();
  const { frame } = useFrame();
  // All strips of the page have one scale of time, whatever the length of their windows.
  const window = windowOf(frame, now());
  if (history === undefined) return <div className="jobs-strip" />;
  const titleOf = (step: ReturnType<typeof wholeStrip>[number]): string => {
    const { cell } = step;
    const parts = runStates
      .filter((state) => (cell?.states[state] ?? 0) > 0)
      .map((state) => `${cell?.states[state]} ${t(`jobs.state.${state}`)}`);
    const slowest = cell?.duration_ms_max == null ? '' : `  ${formatMs(cell.duration_ms_max)}`;
    return `${formatMoment(step.from)}  ${parts.join(', ') || '–'}${slowest}`;
  };
  const steps = wholeStrip(history).filter((step) => step.to > window.from && step.from < window.to);
  const placed = (step: { from: number; to: number }) => {
    const part = (at: number): number =>
      (100 * (Math.min(window.to, Math.max(window.from, at)) - window.from)) / (window.to - window.from);
    return { left: `${part(step.from)}%`, width: `calc(${part(step.to) - part(step.from)}% - 1px)` };
  };
  const count = history.cells.reduce((sum, cell) => sum + (cell.states.failed ?? 0), 0);
  return (
    // The name beside it is the link; the strip only makes a larger target for the pointer.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      className="jobs-strip"
      role="img"
      aria-label={`${history.job}: ${steps.length}, ${count} ${t('jobs.state.failed')}`}
      onClick={open}
    >
      {steps.map((step) => (
        <i
          key={step.from}
          className={step.cell ? cellState(step.cell) : 'none'}
          style={placed(step)}
          title={titleOf(step)}
        />
      ))}
    </div>
  );
}

export function Legend() {
  const { t } = useWords();
  return (
    <div className="jobs-legend dim">
      {runStates.map((state) => (
        <span key={state}>
          <span className="jobs-strip" aria-hidden="true">
            <i className={state} />
          </span>
          {t(`jobs.state.${state}`)}
        </span>
      ))}
    </div>
  );
}
