/** Orders: a row in the orders database, goods reserved at inventory, money taken through payments. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Connection, Database } from '../lib/database.ts';
import { type Line, lines as linesOf, text, totalCents } from '../lib/fields.ts';
import { HttpError } from '../lib/http-error.ts';
import { Pool, PoolTimeoutError } from '../lib/pool.ts';
import { observePool, poolListener } from '../lib/pool-metrics.ts';
import { runService, type Service } from '../lib/service.ts';
import { asError } from '../lib/telemetry.ts';

const poolMaxDefault = 16;
/** Longest wait for a connection before the customer is told to try again. */
const acquireTimeoutMs = 1_500;
/** The orders database stands in another building. */
const networkMs = 20;

const schema = `
CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY, customer TEXT NOT NULL, country TEXT NOT NULL, total_cents INTEGER NOT NULL,
  status TEXT NOT NULL, lines TEXT NOT NULL, created_at INTEGER NOT NULL
)`;
const insertOrder =
  "INSERT INTO orders (id, customer, country, total_cents, status, lines, created_at) VALUES (?, ?, ?, ?, 'pending', ?, ?)";
const updateOrder = 'UPDATE orders SET status = ? WHERE id = ?';
const selectOrder = 'SELECT id, customer, country, total_cents, status, lines FROM orders WHERE id = ?';

async function openPool(service: Service): Promise<Pool<Connection>> {
  const { telemetry, settings } = service;
  const file = join(settings.dataDir, 'orders.db');
  const database = new Database(file);
  await database.script(schema);
  const pool = new Pool<Connection>({
    name: 'orders',
    max: poolMaxDefault,
    acquireTimeoutMs,
    open: () => new Connection({ database, telemetry, file, networkMs }),
    close: () => {},
    listener: poolListener(telemetry, 'orders'),
  });
  observePool(telemetry, pool);
  service.onConfig('pool.max', (value) => pool.setMax(Number(value)));
  return pool;
}

/** Runs `work` with a connection; the wait for it is a span of its own. */
async function withConnection<R>(
  service: Service,
  pool: Pool<Connection>,
  work: (connection: Connection) => Promise<R>,
): Promise<R> {
  const span = service.telemetry.tracer.startSpan('acquire connection', {
    attributes: { 'db.client.connection.pool.name': pool.name },
  });
  try {
    return await pool.use((connection) => {
      span.end();
      return work(connection);
    });
  } catch (thrown) {
    if (!(thrown instanceof PoolTimeoutError)) throw thrown;
    service.telemetry.fail(span, thrown, 'No database connection');
    span.end();
    throw new HttpError(503, 'pool_timeout', thrown.message, thrown);
  }
}

interface Draft {
  id: string;
  user: string;
  country: string;
  lines: Line[];
}

/** The connection stays with the order until it is paid: the row must not be seen half done by the next reader. */
async function placeOrder(service: Service, connection: Connection, draft: Draft): Promise<void> {
  const { id, user, country, lines } = draft;
  const total = totalCents(lines);
  await connection.query('INSERT', 'orders', insertOrder, [
    id,
    user,
    country,
    total,
    JSON.stringify(lines),
    Date.now(),
  ]);
  try {
    await service.ask('inventory', { method: 'POST', path: '/reservations', body: { orderId: id, lines } });
    await service.ask('payments', {
      method: 'POST',
      path: '/charges',
      body: { orderId: id, amountCents: total, country },
    });
  } catch (thrown) {
    await connection.query('UPDATE', 'orders', updateOrder, ['failed', id]);
    service.telemetry.log('warn', `order ${id} failed: ${asError(thrown).message}`, { 'order.id': id });
    throw thrown;
  }
  await connection.query('UPDATE', 'orders', updateOrder, ['paid', id]);
}

await runService(async (service) => {
  const pool = await openPool(service);

  service.route('POST /orders', async ({ body }) => {
    const draft = {
      id: randomUUID(),
      user: text(body, 'user'),
      country: text(body, 'country'),
      lines: linesOf(body),
    };
    await withConnection(service, pool, (connection) => placeOrder(service, connection, draft));
    const total = totalCents(draft.lines);
    service.telemetry.log('info', `order ${draft.id} paid, ${draft.lines.length} lines, ${total} cents`, {
      'order.id': draft.id,
    });
    return { status: 201, body: { id: draft.id, status: 'paid', totalCents: total } };
  });

  service.route('GET /orders/{id}', async ({ params }) => {
    const id = params.id ?? '';
    const [row] = await withConnection(service, pool, (connection) =>
      connection.query('SELECT', 'orders', selectOrder, [id]),
    );
    if (!row) throw new HttpError(404, 'not_found', `No order ${id}`);
    return { status: 200, body: row };
  });
});
