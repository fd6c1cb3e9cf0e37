import { sentence } from '../../model/index.ts';
import type { Incident, LogRow, SpanRow } from '../incident.ts';
import { type Deviation, troubleWords } from './behaviour.ts';
import type { Delay } from './delays.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import { constantPart, givenUp, namedIn } from './names.ts';
import { reference } from './reference.ts';
import { quoted, shownNumber, shownTime } from './show.ts';
import { clamp, sum } from './stats.ts';
import type { Visit } from './visits.ts';
import { isError } from './visits.ts';

/** Nats of evidence to a strength: 4 nats are 0.36, 9 are 0.63, 30 are 0.96. */
export const convincing = (nats: number): number => 1 - Math.exp(-Math.max(0, nats) / 9);

const deviationsPerService = 4;

export function deviationFacts(
  incident: Incident,
  frame: Frame,
  deviations: readonly Deviation[],
  nodes: ReadonlySet<string>,
): Fact[] {
  const counts = new Map<string, number>();
  return deviations.flatMap((deviation): Fact[] => {
    const count = (counts.get(deviation.service) ?? 0) + 1;
    counts.set(deviation.service, count);
    if (count > deviationsPerService) return [];
    return [
      {
        resource: deviation.service,
        layer: 'application',
        check: 'trace_structure',
        kind: 'error_burst',
        strength: convincing(deviation.weight),
        own: 1 - 0.6 * complaining(deviation, nodes),
        onset: deviation.shift.onset,
        says: deviationSays(deviation),
        evidence: deviationEvidence(incident, frame, deviation),
      },
    ];
  });
}

/** Share of deviating visits that complain about another resource by its name. */
function complaining({ visits, appears, outcome, service }: Deviation, nodes: ReadonlySet<string>): number {
  if (!appears && outcome.kind !== 'call' && outcome.kind !== 'log') return 0;
  const blaming = visits.filter((visit) =>
    visit.logs.some((log) => isTroubleLog(log) && namedIn(log.body, nodes, service).length > 0),
  );
  return visits.length === 0 ? 0 : blaming.length / visits.length;
}

const isTroubleLog = (log: LogRow): boolean =>
  /^(WARN|ERROR|FATAL|CRIT|SEVERE)/.test(log.severity) || troubleWords.test(log.body);

function deviationSays({ service, operation, outcome, appears, shift, visits }: Deviation) {
  const total = shift.since.length;
  const totalBefore = shift.before.count;
  const text = quoted(outcome.example?.body ?? outcome.text);
  if (outcome.kind === 'next' || outcome.kind === 'as often') {
    return sentence('rca.order', {
      service,
      operation: quoted(operation),
      ...(outcome.text === 'end' ? {} : { log: quoted(outcome.text) }),
      after:
        outcome.kind === 'next' ? Math.round(shift.after.mean * total) : Math.round(shift.after.mean * total),
      total,
      before: Math.round(shift.before.mean * totalBefore),
      totalBefore,
    });
  }
  const what =
    outcome.kind === 'log'
      ? { log: text }
      : outcome.kind === 'call'
        ? { call: outcome.text }
        : outcome.kind === 'span'
          ? { span: outcome.text }
          : {};
  const before = Math.round((appears ? shift.before.mean : 1 - shift.before.mean) * totalBefore);
  return sentence(appears ? 'rca.appears' : 'rca.vanishes', {
    service,
    operation,
    ...what,
    count: visits.length,
    total,
    before,
    totalBefore,
  });
}

function deviationEvidence(incident: Incident, frame: Frame, deviation: Deviation): Fact['evidence'] {
  const { service, shift, outcome, appears } = deviation;
  const window = { from: shift.onset, to: frame.end };
  const first = deviation.credited[0] ?? deviation.visits[0];
  const evidence: Fact['evidence'] = [];
  if (outcome.example !== null && appears)
    evidence.push({
      dim: 'log',
      ref: reference(incident, 'logs', { service, contains: constantPart(outcome.example.body) }, window),
    });
  evidence.push({
    dim: 'trace',
    ref: reference(
      incident,
      'spans',
      first?.traceId ? { trace_id: first.traceId, service } : { service },
      first?.traceId ? undefined : window,
    ),
  });
  return evidence;
}

export function delayFacts(
  incident: Incident,
  frame: Frame,
  delays: readonly Delay[],
  visits: readonly Visit[],
): Fact[] {
  const ends = slowEnds(delays, visits);
  return delays.flatMap((delay): Fact[] => {
    const { service, other, kind, before, after, shift } = delay;
    const strength = convincing(delay.weight) * clamp(0.35 + Math.log10(Math.max(1, delay.beyond)) / 1.5);
    const numbers = { now: shownNumber(after), before: shownNumber(before), count: shift.since.length };
    const ref = reference(incident, 'spans', { service }, { from: shift.onset, to: frame.end });
    if (kind === 'own')
      return [
        {
          resource: service,
          layer: delay.peer === 'database' ? 'data' : delay.peer === 'outside' ? 'service' : 'application',
          check: delay.peer === 'database' ? 'database' : 'own_time',
          kind:
            delay.peer === 'database'
              ? 'slow_query'
              : delay.peer === 'outside'
                ? 'external_dependency'
                : 'latency_regression',
          strength,
          own: 1 - 0.6 * waitingToo(delay, delays),
          onset: shift.onset,
          says: sentence('rca.own_time', { service, operation: other, ...numbers }),
          evidence: [{ dim: 'trace', ref }],
        },
      ];
    return [service, other].map((resource) => ({
      resource,
      layer: 'network' as const,
      check: 'network_path' as const,
      kind: 'network_fault' as const,
      strength,
      own: ends.get(resource) ?? 0,
      onset: shift.onset,
      says: sentence('rca.way', { service, caller: other, ...numbers }),
      evidence: [{ dim: 'trace' as const, ref }],
    }));
  });
}

