import type { CaseState, EpochMs, Severity, Signal, TimeWindow, Urn } from '../model/index.ts';
import { severities } from '../model/index.ts';

/** Deeper services notice a fault a tick later than the entry: the case opens once they had time to. */
const settleMs = 10_000;
/** After a case closed, the tail of its fault (long windows, retries, caches) opens no second one. */
const holdDownMs = 60_000;
/** Quiet for this long, and an incident's signals are gone. */
const quietMs = 30_000;
/** Known incidents are kept out of the baseline for as long as the live window remembers. */
const memoryMs = 3_600_000;
const incidentsMax = 50;

export interface Incident {
  since: EpochMs;
  firstDetectedAt: EpochMs;
  services: Set<string>;
  signals: Map<string, Signal>;
  attached: Set<string>;
  caseId: string | null;
  lastActiveAt: EpochMs;
  closedAt: EpochMs | null;
}

export interface IncidentToOpen {
  tenant: string;
  title: string;
  severity: Severity;
  signals: Signal[];
  resource: Urn;
  service: string;
}

/** What the analyst needs of the rest of the house; injected. */
export interface AnalystDeps {
  tenant: string;
  openIncident(incident: IncidentToOpen): Promise<{ caseId: string; opened: boolean }>;
  attachSignals(input: { tenant: string; caseId: string; signals: Signal[] }): Promise<void>;
  /** Alerts of a case are over, as those who sent them say. */
  signalsEnded(input: { tenant: string; caseId: string; fingerprints: string[] }): Promise<void>;
  /** The case's state; null when it is gone. */
  caseStatus(tenant: string, caseId: string): Promise<CaseState | null>;
  /** Whether one of the two services calls the other, directly or not. */
  connected(a: string, b: string): boolean;
  /** How many services call this one, directly or not, among the given. */
  callersAmong(service: string, among: ReadonlySet<string>): number;
}

/**
 * Groups signals to incidents: one case per incident, however many signals fire. State is in memory; after a restart
 * `openIncident` finds the open case again.
 */
export class Analyst {
  readonly #deps: AnalystDeps;
  #incidents: Incident[] = [];

  constructor(deps: AnalystDeps) {
    this.#deps = deps;
  }

  open(): Incident[] {
    return this.#incidents.filter((incident) => incident.closedAt === null);
  }

  /** The case of the incident that a signal belongs to; null while there is none. */
  caseOf(fingerprint: string): string | null {
    return this.#incidents.findLast((incident) => incident.signals.has(fingerprint))?.caseId ?? null;
  }

  /** Windows that are not normal and must stay out of every baseline. */
  windows(): TimeWindow[] {
    return this.#incidents.map((incident) => ({
      from: incident.since - 15_000,
      to: incident.closedAt === null ? Number.POSITIVE_INFINITY : incident.closedAt + 30_000,
    }));
  }

  /** End of the newest incident that is over: burn windows don't look behind it. 0 when there was none. */
  lastClosedAt(): EpochMs {
    return this.#incidents.reduce((newest, incident) => Math.max(newest, incident.closedAt ?? 0), 0);
  }

  /**
   * `active`: every signal that is out of bounds now; `supporting` ones join incidents but open none. Answers the
   * incidents that ended in this step.
   */
  async step(now: EpochMs, active: readonly { signal: Signal; supporting: boolean }[]): Promise<Incident[]> {
    for (const { signal } of active) {
      const home = this.#homeOf(signal);
      if (home) this.#join(home, signal, now);
    }
    for (const { signal, supporting } of active) {
      if (supporting || this.#homeOf(signal)) continue;
      if (this.#inHoldDown(signal.service, now)) continue;
      this.#begin(signal, now);
    }
    for (const incident of this.open()) await this.#advance(incident, now);
    const ended = this.#incidents.filter((incident) => incident.closedAt === now);
    this.#incidents = this.#incidents.filter(
      (incident) => incident.closedAt === null || now - incident.closedAt < memoryMs,
    );
    return ended;
  }

  #related(incident: Incident, service: string): boolean {
    if (incident.services.has(service)) return true;
    for (const known of incident.services) if (this.#deps.connected(known, service)) return true;
    return false;
  }

  #homeOf(signal: Signal): Incident | undefined {
    return this.open().find((incident) => this.#related(incident, signal.service));
  }

  #inHoldDown(service: string, now: EpochMs): boolean {
    return this.#incidents.some(
      (incident) =>
        incident.closedAt !== null &&
        now - incident.closedAt < holdDownMs &&
        this.#related(incident, service),
    );
  }

  #begin(signal: Signal, now: EpochMs): void {
    if (this.open().length >= incidentsMax) return;
    const incident: Incident = {
      since: signal.since,
      firstDetectedAt: now,
      services: new Set(),
      signals: new Map(),
      attached: new Set(),
      caseId: null,
      lastActiveAt: now,
      closedAt: null,
    };
    this.#incidents.push(incident);
    this.#join(incident, signal, now);
  }

  #join(incident: Incident, signal: Signal, now: EpochMs): void {
    incident.signals.set(signal.fingerprint, signal);
    incident.services.add(signal.service);
    incident.lastActiveAt = now;
    // An incident starts where its first signal starts; one that began long before is another story.
    if (incident.since - signal.since < 60_000) incident.since = Math.min(incident.since, signal.since);
  }

  async #advance(incident: Incident, now: EpochMs): Promise<void> {
    if (incident.caseId === null) {
      if (now - incident.firstDetectedAt >= settleMs) await this.#openCase(incident);
      return;
    }
    const fresh = [...incident.signals.values()].filter(
      (signal) => !incident.attached.has(signal.fingerprint),
    );
    if (fresh.length > 0) {
      await this.#deps.attachSignals({ tenant: this.#deps.tenant, caseId: incident.caseId, signals: fresh });
      for (const signal of fresh) incident.attached.add(signal.fingerprint);
    }
    const status = await this.#deps.caseStatus(this.#deps.tenant, incident.caseId);
    const quiet = now - incident.lastActiveAt >= quietMs;
    // A verified repair ends the incident at once: what still fires is the tail that long windows drag along. A parked
    // case was not repaired: its signals must go first, else the same fault would open case after case.
    if (status === 'CLOSED' || status === null || (status === 'PARKED' && quiet)) incident.closedAt = now;
  }

  async #openCase(incident: Incident): Promise<void> {
    const signals = [...incident.signals.values()].sort((a, b) => a.since - b.since);
    const head = headline(signals, (service) => this.#deps.callersAmong(service, incident.services));
    if (!head) return;
    const { caseId } = await this.#deps.openIncident({
      tenant: this.#deps.tenant,
      title: head.title,
      severity: signals.reduce<Severity>(
        (worst, signal) =>
          severities.indexOf(signal.severity) > severities.indexOf(worst) ? signal.severity : worst,
        'WARN',
      ),
      signals,
      resource: head.resource,
      service: head.service,
    });
    incident.caseId = caseId;
    incident.attached = new Set(signals.map((signal) => signal.fingerprint));
  }
}

/** The worst signal of the service nearest to the users: a person recognises the incident by what users feel. */
export function headline(
  signals: readonly Signal[],
  callersOf: (service: string) => number,
): Signal | undefined {
  const rank = (signal: Signal) => severities.indexOf(signal.severity);
  return [...signals].sort(
    (a, b) => callersOf(a.service) - callersOf(b.service) || rank(b) - rank(a) || a.since - b.since,
  )[0];
}
