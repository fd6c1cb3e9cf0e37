/**
 * indicators — the catalogue of checks (`catalog/checks`, one file each) and the judge that runs them on whatever is known of
 * an incident: metrics, counted requests and calls, log records, events.
 *
 * Contract: pure but for `loadIndicators`; a check answers ok, suspect or no data for every resource that it can see; a
 * finding names the figure now and before, and a `ref` that leads to the rows.
 * What never happens here: queries, ranking of causes.
 */
export { builtInIndicators, compileIndicators } from './compiled.ts';
export { figure, type IndicatorFinding, type IndicatorResult, judgeIndicators } from './judge.ts';
export { type FilterOf, pictureSource, readIndicatorSeries } from './live.ts';
export { loadIndicators, parseIndicator } from './load.ts';
export { rowsSource } from './rows.ts';
export { indicatorChecks } from './say.ts';
export type { EventReading, Indicator, LogReading, MeasureReading, MetricReading } from './schema.ts';
export { nameMatcher, ratesOf } from './series.ts';
export type { IndicatorSeries, IndicatorSource, Point, Quantity } from './source.ts';
