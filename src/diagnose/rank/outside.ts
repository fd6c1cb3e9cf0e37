import { type CauseKind, sentence } from '../../model/index.ts';
import type { Incident, LogRow } from '../incident.ts';
import type { Anomaly, Compared } from './anomaly.ts';
import type { Fact } from './facts.ts';
import { adjoining, type Frame } from './frame.ts';
import type { CallGraph } from './graph.ts';
import type { MessageChange } from './messages.ts';
import { metricReference } from './metric-facts.ts';
import { constantPart } from './names.ts';
import { reference } from './reference.ts';
import { quoted, shownNumber, shownTimes } from './show.ts';
import { clamp, mean } from './stats.ts';
import type { Visit } from './visits.ts';
import { metricClass, wordsOf } from './words.ts';

/** Something that neither a service nor a change of the observed system did. */
export interface Outside {
  kind: CauseKind;
  /** Where it enters the system. */
  resource: string;
  score: number;
  /** `external` when nothing inside can be mended; a crowded host can. */
  verdict: 'external' | 'root_cause';
  facts: Fact[];
  /** Its name, where it has one. */
  name: string;
}

export interface OutsideInput {
  incident: Incident;
  frame: Frame;
  graph: CallGraph;
  compared: readonly Compared[];
  anomalies: readonly Anomaly[];
  messages: readonly MessageChange[];
  visits: readonly Visit[];
  /** The resource where trouble begins, as far as is known. */
  origin: string;
  candidates: readonly { resource: string; score: number; facts: readonly Fact[] }[];
}

export function outsideOf(input: OutsideInput): Outside[] {
  return [surge(input), provider(input), silentProvider(input), badRecord(input), crowdedHost(input)]
    .filter((one) => one !== null)
    .sort((a, b) => b.score - a.score);
}

/** Clearly more requests than usual, at the entry and at most others: demand, not a fault. */
const surgeFactor = 1.8;
/** Fewer values than these are no usual traffic. */
const knownMin = 5;
const demandWords =
  /^(requests?|req|rps|qps|calls?|workload|hits|invocations?|sessions?|orders?|transactions?|tps|throughput)$/;

function surge(input: OutsideInput): Outside | null {
  const { incident, frame, graph, compared } = input;
  const traffic = compared.filter(
    (one) =>
      metricClass(one.series.metric) === 'traffic' &&
      wordsOf(one.series.metric).some((word) => demandWords.test(word)) &&
      one.normal.level > 0 &&
      one.normal.count >= knownMin &&
      !one.fresh,
  );
  if (traffic.length === 0) return surgeOfVisits(input);
  const ratioOf = (one: Compared): number => mean(one.values) / one.normal.level;
  const risen = traffic.filter(
    (one) =>
      ratioOf(one) >= surgeFactor && mean(one.values) > one.normal.level + 4 * one.normal.up && begins(one),
  );
  if (risen.length === 0) return null;
  const carriers = new Set(traffic.map((one) => one.series.service));
  const up = new Set(risen.map((one) => one.series.service));
  // More calls only deep inside are retries, or a caller that asks more often.
  const entries = risen.filter(
    (one) => !graph.callers(one.series.service).some((caller) => carriers.has(caller)),
  );
  const symptom = incident.symptom?.service ?? '';
  const entry =
    entries.find((one) => one.series.service === symptom) ??
    [...entries].sort((a, b) => ratioOf(b) - ratioOf(a))[0];
  if (entry === undefined || (carriers.size > 1 && up.size < 2)) return null;
  // Of one that others call, without a count of theirs, nobody knows whether they ask more often.
  const called = graph.callers(entry.series.service).length > 0;
  if (up.size < 2 && called && entry.series.service !== symptom) return null;
  const spread = up.size / carriers.size;
  if (spread < 0.5) return null;
  const ratio = ratioOf(entry);
  return {
    kind: 'traffic_surge',
    resource: entry.series.service,
    verdict: 'external',
    name: 'traffic',
    score:
      clamp(0.55 + 0.25 * Math.min(1, Math.log2(ratio / surgeFactor + 1)) + 0.2 * (spread - 0.5)) *
      (carriers.size > 1 ? 1 : 0.9),
    facts: [
      {
        resource: entry.series.service,
        layer: 'application',
        check: 'throughput',
        kind: 'traffic_surge',
        strength: 1,
        own: 1,
        onset: entry.times[0] ?? null,
        says: sentence('rca.surge', {
          service: entry.series.service,
          now: shownNumber(mean(entry.values)),
          before: shownNumber(entry.normal.level),
          factor: shownTimes(ratio),
          count: up.size - 1,
        }),
        evidence: risen
          .slice(0, 4)
          .map((one) => ({ dim: 'metric', ref: metricReference(incident, frame, one.series) })),
      },
    ],
  };
}

