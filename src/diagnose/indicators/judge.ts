import type { CauseKind, Layer, SeriesPoint } from '../../model/index.ts';
import type { Indicator } from './schema.ts';
import { deviation, type Measured, measureSeries, steadyGrowth } from './series.ts';
import type { IndicatorSource, Quantity } from './source.ts';

/** A change of a limit's quantity that was beyond the limit before is no news below this. */
const worseThanBefore = 1.2;
/** Robust standard deviations that a change by ratio must have besides, where the baseline's points are known. */
const deviationMin = 4;
/** Findings that one check tells, the strongest first; the rest is the same story. */
const findingsMax = 10;

export interface IndicatorFinding {
  resource: string;
  text: { en: string; zh: string };
  value: number;
  baseline: number | null;
  /** 0–1: how far beyond. */
  strength: number;
  /** Shown behind the figures. */
  unit: Indicator['unit'];
  /** Leads to the rows, and to others that the figures are made of. */
  ref: string;
  also: readonly string[];
  points: SeriesPoint[];
}

export interface IndicatorResult {
  id: string;
  layer: Layer;
  order: Indicator['order'];
  title: { en: string; zh: string };
  /** `no_data` where nothing that the check reads is there. */
  status: 'ok' | 'suspect' | 'no_data';
  /** Resources that were looked at; 0 where there are only records or events, and none of them tells of it. */
  looked: number;
  cause: CauseKind | undefined;
  causes: { en: string[]; zh: string[] };
  advice: { en: string; zh: string };
  links: string[];
  findings: IndicatorFinding[];
}

/** Runs every check on what is known. Same source, same answer. */
export const judgeIndicators = (
  indicators: readonly Indicator[],
  source: IndicatorSource,
): IndicatorResult[] => indicators.map((indicator) => judge(indicator, source));

function judge(indicator: Indicator, source: IndicatorSource): IndicatorResult {
  const { id, layer, order, title, cause, causes, advice, links } = indicator;
  const { readings, judged } = readingsOf(indicator, source);
  const findings = readings
    .flatMap((reading) => findingOf(judged, reading) ?? [])
    .sort((a, b) => b.strength - a.strength || (a.resource < b.resource ? -1 : 1))
    .slice(0, findingsMax);
  const status = findings.length > 0 ? 'suspect' : readings.length > 0 ? 'ok' : 'no_data';
  return {
    id,
    layer,
    order,
    title,
    status,
    looked: new Set(readings.flatMap(({ resource }) => (resource === '' ? [] : [resource]))).size,
    cause,
    causes,
    advice,
    links,
    findings,
  };
}

interface Readings {
  readings: (Quantity | Measured)[];
  /** The check as it holds for what was read. */
  judged: Indicator;
}

/** The first source of a check that has data: they say the same in other words, the most exact one first. */
function readingsOf(indicator: Indicator, source: IndicatorSource): Readings {
  let silent: Readings = { readings: [], judged: indicator };
  for (const reading of indicator.reads) {
    if ('metric' in reading || 'measure' in reading) {
      const readings =
        'metric' in reading
          ? measureSeries(source, reading).map((one) => asShare(indicator, one))
          : [...source.measure(reading)];
      if (readings.length > 0) return { readings, judged: indicator };
      continue;
    }
    const found = 'logs' in reading ? source.logs(reading) : source.events(reading);
    if (found === null) continue;
    const judged = byCount(indicator, 'logs' in reading);
    if (found.length > 0) return { readings: [...found], judged };
    // There are logs, and none of them says so: that is an answer.
    silent = { readings: [{ resource: '', baseline: 0, incident: 0, samples: 0, ref: '' }], judged };
  }
  return silent;
}

/** Records and events that tell of a fault are counted: more of them is worse, whatever the check's own figure means. */
function byCount(indicator: Indicator, logs: boolean): Indicator {
  const counts = indicator.reads.every((reading) => 'logs' in reading || 'events' in reading);
  if (counts) return indicator;
  const { ratio, worse, finding, title } = indicator;
  const tells = (['en', 'zh'] as const).every((language) => finding[language].includes('{example}'));
  return {
    ...indicator,
    unit: logs ? '/min' : '',
    worse: 'higher',
    limit: undefined,
    ratio: worse === 'higher' ? (ratio ?? countsRatio) : countsRatio,
    grows: undefined,
    floor: logs ? recordsPerMinuteMin : 1,
    finding: tells
      ? finding
      : {
          en: `${title.en}: {resource} tells “{example}” ({value}, normal {baseline}).`,
          zh: `${title.zh}：{resource} 出现“{example}”（{value}，平时 {baseline}）。`,
        },
  };
}
/** Counted messages of a fault are suspect from so many times their usual number. */
const countsRatio = 2;
const recordsPerMinuteMin = 0.2;

