import { type Layer, type Said, type Sentence, sentence } from '../../model/index.ts';
import type { Caveat, Incident } from '../incident.ts';
import { checkIds, type Fact, type FactEvidence, layerOfCheck } from './facts.ts';
import type { JudgedCause, Judgement } from './judge.ts';
import { blameMin, type Findings } from './rank.ts';
import { reference } from './reference.ts';
import { quoted, shownLead, shownScore } from './show.ts';

/** The answer of `clew diagnose`; a contract that scripts use. */
export interface Answer {
  verdict: 'root_cause' | 'external' | 'inconclusive';
  incident: string;
  onset: string;
  window: { from: string; to: string };
  baseline: { from: string; to: string } | null;
  causes: AnswerCause[];
  checks: {
    layer: Layer;
    check: string;
    status: 'ok' | 'suspect' | 'no_data';
    summary: string;
    said: Said | null;
    evidence: FactEvidence[];
  }[];
  /** Changes near the incident and what was thought of them. */
  changes: { id: string; kind: string; title: string; blame: number; considered: string; said: Said }[];
  caveats: Caveat[];
  /** What data would decide, where the answer is not sure. */
  missing: string[];
  missingSaid: Said[];
}
export interface AnswerCause {
  resource: string;
  kind: string;
  change: string | null;
  score: number;
  layer: Layer;
  reasons: string[];
  /** Of each reason what it was made of, and the references of its rows. */
  said: (Said & { evidence: string[] })[];
  evidence: FactEvidence[];
  explains: string[];
  unexplained: string[];
}

const reasonsMax = 6;
/** Odd as well, though it tells little about where things begin. */
const besideMax = 2;
const evidenceMax = 12;
const suspectMin = 0.5;
/** A surer answer asks for nothing more. */
export const sureFrom = 0.9;

/** Tells a judgement with references to the rows that it rests on. */
export function answerOf(incident: Incident, { verdict, causes, findings }: Judgement): Answer {
  const { frame } = findings;
  const first = causes[0];
  const missing = missingOf(incident, findings, first?.score ?? 0);
  const iso = (window: { from: number; to: number }) => ({
    from: new Date(window.from).toISOString(),
    to: new Date(window.to).toISOString(),
  });
  return {
    verdict,
    incident: incident.name,
    onset: new Date(frame.onset).toISOString(),
    window: iso(frame.window),
    baseline: frame.baseline === null ? null : iso(frame.baseline),
    causes: causes.map((cause) => causeOf(incident, findings, cause)),
    checks: checksOf(findings),
    changes: findings.blames.slice(0, 20).map((blame) => ({
      id: blame.change.id,
      kind: blame.change.kind,
      title: blame.change.title,
      blame: shownScore(blame.score),
      ...consideredOf(findings, blame.change.id, first?.blame?.change.id ?? null),
    })),
    caveats: [...incident.caveats, ...frame.caveats],
    missing: missing.map((one) => one.text),
    missingSaid: missing.map(saidOf),
  };
}

function causeOf(incident: Incident, findings: Findings, cause: JudgedCause): AnswerCause {
  const { blame } = cause;
  const extra: { says: Sentence; evidence: FactEvidence[] }[] = [];
  if (blame !== null) {
    const { change, edit, shared } = blame;
    const services = change.services.join(', ');
    extra.push({
      says: sentence('rca.change', {
        kind: change.kind,
        id: change.id.slice(0, 12),
        title: quoted(change.title),
        ...(services === '' ? {} : { service: services }),
        lead: shownLead(blame.secondsBefore),
        ...(edit === null || edit.shown === '' ? {} : { shown: quoted(edit.shown, 200) }),
        ...(shared.length === 0 ? {} : { words: shared.slice(0, 5).join(', ') }),
      }),
      evidence: [{ dim: 'event', ref: reference(incident, 'events', { id: change.id }) }],
    });
  }
  if (cause.explains.length > 0)
    extra.push({
      says: sentence('rca.explains', { services: cause.explains.join(', ') }),
      evidence: evidenceOf(findings, cause.explains),
    });
  if (cause.unexplained.length > 0)
    extra.push({
      says: sentence('rca.unexplained', { services: cause.unexplained.join(', ') }),
      evidence: evidenceOf(findings, cause.unexplained),
    });
  return {
    resource: cause.resource,
    kind: cause.kind,
    change: blame?.change.id ?? null,
    score: shownScore(cause.score),
    layer: cause.layer,
    ...reasonsOf(cause.facts, extra),
    explains: cause.explains,
    unexplained: cause.unexplained,
  };
}

