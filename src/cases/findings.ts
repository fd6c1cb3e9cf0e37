import type { Ledger, Queryable } from '../ledger/index.ts';
import { ClewError, type Clock, sha256Hex } from '../lib/index.ts';
import { type CaseHead, type Evidence, iso, type RowFilter, type Verdict } from '../model/index.ts';
import { canonicalJson, storable } from './canonical.ts';
import { evidenceFreezeSeconds } from './events.ts';
import { consolePath } from './link.ts';
import type { Orchestrator } from './orchestrator.ts';
import { ensureResource } from './resource.ts';
import { findHead } from './rows.ts';

/** Raw rows for a filter, at most `limit`; the detail store's side is injected. */
export type EvidenceRows = (
  tenant: string,
  filter: RowFilter,
  limit: number,
) => Promise<Record<string, unknown>[]>;

export interface FindingsDeps {
  ledger: Ledger;
  clock: Clock;
  newId: () => string;
  notify: () => void;
  orchestrator: Orchestrator;
  evidenceRows: EvidenceRows;
}

/** Rows copied per evidence: enough to read, small enough to keep for ever. */
const rowsMax = 20;
/** Evidence kept per case. */
const evidenceMax = 200;
/** The store that a locator of ours points to. */
const bucket = 'detail';

const sql = {
  frozen: 'SELECT verdict IS NOT NULL AS frozen FROM ops_case WHERE id = $1 FOR UPDATE',
  event: `INSERT INTO event_envelope
      (event_id, detected_at, tenant_id, resource_id, severity, kind, title, summary, labels, fingerprints)
    VALUES ($1, $2, $3, $4, $5, 'diagnosis', $6, $7, $8::jsonb, $9::jsonb)`,
  locator: `INSERT INTO oo_locator (tenant_id, dataset, bucket, object_key, t_from, t_to, query_hint, attributes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
    ON CONFLICT (tenant_id, dataset, bucket, object_key, t_from, t_to)
      DO UPDATE SET query_hint = excluded.query_hint RETURNING id`,
  link: `INSERT INTO evidence_link (event_id, dim, ref_pg, ref_oo, note) VALUES ($1, $2, $3::jsonb, $4, $5)
    ON CONFLICT (event_id, dim, ref_pg_hash, coalesce(ref_oo, 0)) DO UPDATE SET note = excluded.note
    RETURNING evidence_id`,
  evidence: `INSERT INTO case_evidence (case_id, seq, ref, body, sha256, link, evidence_id, locator_id, frozen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
  verdict: 'UPDATE ops_case SET verdict = $2::jsonb, evidence_hash = $3, updated_at = $4 WHERE id = $1',
  check: 'SELECT seq, ref, body, sha256 FROM case_evidence WHERE case_id = $1 ORDER BY seq',
  checkCase: 'SELECT verdict, evidence_hash FROM ops_case WHERE id = $1',
};

interface Frozen {
  evidence: Evidence;
  body: string;
  sha256: string;
}

/** The hash over the whole: the verdict's own text and every piece of evidence, in order. */
const wholeHash = (verdict: unknown, parts: readonly string[]): string =>
  sha256Hex([sha256Hex(canonicalJson(verdict)), ...parts].join('\n'));

/** Copies what a verdict rests on into its case, hashed, so that it outlives retention and can be checked. */
export class Findings {
  readonly #deps: FindingsDeps;

  constructor(deps: FindingsDeps) {
    this.#deps = deps;
  }

  /** Freezes the verdict once; a second verdict for the same case changes nothing. */
  async record(caseId: string, verdict: Verdict, traceId?: string): Promise<void> {
    const stop = evidenceFreezeSeconds.startTimer();
    const head = await findHead(this.#deps.ledger, caseId);
    const tenantId = await this.#deps.ledger.tenantId(head.tenant);
    const frozen: Frozen[] = [];
    for (const evidence of verdict.evidence.slice(0, evidenceMax))
      frozen.push(await this.#freeze(head, evidence));
    await this.#deps.ledger.transaction((tx) =>
      this.#store(tx, head, tenantId, verdict, frozen, traceId ?? head.traceId),
    );
    this.#deps.notify();
    stop();
  }

  async #freeze(head: CaseHead, evidence: Evidence): Promise<Frozen> {
    const rows =
      evidence.rows.length === 0 && evidence.filter
        ? await this.#deps.evidenceRows(head.tenant, evidence.filter, rowsMax)
        : evidence.rows;
    const copied = { ...evidence, rows: rows.slice(0, rowsMax) };
    const body = canonicalJson(storable(copied));
    return { evidence: copied, body, sha256: sha256Hex(body) };
  }

  async #store(
    tx: Queryable,
    head: CaseHead,
    tenantId: number,
    verdict: Verdict,
    frozen: readonly Frozen[],
    traceId: string,
  ): Promise<void> {
    const [row] = await tx.query<{ frozen: boolean }>(sql.frozen, [head.id]);
    if (row?.frozen !== false) return;
    // The rows stand in case_evidence; the verdict keeps its evidence by reference.
    const slim = storable({
      ...verdict,
      evidence: verdict.evidence.map(({ series: _, ...rest }) => ({ ...rest, rows: [] })),
    });
    const hash = wholeHash(
      slim,
      frozen.map((part) => part.sha256),
    );
    const eventId = await this.#event(tx, head, tenantId, verdict, hash);
    for (const [seq, part] of frozen.entries()) await this.#link(tx, head, tenantId, eventId, seq, part);
    const at = iso(this.#deps.clock.now());
    await tx.query(sql.verdict, [head.id, JSON.stringify(slim), hash, at]);
    const [cause] = verdict.causes;
    const summary = {
      verdict: verdict.verdict,
      resource: cause?.resource ?? null,
      kind: cause?.kind ?? null,
      score: cause?.score ?? null,
      evidence: frozen.length,
      evidence_hash: hash,
      event_id: eventId,
    };
    await this.#deps.orchestrator.note(tx, head, {
      caseId: head.id,
      event: 'findings',
      actor: 'analyst@svc',
      reason: cause ? `${cause.kind} on ${cause.resource}` : verdict.verdict,
      meta: summary,
      traceId,
      messages: [{ topic: 'evt.analysis.findings.v1', payload: summary }],
    });
  }

  async #event(
    tx: Queryable,
    head: CaseHead,
    tenantId: number,
    verdict: Verdict,
    hash: string,
  ): Promise<string> {
    const [cause] = verdict.causes;
    const eventId = this.#deps.newId();
    await tx.query(sql.event, [
      eventId,
      iso(verdict.at),
      tenantId,
      await ensureResource(tx, tenantId, cause?.resource ?? head.resource),
      head.severity,
      storable(
        cause ? `${cause.kind} on ${cause.service || cause.resource}` : `${verdict.verdict}: ${head.title}`,
      ),
      storable(verdict.scope.summary),
      JSON.stringify({ case_id: head.id, verdict: verdict.verdict, evidence_hash: hash }),
      JSON.stringify(storable({ explains: cause?.explains ?? [] })),
    ]);
    return eventId;
  }

  async #link(
    tx: Queryable,
    head: CaseHead,
    tenantId: number,
    eventId: string,
    seq: number,
    { evidence, body, sha256 }: Frozen,
  ): Promise<void> {
    const locatorId = evidence.filter ? await this.#locator(tx, head, tenantId, evidence.filter) : null;
    const own = { table: 'case_evidence', keys: { case_id: head.id, seq } };
    const [link] = await tx.query<{ evidence_id: string }>(sql.link, [
      eventId,
      evidence.dim,
      JSON.stringify(storable(evidence.ledger ?? own)),
      locatorId,
      storable(evidence.note),
    ]);
    await tx.query(sql.evidence, [
      head.id,
      seq,
      evidence.ref,
      body,
      sha256,
      evidence.filter ? consolePath(evidence.filter) : null,
      link?.evidence_id ?? null,
      locatorId,
      iso(this.#deps.clock.now()),
    ]);
  }

  async #locator(tx: Queryable, head: CaseHead, tenantId: number, filter: RowFilter): Promise<string | null> {
    const hint = canonicalJson(storable(filter));
    const [row] = await tx.query<{ id: string }>(sql.locator, [
      tenantId,
      filter.dataset,
      bucket,
      // Two filters over one window are two locators.
      `${filter.dataset}/${sha256Hex(hint).slice(0, 16)}`,
      iso(filter.window.from),
      iso(filter.window.to),
      hint,
      JSON.stringify({ case_id: head.id }),
    ]);
    return row?.id ?? null;
  }

  /** Recomputes every hash from what is stored. */
  async verify(caseId: string): Promise<{ ok: boolean; evidence_hash: string | null; broken: string[] }> {
    await findHead(this.#deps.ledger, caseId);
    const rows = await this.#deps.ledger.query<{ ref: string; body: string; sha256: string }>(sql.check, [
      caseId,
    ]);
    const [row] = await this.#deps.ledger.query<{ verdict: unknown; evidence_hash: string | null }>(
      sql.checkCase,
      [caseId],
    );
    if (!row) throw new ClewError('internal', `Case ${caseId} vanished while its evidence was checked.`);
    const broken = rows.filter((part) => sha256Hex(part.body) !== part.sha256).map((part) => part.ref);
    const whole = wholeHash(
      row.verdict,
      rows.map((part) => part.sha256),
    );
    if (row.evidence_hash !== null && whole !== row.evidence_hash) broken.push('whole');
    return { ok: broken.length === 0, evidence_hash: row.evidence_hash, broken };
  }
}
