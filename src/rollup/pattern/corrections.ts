import type { Queryable } from '../../ledger/index.ts';
import { ClewError } from '../../lib/index.ts';
import { type EpochMs, iso } from '../../model/index.ts';
import { currentId, redirect, release } from './redirect.ts';
import type { PatternSetup } from './setup.ts';

export const correctionKinds = ['merge', 'split', 'rename', 'setup', 'generalise', 'restart'] as const;
export type CorrectionKind = (typeof correctionKinds)[number];

/** Who changes something, and why. */
export interface By {
  actor: string;
  reason: string;
  at: EpochMs;
}

export interface Correction {
  id: string;
  kind: CorrectionKind;
  actor: string;
  reason: string;
  at: EpochMs;
  detail: Record<string, unknown>;
  undoneAt: EpochMs | null;
  undoneBy: string | null;
}

export const notFound = (id: string): ClewError =>
  new ClewError('not_found', `There is no log pattern ${id}.`, { details: { pattern: id } });

const overtaken = (why: string): ClewError =>
  new ClewError('illegal_transition', `This can't be undone any more: ${why} Undo the later change first.`);

export async function addCorrection(
  tx: Queryable,
  tenantId: number,
  kind: CorrectionKind,
  by: By,
  detail: object,
): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO pattern_correction (tenant_id, kind, actor, reason, at, detail)
     VALUES ($1, $2, $3, $4, $5, $6::jsonb) RETURNING correction_id::text AS id`,
    [tenantId, kind, by.actor, by.reason, iso(by.at), JSON.stringify(detail)],
  );
  return row?.id ?? '';
}

/** Lets several patterns count as one; `into` (default: the oldest) keeps its id and template. */
export async function mergePatterns(
  tx: Queryable,
  tenantId: number,
  ids: readonly string[],
  into: string | undefined,
  by: By,
): Promise<{ id: string; correction: string }> {
  const current = new Set<string>();
  for (const id of into === undefined ? ids : [...ids, into]) {
    const found = await currentId(tx, tenantId, id, true);
    if (found === null) throw notFound(id);
    current.add(found);
  }
  if (current.size < 2)
    throw new ClewError(
      'unprocessable',
      'ids: these are one pattern already; name at least two that differ.',
    );
  const target =
    into === undefined
      ? [...current].reduce((a, b) => (BigInt(b) < BigInt(a) ? b : a))
      : ((await currentId(tx, tenantId, into)) ?? into);
  const from = [...current].filter((id) => id !== target);
  await redirect(tx, tenantId, from, target);
  await pin(tx, tenantId, [...current]);
  return { id: target, correction: await addCorrection(tx, tenantId, 'merge', by, { into: target, from }) };
}

export const pin = (tx: Queryable, tenantId: number, ids: readonly string[]) =>
  tx.query(
    'UPDATE log_pattern SET pinned = true WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[])',
    [tenantId, ids],
  );

/** Gives a pattern a name, or takes it away with ''. */
export async function renamePattern(
  tx: Queryable,
  tenantId: number,
  id: string,
  name: string,
  by: By,
): Promise<{ id: string; correction: string }> {
  const target = await currentId(tx, tenantId, id, true);
  if (target === null) throw notFound(id);
  const [before] = await tx.query<{ name: string | null }>(
    'SELECT name FROM log_pattern WHERE tenant_id = $1 AND fingerprint_id = $2',
    [tenantId, target],
  );
  await setName(tx, tenantId, target, name);
  const detail = { id: target, name, before: before?.name ?? '' };
  return { id: target, correction: await addCorrection(tx, tenantId, 'rename', by, detail) };
}

const setName = (tx: Queryable, tenantId: number, id: string, name: string) =>
  tx.query(
    `UPDATE log_pattern SET name = nullif($3, ''), pinned = true WHERE tenant_id = $1 AND fingerprint_id = $2`,
    [tenantId, id, name],
  );

/** Writes the setup of an application (null: back to that of all). */
export async function writeSetup(
  tx: Queryable,
  tenantId: number,
  service: string,
  setup: PatternSetup | null,
  by: By,
): Promise<string> {
  const before = await setupBefore(tx, tenantId, service);
  await putSetup(tx, tenantId, service, setup, by);
  return addCorrection(tx, tenantId, 'setup', by, { service, setup, before });
}

async function setupBefore(tx: Queryable, tenantId: number, service: string): Promise<PatternSetup | null> {
  const [row] = await tx.query<{ setup: PatternSetup }>(
    'SELECT setup FROM pattern_setup WHERE tenant_id = $1 AND service = $2',
    [tenantId, service],
  );
  return row?.setup ?? null;
}

async function putSetup(
  tx: Queryable,
  tenantId: number,
  service: string,
  setup: PatternSetup | null,
  by: By,
): Promise<void> {
  if (setup === null) {
    await tx.query('DELETE FROM pattern_setup WHERE tenant_id = $1 AND service = $2', [tenantId, service]);
    return;
  }
  await tx.query(
    `INSERT INTO pattern_setup (tenant_id, service, setup, updated_at, updated_by) VALUES ($1, $2, $3::jsonb, $4, $5)
     ON CONFLICT (tenant_id, service) DO UPDATE SET setup = excluded.setup, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
    [tenantId, service, JSON.stringify(setup), iso(by.at), by.actor],
  );
}

