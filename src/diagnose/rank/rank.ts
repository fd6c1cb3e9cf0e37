import { type CauseKind, type Layer, sentence } from '../../model/index.ts';
import { caveat, type Incident } from '../incident.ts';
import { type Anomaly, anomaliesOf, anomalyOf, type Compared, compare } from './anomaly.ts';
import { deviationsOf, troubleWords } from './behaviour.ts';
import { type Blame, blamesOf, isMadeOn, type Testimony } from './blame.ts';
import { withCallSeries } from './call-series.ts';
import { type Change, changesOf } from './changes.ts';
import { complaintFacts } from './complaints.ts';
import { type Delay, delaysOf } from './delays.ts';
import type { CheckId, Fact } from './facts.ts';
import { floodFacts } from './floods.ts';
import { excessesOf, type Flow, sharesOf } from './flow.ts';
import { type Frame, frameOf } from './frame.ts';
import { type CallGraph, graphOf } from './graph.ts';
import { leakFacts } from './leaks.ts';
import { messageFacts } from './message-facts.ts';
import { type MessageChange, messageChanges } from './messages.ts';
import { anomalyFacts, flowFacts } from './metric-facts.ts';
import { namedIn } from './names.ts';
import { type Outside, outsideOf } from './outside.ts';
import { releaseFacts } from './releases.ts';
import { silenceFacts, silencesOf, waitedShares, withoutSilence } from './silence.ts';
import { clamp } from './stats.ts';
import { templatesOf } from './templates.ts';
import { delayFacts, deviationFacts, messageOf, spanErrorFacts } from './trace-facts.ts';
import { isError, type Visit, visitsOf } from './visits.ts';
import { metricClass, wordsOf } from './words.ts';

/** A possible origin: a resource, everything odd about it, and what was changed there. */
export interface Candidate {
  resource: string;
  kind: CauseKind;
  layer: Layer;
  /** 0–1. */
  score: number;
  facts: Fact[];
  blame: Blame | null;
  explains: string[];
  unexplained: string[];
}

/** Everything that was found out about an incident. */
export interface Findings {
  frame: Frame;
  graph: CallGraph;
  facts: Fact[];
  candidates: Candidate[];
  outside: Outside[];
  changes: Change[];
  blames: Blame[];
  /** How much there was to look at, by check. */
  looked: Map<CheckId, number>;
  visits: readonly Visit[];
  anomalies: readonly Anomaly[];
  messages: readonly MessageChange[];
}

/** How much each kind of fact says about where a fault begins; what can't be inherited says most. */
const channelWeight: Record<CheckId, number> = {
  response_time: 0.95,
  error_rate: 0.95,
  throughput: 0.1,
  own_time: 0.9,
  trace_structure: 0.93,
  log_messages: 0.7,
  changes: 0,
  dependencies: 0.5,
  reachability: 0.93,
  network_path: 0.93,
  saturation: 0.5,
  cpu: 0.65,
  memory: 0.5,
  disk: 0.6,
  restarts: 0.7,
  network_traffic: 0.1,
  database: 0.9,
};

/** With this many visits, traces show where time and failures begin better than a metric per service does. */
const enoughVisits = 50;

