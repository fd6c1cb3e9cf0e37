import { sentence } from '../../model/index.ts';
import type { Incident } from '../incident.ts';
import type { Fact } from './facts.ts';
import type { Frame } from './frame.ts';
import type { MessageChange } from './messages.ts';
import { constantPart, namedIn } from './names.ts';
import { reference } from './reference.ts';
import { clamp } from './stats.ts';
import type { Visit } from './visits.ts';

/** Words of a connection that was never made: whoever is named there is gone, or the way to it is. */
export const unreachableWords =
  /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|connection refused|connection reset|connect(ion)? timed out|no route to host|unreachable|name or service not known|could not resolve|nxdomain|no such host|no (healthy|available) (upstream|endpoint|host|instance)s?|no instances? available|service unavailable|circuit (breaker )?(is )?open/i;

/** What others say about a resource that they can't reach, unless it answers as always. */
export function complaintFacts(
  incident: Incident,
  frame: Frame,
  messages: readonly MessageChange[],
  visits: readonly Visit[],
  nodes: ReadonlySet<string>,
): Fact[] {
  const about = new Map<string, { count: number; from: Set<string>; first: MessageChange }>();
  let total = 0;
  for (const message of messages) {
    if (!message.trouble || message.change === 'gone') continue;
    const { body } = message.template.example;
    if (!unreachableWords.test(body)) continue;
    total += message.during;
    for (const name of namedIn(body, nodes, message.service)) {
      const entry = about.get(name) ?? { count: 0, from: new Set<string>(), first: message };
      entry.count += message.during;
      entry.from.add(message.service);
      about.set(name, entry);
    }
  }
  return [...about].map(([resource, { count, from, first }]) => {
    const answering = stillAnswers(incident, frame, visits, resource);
    const { body } = first.template.example;
    return {
      resource,
      layer: 'service' as const,
      check: 'reachability' as const,
      kind: 'service_down' as const,
      strength: clamp((1 - Math.exp(-count / 4)) * (0.6 + 0.4 * (count / Math.max(1, total)))),
      own: answering === null ? 0.8 : answering < 0.3 ? 1 : answering < 0.7 ? 0.6 : 0.15,
      onset: first.first,
      says: sentence('rca.unreachable', { services: [...from].sort().join(', '), resource, count }),
      evidence: [
        {
          dim: 'log' as const,
          ref: reference(
            incident,
            'logs',
            { service: first.service, contains: constantPart(body) },
            { from: frame.began, to: frame.end },
          ),
        },
      ],
    };
  });
}

/** Share of its usual number of requests that a resource answered during the incident; null when nobody counted. */
function stillAnswers(
  incident: Incident,
  frame: Frame,
  visits: readonly Visit[],
  resource: string,
): number | null {
  const own = visits.filter((visit) => visit.service === resource && visit.peer === null);
  const all = visits.filter((visit) => visit.parent === null);
  const count = (list: readonly Visit[], during: boolean): number =>
    list.filter(
      (visit) => (frame.phase(visit.start) === 'during') === during && frame.phase(visit.start) !== 'outside',
    ).length;
  const before = count(own, false);
  if (before >= 5 && count(all, false) > 0 && count(all, true) > 0)
    return count(own, true) / count(all, true) / (before / count(all, false));
  const logs = incident.logs.filter((log) => log.service === resource);
  const seconds = (from: number, to: number): number => Math.max(1, (to - from) / 1000);
  const usual = logs.filter((log) => frame.phase(log.at) === 'baseline').length;
  if (usual >= 10 && frame.baseline !== null) {
    const now = logs.filter((log) => frame.phase(log.at) === 'during').length;
    return now / seconds(frame.began, frame.end) / (usual / seconds(frame.baseline.from, frame.baseline.to));
  }
  return null;
}
