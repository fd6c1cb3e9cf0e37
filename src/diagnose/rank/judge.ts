import type { Incident } from '../incident.ts';
import type { Outside } from './outside.ts';
import { blameMin, type Candidate, type Findings, rankCauses } from './rank.ts';

/** What is thought of an incident, before it is told: by a command, over HTTP, or in a case. */
export interface Judgement {
  verdict: 'root_cause' | 'external' | 'inconclusive';
  /** Likeliest first. */
  causes: JudgedCause[];
  findings: Findings;
}
/** A cause; its `resource` as the rows name it: a service, a database, a host, a peer outside. */
export type JudgedCause = Candidate;

/** Below this nothing is named: a wrong name costs more than "inconclusive". */
const scoreMin = 0.4;
const outsideMin = 0.55;
const causesMax = 8;
const shownMin = 0.02;

/** From rows to causes, whatever store or file they come from; pure, so the same rows always get the same judgement. */
export function judge(incident: Incident): Judgement {
  const findings = rankCauses(incident);
  const outside = decidedOutside(findings);
  const causes = causesOf(findings, outside);
  const first = causes[0];
  const conclusive = first !== undefined && first.score >= scoreMin;
  return {
    verdict: !conclusive ? 'inconclusive' : outside?.verdict === 'external' ? 'external' : 'root_cause',
    causes,
    findings,
  };
}

/** Something outside is named when it is shown and no change explains the same better. */
function decidedOutside({ outside, candidates, blames }: Findings): Outside | null {
  const best = outside[0];
  const top = candidates[0]?.score ?? 0;
  if (best === undefined || best.score < outsideMin || best.score < 0.65 * top) return null;
  const blamed = Math.max(candidates[0]?.blame?.score ?? 0, blames[0]?.score ?? 0);
  return blamed >= Math.max(blameMin, best.score - 0.15) ? null : best;
}

function causesOf({ candidates }: Findings, outside: Outside | null): JudgedCause[] {
  const causes = candidates
    .slice(0, causesMax)
    .filter((candidate) => candidate.score > shownMin)
    .map((candidate) => ({ ...candidate, blame: outside === null ? candidate.blame : null }));
  if (outside === null) return causes;
  const own = candidates.find((candidate) => candidate.resource === outside.resource);
  const first: JudgedCause = {
    resource: outside.resource,
    kind: outside.kind,
    layer: outside.facts[0]?.layer ?? 'service',
    score: outside.score,
    facts: [...outside.facts, ...(own?.facts ?? [])],
    blame: null,
    explains: own?.explains ?? [],
    unexplained: own?.unexplained ?? [],
  };
  const rest = causes.filter((cause) => cause.resource !== outside.resource);
  return [first, ...rest.map((cause) => ({ ...cause, score: Math.min(cause.score, outside.score - 0.01) }))];
}
