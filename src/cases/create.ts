import { type Ledger, tenantLedger } from '../ledger/index.ts';
import { type Clock, type Logger, newUuid } from '../lib/index.ts';
import type { BusPort, CaseHead, CaseState, RowFilter, Signal, Verdict } from '../model/index.ts';
import { Analyst, type Diagnose } from './analyst.ts';
import { type EvidenceRows, Findings } from './findings.ts';
import { Incidents, type OpenIncident } from './incident.ts';
import { Jobs } from './jobs.ts';
import { Orchestrator } from './orchestrator.ts';
import {
  type CaseDetail,
  type CaseSummary,
  hasCases,
  listCases,
  readCase,
  readEvidence,
  readLocator,
  readTimeline,
  type TimelineEntry,
} from './read.ts';
import { findHead } from './rows.ts';

export interface CaseDeps {
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  bus: BusPort;
  /** Whether incidents are driven through the loop by themselves; `cases.automatic`. */
  automatic: boolean;
  diagnose: Diagnose;
  evidenceRows: EvidenceRows;
  newId?: () => string;
}

export interface Cases {
  readonly orchestrator: Orchestrator;
  openIncident(incident: OpenIncident): Promise<{ caseId: string; opened: boolean }>;
  attachSignals(caseId: string, signals: readonly Signal[]): Promise<void>;
  /** Writes into the timeline that signals of an open case are over; the case itself goes its way. */
  signalsEnded(caseId: string, fingerprints: readonly string[]): Promise<void>;
  openCases(tenant: string): Promise<(CaseHead & { fingerprints: string[] })[]>;
  recordVerdict(caseId: string, verdict: Verdict, traceId?: string): Promise<void>;
  verifyEvidence(caseId: string): Promise<{ ok: boolean; evidence_hash: string | null; broken: string[] }>;
  head(caseId: string): Promise<CaseHead>;
  read(caseId: string): Promise<CaseDetail>;
  timeline(caseId: string): Promise<TimelineEntry[]>;
  /** What answers users is read as one tenant, the case's or the one named: the ledger itself shows no row of another. */
  list(filter: { tenant: string; status?: readonly CaseState[]; limit: number }): Promise<CaseSummary[]>;
  locator(tenant: string, locatorId: string): Promise<{ tenant: string; filter: RowFilter }>;
  evidence(
    tenant: string,
    evidenceId: string,
  ): Promise<{ locatorId: string | null; frozen: Record<string, unknown>[] }>;
  /** Takes up automatic cases that a stop or crash left in NEW or ANALYZING. After the bus has started. */
  start(): Promise<void>;
  /** Waits for work under way to reach a point where it can be taken up again. Idempotent. */
  stop(): Promise<void>;
}

/** Before `bus.start()`: it subscribes the analyst. */
export function createCases(deps: CaseDeps): Cases {
  const { ledger, clock, log, bus } = deps;
  const newId = deps.newId ?? newUuid;
  const notify = () => bus.notify();
  const base = { ledger, clock, newId, notify };
  const orchestrator = new Orchestrator(base);
  const incidents = new Incidents({ ...base, orchestrator, automatic: deps.automatic });
  const findings = new Findings({ ...base, orchestrator, evidenceRows: deps.evidenceRows });
  const jobs = new Jobs(log);
  const analyst = new Analyst({
    ledger,
    clock,
    log,
    bus,
    jobs,
    orchestrator,
    findings,
    diagnose: deps.diagnose,
  });
  // A request names a case, not a tenant. Whose it is, is asked of the whole ledger; everything else is read as that tenant.
  const readerOf = async (caseId: string) => tenantLedger(ledger, (await findHead(ledger, caseId)).tenant);
  return {
    orchestrator,
    openIncident: (incident) => incidents.open(incident),
    attachSignals: (caseId, signals) => incidents.attach(caseId, signals),
    signalsEnded: (caseId, fingerprints) => incidents.ended(caseId, fingerprints),
    openCases: (tenant) => incidents.openCases(tenant),
    recordVerdict: (caseId, verdict, traceId) => findings.record(caseId, verdict, traceId),
    verifyEvidence: (caseId) => findings.verify(caseId),
    head: (caseId) => findHead(ledger, caseId),
    read: async (caseId) => readCase(await readerOf(caseId), caseId),
    timeline: async (caseId) => readTimeline(await readerOf(caseId), caseId),
    list: async (filter) =>
      (await hasCases(ledger, filter.tenant)) ? listCases(tenantLedger(ledger, filter.tenant), filter) : [],
    locator: (tenant, locatorId) => readLocator(tenantLedger(ledger, tenant), locatorId),
    evidence: (tenant, evidenceId) => readEvidence(tenantLedger(ledger, tenant), evidenceId),
    start: () => analyst.start(),
    stop: () => jobs.close(),
  };
}
