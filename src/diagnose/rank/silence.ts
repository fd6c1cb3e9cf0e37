import { leastOf } from '../../lib/index.ts';
import { sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import { unreachableWords } from './complaints.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import { reference } from './reference.ts';
import { clamp, mean } from './stats.ts';
import { messageOf } from './trace-facts.ts';
import type { Visit } from './visits.ts';

/** A service that tells of itself, and callers whose calls failed without a word of it: nobody was there to answer. */
export interface Silence {
  service: string;
  /** Failed calls that the service knows nothing of. */
  calls: Visit[];
  /** They were refused or answered by somebody in between; else they only waited in vain. */
  refused: boolean;
  /** Share of a caller's failed visits that such a call explains. */
  callers: Map<string, number>;
  /** Share of its usual answers that the service still gave, and whether other callers reach it as always. */
  answers: number;
  othersReach: boolean;
}

const callsMin = 3;
/** So many visits of its own show that a service tells of itself. */
const visitsMin = 5;
const growthMin = 3;

export function silencesOf(visits: readonly Visit[], frame: Frame): Silence[] {
  const own = new Map<string, [number, number]>();
  const mute = new Map<string, { during: Visit[]; before: number }>();
  const reached = new Map<string, Set<string>>();
  const entries: [number, number] = [0, 0];
  for (const visit of visits) {
    const phase = frame.phase(visit.start);
    if (phase === 'outside') continue;
    const during = phase === 'during' ? 1 : 0;
    if (visit.parent === null) entries[during]++;
    if (visit.peer === null) {
      const counts = own.get(visit.service) ?? [0, 0];
      counts[during]++;
      own.set(visit.service, counts);
      if (during === 1 && visit.parent !== null) {
        const callers = reached.get(visit.service) ?? new Set();
        reached.set(visit.service, callers.add(visit.parent.service));
      }
    } else if (visit.peer === 'service' && visit.failed) {
      const entry = mute.get(visit.service) ?? { during: [], before: 0 };
      if (during === 1) entry.during.push(visit);
      else entry.before++;
      mute.set(visit.service, entry);
    }
  }
  const growth = entries[1] / Math.max(1, entries[0]);
  return [...mute].flatMap(([service, { during, before }]): Silence[] => {
    const [answered, answers] = own.get(service) ?? [0, 0];
    if (during.length < callsMin || answered < visitsMin) return [];
    if (during.length < growthMin * before * growth) return [];
    const refused = during.filter((visit) => isRefused(visit)).length >= 0.5 * during.length;
    const suffering = new Set(during.map((visit) => visit.parent?.service ?? ''));
    return [
      {
        service,
        calls: during,
        refused,
        callers: explainedShares(visits, during, frame),
        answers: growth > 0 ? answers / (answered * growth) : 0,
        othersReach: [...(reached.get(service) ?? [])].some((caller) => !suffering.has(caller)),
      },
    ];
  });
}

function isRefused({ call }: Visit): boolean {
  if (call === null) return false;
  const { attributes } = call;
  const status = Number(attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? 0);
  const told = `${attributes['error.type'] ?? ''} ${attributes['exception.type'] ?? ''} ${messageOf(call)}`;
  return (status >= 502 && status <= 503) || unreachableWords.test(told);
}

/** Of each caller's failed visits, those in which such a call failed. */
function explainedShares(
  visits: readonly Visit[],
  calls: readonly Visit[],
  frame: Frame,
): Map<string, number> {
  const explained = new Set(calls.map((call) => call.parent));
  const counts = new Map<string, [number, number]>();
  const callers = new Set(calls.map((call) => call.parent?.service ?? ''));
  for (const visit of visits) {
    if (!visit.failed || visit.peer !== null || !callers.has(visit.service)) continue;
    if (frame.phase(visit.start) !== 'during') continue;
    const [share, all] = counts.get(visit.service) ?? [0, 0];
    counts.set(visit.service, [share + (explained.has(visit) ? 1 : 0), all + 1]);
  }
  return new Map([...counts].map(([service, [share, all]]) => [service, share / all]));
}

/** Still answering this share of its usual requests, a service is there and the way to it is not. */
const stillThere = 0.6;

/** `waiting`: services that wait for a slow database or provider of theirs; who waits in vain for them waits for that. */
export function silenceFacts(
  incident: Incident,
  frame: Frame,
  silences: readonly Silence[],
  waiting: ReadonlySet<string>,
): Fact[] {
  const total = silences.reduce((sum, one) => sum + one.calls.length, 0);
  return silences.map(({ service, calls, refused, answers, othersReach }) => {
    const callers = [...new Set(calls.map((call) => call.parent?.service ?? ''))].sort();
    const way = refused && answers >= stillThere && othersReach;
    return {
      resource: service,
      layer: way ? ('network' as const) : ('service' as const),
      check: 'reachability' as const,
      kind: !refused
        ? ('latency_regression' as const)
        : way
          ? ('network_fault' as const)
          : ('service_down' as const),
      strength: clamp((1 - Math.exp(-calls.length / 3)) * (0.6 + 0.4 * (calls.length / total))),
      own: refused ? 1 : waiting.has(service) ? 0.2 : answers > 0.3 ? 0.5 : 0.8,
      onset: leastOf(calls.map((call) => call.start)),
      says: sentence('rca.silent', { callers: callers.join(', '), service, count: calls.length }),
      evidence: callers.slice(0, 3).map((caller) => ({
        dim: 'trace' as const,
        ref: reference(
          incident,
          'spans',
          { service: caller, name: calls.find((call) => call.parent?.service === caller)?.operation ?? '' },
          { from: frame.began, to: frame.end },
        ),
      })),
    };
  });
}

/** What a caller fails with because nobody answered it is not its own; nor is time in which it waits for others. */
export function withoutSilence(
  facts: readonly Fact[],
  silences: readonly Silence[],
  waits: ReadonlyMap<string, number>,
): Fact[] {
  const explained = new Map<string, number>();
  for (const { callers } of silences)
    for (const [service, share] of callers) explained.set(service, (explained.get(service) ?? 0) + share);
  return facts.map((fact) => {
    const waited = waits.get(fact.resource) ?? 0;
    if (fact.check === 'response_time') return { ...fact, own: fact.own * (1 - 0.9 * waited) };
    if (waited >= mostly && isHeldUp(fact)) return { ...fact, own: fact.own * (1 - 0.9 * waited) };
    const share = clamp(explained.get(fact.resource) ?? 0);
    return share > 0 && failing.has(fact.check) ? { ...fact, own: fact.own * (1 - 0.9 * share) } : fact;
  });
}
/** Waiting for others so much, a service is held up by them: its own work and its pool queue behind what they keep busy. */
const mostly = 0.5;
const isHeldUp = ({ check, kind }: Fact): boolean =>
  check === 'own_time' || kind === 'connection_pool_exhausted';
const failing = new Set(['error_rate', 'trace_structure', 'log_messages']);

/** Of the time that a service's visits take longer than before, the share in which it waits for others; 0–1. */
export function waitedShares(visits: readonly Visit[], frame: Frame): Map<string, number> {
  const byService = new Map<string, [Visit[], Visit[]]>();
  for (const visit of visits) {
    const phase = frame.phase(visit.start);
    if (phase === 'outside' || visit.peer !== null) continue;
    const lists = byService.get(visit.service) ?? [[], []];
    lists[phase === 'during' ? 1 : 0].push(visit);
    byService.set(visit.service, lists);
  }
  const shares = new Map<string, number>();
  for (const [service, [before, during]] of byService) {
    if (before.length < visitsMin || during.length < visitsMin) continue;
    const added = (value: (visit: Visit) => number): number =>
      mean(during.map(value)) - mean(before.map(value));
    const total = added((visit) => visit.durationMs);
    if (total > 0)
      shares.set(
        service,
        clamp(
          1 -
            Math.max(
              0,
              added((visit) => visit.ownMs),
            ) /
              total,
        ),
      );
  }
  return shares;
}
