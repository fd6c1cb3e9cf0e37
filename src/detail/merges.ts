import type { Clock, Logger } from '../lib/index.ts';
import type { Engine } from './engine.ts';
import { mergesHeld } from './events.ts';
import { lowerMergePriority } from './priority.ts';

/** Rows inserted within the span from which on ingest counts as a burst: merging would take a third of the machine from it. */
const burstRows = 300_000;
/** Rows below which the burst is over. */
const calmRows = 100_000;
const spanMs = 3_000;
/** Parts of one table that may pile up in a burst; queries open each. The engine itself would slow inserts down at 1 000. */
const partsMax = 400;
/** Once so many have piled up, merges run until there are only these, whatever comes in. */
const partsFew = 120;

export interface MergeGate {
  /** A segment was inserted. */
  inserted(rows: number): void;
  /** Merges run again, for good. */
  stop(): Promise<void>;
}

/**
 * Holds the engine's merges back while a burst comes in: parts are merged afterwards, many at once, which costs less than
 * merging them early and again. What can pile up is bounded by `partsMax`. Those that run have the lowest priority.
 */
export function createMergeGate(engine: Engine, clock: Clock, log: Logger): MergeGate {
  const stopped = new AbortController();
  void lowerMergePriority(clock, log, stopped.signal);
  let rows = 0;
  let held = false;
  /** Too many parts: no holding back until there are few. */
  let overdue = false;

  const set = async (hold: boolean) => {
    if (hold === held) return;
    await engine.run('query', hold ? 'SYSTEM STOP MERGES' : 'SYSTEM START MERGES', undefined, 'Null');
    held = hold;
    mergesHeld.set(hold ? 1 : 0);
  };
  const look = async () => {
    const seen = rows;
    rows = 0;
    if (seen >= burstRows || held || overdue) {
      const parts = await mostParts(engine);
      overdue = overdue ? parts > partsFew : parts > partsMax;
    }
    await set(!overdue && (seen >= burstRows || (held && seen > calmRows)));
  };
  const loop = (async () => {
    while (!stopped.signal.aborted) {
      await clock.sleep(spanMs, stopped.signal);
      await look().catch((error: unknown) =>
        log.warn({ err: error }, 'merges could not be held back or let go'),
      );
    }
    await set(false).catch(() => undefined);
  })();

  return {
    inserted(count) {
      rows += count;
    },
    async stop() {
      stopped.abort();
      await loop;
    },
  };
}

/** Active parts of the table that has most. */
async function mostParts(engine: Engine): Promise<number> {
  const sql =
    'SELECT max(parts) FROM (SELECT count() AS parts FROM system.parts WHERE active GROUP BY database, table)';
  return Number(await engine.run('query', sql, undefined, 'TabSeparated'));
}
