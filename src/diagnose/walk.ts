import type { ChangeEvent, Urn } from '../model/index.ts';
import { type Check, checks, type Hit, type Outcome } from './checks/index.ts';
import type { IncidentPicture, ServicePicture } from './picture.ts';

/** How long a change may lie before the onset and still be a likely reason; its weight halves every few minutes. */
const changeFadeMs = 900_000;

/** The checks' answers, and the questions that the candidates ask of them. */
export class Findings {
  readonly picture: IncidentPicture;
  readonly outcomes: { check: Check; outcome: Outcome }[];
  /** Services that are not as always, by objectives or by checks of symptoms. */
  readonly broken: Set<string>;
  readonly #callers: Map<string, Set<string>>;

  constructor(picture: IncidentPicture) {
    this.picture = picture;
    this.outcomes = checks.map((check) => ({ check, outcome: check.run(picture) }));
    this.#callers = callersOf(picture);
    this.broken = new Set(
      picture.signals
        .filter((s) => s.indicator !== 'throughput' || s.kind === 'slo_violation')
        .map((s) => s.service),
    );
    for (const id of ['error_rate', 'response_time'])
      for (const hit of this.of(id)) this.broken.add(hit.service);
    for (const hit of this.of('throughput')) if (hit.code === 'throughput.gone') this.broken.add(hit.service);
  }

  of(checkId: string, service?: string): Hit[] {
    const hits = this.outcomes.find(({ check }) => check.id === checkId)?.outcome.hits ?? [];
    return service === undefined ? hits : hits.filter((hit) => hit.service === service);
  }

  first(checkId: string, service: string): Hit | undefined {
    return this.of(checkId, service)[0];
  }

  service(name: string): ServicePicture | undefined {
    return this.picture.services.find((service) => service.service === name);
  }

  /** The service and everything that calls it, directly or not. */
  upstreamOf(service: string): Set<string> {
    return new Set([service, ...(this.#callers.get(service) ?? [])]);
  }

  /** Share of the broken services that a fault in one of `services` explains: they or their callers. */
  explained(services: readonly string[]): { share: number; names: string[] } {
    const reach = new Set(services.flatMap((service) => [...this.upstreamOf(service)]));
    const names = [...this.broken].filter((service) => reach.has(service));
    return { share: this.broken.size > 0 ? names.length / this.broken.size : 0, names };
  }

  /** A handful of errors has origins too; they mean something only where errors are more than usual. */
  errorsRose(): boolean {
    return (
      this.of('error_rate').length > 0 || this.of('dependencies').some((hit) => hit.values.failing === 1)
    );
  }

  /** Share of the new errors that begin at the service itself, or in its calls to a database that is not named as the cause. */
  ownErrorShare(service: string): number {
    if (!this.errorsRose()) return 0;
    return sum(
      this.of('error_origin', service).filter(
        (hit) => hit.facts.peer_type === '' || hit.facts.peer_type === 'database',
      ),
      'share',
    );
  }

  /** Share of the new errors that begin in calls to this resource. */
  peerErrorShare(resource: Urn): number {
    if (!this.errorsRose()) return 0;
    return sum(
      this.of('error_origin').filter((hit) => hit.resource === resource && hit.facts.peer_type !== ''),
      'share',
    );
  }

  /** The change that fits best: on one of the services, of one of the kinds, shortly before the onset. */
  changeOn(
    services: readonly string[],
    kinds: RegExp,
  ): { change: ChangeEvent; weight: number; hit: Hit | undefined } | null {
    let best: { change: ChangeEvent; weight: number; hit: Hit | undefined } | null = null;
    for (const change of this.picture.changes) {
      if (!services.includes(change.service) || !kinds.test(change.kind)) continue;
      if (change.at > this.picture.since + 15_000) continue;
      const weight = 2 ** (-Math.max(0, this.picture.since - change.at) / (changeFadeMs / 3));
      if (!best || weight > best.weight) {
        best = { change, weight, hit: this.of('changes').find((hit) => hit.facts.change === change.id) };
      }
    }
    return best && best.weight > 0.05 ? best : null;
  }
}

const sum = (hits: readonly Hit[], key: string): number =>
  hits.reduce((total, hit) => total + (hit.values[key] ?? 0), 0);

function callersOf(picture: IncidentPicture): Map<string, Set<string>> {
  const callers = new Map<string, Set<string>>();
  for (const { service } of picture.services) {
    const seen = new Set<string>();
    const queue = [service];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const edge of picture.edges) {
        if (edge.callee !== at || seen.has(edge.src) || edge.src === service) continue;
        seen.add(edge.src);
        queue.push(edge.src);
      }
    }
    callers.set(service, seen);
  }
  return callers;
}