/** Where values from right before the onset are known, it rose only then; else the baseline was another time of day. */
const begins = (one: Compared): boolean =>
  one.before.length === 0 || mean(one.values) >= 0.75 * surgeFactor * mean(one.before);

const visitsMin = 100;

/** The same from traces, where nobody counted requests. */
function surgeOfVisits({ incident, frame, visits }: OutsideInput): Outside | null {
  if (visits.length < visitsMin || frame.baseline === null) return null;
  const calm = Math.max(1, frame.baseline.to - frame.baseline.from) / 60_000;
  // A notice that comes late, to a symptom seen before, still parts the window.
  const began = Math.max(frame.began, Math.min(incident.at, frame.end - 1));
  const near = adjoining(frame) ? 0 : (began - frame.window.from) / 60_000;
  const minutes = Math.max(1, frame.end - began) / 60_000;
  const counts = new Map<string, { before: number; near: number; during: number; entry: boolean }>();
  for (const visit of visits) {
    const phase = frame.phase(visit.start);
    if (phase === 'outside' || visit.peer !== null) continue;
    const count = counts.get(visit.service) ?? { before: 0, near: 0, during: 0, entry: false };
    count[phase === 'baseline' ? 'before' : visit.start < began ? 'near' : 'during']++;
    if (visit.parent === null) count.entry = true;
    counts.set(visit.service, count);
  }
  const rates = [...counts]
    .filter(([, count]) => count.before >= 10)
    .map(([service, count]) => ({
      service,
      entry: count.entry,
      before: Math.max(count.before / calm, near >= 0.5 ? count.near / near : 0),
      now: count.during / minutes,
    }));
  const risen = rates.filter((rate) => rate.now >= surgeFactor * rate.before);
  const entry = risen.filter((rate) => rate.entry).sort((a, b) => b.now - a.now)[0];
  if (entry === undefined || risen.length < 0.5 * rates.length) return null;
  const ratio = entry.now / entry.before;
  return {
    kind: 'traffic_surge',
    resource: entry.service,
    verdict: 'external',
    name: 'traffic',
    score: clamp(
      0.5 +
        0.25 * Math.min(1, Math.log2(ratio / surgeFactor + 1)) +
        0.2 * (risen.length / rates.length - 0.5),
    ),
    facts: [
      {
        resource: entry.service,
        layer: 'application',
        check: 'throughput',
        kind: 'traffic_surge',
        strength: 1,
        own: 1,
        onset: frame.began,
        says: sentence('rca.surge', {
          service: entry.service,
          now: `${shownNumber(entry.now)}/min`,
          before: `${shownNumber(entry.before)}/min`,
          factor: shownTimes(ratio),
          count: risen.length - 1,
        }),
        evidence: [
          {
            dim: 'trace',
            ref: reference(
              incident,
              'spans',
              { service: entry.service },
              { from: frame.began, to: frame.end },
            ),
          },
        ],
      },
    ],
  };
}

const host = /\b((?:[a-z0-9-]+\.)+(?:com|net|io|org|cloud|dev|co|eu|us|de|cn|app|ai))\b/gi;
const outsideWords =
  /\b(third[- ]party|external|provider|vendor|partner|carrier|upstream api|saas|region|availability zone|(?:us|eu|ap|sa|ca|af|me)-(?:north|south|east|west|central)[a-z]*-\d|aws|gcp|azure|cloudflare|cdn|isp)\b/i;
const unreachableWords =
  /\b(50[0234]|429|unavailable|outage|degraded|timeout|timed out|refused|reset|unreachable|unresolved|nxdomain|no route|handshake|expired|incident|maintenance|deadline|fail\w*|error)\b/i;