const evidenceOf = (findings: Findings, services: readonly string[]): FactEvidence[] =>
  services.slice(0, 6).flatMap((service) => {
    const fact = findings.facts.find((one) => one.resource === service && one.strength >= suspectMin);
    return fact?.evidence.slice(0, 1) ?? [];
  });

function reasonsOf(
  facts: readonly Fact[],
  extra: readonly { says: Sentence; evidence: FactEvidence[] }[],
): Pick<AnswerCause, 'reasons' | 'said' | 'evidence'> {
  // The same rows are told once, by the fact that says most of them.
  const told = new Set<string>();
  const distinct = facts.filter((fact) => {
    const key = fact.evidence.map((one) => one.ref).join(' ');
    if (told.has(key)) return false;
    told.add(key);
    return true;
  });
  const own = distinct.filter((fact, i) => i === 0 || fact.strength * fact.own >= 0.15);
  const beside = distinct.filter((fact) => !own.includes(fact) && fact.strength >= 0.8).slice(0, besideMax);
  const strong = [...own.slice(0, reasonsMax), ...beside];
  const all = [...strong, ...extra];
  const evidence = new Map<string, FactEvidence>();
  for (const one of all)
    for (const each of one.evidence) if (evidence.size < evidenceMax) evidence.set(each.ref, each);
  return {
    reasons: all.map((one) => one.says.text),
    said: all.map((one) => ({ ...saidOf(one.says), evidence: one.evidence.map(({ ref }) => ref) })),
    evidence: [...evidence.values()],
  };
}

function checksOf(findings: Findings): Answer['checks'] {
  return checkIds.map((check) => {
    const facts = findings.facts
      .filter((fact) => fact.check === check && fact.strength >= suspectMin)
      .sort((a, b) => b.strength * b.own - a.strength * a.own);
    const count = findings.looked.get(check) ?? 0;
    const first = facts[0];
    const near = check === 'changes' ? findings.blames.find((blame) => blame.score >= blameMin) : undefined;
    const status = first !== undefined || near !== undefined ? 'suspect' : count > 0 ? 'ok' : 'no_data';
    const says =
      first?.says ??
      (near ? null : count > 0 ? sentence('rca.check_ok', { count }) : sentence('rca.check_no_data', {}));
    return {
      layer: layerOfCheck[check],
      check,
      status,
      summary: says?.text ?? near?.change.title ?? '',
      said: says && saidOf(says),
      evidence: facts.slice(0, 3).flatMap((fact) => fact.evidence.slice(0, 2)),
    };
  });
}

const saidOf = ({ code, params }: Said): Said => ({ code, params });

function consideredOf(
  findings: Findings,
  id: string,
  named: string | null,
): Pick<Answer['changes'][number], 'considered' | 'said'> {
  const says = considerationOf(findings, id, named);
  return { considered: says.text, said: saidOf(says) };
}

function considerationOf(findings: Findings, id: string, named: string | null): Sentence {
  const blame = findings.blames.find((one) => one.change.id === id);
  if (id === named) return sentence('considered.cause', {});
  if (blame === undefined || blame.timing === 0) return sentence('considered.after', {});
  const service = blame.change.services[0] ?? '';
  if (service === '') return sentence('considered.quiet', {});
  return sentence(blame.link < 0.3 ? 'considered.quiet' : 'considered.unproved', { service });
}

/** What was not there and would have told more. */
function missingOf(incident: Incident, findings: Findings, score: number): Sentence[] {
  if (score >= sureFrom) return [];
  return [
    ...(findings.frame.baseline === null ? [sentence('missing.baseline', {})] : []),
    ...(incident.spans.length === 0 ? [sentence('missing.traces', {})] : []),
    ...(incident.logs.length === 0 ? [sentence('missing.logs', {})] : []),
    ...(incident.series.length === 0 ? [sentence('missing.metrics', {})] : []),
    ...(incident.events.length === 0 ? [sentence('missing.changes', {})] : []),
    ...(findings.graph.hasCalls ? [] : [sentence('missing.calls', {})]),
  ];
}
