/** Stock: what is on hand follows from the movements; a reservation is a movement too. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Connection, Database } from '../lib/database.ts';
import { lines as linesOf, text } from '../lib/fields.ts';
import { HttpError } from '../lib/http-error.ts';
import { runService } from '../lib/service.ts';
import { indexes, tables } from './inventory-schema.ts';

const networkMs = 2;

const onHand =
  'SELECT l.name, (SELECT coalesce(sum(m.delta), 0) FROM stock_movement m WHERE m.sku = ? AND m.location = l.name) AS on_hand FROM location l';
const reserve = 'INSERT INTO stock_movement (sku, location, delta, reason, at) VALUES (?, ?, ?, ?, ?)';

/** Builds the file beside its final name, so that a process killed half way leaves nothing behind. */
function createDatabase(file: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  const database = new DatabaseSync(unfinished);
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF');
  database.exec(tables);
  for (const statement of Object.values(indexes)) database.exec(statement);
  database.close();
  renameSync(unfinished, file);
}

await runService((service) => {
  const { telemetry, settings } = service;
  const file = join(settings.dataDir, 'inventory.db');
  if (!existsSync(file)) createDatabase(file);
  const connection = new Connection({ database: new Database(file), telemetry, file, networkMs });

  service.route('POST /reservations', async ({ body }) => {
    const orderId = text(body, 'orderId');
    for (const { sku, quantity } of linesOf(body)) {
      const stock = await connection.query('SELECT', 'stock_movement', onHand, [sku]);
      const location = stock.find((row) => Number(row.on_hand) >= quantity);
      if (!location) throw new HttpError(409, 'out_of_stock', `${sku} is out of stock`);
      const params = [
        sku,
        String(location.name),
        -quantity,
        `order ${orderId}`,
        Math.floor(Date.now() / 1_000),
      ];
      await connection.query('INSERT', 'stock_movement', reserve, params);
    }
    telemetry.log('info', `goods of order ${orderId} reserved`, { 'order.id': orderId });
    return { status: 201, body: { orderId } };
  });
});