/** No share is above this; what says so counts in hundredths. */
const shareMax = 1.5;

/** Senders give shares as 0–1 or as percent. */
function asShare({ unit }: Indicator, measured: Measured): Measured {
  const { baseline, incident } = measured.points;
  const largest = [...baseline, ...incident].reduce((most, { value }) => Math.max(most, value), 0);
  if (unit !== '%' || largest <= shareMax) return measured;
  const part = ({ at, value }: SeriesPoint) => ({ at, value: (value ?? 0) / 100 });
  return {
    ...measured,
    baseline: measured.baseline === null ? null : measured.baseline / 100,
    incident: measured.incident / 100,
    points: { baseline: baseline.map(part), incident: incident.map(part) },
  };
}

function findingOf(checked: Indicator, reading: Quantity | Measured): IndicatorFinding | null {
  const { baseline, incident } = reading;
  // What has no unit can only be compared with itself.
  const indicator =
    reading.unit === undefined ? checked : { ...checked, unit: reading.unit, limit: undefined, floor: 0 };
  const growth = 'points' in reading ? growthOf(indicator, reading) : null;
  const beyond = Math.max(
    growth ?? 0,
    beyondLimit(indicator, baseline, incident),
    beyondNormal(indicator, reading),
  );
  if (beyond <= 0) return null;
  const text = { en: '', zh: '' };
  for (const language of ['en', 'zh'] as const)
    text[language] = fill(indicator.finding[language], {
      resource: reading.resource,
      value: figure(incident, indicator.unit),
      baseline:
        baseline === null ? { en: 'unknown', zh: '未知' }[language] : figure(baseline, indicator.unit),
      limit: indicator.limit === undefined ? '–' : figure(indicator.limit, indicator.unit),
      example: reading.example ?? '',
    });
  return {
    resource: reading.resource,
    text,
    value: incident,
    baseline,
    strength: Math.min(1, beyond),
    unit: indicator.unit,
    ref: reading.ref,
    also: reading.also ?? [],
    points: 'points' in reading ? [...reading.points.baseline, ...reading.points.incident] : [],
  };
}

const growthOf = (indicator: Indicator, { points }: Measured): number | null => {
  if (indicator.grows === undefined) return null;
  const growth = steadyGrowth([...points.baseline, ...points.incident]);
  return growth !== null && growth >= indicator.grows ? Math.min(1, 0.4 + growth / 4) : null;
};

/** 0 when within the limit, or when it was as bad before: a limit that is always broken explains no incident. */
function beyondLimit({ limit, worse, floor }: Indicator, baseline: number | null, value: number): number {
  if (limit === undefined) return 0;
  const lower = worse === 'lower';
  if (lower ? value >= limit : value <= limit || value < floor) return 0;
  // A share of nothing reads as nothing, too.
  if (lower && baseline === null && value === 0) return 0;
  if (baseline !== null && (lower ? value * worseThanBefore >= baseline : value < baseline * worseThanBefore))
    return 0;
  const times = lower ? limit / Math.max(value, limit / 1e3) : value / Math.max(limit, 1e-9);
  return 0.3 + Math.min(0.7, Math.log2(Math.max(1, times)) / 4);
}

function beyondNormal(indicator: Indicator, reading: Quantity | Measured): number {
  const { ratio, worse, floor } = indicator;
  const { baseline, incident } = reading;
  if (ratio === undefined || baseline === null) return 0;
  const far = 'points' in reading ? deviation(reading.points.baseline, incident) : null;
  if (far !== null && far < deviationMin) return 0;
  const times = {
    higher: incident >= floor ? incident / Math.max(baseline, floor / ratio, 1e-9) : 0,
    lower: baseline >= floor ? baseline / Math.max(incident, baseline / 1e3, 1e-9) : 0,
  };
  const most = worse === 'either' ? Math.max(times.higher, times.lower) : times[worse];
  return most >= ratio ? Math.min(1, 0.25 + Math.log2(most) / 4) : 0;
}

function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole);
}

export function figure(value: number, unit: Indicator['unit']): string {
  if (unit === '%') return `${Number((value * 100).toFixed(value < 0.01 ? 2 : 1))} %`;
  if (unit === 'B' || unit === 'B/s') return `${bytesText(value)}${unit === 'B/s' ? '/s' : ''}`;
  const size = Math.abs(value);
  const text = String(Number(value.toFixed(size >= 100 ? 0 : size >= 1 ? 1 : 3)));
  return unit === '' ? text : unit.startsWith('/') ? `${text}${unit}` : `${text} ${unit}`;
}

function bytesText(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let left = value;
  let at = 0;
  for (; Math.abs(left) >= 1000 && at + 1 < units.length; at++) left /= 1000;
  return `${Number(left.toFixed(left >= 100 || at === 0 ? 0 : 1))} ${units[at]}`;
}
