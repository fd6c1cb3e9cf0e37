import { useQuery } from '@tanstack/react-query';
import { type IntakeReport, type IntakeStep, intakeQuery } from '../api/intake.ts';
import { useWords } from '../i18n/index.tsx';
import { now } from '../model/clock.ts';
import { formatBytes, formatCount, formatMs, formatNear, formatRate } from '../model/format.ts';
import { Empty, Panel, Problem, Skeleton } from '../panel/bits.tsx';
import { Spark } from '../panel/spark.tsx';
import { SendSteps } from './first.tsx';
import { DeadLetters } from './intake/letters.tsx';
import './intake.css';

export function IntakePage() {
  const { t } = useWords();
  const query = useQuery(intakeQuery());
  const report = query.data;
  return (
    <div className="page" data-testid="page-intake">
      <div className="page-head">
        <h1>{t('intake.title')}</h1>
        <span className="dim">{t('intake.window')}</span>
      </div>
      {query.error !== null && <Problem error={query.error} retry={() => void query.refetch()} />}
      {report === undefined && query.error === null && <Skeleton rows={10} />}
      {report && <Figures report={report} />}
      {report && <Receivers steps={report.steps} />}
      <DeadLetters />
      {(report !== undefined || query.error !== null) && (
        <HowToSend open={report === undefined || nothingCame(report)} />
      )}
      {report && (
        <div className="intake-pair">
          <Offenders report={report} />
          <Masked masked={report.masked} />
        </div>
      )}
    </div>
  );
}

const nothingCame = (report: IntakeReport): boolean =>
  report.steps.every((step) => Object.keys(step.records).length === 0);

/** Folded away where something comes in; links of empty pages lead here. */
function HowToSend({ open }: { open: boolean }) {
  const { t } = useWords();
  const wanted = location.hash === '#send';
  return (
    <details className="panel send-panel" id="send" open={open || wanted} data-testid="how-to-send">
      <summary>{t('action.howtosend')}</summary>
      <div className="panel-body first">
        <SendSteps />
      </div>
    </details>
  );
}

const sum = (values: Record<string, number>): number => Object.values(values).reduce((a, b) => a + b, 0);

function Figures({ report }: { report: IntakeReport }) {
  const { t } = useWords();
  const { steps } = report;
  const last = steps.at(-1);
  const series = (of: (step: IntakeStep) => number) => steps.map(of);
  const reasons = [...new Set(steps.flatMap((step) => Object.keys(step.refused)))].filter((reason) =>
    steps.some((step) => (step.refused[reason] ?? 0) > 0),
  );
  return (
    <div className="intake-figures">
      <Figure
        name={t('intake.pending')}
        value={formatBytes(last?.pending_bytes)}
        values={series((step) => step.pending_bytes)}
      />
      <Figure
        name={t('intake.lag')}
        value={formatMs(last?.insert_lag_ms)}
        values={series((step) => step.insert_lag_ms)}
        least={2_000}
      />
      <Figure name={t('intake.commit')} value={formatMs(report.commit_ms)} />
      <Figure
        name={t('intake.disk')}
        value={report.disk_free_bytes === null ? '–' : formatBytes(report.disk_free_bytes)}
      />
      <Figure
        name={t('intake.refused')}
        value={formatRate(last === undefined ? null : sum(last.refused))}
        values={series((step) => sum(step.refused))}
        tone={reasons.length > 0 ? 'bad' : 'plain'}
        note={reasons.map((reason) => t(refusalKey(reason))).join(' · ')}
        least={1}
      />
    </div>
  );
}

const refusalKey = (reason: string) =>
  reason === 'rate'
    ? 'intake.refused.rate'
    : reason === 'disk'
      ? 'intake.refused.disk'
      : reason === 'in_flight'
        ? 'intake.refused.in_flight'
        : 'intake.refused.pending';

function Figure(props: {
  name: string;
  value: string;
  values?: number[];
  tone?: 'plain' | 'bad';
  note?: string;
  least?: number;
}) {
  return (
    <div className="panel intake-figure">
      <span className="dim">{props.name}</span>
      <strong>{props.value}</strong>
      {props.values && (
        <Spark
          values={props.values}
          label={`${props.name} ${props.value}`}
          tone={props.tone ?? 'plain'}
          least={props.least ?? 0}
        />
      )}
      {props.note && <span className="bad">{props.note}</span>}
    </div>
  );
}

