/** The picture of one fact: its series beside what is usual, or the two figures that its sentence compares. */
import type { CaseDetail, CaseEvidence, Verdict } from '../../api/types.ts';
import { useWords } from '../../i18n/index.tsx';
import { type Compared, comparedMs, measuredRange, medianOf } from '../../model/explained.ts';
import { formatMs, formatTime, formatUnit } from '../../model/format.ts';
import { TimeChart } from '../../panel/timechart.tsx';

export function EvidenceChart({ evidence, detail }: { evidence: CaseEvidence; detail: CaseDetail }) {
  const compared = comparedMs(evidence.code, evidence.params);
  if (evidence.series && evidence.series.points.length > 0)
    return <SeriesChart series={evidence.series} verdict={detail.verdict} />;
  return compared === null ? null : <TwoBars compared={compared} />;
}

/** `cart errors`: a service and what of it; the name of a metric is one word and stays. */
const seriesName = (name: string, word: (prefix: string, word: string) => string): string =>
  name.replace(/ (errors|p95Ms|requests|logs)$/, (_, what: string) => ` ${word('series', what)}`);

function SeriesChart(props: { series: NonNullable<CaseEvidence['series']>; verdict: Verdict | null }) {
  const { t, word } = useWords();
  const { series, verdict } = props;
  const { points, unit, baseline } = series;
  const name = seriesName(series.name, word);
  const median = verdict && baseline ? medianOf(points, verdict.baseline) : null;
  const show = (value: number): string => formatUnit(value, unit);
  return (
    <figure className="evidence-figure" data-testid="evidence-chart">
      <TimeChart
        points={points}
        unit={unit}
        label={name}
        band={baseline}
        median={median}
        marks={(verdict?.changes ?? []).map((change) => change.at)}
        {...(verdict && {
          range: measuredRange(points, { from: verdict.baseline.from, to: verdict.window.to }),
          shaded: [verdict.window],
          onset: verdict.scope.since,
        })}
        height={112}
      />
      <figcaption className="dim chart-note">
        {name}
        {baseline && ` · ${t('case.evidence.usual', { low: show(baseline.low), high: show(baseline.high) })}`}
        {median !== null && ` · ${t('case.evidence.median', { value: show(median) })}`}
      </figcaption>
    </figure>
  );
}

function TwoBars({ compared }: { compared: Compared }) {
  const { t } = useWords();
  const most = Math.max(compared.before, compared.now);
  const bar = (name: string, value: number, tone: string) => (
    <div className="two-bar">
      <dt className="clip dim">{name}</dt>
      <dd>
        <span className="two-bar-track" aria-hidden="true">
          <i className={tone} style={{ width: `${Math.max(0.6, (value / most) * 100)}%` }} />
        </span>
        <span className="num">{formatMs(value)}</span>
      </dd>
    </div>
  );
  return (
    <dl className="two-bars" data-testid="evidence-bars">
      {bar(compared.names?.before ?? t('case.evidence.before'), compared.before, 'usual')}
      {bar(compared.names?.now ?? t('case.evidence.now'), compared.now, 'now')}
    </dl>
  );
}

/** What the marks of the charts mean, once for all of them. */
export function ChartLegend({ verdict }: { verdict: Verdict | null }) {
  const { t } = useWords();
  if (verdict === null) return null;
  return (
    <p className="chart-legend dim">
      <i className="key band" /> {t('case.legend.usual')}
      <i className="key median" /> {t('case.legend.median')}
      <i className="key incident" />{' '}
      {t('case.legend.incident', {
        from: formatTime(verdict.window.from),
        to: formatTime(verdict.window.to),
      })}
      <i className="key onset" /> {t('case.legend.onset', { at: formatTime(verdict.scope.since) })}
      <i className="key mark" /> {t('case.legend.change')}
    </p>
  );
}