export function rankCauses(given: Incident): Findings {
  const incident = withCallSeries(given);
  const frame = frameOf(incident);
  const noticed = incident.window === null ? frame.onset : incident.at;
  const templates = templatesOf(incident.logs);
  const graph = graphOf(incident);
  const visits = visitsOf(incident.spans, incident.logs, graph.nodes);
  for (const { parent, service } of visits) if (parent !== null) graph.call(parent.service, service);
  const messages = messageChanges(templates, frame);
  for (const { service, trouble, template } of messages)
    if (trouble)
      for (const other of namedIn(template.example.body, graph.nodes, service)) graph.call(service, other);
  const compared = incident.series.flatMap((one) => compare(one, frame) ?? []);
  const anomalies = anomaliesOf(compared, frame);
  const traced = visits.length >= enoughVisits;
  const deviations = traced ? deviationsOf(visits, templates, frame, noticed) : [];
  const delays = traced ? delaysOf(visits, frame, noticed) : [];
  const silences = silencesOf(visits, frame);
  const found = [
    ...flows(incident, frame, graph, compared, traced),
    ...deviationFacts(incident, frame, deviations, graph.nodes),
    ...delayFacts(incident, frame, delays, visits),
    ...spanErrorFacts(incident, frame, visits, new Set(silences.map((one) => one.service))),
    ...messageFacts(incident, frame, messages, graph.nodes).map((fact) =>
      traced ? { ...fact, own: fact.own * 0.25 } : fact,
    ),
    ...complaintFacts(incident, frame, messages, visits, graph.nodes),
    ...anomalyFacts(incident, frame, anomalies),
    ...leakFacts(incident, frame),
    ...floodFacts(incident, frame, templates, visits),
    ...releaseFacts(incident, frame, visits),
  ];
  const facts = [
    ...withoutSilence(found, silences, traced ? waitedShares(visits, frame) : new Map()),
    ...silenceFacts(incident, frame, silences, waitingOf(delays)),
  ];
  const seen = symptomSeen(incident, compared, frame);
  const first = candidatesOf(incident, graph, facts, seen ? 1 : unseenFactor);
  if (!seen)
    frame.caveats.push(caveat(incident.files.metrics ?? 'metrics', sentence('caveat.symptom_usual', {})));
  const changes = changesOf(incident);
  const testimony = testimonyOf(incident, frame, messages, anomalies, visits);
  const stores = new Set(
    visits.flatMap(({ peer, service }) => (peer === 'database' || peer === 'queue' ? [service] : [])),
  );
  const blames = first
    .slice(0, 4)
    .map((candidate) => blameFor(candidate.resource, { changes, testimony, frame, graph, facts, stores }));
  const candidates = withBlame(first, blames, (change, resource) =>
    isMadeOn(change, resource, { stores, graph }),
  );
  const origin = candidates[0]?.resource ?? incident.symptom?.service ?? '';
  return {
    frame,
    graph,
    facts,
    candidates,
    outside: outsideOf({ incident, frame, graph, compared, anomalies, messages, visits, origin, candidates }),
    changes,
    blames: blames[first.findIndex((one) => one.resource === origin)] ?? [],
    looked: lookedAt(compared, visits, incident, changes),
    visits,
    anomalies,
    messages,
  };
}

/** Services whose own database, queue or provider became slow. */
const waitingOf = (delays: readonly Delay[]): Set<string> =>
  new Set(
    delays.flatMap(({ peer, shift }) =>
      peer === null || peer === 'service'
        ? []
        : shift.since.flatMap(({ what }) => what.parent?.service ?? []),
    ),
  );

/** An alarm about something that is as usual needs the more evidence elsewhere. */
const unseenFactor = 0.5;

/** Whether the metric that was noticed is out of its usual range; true where it is not there. */
function symptomSeen(incident: Incident, compared: readonly Compared[], frame: Frame): boolean {
  const { symptom } = incident;
  if (symptom === null) return true;
  const words = wordsOf(symptom.metric);
  const named = compared.filter(
    (one) =>
      one.series.service === symptom.service &&
      words.length > 0 &&
      words.every((word) => wordsOf(one.series.metric).includes(word)) &&
      one.normal.count >= 5,
  );
  return named.length === 0 || named.some((one) => anomalyOf(one, frame) !== null);
}

/** Time and failures up the call graph, weighted by what was noticed. */
function flows(
  incident: Incident,
  frame: Frame,
  graph: CallGraph,
  compared: readonly Compared[],
  traced: boolean,
): Fact[] {
  const symptom = incident.symptom?.service ?? incident.alert?.service ?? '';
  const noticed = metricClass(incident.symptom?.metric ?? '');
  const weightOf = (flow: Flow): number => {
    if (incident.symptom === null) return traced ? 0.25 : 0.8;
    if (noticed === 'latency') return flow === 'time' ? 1 : 0.3;
    if (noticed === 'availability' || noticed === 'errors') return flow === 'failures' ? 1 : 0.35;
    return 0.6;
  };
  return (['time', 'failures'] as const).flatMap((flow) =>
    flowFacts(incident, frame, sharesOf(excessesOf(compared, flow), graph, symptom), flow, weightOf(flow)),
  );
}

