import { nothingStaged, type Source } from './contract.ts';
import { ownTables } from './tables.ts';

/** The detail store itself: nothing is copied. */
export const ownSource: Source = {
  kind: 'own',
  open: async () => ({ tables: ownTables, release: nothingStaged }),
};
