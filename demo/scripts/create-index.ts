/**
 * Creates the indexes of the inventory database that its schema declares and the file lacks:
 * `node create-index.ts /path/to/inventory.db`.
 */
import { DatabaseSync } from 'node:sqlite';
import { indexes } from '../services/inventory-schema.ts';

/** Long enough to wait for the scans that are the reason for this script. */
const busyTimeoutMs = 20_000;

const file = process.argv[2];
if (file === undefined) {
  process.stderr.write('usage: create-index.ts /path/to/inventory.db\n');
  process.exit(2);
}
const database = new DatabaseSync(file);
database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
const known = new Set(
  database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'index'")
    .all()
    .map((row) => row.name),
);
for (const [name, statement] of Object.entries(indexes)) {
  if (known.has(name)) {
    process.stdout.write(`${name} exists\n`);
    continue;
  }
  const started = performance.now();
  database.exec(statement);
  process.stdout.write(`${name} created in ${Math.round(performance.now() - started)} ms\n`);
}
database.close();