function Receivers({ steps }: { steps: IntakeStep[] }) {
  const { t, word } = useWords();
  const signals = [...new Set(steps.flatMap((step) => Object.keys(step.records)))].sort();
  const last = steps.at(-1);
  return (
    <Panel title={t('intake.receivers')}>
      {signals.length === 0 ? (
        <Empty title={t('intake.receivers.empty')}>
          <p>{t('intake.receivers.hint')}</p>
        </Empty>
      ) : (
        <table className="grid">
          <thead>
            <tr>
              <th>{t('intake.col.signal')}</th>
              <th className="num">{t('intake.col.records')}</th>
              <th aria-label={t('intake.col.records')} />
              <th className="num">{t('intake.col.bytes')}</th>
              <th aria-label={t('intake.col.bytes')} />
              <th className="num">{t('intake.col.ack')}</th>
              <th className="num">{t('intake.col.rejected')}</th>
            </tr>
          </thead>
          <tbody>
            {signals.map((signal) => (
              <tr key={signal}>
                <td>{word('signal', signal)}</td>
                <td className="num">{formatRate(last?.records[signal] ?? 0)}</td>
                <td className="intake-spark">
                  <Spark
                    values={steps.map((step) => step.records[signal] ?? 0)}
                    label={t('intake.col.records')}
                  />
                </td>
                <td className="num">{formatBytes(last?.bytes[signal] ?? 0)}/s</td>
                <td className="intake-spark">
                  <Spark
                    values={steps.map((step) => step.bytes[signal] ?? 0)}
                    label={t('intake.col.bytes')}
                  />
                </td>
                <td className="num">
                  {last?.ack_p99_ms[signal] === undefined ? '–' : `≤ ${formatMs(last.ack_p99_ms[signal])}`}
                </td>
                <td className={`num ${(last?.rejected[signal] ?? 0) > 0 ? 'bad' : ''}`}>
                  {formatRate(last?.rejected[signal] ?? 0)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Offenders({ report }: { report: IntakeReport }) {
  const { t } = useWords();
  const [use] = report.use;
  const aside =
    use === undefined
      ? ''
      : t('intake.use', { series: formatCount(use.series), streams: formatCount(use.streams) });
  return (
    <Panel title={t('intake.offenders')} aside={aside}>
      {report.offenders.length === 0 ? (
        <Empty title={t('intake.offenders.empty')} />
      ) : (
        <table className="grid">
          <thead>
            <tr>
              <th>{t('intake.col.metric')}</th>
              <th>{t('intake.col.label')}</th>
              <th>{t('intake.col.rule')}</th>
              <th className="num">{t('intake.col.count')}</th>
              <th className="num">{t('intake.col.last')}</th>
            </tr>
          </thead>
          <tbody>
            {report.offenders.map((each) => (
              <tr key={`${each.tenant} ${each.metric} ${each.label} ${each.rule}`}>
                <td className="mono">{each.metric === '' ? t('intake.streams') : each.metric}</td>
                <td className="mono" title={each.example}>
                  {each.label === '' ? '–' : each.label}
                  {each.example !== '' && <span className="dim intake-example"> {each.example}</span>}
                </td>
                <td className="mono dim">limits.{each.rule}</td>
                <td className="num bad">{formatCount(each.count)}</td>
                <td className="num nowrap">{formatNear(each.last, now())}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Masked({ masked }: { masked: Record<string, number> }) {
  const { t } = useWords();
  const rules = Object.entries(masked)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1]);
  return (
    <Panel title={t('intake.masked')} aside={t('intake.masked.since')}>
      {rules.length === 0 ? (
        <Empty title={t('intake.masked.empty')} />
      ) : (
        <table className="grid">
          <tbody>
            {rules.map(([rule, count]) => (
              <tr key={rule}>
                <td className="mono">{rule}</td>
                <td className="num">{formatCount(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
