import {
  type Cause,
  type ChangeEvent,
  type CheckResult,
  type Evidence,
  type Said,
  type Scope,
  type Sentence,
  sentence,
  serviceRef,
  type Verdict,
} from '../model/index.ts';
import { errorRatio, percent } from './checks/check.ts';
import type { EvidenceDraft, Hit } from './checks/index.ts';
import {
  type Indicator,
  type IndicatorSeries,
  indicatorChecks,
  judgeIndicators,
  pictureSource,
} from './indicators/index.ts';
import type { Judged } from './judge-thread.ts';
import { blamedOf, factReasons, type NamedCause, nameCauses } from './names.ts';
import type { IncidentPicture } from './picture.ts';
import { shownScore } from './rank/show.ts';
import { Findings } from './walk.ts';

const causesMax = 5;
const evidenceMax = 60;

/**
 * Tells a judgement about a live incident: names resources by their URNs, adds what the checks of the live window know of
 * the causes (the mechanism, facts for playbooks, evidence that leads to rows), the layers, the scope and the map. Pure.
 */
export function diagnose(
  picture: IncidentPicture,
  judgement: Judged,
  catalogue: Catalogue | null = null,
): Verdict {
  const findings = new Findings(picture, blamedOf(picture, judgement));
  const book = new EvidenceBook();
  const checks: CheckResult[] = findings.outcomes.map(({ check, outcome }) => ({
    layer: check.layer,
    check: check.id,
    status: outcome.status,
    summary: outcome.summary.text,
    ...saidOf(outcome.summary),
    evidence: outcome.hits.slice(0, 4).flatMap((hit) => book.refs(hit.evidence)),
  }));
  if (catalogue !== null) checks.push(...judgeCatalogue(picture, catalogue, book));
  const causes = nameCauses(findings, judgement)
    .slice(0, causesMax)
    .map((named) => causeOf(named, findings, book));
  const first = causes[0];
  // Where nothing is wrong that users or callers notice, an odd thing is no cause of anything.
  const verdict = findings.broken.size > 0 ? judgement.verdict : 'inconclusive';
  return {
    verdict,
    at: picture.at,
    window: picture.window,
    baseline: picture.baseline,
    scope: scopeOf(findings),
    causes,
    checks,
    evidence: book.entries,
    changes: picture.changes.slice(0, 50).map((change) => ({
      ...change,
      ...considered(change, verdict === 'inconclusive' ? undefined : first, findings),
    })),
    graph: graphOf(findings),
  };
}

/** The catalogue's checks and the metrics that were read for them. */
export interface Catalogue {
  indicators: readonly Indicator[];
  series: readonly IndicatorSeries[];
}

function judgeCatalogue(
  picture: IncidentPicture,
  { indicators, series }: Catalogue,
  book: EvidenceBook,
): CheckResult[] {
  const { source, filterOf } = pictureSource(picture, series);
  return indicatorChecks(judgeIndicators(indicators, source), {
    filterOf,
    urnOf: (resource) =>
      picture.services.find(({ service }) => service === resource)?.urn ?? serviceRef(resource).urn,
    baselineTo: picture.baseline.to,
    refs: (drafts) => book.refs(drafts),
  });
}

function causeOf(named: NamedCause, findings: Findings, book: EvidenceBook): Cause {
  const { cause, resource, service, kind, layer, mechanism, change, through } = named;
  const reasons: Cause['reasons'] = (mechanism?.hits ?? []).map((hit) => reasonOf(hit, book));
  for (const fact of factReasons(named, findings.picture)) reasons.push(reasonOf(fact, book));
  const { names } = findings.explained(through);
  const others = names.filter((name) => !through.includes(name));
  if (others.length > 0) {
    reasons.push({
      ...sentence('explains', others.length === 1 ? { service: others[0] } : { services: others.join(', ') }),
      evidence: others
        .flatMap((name) => [...findings.of('error_rate', name), ...findings.of('response_time', name)])
        .flatMap((hit) => book.refs(hit.evidence)),
    });
  }
  const told = change && findings.of('changes').find((hit) => hit.facts.change === change.id);
  if (told) reasons.push(reasonOf(told, book));
  return {
    resource,
    service,
    kind,
    layer,
    score: shownScore(cause.score),
    reasons,
    change,
    facts: factsOf(named),
    explains: findings.picture.signals
      .filter((signal) => names.includes(signal.service))
      .map((signal) => signal.fingerprint),
  };
}

const reasonOf = (hit: Sentence & Pick<Hit, 'evidence'>, book: EvidenceBook): Cause['reasons'][number] => ({
  text: hit.text,
  evidence: book.refs(hit.evidence),
  ...saidOf(hit),
});

const saidOf = ({ code, params }: Said): Said => ({ code, params });

/** What the checks found, and over it what the change says of itself. Empty facts help no playbook. */
function factsOf({ mechanism, change, service }: NamedCause): Record<string, string> {
  const told = [...Object.entries(mechanism?.facts ?? {}), ...Object.entries(change?.labels ?? {})];
  return { ...Object.fromEntries(told.filter(([, value]) => value !== '')), service };
}

function considered(
  change: ChangeEvent,
  first: Cause | undefined,
  findings: Findings,
): Said & { considered: string } {
  const { text, ...said } = consideration(change, first, findings);
  return { considered: text, ...said };
}

