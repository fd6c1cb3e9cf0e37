/** Answers of the catalogue's checks as parts of a verdict. */
import { type CheckResult, type Sentence, sentence, type Urn } from '../../model/index.ts';
import type { EvidenceDraft } from '../checks/check.ts';
import type { IndicatorFinding, IndicatorResult } from './judge.ts';
import type { FilterOf } from './live.ts';

/** Findings of a check whose evidence goes into the verdict. */
const evidencePerCheck = 2;

interface Sayings {
  filterOf: FilterOf;
  urnOf: (resource: string) => Urn;
  /** Start of the incident: what lies before makes the band of usual values. */
  baselineTo: number;
  refs: (drafts: readonly EvidenceDraft[]) => string[];
}

/** Suspect ones with their findings, the others with what was looked at; every check answers. */
export function indicatorChecks(results: readonly IndicatorResult[], sayings: Sayings): CheckResult[] {
  return results.map((result) => {
    const found = result.findings.slice(0, evidencePerCheck);
    const { text, ...said } = summaryOf(result);
    return {
      layer: result.layer,
      check: result.id,
      status: result.status,
      title: result.title,
      summary: text,
      ...said,
      evidence: sayings.refs(found.map((finding) => draftOf(result, finding, sayings))),
    };
  });
}

const bilingual = (en: string, zh: string): Sentence => sentence('indicator', { en, zh });

function summaryOf({ status, findings, title, looked, advice }: IndicatorResult): Sentence {
  const [first] = findings;
  if (first !== undefined) return bilingual(`${first.text.en} ${advice.en}`, `${first.text.zh}${advice.zh}`);
  if (status === 'ok' && looked === 0)
    return bilingual(`${title.en}: no record tells of it.`, `${title.zh}：没有日志或事件提到。`);
  return status === 'ok'
    ? bilingual(`${title.en}: as always (${looked} looked at).`, `${title.zh}：正常（检查了 ${looked} 项）。`)
    : bilingual(`${title.en}: no data.`, `${title.zh}：没有数据。`);
}

function draftOf(result: IndicatorResult, finding: IndicatorFinding, sayings: Sayings): EvidenceDraft {
  const { text, ...said } = bilingual(finding.text.en, finding.text.zh);
  const filter = sayings.filterOf(finding.ref);
  const usual = finding.points
    .filter((point) => point.at < sayings.baselineTo)
    .map((point) => point.value ?? 0)
    .toSorted((a, b) => a - b);
  const at = (q: number) => usual[Math.min(usual.length - 1, Math.floor(q * usual.length))] ?? 0;
  return {
    dim:
      filter?.dataset === 'otel_logs'
        ? 'log'
        : filter?.dataset === 'otel_traces'
          ? 'trace'
          : filter?.dataset === 'change_events'
            ? 'event'
            : 'metric',
    note: text,
    ...said,
    resource: sayings.urnOf(finding.resource),
    filter,
    ...(finding.points.length === 0
      ? {}
      : {
          series: {
            name: result.title.en,
            unit: '',
            points: finding.points,
            baseline: usual.length > 3 ? { low: at(0.05), high: at(0.95) } : null,
          },
        }),
  };
}