function candidatesOf(
  incident: Incident,
  graph: CallGraph,
  facts: readonly Fact[],
  factor: number,
): Candidate[] {
  const byResource = new Map<string, Fact[]>();
  for (const fact of facts) {
    const list = byResource.get(fact.resource);
    if (list) list.push(fact);
    else byResource.set(fact.resource, [fact]);
  }
  const symptom = incident.symptom?.service ?? incident.alert?.service ?? '';
  const reached = graph.nodes.has(symptom) ? graph.downstream(symptom) : null;
  const affected = affectedBy(facts);
  return [...byResource]
    .map(([resource, own]): Candidate => {
      const sorted = own.sort((a, b) => worth(b) - worth(a) || (a.says.text < b.says.text ? -1 : 1));
      const channels = new Map<CheckId, number>();
      for (const fact of sorted)
        channels.set(fact.check, Math.max(channels.get(fact.check) ?? 0, worth(fact)));
      let doubt = 1;
      for (const value of channels.values()) doubt *= 1 - value;
      if (resource === symptom) doubt *= 0.9;
      const related = reached === null || reached.size <= 1 || reached.has(resource) ? 1 : 0.6;
      const upstream = graph.upstream(resource);
      return {
        resource,
        kind: kindOf(sorted),
        layer: sorted[0]?.layer ?? 'application',
        score: clamp((1 - doubt) * related * factor, 0, scoreMost),
        facts: sorted,
        blame: null,
        explains: affected.filter((other) => other !== resource && upstream.has(other)),
        unexplained: affected.filter((other) => !upstream.has(other)),
      };
    })
    .sort(byScore);
}

/** Nothing is certain; yet of two that are nearly, the surer comes first. */
const scoreMost = 0.999_999;

const worth = (fact: Fact): number => channelWeight[fact.check] * clamp(fact.strength) * clamp(fact.own);
const byScore = (a: Candidate, b: Candidate): number =>
  b.score - a.score || (a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0);

const affectedMin = 0.5;
/** Resources of which users or callers notice something. */
function affectedBy(facts: readonly Fact[]): string[] {
  const odd = facts.filter(
    (fact) =>
      fact.strength >= affectedMin &&
      ['response_time', 'error_rate', 'trace_structure', 'own_time', 'log_messages'].includes(fact.check),
  );
  return [...new Set(odd.map((fact) => fact.resource))].sort();
}

/** The kind of the strongest fact, made more precise by the others. */
function kindOf(sorted: readonly Fact[]): CauseKind {
  const first = sorted[0];
  if (first === undefined) return 'error_burst';
  const named = (kind: CauseKind): boolean =>
    sorted.some((fact) => fact.kind === kind && fact.strength >= 0.4);
  const strong = (check: CheckId): Fact | undefined =>
    sorted.find((fact) => fact.check === check && fact.strength >= 0.6);
  if (first.kind === 'latency_regression' || first.kind === 'error_burst') {
    if (named('connection_pool_exhausted')) return 'connection_pool_exhausted';
    if (named('log_storm')) return 'log_storm';
    if (named('bad_release')) return 'bad_release';
  }
  if (first.kind === 'latency_regression') {
    if (strong('cpu')?.kind === 'cpu_saturation') return 'cpu_saturation';
    if (strong('disk')) return 'resource_saturation';
  }
  const died = first.check === 'reachability' || (first.check !== 'restarts' && strong('restarts'));
  if (died && named('memory_leak')) return 'memory_leak';
  return first.kind;
}

function blameFor(
  origin: string,
  parts: {
    changes: Change[];
    testimony: Testimony[];
    frame: Frame;
    graph: CallGraph;
    facts: readonly Fact[];
    stores: ReadonlySet<string>;
  },
): Blame[] {
  const odd = new Map<string, number>();
  for (const fact of parts.facts)
    odd.set(fact.resource, Math.max(odd.get(fact.resource) ?? 0, fact.strength * Math.max(0.3, fact.own)));
  return blamesOf({ ...parts, origin, odd });
}

/** Below this a change is only near. */
export const blameMin = 0.42;