function consideration(change: ChangeEvent, first: Cause | undefined, findings: Findings): Sentence {
  const { service } = change;
  if (change.at > findings.picture.since + 15_000) return sentence('considered.after', {});
  if (first?.change?.id === change.id) return sentence('considered.cause', {});
  if (service !== '' && findings.broken.has(service)) {
    return first
      ? sentence('considered.elsewhere', { service, resource: first.resource })
      : sentence('considered.unproved', { service });
  }
  return sentence('considered.quiet', { service });
}

/** Names evidence in the order in which it is first cited; the same fact has one name. */
class EvidenceBook {
  readonly entries: Evidence[] = [];
  readonly #known = new Map<string, string>();

  refs(drafts: readonly EvidenceDraft[]): string[] {
    return drafts.flatMap((draft) => {
      const key = `${draft.resource} ${draft.note}`;
      const known = this.#known.get(key);
      if (known !== undefined) return [known];
      if (this.entries.length >= evidenceMax) return [];
      const ref = `e${this.entries.length + 1}`;
      this.entries.push({ ref, rows: [], ...draft });
      this.#known.set(key, ref);
      return [ref];
    });
  }
}

function scopeOf(findings: Findings): Scope {
  const { picture } = findings;
  const broken = picture.services.filter((service) => findings.broken.has(service.service));
  const entry = [...broken].sort(
    (a, b) => findings.upstreamOf(a.service).size - findings.upstreamOf(b.service).size,
  )[0];
  const slowAbove = entry ? findings.first('response_time', entry.service) : undefined;
  const total = entry?.incident.requests ?? 0;
  const slow = slowAbove
    ? Math.round(
        total * Math.min(1, (slowAbove.values.p50 ?? 0) > 2 * (slowAbove.values.p50Before ?? 0) ? 0.5 : 0.05),
      )
    : 0;
  const affected = Math.max(entry?.incident.errors ?? 0, slow);
  const operations = [
    ...new Set(
      broken.flatMap((service) => [
        findings.first('error_rate', service.service)?.facts.operation,
        findings.first('response_time', service.service)?.facts.operation,
      ]),
    ),
  ].filter((operation) => operation !== undefined);
  const only = separating(picture);
  const since = new Date(picture.since).toISOString().slice(11, 19);
  const services = broken.map((service) => service.service);
  const { text, ...said } = entry
    ? sentence(slowAbove ? 'scope.failing_slow' : 'scope.failing', {
        since,
        services: services.join(', '),
        entry: entry.service,
        errors: entry.incident.errors,
        total,
        ratio: percent(errorRatio(entry.incident)),
        ...only,
      })
    : sentence('scope.unclear', { since });
  return {
    since: picture.since,
    services,
    operations: operations.slice(0, 10),
    affectedRequests: affected,
    totalRequests: total,
    only,
    summary: text,
    ...said,
  };
}

/** One attribute value that nearly all affected requests share and that the others don't have. */
function separating(picture: IncidentPicture): Scope['only'] {
  const affectedBy = new Map<string, { affected: number; total: number }>();
  for (const dimension of picture.dimensions) {
    const known = affectedBy.get(dimension.key) ?? { affected: 0, total: 0 };
    known.affected += dimension.affected;
    known.total += dimension.total;
    affectedBy.set(dimension.key, known);
  }
  const entry = picture.services.find((service) => service.incident.requests > 0);
  let best: { key: string; value: string; gain: number } | null = null;
  for (const dimension of picture.dimensions) {
    const sum = affectedBy.get(dimension.key);
    if (!sum || !entry || sum.affected < 10) continue;
    const coverage = dimension.affected / sum.affected;
    const purity = dimension.affected / dimension.total;
    const all = picture.dimensions.filter((d) => d.key === dimension.key);
    if (coverage < 0.9 || purity < 0.3 || all.length < 1 || dimension.total >= 0.8 * entryRequests(picture))
      continue;
    const gain = coverage * purity;
    if (!best || gain > best.gain) best = { key: dimension.key, value: dimension.value, gain };
  }
  return best && { key: best.key, value: best.value };
}

const entryRequests = (picture: IncidentPicture): number =>
  Math.max(
    0,
    ...picture.dimensions
      .filter((d) => d.key === 'http.request.method' || d.key === 'operation')
      .map((d) => d.total),
    ...picture.services.map((s) => s.incident.requests),
  );

function graphOf(findings: Findings): Verdict['graph'] {
  const failing = new Set(findings.of('error_rate').map((hit) => hit.service));
  const slow = new Set(findings.of('dependencies').map((hit) => `${hit.service} ${hit.resource}`));
  const name = (edge: { callee: string | null; dst: string }) => edge.callee ?? edge.dst;
  const edges = findings.picture.edges.map((edge) => ({
    from: edge.src,
    to: name(edge),
    failing: slow.has(`${edge.src} ${edge.dst}`),
  }));
  const names = new Set([
    ...findings.picture.services.map((service) => service.service),
    ...edges.flatMap((edge) => [edge.from, edge.to]),
  ]);
  return {
    nodes: [...names].slice(0, 200).map((service) => ({
      service,
      health: failing.has(service)
        ? 'failing'
        : findings.broken.has(service) || edges.some((edge) => edge.failing && edge.to === service)
          ? 'suspect'
          : 'ok',
    })),
    edges: edges.slice(0, 500),
  };
}