/** Share of a service's slow visits in which a call was slow to get through as well: connecting again is part of that. */
function waitingToo(own: Delay, delays: readonly Delay[]): number {
  const waiting = new Set<Visit>();
  for (const way of delays) {
    if (way.kind !== 'way' || way.other !== own.service) continue;
    for (const { what } of way.shift.since)
      if (what.parent !== null && (what.gapMs ?? 0) > 3 * way.before + 10) waiting.add(what.parent);
  }
  const slow = own.shift.since.filter(({ what }) => what.ownMs > 3 * own.before + 10);
  return slow.length === 0 ? 0 : slow.filter(({ what }) => waiting.has(what)).length / slow.length;
}

/**
 * A slow way has two ends. The end at fault is the one whose ways are slow: all calls to it, or all its calls to others;
 * the other end has ways that are as always.
 */
function slowEnds(delays: readonly Delay[], visits: readonly Visit[]): Map<string, number> {
  const ways = new Map<string, number>();
  for (const visit of visits)
    if (visit.gapMs !== null && visit.parent !== null) {
      const key = `${visit.parent.service}\u0000${visit.service}`;
      ways.set(key, (ways.get(key) ?? 0) + 1);
    }
  const slow = new Map(
    delays
      .filter((one) => one.kind === 'way')
      .map((one) => [`${one.other}\u0000${one.service}`, convincing(one.weight)]),
  );
  const inbound = new Map<string, [number, number]>();
  const outbound = new Map<string, [number, number]>();
  const count = (map: Map<string, [number, number]>, key: string, bad: number, calls: number): void => {
    const [slowCalls, all] = map.get(key) ?? [0, 0];
    map.set(key, [slowCalls + bad * calls, all + calls]);
  };
  for (const [key, calls] of ways) {
    const [src = '', dst = ''] = key.split('\u0000');
    // Busy ways do not count more than busy: a seldom used way is as telling.
    const weight = Math.min(calls, 20);
    count(inbound, dst, slow.get(key) ?? 0, weight);
    count(outbound, src, slow.get(key) ?? 0, weight);
  }
  const share = ([bad, all]: [number, number] = [0, 0]): number => (all > 0 ? bad / all : 0);
  const ends = new Map<string, number>();
  for (const node of new Set([...inbound.keys(), ...outbound.keys()])) {
    const into = share(inbound.get(node));
    const out = share(outbound.get(node));
    // Being slow to reach is most often the callee's; calling slowly needs several callees to be believed.
    const callees = [...ways.keys()].filter((key) => key.startsWith(`${node}\u0000`)).length;
    ends.set(node, clamp(Math.max(into, callees >= 2 ? 0.9 * out : 0.4 * out)));
  }
  return ends;
}

const failedItself = (visit: Visit): boolean =>
  visit.failed && !visit.spans.some((span) => givenUp.test(messageOf(span)));

/**
 * Where few traces were kept, failing spans without failing children still show where failures begin. What callers tell of
 * the `silent` is told already.
 */
export function spanErrorFacts(
  incident: Incident,
  frame: Frame,
  visits: readonly Visit[],
  silent: ReadonlySet<string>,
): Fact[] {
  const groups = new Map<
    string,
    { service: string; operation: string; failed: Visit[]; total: number; before: number }
  >();
  for (const visit of visits) {
    if (visit.peer === 'service' && silent.has(visit.service)) continue;
    const phase = frame.phase(visit.start);
    const key = `${visit.service} ${visit.operation}`;
    const group = groups.get(key) ?? {
      service: visit.service,
      operation: visit.operation,
      failed: [],
      total: 0,
      before: 0,
    };
    groups.set(key, group);
    const origin = failedItself(visit) && !visit.calls.some(failedItself);
    if (phase === 'during') {
      group.total++;
      if (origin) group.failed.push(visit);
    } else if (origin) group.before++;
  }
  const all = sum([...groups.values()].map((group) => group.failed.length));
  return [...groups.values()]
    .filter((group) => group.failed.length > 0 && group.failed.length > 2 * group.before)
    .map((group) => {
      const first = group.failed[0];
      const span = first?.spans.find(isError);
      const message = span === undefined ? '' : messageOf(span);
      return {
        resource: group.service,
        layer: 'application' as const,
        check: 'error_rate' as const,
        kind: 'error_burst' as const,
        strength: 0.75 * (1 - Math.exp(-group.failed.length)) * clamp(group.failed.length / all + 0.2),
        own: 0.9,
        onset: first?.start ?? null,
        says: sentence('rca.span_errors', {
          service: group.service,
          operation: group.operation,
          count: group.failed.length,
          total: group.total,
          ...(message === '' ? {} : { message: quoted(message) }),
        }),
        evidence: [
          {
            dim: 'trace' as const,
            ref: reference(
              incident,
              'spans',
              { service: group.service, name: span?.name ?? '' },
              { from: frame.began, to: frame.end },
            ),
          },
        ],
      };
    })
    .sort((a, b) => b.strength - a.strength);
}

export const messageOf = (span: SpanRow): string => {
  const { attributes } = span;
  return (
    attributes['exception.message'] ??
    attributes['error.message'] ??
    attributes.status_message ??
    attributes['status.message'] ??
    attributes.error ??
    attributes['error.type'] ??
    ''
  );
};

export const shownOnset = shownTime;