/** New messages of trouble name a place outside the observed system. */
function provider({ incident, frame, graph, messages, origin }: OutsideInput): Outside | null {
  const trouble = messages.filter((one) => one.trouble && one.change !== 'gone');
  const total = trouble.reduce((sum, one) => sum + one.during, 0);
  if (total === 0) return null;
  const peers = new Map<string, { count: number; service: string; message: MessageChange }>();
  for (const message of trouble) {
    const record = message.template.example;
    const text = `${record.body} ${Object.values(record.attributes).join(' ')}`;
    if (!unreachableWords.test(text)) continue;
    const hosts = [...text.matchAll(host)].map((match) => (match[1] ?? '').toLowerCase());
    const words = outsideWords.exec(text)?.[0];
    const names = [...new Set([...hosts, ...(words === undefined ? [] : [words.toLowerCase()])])].filter(
      (name) =>
        ![...graph.nodes].some(
          (node) => node.toLowerCase() === name || name.startsWith(`${node.toLowerCase()}.`),
        ) && !/\.(svc|local|internal|cluster)/.test(name),
    );
    for (const name of names) {
      const peer = peers.get(name) ?? { count: 0, service: message.service, message };
      peer.count += message.during;
      peers.set(name, peer);
    }
  }
  const [name, peer] = [...peers].sort((a, b) => b[1].count - a[1].count)[0] ?? [];
  if (name === undefined || peer === undefined) return null;
  const share = peer.count / total;
  const record = peer.message.template.example;
  return {
    kind: 'external_dependency',
    resource: peer.service,
    verdict: 'external',
    name,
    score: clamp(0.3 + 0.5 * share + (peer.service === origin ? 0.1 : 0)),
    facts: [
      {
        resource: peer.service,
        layer: 'service',
        check: 'dependencies',
        kind: 'external_dependency',
        strength: clamp(share),
        own: 1,
        onset: peer.message.first,
        says: sentence('rca.provider', { count: peer.count, total, peer: name }),
        evidence: [
          {
            dim: 'log',
            ref: reference(
              incident,
              'logs',
              { service: peer.service, contains: constantPart(record.body) },
              { from: frame.began, to: frame.end },
            ),
          },
        ],
      },
    ],
  };
}

/** Calls to a place that tells nothing of itself and belongs to nobody here fail or are slow, as their callers see it. */
function silentProvider({ incident, visits, candidates }: OutsideInput): Outside | null {
  const topology = new Set(incident.edges.flatMap((edge) => [edge.src, edge.dst]));
  const kinds = new Map(visits.map((visit) => [visit.service, visit.peer]));
  const top = candidates[0]?.score ?? 0;
  const candidate = candidates
    .slice(0, 3)
    .find(
      ({ resource, score }) =>
        kinds.get(resource) === 'outside' && !topology.has(resource) && score >= 0.7 * top,
    );
  if (candidate === undefined) return null;
  return {
    kind: 'external_dependency',
    resource: candidate.resource,
    verdict: 'external',
    name: candidate.resource,
    score: candidate.score,
    facts: candidate.facts.slice(0, 3),
  };
}

const idField =
  /\b([a-z_]*(?:record|message|event|offset|partition|order|object|row|doc|document|file|batch|item|entry|key|id)[a-z_]*)\s*[=:]\s*([\w-]*\d[\w-]*)/gi;
const dataWords =
  /\b(poison|malformed|corrupt\w*|invalid|out of range|validation|cannot parse|parse error|unparse?able|deserial\w*|decode|schema mismatch|bad record|redeliver\w*|unexpected (?:token|value|character)|constraint)\b/i;
const sameMin = 4;

/** All failures are about one record while others went well: the data, not the program. */
function badRecord({ incident, frame, messages, visits }: OutsideInput): Outside | null {
  for (const message of messages) {
    if (!message.trouble || message.change !== 'new' || message.during < sameMin) continue;
    if (!dataWords.test(message.template.example.body)) continue;
    const field = constantField(message.records);
    if (field === null) continue;
    const before = incident.logs.filter(
      (log) => log.service === message.service && log.at < frame.began,
    ).length;
    const fine =
      before +
      visits.filter(
        (visit) => visit.service === message.service && !visit.failed && visit.start < frame.began,
      ).length;
    if (fine < 3) continue;
    const says = sentence('rca.one_record', {
      count: message.during,
      field: field.name,
      value: quoted(field.value, 60),
      before: fine,
    });
    return {
      kind: 'external_dependency',
      resource: message.service,
      verdict: 'external',
      name: `${field.name} ${field.value}`,
      score: clamp(0.6 + 0.3 * (1 - Math.exp(-message.during / 8))),
      facts: [
        {
          resource: message.service,
          layer: 'data',
          check: 'log_messages',
          kind: 'external_dependency',
          strength: 0.95,
          own: 1,
          onset: message.first,
          says,
          evidence: [
            {
              dim: 'log',
              ref: reference(
                incident,
                'logs',
                { service: message.service, contains: field.value },
                { from: frame.began, to: frame.end },
              ),
            },
          ],
        },
      ],
    };
  }
  return null;
}

