import type { TimeWindow } from '../../model/index.ts';
import type { Tables } from './tables.ts';

/** Where the details of a tenant's windows are. */
export const sourceKinds = ['own', 'mock', 's3', 'openobserve'] as const;
export type SourceKind = (typeof sourceKinds)[number];

/**
 * A reader of details. The engine does the heavy part over whatever `open` answers with: its own tables, made-up rows, or
 * files of another store.
 */
export interface Source {
  readonly kind: SourceKind;
  /**
   * Relations with at least the rows of the window, of logs and spans a minute more on either side, of metrics five minutes
   * before; each row carries its own time. Rejects with a ClewError that names the store and what it answered.
   */
  open(tenant: string, window: TimeWindow): Promise<SourceWindow>;
}

export interface SourceWindow {
  tables: Tables;
  /** Removes what was staged. Idempotent; the tables must not be read afterwards. */
  release(): Promise<void>;
}

export const nothingStaged = async (): Promise<void> => undefined;