interface StoredCorrection {
  id: string;
  kind: CorrectionKind;
  actor: string;
  reason: string;
  at: Date;
  detail: Record<string, unknown>;
  undone_at: Date | null;
  undone_by: string | null;
}

const columns = 'correction_id::text AS id, kind, actor, reason, at, detail, undone_at, undone_by';

const correctionOf = (row: StoredCorrection): Correction => ({
  id: row.id,
  kind: row.kind,
  actor: row.actor,
  reason: row.reason,
  at: row.at.getTime(),
  detail: row.detail,
  undoneAt: row.undone_at?.getTime() ?? null,
  undoneBy: row.undone_by,
});

/** What was changed, the newest first; with `patternId` only what concerns that pattern. */
export async function listCorrections(
  ledger: Queryable,
  tenantId: number,
  limit: number,
  patternId?: string,
): Promise<Correction[]> {
  const rows = await ledger.query<StoredCorrection>(
    `SELECT ${columns} FROM pattern_correction WHERE tenant_id = $1
        AND ($3::text IS NULL OR detail ->> 'id' = $3 OR detail ->> 'into' = $3 OR detail -> 'from' ? $3 OR detail ->> 'new' = $3)
      ORDER BY correction_id DESC LIMIT $2`,
    [tenantId, limit, patternId ?? null],
  );
  return rows.map(correctionOf);
}

/** Takes a correction back. Throws `illegal_transition` when something later rests on it. */
export async function undoCorrection(
  tx: Queryable,
  tenantId: number,
  id: string,
  by: By,
): Promise<Correction> {
  const [row] = await tx.query<StoredCorrection>(
    `SELECT ${columns} FROM pattern_correction WHERE tenant_id = $1 AND correction_id = $2 FOR UPDATE`,
    [tenantId, id],
  );
  if (!row) throw new ClewError('not_found', `There is no correction ${id}.`);
  if (row.undone_at) throw new ClewError('illegal_transition', `Correction ${id} is undone already.`);
  await undo(tx, tenantId, row, by);
  await tx.query(
    'UPDATE pattern_correction SET undone_at = $3, undone_by = $4 WHERE tenant_id = $1 AND correction_id = $2',
    [tenantId, id, iso(by.at), by.actor],
  );
  return correctionOf({ ...row, undone_at: new Date(by.at), undone_by: by.actor });
}

async function undo(tx: Queryable, tenantId: number, row: StoredCorrection, by: By): Promise<void> {
  const { detail } = row;
  const text = (key: string) => String(detail[key] ?? '');
  switch (row.kind) {
    case 'merge':
    case 'generalise': {
      const from = Array.isArray(detail.from) ? detail.from.map(String) : [];
      await expectMerged(tx, tenantId, from, text('into'));
      await release(tx, tenantId, from);
      await pin(tx, tenantId, from);
      return;
    }
    case 'split':
      return undoSplit(tx, tenantId, text('new'), text('id'), detail.repointed);
    case 'rename':
      return undoRename(tx, tenantId, text('id'), text('name'), text('before'));
    case 'setup': {
      const now = await setupBefore(tx, tenantId, text('service'));
      if (!sameSetup(now, detail.setup)) throw overtaken('the setup was changed since.');
      return putSetup(tx, tenantId, text('service'), (detail.before ?? null) as PatternSetup | null, by);
    }
    case 'restart':
      throw new ClewError(
        'unprocessable',
        'A restart can not be undone; change the setup and restart again.',
      );
  }
}

/** The new pattern becomes part of the old one; what had been part of it before, is so directly again. */
async function undoSplit(tx: Queryable, tenantId: number, made: string, home: string, repointed: unknown) {
  const [now, target] = [
    await currentId(tx, tenantId, made, true),
    await currentId(tx, tenantId, home, true),
  ];
  if (now !== made || target === null || target === made)
    throw overtaken('the new pattern was merged since.');
  await redirect(tx, tenantId, [made], target);
  for (const { id, into } of Array.isArray(repointed) ? repointed : []) {
    await tx.query(
      `UPDATE log_pattern SET merged_into = $3 WHERE tenant_id = $1 AND fingerprint_id = $2 AND merged_into = $4 AND $3::bigint IS NOT NULL`,
      [tenantId, String(id), into === null ? null : String(into), made],
    );
  }
}

/** jsonb keeps keys in an order of its own. */
const sameSetup = (a: unknown, b: unknown): boolean => {
  const sorted = (value: unknown) =>
    value !== null && typeof value === 'object' ? JSON.stringify(Object.entries(value).sort()) : 'null';
  return sorted(a) === sorted(b);
};

async function undoRename(tx: Queryable, tenantId: number, id: string, name: string, before: string) {
  const [row] = await tx.query<{ name: string | null }>(
    'SELECT name FROM log_pattern WHERE tenant_id = $1 AND fingerprint_id = $2',
    [tenantId, id],
  );
  if ((row?.name ?? '') !== name) throw overtaken('the pattern was renamed since.');
  await setName(tx, tenantId, id, before);
}

async function expectMerged(tx: Queryable, tenantId: number, from: readonly string[], into: string) {
  const rows = await tx.query<{ id: string }>(
    'SELECT fingerprint_id::text AS id FROM log_pattern WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) AND merged_into = $3',
    [tenantId, from, into],
  );
  if (rows.length !== from.length) throw overtaken('some of these patterns are no longer part of that one.');
}
