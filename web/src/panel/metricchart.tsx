/** One line of a metric per minute: its usual range shaded, what was unusual marked. */
import type { MetricLine } from '../../../src/model/series-report.ts';
import { useT } from '../i18n/index.tsx';
import { formatUnit } from '../model/format.ts';
import type { Window } from '../model/range.ts';
import { joined } from '../model/unusual.ts';
import { TimeChart } from './timechart.tsx';

export function MetricChart(props: {
  line: MetricLine;
  unit: string;
  label: string;
  window: Window;
  stepMs: number;
  changes?: readonly number[];
  height?: number;
  onZoom?: (window: Window) => void;
}) {
  const t = useT();
  const { line, unit } = props;
  const isUnusual = (at: number): boolean =>
    line.unusual.some((bout) => at + props.stepMs > bout.from && at <= bout.to);
  return (
    <figure className="evidence-figure" data-testid="metric-chart" data-unusual={line.unusual.length}>
      <TimeChart
        points={line.points}
        unit={unit}
        label={props.label}
        band={line.usual}
        median={line.usual?.median ?? null}
        range={props.window}
        shaded={joined(line.unusual)}
        unusual={line.points.filter((point) => isUnusual(point.at)).map((point) => point.at)}
        marks={props.changes ?? []}
        height={props.height ?? 130}
        {...(props.onZoom && { onZoom: props.onZoom })}
      />
      <figcaption className="dim chart-note">
        {line.usual === null
          ? t('series.nousual')
          : t('series.usual', {
              low: formatUnit(line.usual.low, unit),
              high: formatUnit(line.usual.high, unit),
              median: formatUnit(line.usual.median, unit),
            })}
      </figcaption>
    </figure>
  );
}
