import { leastOf } from '../../lib/index.ts';
import { sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import { reference } from './reference.ts';
import { shownPercent } from './show.ts';
import type { Visit } from './visits.ts';

const visitsMin = 5;
/** A release older than this has shown itself to be good. */
const youngMs = 1_800_000;
const failsMoreMin = 0.05;

/** A version of a service that came shortly before the onset and fails more than the one before it, by its own failures. */
export function releaseFacts(incident: Incident, frame: Frame, visits: readonly Visit[]): Fact[] {
  const services = new Map<string, Map<string, Visit[]>>();
  for (const visit of visits) {
    const version = visit.spans[0]?.version ?? '';
    if (version === '' || visit.peer !== null || frame.phase(visit.start) === 'outside') continue;
    const versions = services.get(visit.service) ?? new Map<string, Visit[]>();
    services.set(visit.service, versions);
    const alike = versions.get(version);
    if (alike === undefined) versions.set(version, [visit]);
    else alike.push(visit);
  }
  return [...services].flatMap(([service, versions]): Fact[] => {
    const seen = [...versions]
      .filter(([, list]) => list.length >= visitsMin)
      .map(([version, list]) => ({ version, list, first: leastOf(list.map((visit) => visit.start)) }))
      .sort((a, b) => a.first - b.first);
    const newest = seen.at(-1);
    const old = seen.at(-2);
    if (newest === undefined || old === undefined || frame.onset - newest.first > youngMs) return [];
    const now = failing(newest.list);
    const before = failing(old.list);
    if (now - before < failsMoreMin || now < 3 * before) return [];
    return [
      {
        resource: service,
        layer: 'application',
        check: 'changes',
        kind: 'bad_release',
        strength: 0.9,
        own: 1,
        onset: newest.first,
        says: sentence('version.worse', {
          service,
          version: newest.version,
          secondsBefore: Math.max(0, Math.round((frame.onset - newest.first) / 1000)),
          previous: old.version,
          errors: shownPercent(now),
          errorsBefore: shownPercent(before),
        }),
        evidence: [
          {
            dim: 'trace',
            ref: reference(incident, 'spans', { service }, { from: newest.first, to: frame.end }),
          },
        ],
      },
    ];
  });
}

/** Share of visits that failed although nothing that they called did. */
const failing = (visits: readonly Visit[]): number =>
  visits.filter((visit) => visit.failed && !visit.calls.some((call) => call.failed)).length / visits.length;
