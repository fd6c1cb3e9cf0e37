import type { Queryable } from '../../ledger/index.ts';

/** The pattern that counts for an id today; null when there is no such id. Locks the row when `lock` is set. */
export async function currentId(
  tx: Queryable,
  tenantId: number,
  id: string,
  lock = false,
): Promise<string | null> {
  const [row] = await tx.query<{ id: string }>(
    `SELECT coalesce(current_id, fingerprint_id)::text AS id FROM log_pattern
      WHERE tenant_id = $1 AND fingerprint_id = $2${lock ? ' FOR UPDATE' : ''}`,
    [tenantId, id],
  );
  return row?.id ?? null;
}

/** Lets patterns that stand by themselves, with all that was merged into them before, be part of another. */
export async function redirect(
  tx: Queryable,
  tenantId: number,
  from: readonly string[],
  into: string,
): Promise<void> {
  await tx.query(
    `UPDATE log_pattern SET current_id = $3,
        merged_into = CASE WHEN fingerprint_id = ANY($2::bigint[]) THEN $3::bigint ELSE merged_into END
      WHERE tenant_id = $1 AND fingerprint_id <> $3 AND coalesce(current_id, fingerprint_id) = ANY($2::bigint[])`,
    [tenantId, from, into],
  );
}

/** Lets patterns stand by themselves again, with those that had been merged into them before. */
export async function release(tx: Queryable, tenantId: number, ids: readonly string[]): Promise<void> {
  await tx.query(
    `WITH RECURSIVE below AS (
       SELECT fingerprint_id, fingerprint_id AS root FROM log_pattern WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[])
       UNION ALL
       SELECT p.fingerprint_id, b.root FROM log_pattern p JOIN below b ON p.merged_into = b.fingerprint_id
        WHERE p.fingerprint_id <> ALL($2::bigint[])
     )
     UPDATE log_pattern p SET
       current_id = CASE WHEN b.fingerprint_id = b.root THEN NULL ELSE b.root END,
       merged_into = CASE WHEN b.fingerprint_id = b.root THEN NULL ELSE p.merged_into END
      FROM below b WHERE p.fingerprint_id = b.fingerprint_id`,
    [tenantId, ids],
  );
}

/** Lets single patterns be part of another, whatever was merged into them staying where it counts now. */
export async function repoint(
  tx: Queryable,
  tenantId: number,
  ids: readonly string[],
  into: string,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    'UPDATE log_pattern SET merged_into = $3, current_id = $3 WHERE tenant_id = $1 AND fingerprint_id = ANY($2::bigint[]) AND fingerprint_id <> $3',
    [tenantId, ids, into],
  );
}
