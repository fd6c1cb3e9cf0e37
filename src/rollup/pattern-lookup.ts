import type { Ledger } from '../ledger/index.ts';
import type { Clock } from '../lib/index.ts';
import type { EpochMs } from '../model/index.ts';
import { shapesPerPatternMax } from './pattern/read.ts';

export interface PatternName {
  /** `fingerprint_id` of log_pattern; of the pattern that it was merged into where it was. */
  id: string;
  template: string;
  /** What a person calls it; '' when nobody named it. */
  name: string;
  firstSeen: EpochMs;
}

/** What the ledger knows about shapes (unsigned 64-bit, decimal text), for rooms that read logs. */
export function patternLookup(ledger: Ledger) {
  return {
    /** Patterns of the shapes that have one. */
    async templatesOf(tenant: string, shapes: readonly string[]): Promise<Map<string, PatternName>> {
      const rows = await ledger.query<{
        shape: string;
        id: string;
        pattern: string;
        name: string | null;
        first_seen: Date;
      }>(
        `SELECT s.shape::text AS shape, c.fingerprint_id::text AS id, c.pattern, c.name, coalesce(
            (SELECT min(m.first_seen) FROM log_pattern m WHERE m.tenant_id = $1 AND coalesce(m.current_id, m.fingerprint_id) = c.fingerprint_id),
            now()) AS first_seen
           FROM shape_pattern s JOIN log_pattern p ON p.fingerprint_id = s.fingerprint_id
           JOIN log_pattern c ON c.fingerprint_id = coalesce(p.current_id, p.fingerprint_id)
          WHERE s.tenant_id = $1 AND s.shape = ANY($2::numeric[])`,
        [await ledger.tenantId(tenant), shapes],
      );
      return new Map(
        rows.map((row) => [
          row.shape,
          {
            id: row.id,
            template: row.pattern,
            name: row.name ?? '',
            firstSeen: row.first_seen.getTime(),
          },
        ]),
      );
    },
    /** Shapes of a pattern, also by the id of one that is part of it now; empty when there is no such pattern. */
    async shapesOf(tenant: string, patternId: string): Promise<string[]> {
      if (!/^\d{1,18}$/.test(patternId)) return [];
      const rows = await ledger.query<{ shape: string }>(
        `SELECT s.shape::text AS shape FROM log_pattern p
           JOIN log_pattern m ON m.tenant_id = p.tenant_id AND coalesce(m.current_id, m.fingerprint_id) = coalesce(p.current_id, p.fingerprint_id)
           JOIN shape_pattern s ON s.tenant_id = m.tenant_id AND s.fingerprint_id = m.fingerprint_id
          WHERE p.tenant_id = $1 AND p.fingerprint_id = $2 ORDER BY s.shape LIMIT $3`,
        [await ledger.tenantId(tenant), patternId, shapesPerPatternMax],
      );
      return rows.map((row) => row.shape);
    },
  };
}

/** A list of records is worth more than the names in it: it waits so long for what the ledger says. */
const patienceMs = 200;
/** Names that are remembered, of all tenants together. */
const rememberedMax = 20_000;

type PatternLookup = ReturnType<typeof patternLookup>;

/**
 * The same for who can't wait. The embedded ledger does one transaction at a time, and a window of twenty thousand series is one
 * of two seconds: then the patterns are what they were called when they were asked last, and unknown ones are absent.
 */
export function patientLookup(lookup: PatternLookup, clock: Clock): PatternLookup {
  const remembered = new Map<string, PatternName>();
  const remember = (tenant: string, found: Map<string, PatternName>): void => {
    for (const [shape, name] of found) {
      const key = `${tenant} ${shape}`;
      remembered.delete(key);
      remembered.set(key, name);
    }
    for (const key of remembered.keys()) {
      if (remembered.size <= rememberedMax) break;
      remembered.delete(key);
    }
  };
  return {
    ...lookup,
    async templatesOf(tenant, shapes) {
      const answered = new AbortController();
      const asked = lookup.templatesOf(tenant, shapes);
      const noted = asked.then((found) => remember(tenant, found));
      void noted.catch(() => undefined).then(() => answered.abort());
      const inTime = await Promise.race([
        asked,
        clock.sleep(patienceMs, answered.signal).then(() => undefined),
      ]);
      if (inTime !== undefined) return inTime;
      if (answered.signal.aborted) return asked;
      const known = shapes.flatMap((shape): [string, PatternName][] => {
        const name = remembered.get(`${tenant} ${shape}`);
        return name === undefined ? [] : [[shape, name]];
      });
      return new Map(known);
    },
  };
}
