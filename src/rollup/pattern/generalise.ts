import type { Queryable } from '../../ledger/index.ts';
import { type EpochMs, iso } from '../../model/index.ts';
import { wildcard } from '../../pattern/index.ts';
import { redirect } from './redirect.ts';

/** A template that was there before, as far as it may become part of another one. */
export interface KnownTemplate {
  id: string;
  pattern: string;
  error: boolean;
  /** A person decided about it, or it is already part of another one. */
  fixed: boolean;
}

/** Whether every message of `special` would read as `general` too: token by token, with at least one word in common. */
export function covers(general: string, special: string): boolean {
  if (general === special) return false;
  const wide = general.split(' ');
  const narrow = special.split(' ');
  if (wide.length !== narrow.length) return false;
  let words = 0;
  for (const [index, token] of wide.entries()) {
    const other = narrow[index] ?? '';
    if (token === other) {
      if (token !== wildcard) words++;
    } else if (!fits(token, other)) return false;
  }
  return words > 0;
}

/** `uid=<*>` fits `uid=root`. */
function fits(token: string, other: string): boolean {
  if (token === wildcard) return true;
  const parts = token.split(wildcard);
  const last = parts.pop() ?? '';
  if (parts.length === 0 || other.length < token.length - wildcard.length * parts.length) return false;
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === 0 ? (other.startsWith(part) ? 0 : -1) : other.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return other.length - last.length >= at && other.endsWith(last);
}

/** Templates that newly mined, more general ones take in. One of errors and one of other messages are never joined. */
export function absorbed(
  mined: readonly { pattern: string; error: boolean }[],
  known: readonly KnownTemplate[],
): { into: string; from: KnownTemplate[] }[] {
  const byLength = new Map<number, KnownTemplate[]>();
  for (const each of known) {
    if (each.fixed || each.pattern === wildcard) continue;
    const length = each.pattern.split(' ').length;
    const same = byLength.get(length);
    if (same) same.push(each);
    else byLength.set(length, [each]);
  }
  const taken = new Set<string>();
  const names = new Set(known.map((each) => each.pattern));
  const found = [];
  for (const { pattern, error } of mined) {
    if (names.has(pattern) || !pattern.includes(wildcard)) continue;
    const from = (byLength.get(pattern.split(' ').length) ?? []).filter(
      (each) => each.error === error && !taken.has(each.id) && covers(pattern, each.pattern),
    );
    for (const each of from) taken.add(each.id);
    if (from.length > 0) found.push({ into: pattern, from });
  }
  return found;
}

/** Lets the templates be part of the new ones, and notes it among the corrections. */
export async function writeAbsorbed(
  tx: Queryable,
  tenantId: number,
  found: readonly { into: string; from: KnownTemplate[] }[],
  idOf: (pattern: string) => string | undefined,
  at: EpochMs,
): Promise<void> {
  for (const { into, from } of found) {
    const id = idOf(into);
    const ids = from.map((each) => each.id).filter((each) => each !== id);
    if (id === undefined || ids.length === 0) continue;
    await redirect(tx, tenantId, ids, id);
    await tx.query(
      `INSERT INTO pattern_correction (tenant_id, kind, actor, reason, at, detail) VALUES ($1, 'generalise', 'clew', $2, $3, $4::jsonb)`,
      [
        tenantId,
        'New messages showed that what differs is a variable.',
        iso(at),
        JSON.stringify({ into: id, from: ids, template: into, templates: from.map((each) => each.pattern) }),
      ],
    );
  }
}
