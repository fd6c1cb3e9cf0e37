import {
  type CauseKind,
  type ChangeEvent,
  externalRef,
  type Layer,
  type Sentence,
  serviceRef,
  type Urn,
} from '../model/index.ts';
import type { EvidenceDraft } from './checks/index.ts';
import type { Judged } from './judge-thread.ts';
import { type Mechanism, mechanismsOf } from './mechanisms.ts';
import type { IncidentPicture } from './picture.ts';
import type { Fact } from './rank/facts.ts';
import type { JudgedCause } from './rank/judge.ts';
import { mechanismKinds } from './rank/rank.ts';
import { parseReference } from './rank/reference.ts';
import type { Blamed, Findings } from './walk.ts';

/** A cause of the ranking as the house names it. */
export interface NamedCause {
  cause: JudgedCause;
  resource: Urn;
  /** The service itself, or the one that told of the database or peer. */
  service: string;
  kind: CauseKind;
  layer: Layer;
  mechanism: Mechanism | null;
  change: ChangeEvent | null;
  /** Services through which it reaches the others. */
  through: string[];
}

/** Weaker than this the checks have recognised nothing. */
const strengthMin = 0.3;
/** Facts of the ranking told beside those of the checks. */
const factsMax = 3;

/** Changes that the ranking blames for one of its causes. */
export function blamedOf(picture: IncidentPicture, { causes }: Judged): Blamed[] {
  return causes.flatMap(({ blame }) => {
    const change = changeOf(blame, picture);
    return blame && change ? [{ change, weight: blame.score }] : [];
  });
}

const changeOf = (blame: JudgedCause['blame'], picture: IncidentPicture): ChangeEvent | null =>
  picture.changes.find((one) => blame?.change.events.some(({ id }) => id === one.id)) ?? null;

/** Causes in the order of the ranking, each resource once. */
export function nameCauses(findings: Findings, judgement: Judged): NamedCause[] {
  const mechanisms = mechanismsOf(findings).filter(({ strength }) => strength >= strengthMin);
  const seen = new Set<Urn>();
  return judgement.causes.flatMap((cause) => {
    const named = nameOf(cause, mechanisms, findings);
    if (seen.has(named.resource)) return [];
    seen.add(named.resource);
    return [named];
  });
}

function nameOf(cause: JudgedCause, mechanisms: readonly Mechanism[], findings: Findings): NamedCause {
  const { picture } = findings;
  const peer = peerOf(cause, mechanisms, picture);
  const resource = peer?.resource ?? findings.service(cause.resource)?.urn ?? serviceRef(cause.resource).urn;
  const mechanism = mechanisms
    .filter((one) => one.resource === resource)
    .sort((a, b) => fitOf(b, cause) - fitOf(a, cause))[0];
  return {
    cause,
    resource,
    service: mechanism?.service ?? peer?.callers[0] ?? cause.resource,
    kind: mechanism?.kind ?? cause.kind,
    layer: mechanism?.layer ?? cause.layer,
    mechanism: mechanism ?? null,
    change: changeOf(cause.blame, picture),
    through: mechanism?.through ?? peer?.callers ?? [cause.resource],
  };
}

/** How well a mechanism fits: what telemetry shows of it, how much begins there, and whether the ranking says the same. */
const fitOf = ({ strength, origin, kind, change }: Mechanism, cause: JudgedCause): number =>
  0.45 * Math.min(1, strength) +
  0.2 * Math.min(1, origin) +
  0.1 * (change?.weight ?? 0) +
  (kind === cause.kind && mechanismKinds.has(kind) ? 0.1 : 0);

/** A database or a peer outside by the name that its callers' spans give it; null for services. */
function peerOf(
  cause: JudgedCause,
  mechanisms: readonly Mechanism[],
  picture: IncidentPicture,
): { resource: Urn; callers: string[] } | null {
  const { resource: name, kind } = cause;
  if (picture.services.some(({ service }) => service === name)) {
    // Messages name the provider by the service that complains about it.
    const outside =
      kind === 'external_dependency' &&
      mechanisms.find((one) => one.kind === kind && one.through.includes(name));
    return outside ? { resource: outside.resource, callers: outside.through } : null;
  }
  const statements = picture.statements
    .filter(({ namespace, resource, system, service }) =>
      [namespace, hostOf(resource), `${system} of ${service}`].includes(name),
    )
    .sort((a, b) => addedMs(b) - addedMs(a));
  const database = statements[0]?.resource;
  if (database !== undefined)
    return {
      resource: database,
      callers: [
        ...new Set(statements.filter(({ resource }) => resource === database).map(({ service }) => service)),
      ],
    };
  const edges = picture.edges.filter(
    ({ address, callee }) => callee === null && (address === name || bare(address) === name),
  );
  if (edges[0] !== undefined)
    return { resource: edges[0].dst, callers: [...new Set(edges.map((edge) => edge.src))] };
  return /[.:]/.test(name) ? { resource: externalRef(name).urn, callers: [] } : null;
}

const bare = (address: string): string => address.replace(/:\d+$/, '');
const hostOf = (database: Urn): string => bare(database.split('/')[0]?.split(':').slice(3).join(':') ?? '');
const addedMs = ({ incident, baseline }: IncidentPicture['statements'][number]): number =>
  (incident.meanMs - baseline.meanMs) * incident.count;

/** What only the ranking knows of a cause: traces that changed, calls in vain, time on the way; with a way to the rows. */
export function factReasons(
  { cause, resource }: NamedCause,
  picture: IncidentPicture,
): (Sentence & { evidence: EvidenceDraft[] })[] {
  return cause.facts
    .filter((fact) => onlyRanked.has(fact.check) && fact.strength * fact.own >= 0.15)
    .flatMap((fact) => {
      const evidence = fact.evidence.flatMap((one) => draftOf(one.ref, fact, resource, picture));
      return evidence.length === 0 ? [] : [{ ...fact.says, evidence: evidence.slice(0, 2) }];
    })
    .slice(0, factsMax);
}
const onlyRanked = new Set<Fact['check']>(['trace_structure', 'reachability', 'network_path']);

/** A reference into rows as a filter of the stores; none for conditions that only files know. */
function draftOf(ref: string, fact: Fact, resource: Urn, picture: IncidentPicture): EvidenceDraft[] {
  const { file, where } = parseReference(ref);
  if (file !== 'spans' || !where.service) return [];
  // Of what tells nothing of itself, only the spans of its callers are there.
  const told = picture.services.some(({ service }) => service === where.service);
  if (!told && !where.trace_id) return [];
  const { text, code, params } = fact.says;
  return [
    {
      dim: 'trace',
      resource,
      note: text,
      code,
      params,
      filter: {
        dataset: 'otel_traces',
        window: { from: picture.window.from - 10_000, to: picture.at },
        equals: {
          ...(told ? { ServiceName: where.service } : {}),
          ...(where.trace_id ? { TraceId: where.trace_id } : {}),
          ...(where.name ? { SpanName: where.name } : {}),
        },
      },
    },
  ];
}
