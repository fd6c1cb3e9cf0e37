import type { ChangeEvent, Urn } from '../model/index.ts';
import { type Check, checks, type Hit, type Outcome } from './checks/index.ts';
import type { IncidentPicture, ServicePicture } from './picture.ts';

/** A change and how sure the ranking is that it is to blame, 0–1. */
export interface Blamed {
  change: ChangeEvent;
  weight: number;
}

/** The checks' answers, and the questions that the mechanisms ask of them. */
export class Findings {
  readonly picture: IncidentPicture;
  readonly outcomes: { check: Check; outcome: Outcome }[];
  /** Services that are not as always, by objectives or by checks of symptoms. */
  readonly broken: Set<string>;
  readonly #callers: Map<string, Set<string>>;
  readonly #blamed: readonly Blamed[];

  constructor(picture: IncidentPicture, blamed: readonly Blamed[] = []) {
    this.picture = picture;
    this.#blamed = blamed;
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

  /** The change that the ranking blames most: on one of the services, of one of the kinds. */
  changeOn(
    services: readonly string[],
    kinds: RegExp,
  ): { change: ChangeEvent; weight: number; hit: Hit | undefined } | null {
    const fitting = this.#blamed
      .filter(({ change }) => services.includes(change.service) && kinds.test(change.kind))
      .sort((a, b) => b.weight - a.weight)[0];
    if (fitting === undefined) return null;
    const hit = this.of('changes').find((one) => one.facts.change === fitting.change.id);
    return { ...fitting, hit };
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
