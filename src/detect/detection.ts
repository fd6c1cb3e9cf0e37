import type { Config } from '../config/index.ts';
import type { DetailStore } from '../detail/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Clock, Logger } from '../lib/index.ts';
import {
  type Alert,
  type EpochMs,
  type Indicator,
  indicators,
  type Objective,
  type ObjectiveReading,
  type Signal,
  serviceRef,
} from '../model/index.ts';
import { AlertSignals, isNews } from './alerts.ts';
import { Analyst, type AnalystDeps, type Incident } from './analyst.ts';
import { type Baseline, baselineOf } from './baseline.ts';
import { evaluateService, type Finding } from './evaluate.ts';
import {
  incidentsOpen,
  seriesDropped,
  signalsActive,
  signalsTotal,
  tickErrors,
  tickSeconds,
} from './events.ts';
import { bucketMs, LiveWindow, type ServiceSeries } from './live/index.ts';
import { NoticedAnomalies } from './noticed.ts';
import { type ObjectiveRule, ruleFor } from './objectives.ts';
import { measure, objectiveOf, readObjectiveOf, targetOf } from './reading.ts';
import { recordResolved, recordSignal } from './record.ts';
import type { RecordedAnomaly } from './stored/index.ts';

/** A baseline changes slowly; deriving it each tick would cost more than everything else together. */
const baselineAgeMs = 30_000;
/** A signal is over when nothing was out of bounds for this long; shorter gaps belong to the same signal. */
const resolveAfterMs = 30_000;
const signalsMax = 500;
/** A service that was silent for this long is not judged any more. */
const silentMs = 300_000;

export interface DetectionDeps {
  store: DetailStore;
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  newId: () => string;
  tenant: string;
  config: Config['detect'];
  rules: readonly ObjectiveRule[];
  cases: Pick<AnalystDeps, 'openIncident' | 'attachSignals' | 'signalsEnded' | 'caseStatus'>;
}

/** The reading of an objective with what the console shows beside it. */
export interface ObjectiveStatus extends ObjectiveReading {
  id: string;
  service: string;
  indicator: Indicator;
  burnRate: number | null;
  budgetLeft: number | null;
  source: string;
}

interface Ongoing {
  signal: Signal;
  supporting: boolean;
  eventId: string;
  lastSeen: EpochMs;
  firing: boolean;
}

export interface Detection {
  readonly live: LiveWindow;
  /** Backfills the live window and evaluates from then on. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One evaluation, for tests and tools. */
  tick(): Promise<void>;
  readObjective(tenant: string, objectiveId: string, windowS: number): Promise<ObjectiveReading>;
  objectives(tenant: string): ObjectiveStatus[];
  activeSignals(tenant: string): Signal[];
  /** Alerts of others: those that fire are signals from the next evaluation on. */
  noticeAlerts(tenant: string, alerts: readonly Alert[]): void;
  /** Anomalies of stored series: they join an incident that is open, and open none. */
  noticeAnomalies(tenant: string, anomalies: readonly RecordedAnomaly[]): void;
  incidents(tenant: string): Incident[];
}

export function createDetection(deps: DetectionDeps): Detection {
  return new LiveDetection(deps);
}

