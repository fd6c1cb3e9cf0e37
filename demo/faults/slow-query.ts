import { DatabaseSync } from 'node:sqlite';
import { indexes } from '../services/inventory-schema.ts';
import { type Fault, harmlessDeploy, harmlessFlag } from './fault.ts';

/** Long enough to wait for a running statement. */
const busyTimeoutMs = 5_000;

export function onInventory(file: string, statements: readonly string[]): void {
  const database = new DatabaseSync(file);
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
}

export const slowQuery: Fault = {
  name: 'slow-query',
  description:
    'the index of stock movements vanishes from the inventory database: every look at the stock reads the whole table',
  expected: {
    resources: () => ['urn:db:sqlite:inventory/inventory.db', 'urn:svc:inventory'],
    kind: 'slow_query',
  },
  repair: 'the script create-index makes the missing index again',
  inject: async (shop) =>
    onInventory(
      shop.inventoryFile,
      Object.keys(indexes).map((name) => `DROP INDEX IF EXISTS ${name}`),
    ),
  heal: async (shop) => onInventory(shop.inventoryFile, Object.values(indexes)),
  decoys: {
    early: harmlessDeploy('catalog', 'v3.2.1'),
    late: harmlessFlag('frontend', 'banner.text', 'Winter sale'),
  },
};
