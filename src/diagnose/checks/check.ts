import { mostOf } from '../../lib/index.ts';
import type {
  Evidence,
  EvidenceDim,
  Layer,
  RowFilter,
  Said,
  Sentence,
  TimeWindow,
  Urn,
} from '../../model/index.ts';
import type { IncidentPicture, ServicePicture } from '../picture.ts';

/** A fact before it has its name (`e1`, …) and its rows. */
export interface EvidenceDraft extends Said {
  dim: EvidenceDim;
  note: string;
  resource: Urn;
  filter: RowFilter | null;
  series?: Evidence['series'];
}

/** One thing a check found out of the ordinary. `strength` 0–1: how far from normal. */
export interface Hit extends Sentence {
  service: string;
  resource: Urn;
  strength: number;
  evidence: EvidenceDraft[];
  facts: Record<string, string>;
  values: Record<string, number>;
}

export interface Outcome {
  status: 'ok' | 'suspect' | 'no_data';
  summary: Sentence;
  hits: Hit[];
}

/** A check reads the picture and nothing else. Its thresholds stand at the top of its file. */
export interface Check {
  id: string;
  layer: Layer;
  run(picture: IncidentPicture): Outcome;
}

interface HitDraft
  extends Pick<Hit, 'service' | 'resource' | 'strength'>,
    Partial<Pick<Hit, 'facts' | 'values'>> {
  says: Sentence;
  evidence: Omit<EvidenceDraft, 'note' | keyof Said>[];
}

/** What is found is said once: by the hit, and as the note of each fact it rests on. */
export function hit({ says, evidence, ...rest }: HitDraft): Hit {
  const { text, code, params } = says;
  return {
    facts: {},
    values: {},
    ...rest,
    ...says,
    evidence: evidence.map((draft) => ({ ...draft, note: text, code, params })),
  };
}

/** Suspect when anything was hit; the strongest sentence is the summary. */
export function outcome(hits: Hit[], fine: Sentence): Outcome {
  const sorted = [...hits].sort((a, b) => b.strength - a.strength);
  const first = sorted[0];
  return first
    ? {
        status: 'suspect',
        summary: { text: first.text, code: first.code, params: first.params },
        hits: sorted,
      }
    : { status: 'ok', summary: fine, hits: [] };
}

export const noData = (summary: Sentence): Outcome => ({ status: 'no_data', summary, hits: [] });

/** 2× → 0.25, 4× → 0.5, 16× and more → 1. */
export const ratioStrength = (ratio: number): number => clamp(Math.log2(Math.max(ratio, 1)) / 4);
export const clamp = (value: number): number => Math.max(0, Math.min(1, value));

export const percent = (ratio: number): string => `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %`;
export const number = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(2)).toString();
export const times = (value: number): string => `${number(value)}×`;
export const seconds = (window: TimeWindow): number => Math.round((window.to - window.from) / 1000);
export const megabytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MB`;

export const errorRatio = (stats: { requests: number; errors: number }): number =>
  stats.requests > 0 ? stats.errors / stats.requests : 0;
export const rate = (stats: { requests: number; seconds: number }): number =>
  stats.requests / Math.max(1, stats.seconds);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : (sorted[sorted.length >> 1] ?? 0);
}

/** A service's series as a chart, with the band of its usual values. */
export function chart(
  service: ServicePicture,
  picture: IncidentPicture,
  what: 'errors' | 'p95Ms' | 'requests' | 'logs',
): Evidence['series'] {
  const unit = what === 'p95Ms' ? 'ms' : '1/s';
  const points = service.series.at.map((at, i) => ({ at, value: service.series[what][i] ?? null }));
  return band(`${service.service} ${what}`, unit, points, picture.baseline.to);
}

export function band(
  name: string,
  unit: string,
  points: { at: number; value: number | null }[],
  baselineTo: number,
): Evidence['series'] {
  const normal = points
    .filter((point) => point.at < baselineTo && point.value !== null)
    .map((point) => point.value ?? 0)
    .sort((a, b) => a - b);
  const at = (q: number) => normal[Math.min(normal.length - 1, Math.floor(q * normal.length))] ?? 0;
  return { name, unit, points, baseline: normal.length > 3 ? { low: at(0.05), high: at(0.95) } : null };
}

/** Rows of the incident; rows end a little after the window because spans are stored by their start. */
export const rowsOf = (
  picture: IncidentPicture,
  dataset: RowFilter['dataset'],
  equals: RowFilter['equals'],
  rest: Pick<RowFilter, 'only' | 'thresholdMs'> = {},
): RowFilter => ({
  dataset,
  window: { from: picture.window.from - 10_000, to: picture.at },
  equals,
  ...rest,
});

export const serviceOf = (picture: IncidentPicture, name: string): ServicePicture | undefined =>
  picture.services.find((service) => service.service === name);

/** Typical value of a gauge before and during the incident; null where one of them is missing. */
export function compareMetric(
  points: readonly { at: number; value: number }[],
  picture: IncidentPicture,
): { before: number; now: number; max: number } | null {
  const before = points.filter((point) => point.at < picture.baseline.to).map((point) => point.value);
  const during = points.filter((point) => point.at >= picture.window.from).map((point) => point.value);
  if (during.length === 0) return null;
  return { before: before.length > 0 ? median(before) : 0, now: median(during), max: mostOf(during) };
}
