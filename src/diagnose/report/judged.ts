import {
  type CauseKind,
  type EvidenceDim,
  type Layer,
  layers,
  type Said,
  type Sentence,
  type SeriesPoint,
  sentence,
  wordIn,
} from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import { type IndicatorFinding, type IndicatorResult, judgeIndicators } from '../indicators/judge.ts';
import { rowsSource } from '../indicators/rows.ts';
import type { Indicator } from '../indicators/schema.ts';
import { type Answer, answerOf, sureFrom } from '../rank/answer.ts';
import type { FactEvidence } from '../rank/facts.ts';
import { judge } from '../rank/judge.ts';

/** Findings of one check that are told, the strongest first; the rest is the same story. */
const findingsPerCheck = 3;
/** Causes about which missing data is named, those at least half as likely as the first, and checks of each. */
const causesAsked = 3;
const checksAsked = 4;

/** Something that a check of the catalogue found: its sentence, its figures, its rows. */
export interface LayerFinding {
  check: string;
  title: { en: string; zh: string };
  resource: string;
  text: string;
  code: Said['code'];
  params: Said['params'];
  value: number;
  /** Null when nothing is known of before. */
  baseline: number | null;
  unit: Indicator['unit'];
  /** 0–1: how far beyond. */
  strength: number;
  /** The kind of cause that it speaks for by itself. */
  cause: CauseKind | null;
  advice: { en: string; zh: string };
  evidence: FactEvidence[];
}

/** What the catalogue says about one layer. No data is an answer. */
export interface LayerAnswer {
  layer: Layer;
  status: 'finding' | 'quiet' | 'no_data';
  /** Something was measured and all of it was as usual: the cause is not here. */
  excluded: boolean;
  text: string;
  code: Said['code'];
  params: Said['params'];
  findings: LayerFinding[];
  /** Ids of checks. */
  quiet: string[];
  no_data: string[];
}

export interface FullAnswer extends Answer {
  layers: LayerAnswer[];
}

export interface FullDiagnosis {
  answer: FullAnswer;
  /** Points behind a layer's finding, for a chart; none where it counts requests or records. */
  pointsOf: (finding: LayerFinding) => readonly SeriesPoint[];
}

/** What broke and why, and what every layer says of it. */
export function fullDiagnosis(incident: Incident, indicators: readonly Indicator[]): FullDiagnosis {
  const judgement = judge(incident);
  const answer = answerOf(incident, judgement);
  const results = judgeIndicators(indicators, rowsSource(incident, judgement.findings));
  const points = new Map<LayerFinding, readonly SeriesPoint[]>();
  const judged = layers.map((layer) =>
    layerOf(
      layer,
      results.filter((result) => result.layer === layer),
      answer,
      points,
    ),
  );
  const undecided = undecidedBy(answer, results);
  return {
    answer: {
      ...answer,
      missing: [...answer.missing, ...undecided.map((one) => one.text)],
      missingSaid: [...answer.missingSaid, ...undecided.map(({ code, params }) => ({ code, params }))],
      layers: judged,
    },
    pointsOf: (finding) => points.get(finding) ?? [],
  };
}

function layerOf(
  layer: Layer,
  results: readonly IndicatorResult[],
  answer: Answer,
  points: Map<LayerFinding, readonly SeriesPoint[]>,
): LayerAnswer {
  const ids = (status: IndicatorResult['status']) =>
    results.filter((result) => result.status === status).map((result) => result.id);
  const suspect = results.filter((result) => result.status === 'suspect');
  const quiet = ids('ok');
  const looked = suspect.length + quiet.length;
  // That nobody wrote of a fault does not exclude one.
  const measured = results.filter((result) => result.status === 'ok' && result.looked > 0).length;
  const findings = suspect
    .flatMap((result) =>
      result.findings.slice(0, findingsPerCheck).map((finding) => {
        const told = findingOf(result, finding);
        points.set(told, finding.points);
        return told;
      }),
    )
    .sort((a, b) => b.strength - a.strength || (a.check < b.check ? -1 : a.check > b.check ? 1 : 0));
  const ranked =
    answer.checks.some((check) => check.layer === layer && check.status === 'suspect') ||
    (answer.verdict !== 'inconclusive' && answer.causes[0]?.layer === layer);
  const says: Sentence =
    findings.length > 0
      ? sentence('layer.finding', { count: suspect.length, looked })
      : looked === 0
        ? sentence('layer.no_data', { count: results.length })
        : ranked
          ? sentence('layer.ranked', { looked })
          : measured === 0
            ? sentence('layer.silent', { looked })
            : sentence('layer.quiet', { looked, measured });
  return {
    layer,
    status: findings.length > 0 ? 'finding' : looked === 0 ? 'no_data' : 'quiet',
    excluded: measured > 0 && findings.length === 0 && !ranked,
    ...says,
    findings,
    quiet,
    no_data: ids('no_data'),
  };
}

const dims: Readonly<Record<string, EvidenceDim>> = {
  metrics: 'metric',
  logs: 'log',
  spans: 'trace',
  calls: 'metric',
  events: 'event',
};

function findingOf(result: IndicatorResult, finding: IndicatorFinding): LayerFinding {
  const { id, title, cause, advice } = result;
  const { resource, text, value, baseline, unit, strength, ref, also } = finding;
  return {
    check: id,
    title,
    resource,
    ...sentence('indicator', text),
    value,
    baseline,
    unit,
    strength: Math.round(strength * 1000) / 1000,
    cause: cause ?? null,
    advice,
    evidence: [ref, ...also].map((one) => ({ dim: dims[/^\w+/.exec(one)?.[0] ?? ''] ?? 'metric', ref: one })),
  };
}

/** Checks without data that would speak for or against the likeliest causes. */
function undecidedBy(answer: Answer, results: readonly IndicatorResult[]): Sentence[] {
  const [first] = answer.causes;
  if (first === undefined || first.score >= sureFrom) return [];
  const near = answer.causes.slice(0, causesAsked).filter((cause) => cause.score >= 0.5 * first.score);
  const asked = new Set<string>();
  return near.flatMap(({ kind, resource }) => {
    const silent = results.filter((result) => result.status === 'no_data' && result.cause === kind);
    if (asked.has(kind) || silent.length === 0) return [];
    asked.add(kind);
    const names = silent.slice(0, checksAsked).map((result) => result.title);
    const [english, chinese] = [wordIn('en', 'kind', kind), wordIn('zh', 'kind', kind)];
    return [
      sentence('indicator', {
        en: `To tell whether it is ${english} at ${resource}: ${names.map((name) => name.en).join(', ')} (no data).`,
        zh: `要判断 ${resource} 是否为${chinese}，还需要：${names.map((name) => name.zh).join('、')}(没有数据)。`,
      }),
    ];
  });
}
