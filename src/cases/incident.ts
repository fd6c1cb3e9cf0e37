import type { Ledger, Queryable } from '../ledger/index.ts';
import { type Clock, newTraceId } from '../lib/index.ts';
import { type CaseHead, iso, type Severity, type Signal, severities, type Urn } from '../model/index.ts';
import { storable } from './canonical.ts';
import { signalAttachedTotal } from './events.ts';
import type { Orchestrator } from './orchestrator.ts';
import { ensureResource } from './resource.ts';
import { findHead, type HeadRow, headColumns, toHead } from './rows.ts';

export interface OpenIncident {
  tenant: string;
  title: string;
  severity: Severity;
  signals: readonly Signal[];
  resource: Urn;
  service: string;
  /** Names the incident; at most one open case has it. The resource when not given. */
  incidentKey?: string;
}

export interface IncidentDeps {
  ledger: Ledger;
  clock: Clock;
  newId: () => string;
  notify: () => void;
  orchestrator: Orchestrator;
  /** Whether incidents run through the loop by themselves. */
  automatic: boolean;
}

/** Signals kept per case; more say nothing new, and the case page must stay readable. */
const signalsPerCaseMax = 200;
/**
 * A signal that began before its case closed and arrives within this time after it is the tail of that incident: long
 * burn windows need this time to forget.
 */
const tailMs = 120_000;
/** Two processes may open the same incident at once: the loser of the unique index looks again. */
const racesMax = 3;
const uniqueViolation = '23505';

const sql = {
  bySignal: `SELECT ${headColumns} FROM ops_case c WHERE c.id = (
      SELECT s.case_id FROM case_signal s WHERE s.tenant = $1 AND s.open AND s.fingerprint = ANY($2::text[])
      ORDER BY s.attached_at LIMIT 1)`,
  byKey: `SELECT ${headColumns} FROM ops_case
          WHERE tenant = $1 AND incident_key = $2 AND status <> 'CLOSED' LIMIT 1`,
  tail: `SELECT ${headColumns} FROM ops_case c WHERE c.id = (
      SELECT s.case_id FROM case_signal s JOIN ops_case o ON o.id = s.case_id
      WHERE s.tenant = $1 AND s.fingerprint = ANY($2::text[]) AND o.closed_at > $3 AND o.closed_at >= $4
      ORDER BY o.closed_at DESC LIMIT 1)`,
  open: `SELECT ${headColumns} FROM ops_case WHERE tenant = $1 AND status <> 'CLOSED' ORDER BY created_at`,
  openFingerprints: `SELECT case_id, fingerprint FROM case_signal WHERE tenant = $1 AND open`,
  named:
    'SELECT signal FROM case_signal WHERE case_id = $1 AND fingerprint = ANY($2::text[]) ORDER BY fingerprint',
  known: 'SELECT fingerprint, open FROM case_signal WHERE case_id = $1',
  elsewhere: `SELECT fingerprint FROM case_signal
              WHERE tenant = $1 AND open AND case_id <> $2 AND fingerprint = ANY($3::text[])`,
  event: `INSERT INTO event_envelope
      (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb)`,
  attach: `INSERT INTO case_signal (case_id, tenant, fingerprint, signal, event_id, attached_at)
           VALUES ($1, $2, $3, $4::jsonb, $5, $6)`,
  refresh: 'UPDATE case_signal SET signal = $3::jsonb WHERE case_id = $1 AND fingerprint = $2',
  release: 'UPDATE ops_case SET incident_key = NULL WHERE id = $1',
  releaseSignals: 'UPDATE case_signal SET open = false WHERE case_id = $1 AND open',
  // Detection may have recorded the signal already; its event is then the signal's event.
  knownEvent: `SELECT event_id FROM event_envelope
    WHERE tenant_id = $1 AND detected_at = $2 AND fingerprints @> $3::jsonb LIMIT 1`,
  raise: 'UPDATE ops_case SET severity = $2 WHERE id = $1',
};

/** Incidents: which case a signal belongs to, and opening one when there is none. */
export class Incidents {
  readonly #deps: IncidentDeps;

  constructor(deps: IncidentDeps) {
    this.#deps = deps;
  }

