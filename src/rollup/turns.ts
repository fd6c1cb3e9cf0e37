import type { EpochMs } from '../model/index.ts';
import type { Tenant } from './job.ts';
import type { Priorities, WindowClass } from './priority.ts';

/** One (job, tenant, class) that has windows ready. */
export interface Candidate {
  job: string;
  tenant: Tenant;
  kind: WindowClass;
  /** Since when the longest waiting of them is in the queue. */
  since: EpochMs;
  /** Its circuit is open and its pause over: one window may be tried. */
  probe: boolean;
}

/**
 * One turn in so many goes to whoever was not served for longest, whatever its priority: so fresh windows that never end
 * can't starve a replay. With C candidates each gets a turn within `shareEvery × C`.
 */
export const shareEvery = 4;

/** Names remembered as served; beyond, the longest unserved are forgotten, which only makes them first again. */
const servedMax = 20_000;

const keyOf = (candidate: Candidate): string => `${candidate.job}/${candidate.tenant.id}/${candidate.kind}`;

/**
 * Whose turn it is. The lowest priority number first; among equals the tenant that was served longest ago, so a tenant
 * with ten thousand windows gets no more turns than one with a single window.
 */
export class Turns {
  readonly #priorities: Priorities;
  #candidates: Candidate[] = [];
  #turn = 0;
  /** Turn in which it was served last, the longest ago first. */
  readonly #tenants = new Map<number, number>();
  readonly #keys = new Map<string, number>();

  constructor(priorities: Priorities) {
    this.#priorities = priorities;
  }

  get waiting(): number {
    return this.#candidates.length;
  }

  /** Replaces the candidates by what is ready now; who was served when is kept. */
  set(candidates: readonly Candidate[]): void {
    this.#candidates = [...candidates];
  }

  /** The next to be served, or undefined. It stays a candidate until `drop`. */
  take(): Candidate | undefined {
    const shared = (this.#turn + 1) % shareEvery === 0;
    const [first, ...rest] = this.#candidates;
    if (first === undefined) return undefined;
    this.#turn += 1;
    const before = shared
      ? (a: Candidate, b: Candidate) => this.#servedKey(a) - this.#servedKey(b) || a.since - b.since
      : (a: Candidate, b: Candidate) => this.#rank(a, b);
    const next = rest.reduce((best, candidate) => (before(candidate, best) < 0 ? candidate : best), first);
    note(this.#tenants, next.tenant.id, this.#turn);
    note(this.#keys, keyOf(next), this.#turn);
    return next;
  }

  /** Nothing of it can be claimed now. */
  drop(candidate: Candidate): void {
    const key = keyOf(candidate);
    this.#candidates = this.#candidates.filter((other) => keyOf(other) !== key);
  }

  /** Its circuit opened: none of its classes is tried. */
  dropAll(job: string, tenantId: number): void {
    this.#candidates = this.#candidates.filter((other) => other.job !== job || other.tenant.id !== tenantId);
  }

  #servedKey(candidate: Candidate): number {
    return this.#keys.get(keyOf(candidate)) ?? 0;
  }

  #rank(a: Candidate, b: Candidate): number {
    return (
      this.#priorities(a.job, a.kind) - this.#priorities(b.job, b.kind) ||
      (this.#tenants.get(a.tenant.id) ?? 0) - (this.#tenants.get(b.tenant.id) ?? 0) ||
      this.#servedKey(a) - this.#servedKey(b) ||
      a.since - b.since
    );
  }
}

function note<K>(served: Map<K, number>, key: K, turn: number): void {
  served.delete(key);
  served.set(key, turn);
  if (served.size <= servedMax) return;
  for (const oldest of served.keys()) {
    served.delete(oldest);
    return;
  }
}