/** A field of messages that names a record and is the same in nearly all of them. */
function constantField(records: readonly LogRow[]): { name: string; value: string } | null {
  const counts = new Map<string, number>();
  for (const record of records) {
    const pairs = new Set<string>();
    for (const match of record.body.matchAll(idField))
      pairs.add(`${match[1]?.toLowerCase()}\u0000${match[2]}`);
    for (const [name, value] of Object.entries(record.attributes))
      if (/(record|message|event|offset|document|object|row|batch|file|key)/i.test(name) && /\d/.test(value))
        pairs.add(`${name}\u0000${value}`);
    for (const pair of pairs) counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  const same = [...counts].filter(([, count]) => count >= 0.9 * records.length && count >= sameMin);
  // The longest value is the least likely to be constant by chance.
  const [pair] = same.sort((a, b) => b[0].length - a[0].length || (a[0] < b[0] ? -1 : 1))[0] ?? [];
  if (pair === undefined) return null;
  const [name = '', value = ''] = pair.split('\u0000');
  return value.length >= 4 ? { name, value } : null;
}

const fullRatio = 0.85;

/** The machine is full while the service's own demand did not change; somebody else on it may have come. */
function crowdedHost({ incident, frame, graph, anomalies, origin }: OutsideInput): Outside | null {
  const hosts = new Set([...graph.hosts(origin), ...hostsNamed(incident, frame, origin)]);
  const full = anomalies.find(
    (one) =>
      hosts.has(one.series.service) &&
      (one.kind === 'cpu' || one.kind === 'memory' || one.kind === 'disk') &&
      one.z > 0 &&
      isFull(one),
  );
  if (full === undefined) return null;
  const ownDemand = anomalies.some(
    (one) =>
      one.series.service === origin &&
      one.kind === 'traffic' &&
      one.z > 0 &&
      one.now > surgeFactor * one.normal.level,
  );
  if (ownDemand) return null;
  const tenant = anomalies.find(
    (one) =>
      one.series.service !== origin &&
      !hosts.has(one.series.service) &&
      (one.kind === 'cpu' || one.kind === 'memory' || one.kind === 'disk') &&
      one.z > 0 &&
      one.now > 3 * Math.abs(one.normal.level) &&
      sharesHost(incident, graph, one.series.service, full.series.service),
  );
  const fact = (one: Anomaly, says: Fact['says']): Fact => ({
    resource: origin,
    layer: 'host',
    check: one.kind === 'memory' ? 'memory' : one.kind === 'disk' ? 'disk' : 'cpu',
    kind: 'resource_saturation',
    strength: one.strength,
    own: 1,
    onset: one.onset,
    says,
    evidence: [{ dim: 'metric', ref: metricReference(incident, frame, one.series) }],
  });
  const shown = (one: Anomaly) => ({
    metric: one.series.metric,
    now: shownNumber(one.now),
    before: shownNumber(one.normal.level),
  });
  const facts = [
    fact(full, sentence('rca.host', { service: origin, host: full.series.service, ...shown(full) })),
  ];
  if (tenant !== undefined)
    facts.push(
      fact(
        tenant,
        sentence('rca.tenant', {
          tenant: tenant.series.service,
          host: full.series.service,
          ...shown(tenant),
        }),
      ),
    );
  return {
    kind: 'resource_saturation',
    resource: origin,
    verdict: 'root_cause',
    name: tenant?.series.service ?? full.series.service,
    score: tenant === undefined ? 0.6 : 0.85,
    facts,
  };
}

const isFull = ({ now, series }: Anomaly): boolean => {
  const ratio = /ratio|utili[sz]ation|fraction/i.test(series.metric) || now <= 1.05 ? now : now / 100;
  return ratio >= fullRatio;
};

/** Host names that the resource's own records carry. */
function hostsNamed(incident: Incident, frame: Frame, resource: string): Set<string> {
  const names = new Set<string>();
  const read = (attributes: Record<string, string>): void => {
    for (const [key, value] of Object.entries(attributes))
      if (/(^|[._])(node|host|hostname|instance|machine|server)([._]?name)?$/i.test(key)) names.add(value);
  };
  for (const log of incident.logs)
    if (log.service === resource && frame.phase(log.at) !== 'outside') read(log.attributes);
  for (const span of incident.spans) if (span.service === resource) read(span.attributes);
  return names;
}

/** By topology, or because a message names both. */
function sharesHost(incident: Incident, graph: CallGraph, resource: string, on: string): boolean {
  if (graph.hosts(resource).includes(on)) return true;
  return incident.logs.some((log) => {
    const text = `${log.body} ${Object.values(log.attributes).join(' ')}`;
    return text.includes(on) && text.includes(resource);
  });
}