  /** Exactly one open case per incident, however many signals fire and however many processes see them. */
  async open(incident: OpenIncident): Promise<{ caseId: string; opened: boolean }> {
    // Outside the transaction: it may write on the ledger's one connection.
    const tenantId = await this.#deps.ledger.tenantId(incident.tenant);
    for (let race = 1; ; race++) {
      try {
        const result = await this.#deps.ledger.transaction((tx) => this.#openWithin(tx, tenantId, incident));
        this.#deps.notify();
        return result;
      } catch (error) {
        if (race >= racesMax || (error as { code?: string }).code !== uniqueViolation) throw error;
      }
    }
  }

  async #openWithin(
    tx: Queryable,
    tenantId: number,
    incident: OpenIncident,
  ): Promise<{ caseId: string; opened: boolean }> {
    const { tenant, signals } = incident;
    const fingerprints = signals.map((signal) => signal.fingerprint);
    const key = incident.incidentKey ?? (incident.resource || null);
    const find = async () =>
      (await headBy(tx, sql.bySignal, [tenant, fingerprints])) ??
      (await headBy(tx, sql.byKey, [tenant, key]));
    let open = await find();
    // Ends: a superseded case is not found again.
    for (; open && isAnother(open, signals); open = await find()) await this.#supersede(tx, open);
    const known = open ?? (await this.#tailOf(tx, incident, fingerprints));
    if (known) {
      await this.#attachWithin(tx, tenantId, known, signals);
      return { caseId: known.id, opened: false };
    }
    const head = await this.#deps.orchestrator.createWithin(tx, {
      tenant,
      title: incident.title,
      severity: incident.severity,
      service: incident.service,
      resource: incident.resource,
      automatic: this.#deps.automatic,
      incidentKey: key,
      actor: 'analyst@svc',
      traceId: newTraceId(),
    });
    await this.#attachWithin(tx, tenantId, head, signals);
    return { caseId: head.id, opened: true };
  }

  /**
   * A parked case gives up its claim to an incident that began after it was parked; else one case that nobody looks at
   * would swallow every later fault of the same resource.
   */
  async #supersede(tx: Queryable, parked: CaseHead): Promise<void> {
    await tx.query(sql.release, [parked.id]);
    await tx.query(sql.releaseSignals, [parked.id]);
    await this.#deps.orchestrator.note(tx, parked, {
      caseId: parked.id,
      event: 'superseded',
      actor: 'analyst@svc',
      reason: 'a new incident began after this case was parked',
      traceId: parked.traceId,
    });
  }

  async #tailOf(tx: Queryable, incident: OpenIncident, fingerprints: string[]): Promise<CaseHead | null> {
    const since = Math.min(...incident.signals.map((signal) => signal.since));
    if (!Number.isFinite(since)) return null;
    const after = iso(this.#deps.clock.now() - tailMs);
    return headBy(tx, sql.tail, [incident.tenant, fingerprints, after, iso(since)]);
  }

  /** Adds signals to a case; known fingerprints take the newest reading. Severity only rises. */
  async attach(caseId: string, signals: readonly Signal[]): Promise<void> {
    const head = await findHead(this.#deps.ledger, caseId);
    const tenantId = await this.#deps.ledger.tenantId(head.tenant);
    await this.#deps.ledger.transaction((tx) => this.#attachWithin(tx, tenantId, head, signals));
    this.#deps.notify();
  }

  async #attachWithin(
    tx: Queryable,
    tenantId: number,
    head: CaseHead,
    signals: readonly Signal[],
  ): Promise<void> {
    if (head.status === 'CLOSED') return;
    const rows = await tx.query<{ fingerprint: string }>(sql.known, [head.id]);
    const known = new Set(rows.map((row) => row.fingerprint));
    const taken = await tx.query<{ fingerprint: string }>(sql.elsewhere, [
      head.tenant,
      head.id,
      signals.map((signal) => signal.fingerprint),
    ]);
    const foreign = new Set(taken.map((row) => row.fingerprint));
    const fresh: Signal[] = [];
    for (const signal of signals) {
      if (foreign.has(signal.fingerprint)) continue;
      if (known.has(signal.fingerprint)) {
        await tx.query(sql.refresh, [head.id, signal.fingerprint, JSON.stringify(storable(signal))]);
        continue;
      }
      if (known.size >= signalsPerCaseMax) break;
      known.add(signal.fingerprint);
      await this.#insert(tx, tenantId, head, signal);
      fresh.push(signal);
    }
    if (fresh.length === 0) return;
    await this.#raise(tx, head, fresh);
    if (rows.length > 0) signalAttachedTotal.inc(fresh.length);
    await this.#deps.orchestrator.note(tx, head, {
      caseId: head.id,
      event: 'signals',
      actor: 'analyst@svc',
      reason: fresh.map((signal) => signal.title).join('; '),
      meta: {
        fingerprints: fresh.map((signal) => signal.fingerprint),
        titles: fresh.map(({ code, params }) => ({ code, params })),
      },
      traceId: head.traceId,
    });
  }

  async #insert(tx: Queryable, tenantId: number, head: CaseHead, signal: Signal): Promise<void> {
    const clean = JSON.stringify(storable(signal));
    const eventId = await this.#eventOf(tx, tenantId, head, signal);
    const at = iso(this.#deps.clock.now());
    await tx.query(sql.attach, [head.id, head.tenant, signal.fingerprint, clean, eventId, at]);
  }

  async #eventOf(tx: Queryable, tenantId: number, head: CaseHead, signal: Signal): Promise<string> {
    const fingerprints = JSON.stringify({ signal: signal.fingerprint });
    const detectedAt = iso(signal.detectedAt);
    const [known] = await tx.query<{ event_id: string }>(sql.knownEvent, [
      tenantId,
      detectedAt,
      fingerprints,
    ]);
    if (known) return known.event_id;
    const eventId = this.#deps.newId();
    const { service, indicator, objectiveId, value, baseline } = signal;
    await tx.query(sql.event, [
      eventId,
      detectedAt,
      tenantId,
      await ensureResource(tx, tenantId, signal.resource),
      signal.severity,
      signal.kind,
      signal.title,
      signal.summary,
      JSON.stringify(storable({ service, indicator, objectiveId, value, baseline, case_id: head.id })),
      fingerprints,
    ]);
    return eventId;
  }

  async #raise(tx: Queryable, head: CaseHead, signals: readonly Signal[]): Promise<void> {
    const rank = (severity: Severity) => severities.indexOf(severity);
    const worst = signals.reduce(
      (most, { severity }) => (rank(severity) > rank(most) ? severity : most),
      head.severity,
    );
    if (worst !== head.severity) await tx.query(sql.raise, [head.id, worst]);
  }

  /** Nothing but a note: whether the case is done is decided by its plan and its verification, or by a person. */
  async ended(caseId: string, fingerprints: readonly string[]): Promise<void> {
    await this.#deps.ledger.transaction(async (tx) => {
      const head = await findHead(tx, caseId);
      if (head.status === 'CLOSED') return;
      const rows = await tx.query<{ signal: Signal }>(sql.named, [caseId, fingerprints]);
      if (rows.length === 0) return;
      await this.#deps.orchestrator.note(tx, head, {
        caseId,
        event: 'signals_ended',
        actor: 'analyst@svc',
        reason: rows.map(({ signal }) => signal.title).join('; '),
        meta: {
          fingerprints: [...fingerprints],
          titles: rows.map(({ signal: { code, params } }) => ({ code, params })),
        },
        traceId: head.traceId,
      });
    });
    this.#deps.notify();
  }

  /** Every case that is not closed, with the fingerprints it holds. */
  async openCases(tenant: string): Promise<(CaseHead & { fingerprints: string[] })[]> {
    const heads = (await this.#deps.ledger.query<HeadRow>(sql.open, [tenant])).map(toHead);
    const rows = await this.#deps.ledger.query<{ case_id: string; fingerprint: string }>(
      sql.openFingerprints,
      [tenant],
    );
    return heads.map((head) => ({
      ...head,
      fingerprints: rows.filter((row) => row.case_id === head.id).map((row) => row.fingerprint),
    }));
  }
}

/** Whether these signals tell of another incident than the one the case was parked over. */
const isAnother = (head: CaseHead, signals: readonly Signal[]): boolean =>
  head.status === 'PARKED' && signals.length > 0 && signals.every((signal) => signal.since > head.updatedAt);

async function headBy(tx: Queryable, text: string, params: readonly unknown[]): Promise<CaseHead | null> {
  const [row] = await tx.query<HeadRow>(text, params);
  return row ? toHead(row) : null;
}