class LiveDetection implements Detection {
  readonly live: LiveWindow;
  readonly #deps: DetectionDeps;
  readonly #analyst: Analyst;
  readonly #ongoing = new Map<string, Ongoing>();
  readonly #alerts = new AlertSignals();
  readonly #noticed = new NoticedAnomalies();
  readonly #baselines = new Map<string, { at: EpochMs; value: Baseline | null }>();
  #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(deps: DetectionDeps) {
    this.#deps = deps;
    this.live = new LiveWindow({ store: deps.store, clock: deps.clock, tenant: deps.tenant });
    this.#analyst = new Analyst({
      ...deps.cases,
      tenant: deps.tenant,
      connected: (a, b) => this.#connected(a, b),
      callersAmong: (service, among) => this.#callersAmong(service, among),
    });
  }

  async start(): Promise<void> {
    if (!this.#deps.config.enabled || this.#running) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#running = null;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { clock, log, config } = this.#deps;
    let filled = false;
    while (!signal.aborted) {
      try {
        if (filled) await this.tick();
        else await this.live.backfill();
        filled = true;
      } catch (error) {
        tickErrors.inc();
        log.warn({ err: error }, 'evaluation skipped');
      }
      await clock.sleep(untilNext(clock.now(), config.intervalMs), signal);
    }
  }

  async tick(): Promise<void> {
    const { clock } = this.#deps;
    const read = tickSeconds.startTimer({ stage: 'read' });
    await this.live.refresh();
    read();
    const judge = tickSeconds.startTimer({ stage: 'judge' });
    const now = clock.now();
    const findings = this.live
      .services()
      .filter((service) => now - service.lastSeen < silentMs)
      .flatMap((service) => this.#evaluate(service));
    judge();
    await this.#follow(findings, now);
    const ended = await this.#analyst.step(now, [
      ...[...this.#ongoing.values()].filter(({ firing, signal }) => firing && isNews(signal, now)),
      ...this.#noticed.active(now),
    ]);
    for (const incident of ended) await this.#resolve([...incident.signals.keys()], now);
    const { tenant } = this.#deps;
    incidentsOpen.set({ tenant }, this.#analyst.open().length);
    seriesDropped.set({ tenant }, this.live.dropped);
  }

  #evaluate(service: ServiceSeries): Finding[] {
    return evaluateService({
      live: this.live,
      service,
      baseline: this.#baselineFor(service),
      rules: this.#deps.rules,
      notBefore: this.#analyst.lastClosedAt(),
      attemptedRps: this.#attemptedRps(service.service),
    });
  }

  /** Client spans towards the service: what its callers still try, whether or not it answers. */
  #attemptedRps(service: string): number | null {
    const to = this.live.completeTo - 10_000;
    let calls = 0;
    let known = false;
    for (const edge of this.live.edges()) {
      if (edge.callee !== service) continue;
      known = true;
      calls += edge.calls.stats(to - 30_000, to).requests;
    }
    return known ? calls / 30 : null;
  }

  /**
   * Normal, as it was before the incident: while one is open the last baseline stays as it is, so that verification
   * compares with normal and not with the fault.
   */
  #baselineFor(service: ServiceSeries): Baseline | null {
    const known = this.#baselines.get(service.service);
    const frozen = this.#analyst.open().length > 0;
    const now = this.live.completeTo;
    if (known && (now - known.at < baselineAgeMs || (frozen && known.value !== null))) return known.value;
    const value = baselineOf(this.live, service, {
      baselineS: this.#deps.config.baselineS,
      exclude: this.#analyst.windows(),
    });
    this.#baselines.set(service.service, { at: now, value: value ?? known?.value ?? null });
    return value ?? known?.value ?? null;
  }

  async #follow(findings: readonly Finding[], now: EpochMs): Promise<void> {
    const { tenant, ledger, newId } = this.#deps;
    for (const ongoing of this.#ongoing.values()) ongoing.firing = false;
    const seen: { signal: Signal; supporting: boolean }[] = findings.map((finding) => ({
      signal: signalOf(finding, `${finding.kind}:${finding.service}:${finding.indicator}`, tenant, now),
      supporting: finding.supporting,
    }));
    for (const { signal, supporting } of [...seen, ...this.#alerts.active(now)]) {
      const { fingerprint, indicator, kind } = signal;
      const known = this.#ongoing.get(fingerprint);
      if (known) {
        known.firing = true;
        known.lastSeen = now;
        continue;
      }
      if (this.#ongoing.size >= signalsMax) break;
      const eventId = newId();
      await recordSignal(ledger, signal, eventId);
      this.#ongoing.set(fingerprint, { signal, supporting, eventId, lastSeen: now, firing: true });
      signalsTotal.inc({ indicator, kind });
    }
    const gone = [...this.#ongoing].filter(([, ongoing]) => now - ongoing.lastSeen >= resolveAfterMs);
    await this.#resolve(
      gone.map(([fingerprint]) => fingerprint),
      now,
    );
    signalsActive.set({ tenant }, this.#ongoing.size);
  }

  async #resolve(fingerprints: readonly string[], now: EpochMs): Promise<void> {
    for (const fingerprint of fingerprints) {
      const ongoing = this.#ongoing.get(fingerprint);
      if (!ongoing) continue;
      const { ledger, tenant, cases } = this.#deps;
      await recordResolved(ledger, tenant, ongoing.eventId, now);
      this.#ongoing.delete(fingerprint);
      // An alert's end is somebody's word; detection's own signals come and go with the load.
      const caseId = ongoing.signal.kind === 'alert' ? this.#analyst.caseOf(fingerprint) : null;
      if (caseId !== null) await cases.signalsEnded({ tenant, caseId, fingerprints: [fingerprint] });
    }
  }

  #connected(a: string, b: string): boolean {
    const to = this.live.completeTo;
    const from = to - 600_000;
    return this.live.callersOf(a, from, to).has(b) || this.live.calleesOf(a, from, to).has(b);
  }

  #callersAmong(service: string, among: ReadonlySet<string>): number {
    const to = this.live.completeTo;
    const callers = this.live.callersOf(service, to - 600_000, to);
    return [...among].filter((name) => name !== service && callers.has(name)).length;
  }

  #objectiveById(objectiveId: string): { objective: Objective; service: ServiceSeries } | null {
    for (const service of this.live.services()) {
      for (const indicator of indicators) {
        if (`${service.service}.${indicator}` !== objectiveId) continue;
        const objective = this.#objective(service, indicator);
        return objective ? { objective, service } : null;
      }
    }
    return null;
  }

  #objective(service: ServiceSeries, indicator: Indicator): Objective | null {
    const rule = ruleFor(this.#deps.rules, service.service, indicator);
    const target = rule ? targetOf(rule, this.#baselineFor(service)) : null;
    return rule && target !== null ? objectiveOf(rule, service.service, target) : null;
  }

  /** Never throws for an unknown objective: it answers "does not hold, no data", so that verification waits. */
  async readObjective(tenant: string, objectiveId: string, windowS: number): Promise<ObjectiveReading> {
    const found = tenant === this.#deps.tenant ? this.#objectiveById(objectiveId) : null;
    if (!found) return { objectiveId, holds: false, value: null, target: 0, windowS, samples: 0 };
    return readObjectiveOf(this.live, found.service, found.objective, windowS);
  }

  objectives(tenant: string): ObjectiveStatus[] {
    if (tenant !== this.#deps.tenant) return [];
    return this.live.services().flatMap((service) =>
      indicators.flatMap((indicator) => {
        const objective = this.#objective(service, indicator);
        return objective ? [this.#status(service, objective)] : [];
      }),
    );
  }

  #status(service: ServiceSeries, objective: Objective): ObjectiveStatus {
    const reading = readObjectiveOf(this.live, service, objective, 60);
    const allowed = objective.indicator === 'availability' ? 1 - objective.target : 0.05;
    const counts = objective.indicator === 'availability' || objective.indicator === 'latency_p95';
    const end = this.live.completeTo;
    const recent = measure(service, objective.indicator, objective.target, end - 60_000, end);
    const whole = measure(
      service,
      objective.indicator,
      objective.target,
      end - objective.budgetWindowS * 1000,
      end,
    );
    const burn = (part: { bad: number; samples: number }) =>
      part.samples > 0 ? part.bad / part.samples / allowed : 0;
    return {
      ...reading,
      holds: reading.value === null ? true : reading.holds,
      id: objective.id,
      service: service.service,
      indicator: objective.indicator,
      burnRate: counts ? burn(recent) : null,
      budgetLeft: counts ? Math.max(0, 1 - burn(whole)) : null,
      source: objective.source,
    };
  }

  activeSignals(tenant: string): Signal[] {
    return tenant === this.#deps.tenant ? [...this.#ongoing.values()].map((ongoing) => ongoing.signal) : [];
  }

  noticeAlerts(tenant: string, alerts: readonly Alert[]): void {
    if (tenant === this.#deps.tenant) this.#alerts.take(tenant, alerts, this.#deps.clock.now());
  }

  noticeAnomalies(tenant: string, anomalies: readonly RecordedAnomaly[]): void {
    if (tenant === this.#deps.tenant) this.#noticed.take(tenant, anomalies, this.#deps.clock.now());
  }

  incidents(tenant: string): Incident[] {
    return tenant === this.#deps.tenant ? this.#analyst.open() : [];
  }
}

/** Ticks stand a little after the end of a bucket, so that the bucket is judged as soon as it is complete. */
function untilNext(now: EpochMs, intervalMs: number): number {
  const lag = 3_200;
  const step = intervalMs % bucketMs === 0 ? intervalMs : bucketMs;
  if (intervalMs < step) return intervalMs;
  const next = Math.ceil((now - lag + 1) / step) * step + lag;
  return Math.max(50, next - now);
}

function signalOf(finding: Finding, fingerprint: string, tenant: string, now: EpochMs): Signal {
  return {
    fingerprint,
    kind: finding.kind,
    tenant,
    resource: serviceRef(finding.service).urn,
    service: finding.service,
    indicator: finding.indicator,
    severity: finding.severity,
    title: finding.title,
    summary: finding.summary,
    code: finding.code,
    params: finding.params,
    since: finding.since,
    detectedAt: now,
    value: finding.value,
    baseline: finding.baseline,
    objectiveId: finding.objective?.id ?? null,
  };
}
