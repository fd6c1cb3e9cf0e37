import type { Ledger } from '../ledger/index.ts';
import type { EpochMs } from '../model/index.ts';

/** Most shapes of one pattern that are named to the detail store; a template rarely has more than a handful. */
const shapesPerPatternMax = 1_000;

export interface PatternName {
  /** `fingerprint_id` of log_pattern. */
  id: string;
  template: string;
  firstSeen: EpochMs;
}

/** What the ledger knows about shapes (unsigned 64-bit, decimal text), for rooms that read logs. */
export function patternLookup(ledger: Ledger) {
  return {
    /** Patterns of the shapes that have one. */
    async templatesOf(tenant: string, shapes: readonly string[]): Promise<Map<string, PatternName>> {
      const rows = await ledger.query<{ shape: string; id: string; pattern: string; first_seen: Date }>(
        `SELECT s.shape::text AS shape, p.fingerprint_id AS id, p.pattern, p.first_seen
           FROM shape_pattern s JOIN log_pattern p USING (tenant_id, fingerprint_id)
          WHERE s.tenant_id = $1 AND s.shape = ANY($2::numeric[])`,
        [await ledger.tenantId(tenant), shapes],
      );
      return new Map(
        rows.map((row) => [
          row.shape,
          { id: row.id, template: row.pattern, firstSeen: row.first_seen.getTime() },
        ]),
      );
    },
    /** Shapes of a pattern; empty when there is no such pattern. */
    async shapesOf(tenant: string, patternId: string): Promise<string[]> {
      if (!/^\d{1,18}$/.test(patternId)) return [];
      const rows = await ledger.query<{ shape: string }>(
        `SELECT shape::text AS shape FROM shape_pattern
          WHERE tenant_id = $1 AND fingerprint_id = $2 ORDER BY shape LIMIT $3`,
        [await ledger.tenantId(tenant), patternId, shapesPerPatternMax],
      );
      return rows.map((row) => row.shape);
    },
  };
}