/** A change that explains what is wrong speaks for the resource that it was made on. */
function withBlame(
  first: readonly Candidate[],
  blames: readonly Blame[][],
  madeOn: (change: Change, resource: string) => boolean,
): Candidate[] {
  return first
    .map((candidate, i): Candidate => {
      const best = blames[i]?.[0];
      if (best === undefined || best.score < blameMin) return candidate;
      const here = best.change.services.length === 0 || madeOn(best.change, candidate.resource);
      // Made on another suspect, it speaks for that one.
      if (!here && first.some((other) => best.change.services.includes(other.resource))) return candidate;
      const boost = here ? 0.5 * best.score : 0.1 * best.score;
      return {
        ...candidate,
        score: clamp(1 - (1 - candidate.score) * (1 - boost), 0, scoreMost),
        blame: best,
        kind: changeKind(best, candidate.kind),
      };
    })
    .sort(byScore);
}

/** Kinds that say how it breaks, whatever was changed. */
export const mechanismKinds: ReadonlySet<CauseKind> = new Set([
  'memory_leak',
  'slow_query',
  'connection_pool_exhausted',
  'log_storm',
  'cpu_saturation',
]);

function changeKind(blame: Blame, kind: CauseKind): CauseKind {
  const { change, edit } = blame;
  if (mechanismKinds.has(kind)) return kind;
  if (/flag|config|setting|toggle|scale|limit|quota/.test(change.kind)) return 'config_change';
  if (
    change.files.length > 0 &&
    change.files.every((file) => /\.(ya?ml|toml|ini|conf|json|properties|env|tf)$/.test(file))
  )
    return edit?.kind === 'logging' ? 'log_storm' : 'config_change';
  return 'bad_release';
}

/** Everything that the incident says of itself, by which changes are recognised. */
function testimonyOf(
  incident: Incident,
  frame: Frame,
  messages: readonly MessageChange[],
  anomalies: readonly Anomaly[],
  visits: readonly Visit[],
): Testimony[] {
  const said: Testimony[] = [];
  const put = (text: string, weight: number, service: string): void => {
    if (text.trim() !== '' && said.length < testimonyMax) said.push({ text, weight, service });
  };
  const { alert, symptom } = incident;
  put(`${alert?.text ?? ''} ${alert?.metric ?? ''}`, 1, alert?.service ?? '');
  put(symptom?.metric ?? '', 1, symptom?.service ?? '');
  for (const message of messages.slice(0, 200)) {
    const { body, attributes } = message.template.example;
    put(
      `${body} ${Object.entries(attributes)
        .map((pair) => pair.join(' '))
        .join(' ')}`,
      message.strength,
      message.service,
    );
  }
  for (const { series, strength } of anomalies) put(series.metric, 0.7 * strength, series.service);
  for (const visit of visits) {
    if (frame.phase(visit.start) !== 'during') continue;
    for (const span of visit.spans)
      if (isError(span) || troubleWords.test(messageOf(span)))
        put(`${span.name} ${Object.values(span.attributes).join(' ')}`, 0.9, span.service);
  }
  return said;
}
const testimonyMax = 2_000;

function lookedAt(
  compared: readonly Compared[],
  visits: readonly Visit[],
  incident: Incident,
  changes: readonly Change[],
): Map<CheckId, number> {
  const of = (...kinds: string[]): number =>
    compared.filter((one) => kinds.includes(metricClass(one.series.metric))).length;
  const traced = visits.length >= enoughVisits;
  const ways = new Set(
    visits.flatMap((visit) => (visit.parent ? [`${visit.parent.service} ${visit.service}`] : [])),
  );
  return new Map<CheckId, number>([
    ['response_time', of('latency')],
    ['error_rate', of('errors', 'availability') + new Set(visits.map((visit) => visit.operation)).size],
    ['throughput', of('traffic')],
    ['own_time', traced ? new Set(visits.map((visit) => `${visit.service} ${visit.operation}`)).size : 0],
    ['trace_structure', traced ? visits.length : 0],
    ['log_messages', incident.logs.length],
    ['changes', changes.length],
    ['dependencies', incident.edges.length + incident.calls.length + ways.size],
    ['reachability', incident.logs.length],
    ['network_path', traced ? ways.size : 0],
    ['saturation', of('saturation', 'other')],
    ['cpu', of('cpu')],
    ['memory', of('memory')],
    ['disk', of('disk')],
    ['restarts', of('restarts')],
    ['network_traffic', of('network')],
    ['database', 0],
  ]);
}
