import type { Clock } from '../lib/index.ts';

/** Part of the room that who sends most can't have while others send. */
const reserve = 0.1;
/** What a tenant sent counts half as much after so long. */
const halfLifeMs = 2_000;
/** Less than a request's worth: the tenant is taken to send no more. */
const forgottenBytes = 100;

interface Sent {
  bytes: number;
  at: number;
}

/**
 * Bytes that wait to be inserted, shared among tenants. Where the engine is slower than what comes in, the room is full in the
 * end; who sends more than an equal part is then refused a little earlier than the others, who find the rest free.
 */
export class PendingShare {
  readonly max: number;
  private readonly clock: Clock;
  private readonly sent = new Map<string, Sent>();

  constructor(max: number, clock: Clock) {
    this.max = max;
    this.clock = clock;
  }

  /** Bytes that may wait before this tenant is refused. */
  limitOf(tenant: string): number {
    const mine = this.weigh(tenant);
    if (mine === 0) return this.max;
    let total = 0;
    let tenants = 0;
    for (const other of this.sent.keys()) {
      const weight = this.weigh(other);
      if (weight === 0) continue;
      total += weight;
      tenants += 1;
    }
    return tenants > 1 && mine > total / tenants ? Math.floor(this.max * (1 - reserve)) : this.max;
  }

  /** It sent so much, stored or refused. */
  add(tenant: string, bytes: number): void {
    this.sent.set(tenant, { bytes: this.weigh(tenant) + bytes, at: this.clock.monotonic() });
  }

  private weigh(tenant: string): number {
    const sent = this.sent.get(tenant);
    if (sent === undefined) return 0;
    const bytes = sent.bytes * 0.5 ** ((this.clock.monotonic() - sent.at) / halfLifeMs);
    if (bytes >= forgottenBytes) return bytes;
    this.sent.delete(tenant);
    return 0;
  }
}
