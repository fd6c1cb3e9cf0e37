import type { Ledger, Queryable } from '../../src/ledger/index.ts';
import type { Job, JobContext, JobResult } from '../../src/rollup/index.ts';

/** Mulberry32: enough to pick moments, and the same ones for the same seed. */
export function random(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const minute = 60_000;
export const noon = Date.UTC(2026, 10, 20, 12, 0, 0);

/**
 * Where the jobs of the simulations write: `sim_result` is overwritten, as real jobs do; `sim_log` is only added to and has
 * no key, so a window that is written twice stands there twice.
 */
export async function createWorld(ledger: Ledger): Promise<void> {
  await ledger.query(
    'CREATE TABLE IF NOT EXISTS sim_result (job TEXT, tenant_id BIGINT, t_from TIMESTAMPTZ, value BIGINT, PRIMARY KEY (job, tenant_id, t_from))',
  );
  await ledger.query('CREATE TABLE IF NOT EXISTS sim_log (job TEXT, tenant_id BIGINT, t_from TIMESTAMPTZ)');
}

export const emptyWorld = (ledger: Ledger): Promise<unknown> =>
  ledger.query('TRUNCATE sim_result, sim_log, etl_job_run, etl_job_circuit, etl_late_scan RESTART IDENTITY');

const result: JobResult = { rowsRead: 1, rowsWritten: 1, rowsConflict: 0, leftOut: {} };

async function put(tx: Queryable, job: string, context: JobContext, value: number): Promise<void> {
  const at = new Date(context.window.from);
  await tx.query(
    `INSERT INTO sim_result VALUES ($1, $2, $3, $4) ON CONFLICT (job, tenant_id, t_from) DO UPDATE SET value = excluded.value`,
    [job, context.tenant.id, at, value],
  );
  await tx.query('INSERT INTO sim_log VALUES ($1, $2, $3)', [job, context.tenant.id, at]);
}

const timing = { alignMs: minute, delayMs: 2 * minute, initialLookbackMs: 3 * minute };
const minuteValue = (context: JobContext): number =>
  ((context.window.from / minute) % 1_000) + context.tenant.id * 10_000;

/** Writes one value per minute, in one transaction with its success. */
export const first: Job = {
  name: 'first',
  after: [],
  ...timing,
  run: (context) =>
    context.commit(async (tx) => {
      await put(tx, 'first', context, minuteValue(context));
      return result;
    }),
};

/** Sums what `first` wrote in three minutes: a sum that lacks one shows that it ran too early. */
export const second = (ledger: Queryable): Job => ({
  name: 'second',
  after: ['first'],
  ...timing,
  alignMs: 3 * minute,
  async run(context) {
    const rows = await ledger.query<{ sum: string | null }>(
      `SELECT sum(value) AS sum FROM sim_result WHERE job = 'first' AND tenant_id = $1 AND t_from >= $2 AND t_from < $3`,
      [context.tenant.id, new Date(context.window.from), new Date(context.window.to)],
    );
    return context.commit(async (tx) => {
      await put(tx, 'second', context, Number(rows[0]?.sum ?? 0));
      return result;
    });
  },
});

/** Leaves `commit` out, as a job must that can't be one transaction: it only overwrites, and is marked afterwards. */
export const bare = (ledger: Queryable): Job => ({
  name: 'bare',
  after: [],
  ...timing,
  async run(context) {
    await ledger.query(
      `INSERT INTO sim_result VALUES ('bare', $1, $2, $3) ON CONFLICT (job, tenant_id, t_from) DO UPDATE SET value = excluded.value`,
      [context.tenant.id, new Date(context.window.from), minuteValue(context)],
    );
    return result;
  },
});

/** Breaks the rules: adds to what is there, outside the transaction of its success. The checks must find it. */
export const careless = (ledger: Queryable): Job => ({
  name: 'first',
  after: [],
  ...timing,
  async run(context) {
    await put(ledger, 'first', context, minuteValue(context));
    return result;
  },
});

/** Everything that must be the same whatever happened on the way. */
export async function worldState(ledger: Ledger): Promise<string> {
  const tables = await Promise.all([
    ledger.query(
      'SELECT job, tenant_id, window_from, window_to, state, kind, planned, successes, error, requeue FROM etl_job_run ORDER BY 1, 2, 3, 4',
    ),
    ledger.query('SELECT * FROM sim_result ORDER BY 1, 2, 3'),
    ledger.query('SELECT * FROM sim_log ORDER BY 1, 2, 3'),
  ]);
  return tables.flatMap((rows) => rows.map((row) => JSON.stringify(row))).join('\n');
}

/** What a process feels of its own death: nothing. Here it unwinds the stack, and every later statement is refused too. */
export class Died extends Error {}

export interface Mortal extends Ledger {
  dead(): boolean;
  /** What was on its way to the engine when it died has arrived: on a server other connections may still be at work. */
  settled(): Promise<void>;
}

/**
 * The ledger of a process that dies at its `last`-th statement: before it reaches the engine, or after it did but before
 * the answer came. The end of a transaction counts as a statement.
 */
export function mortal(ledger: Ledger, last: number, answered: () => boolean): Mortal {
  let count = 0;
  let dead = false;
  const underWay = new Set<Promise<unknown>>();
  const noted = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    const end = () => void underWay.delete(work);
    work.then(end, end);
    return work;
  };
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    if (dead) throw new Died();
    count += 1;
    if (count < last) return work();
    dead = true;
    if (answered()) await work();
    throw new Died();
  };
  const inside = (queryable: Queryable): Queryable => ({
    query: (sql, params) => noted(step(() => queryable.query(sql, params))),
  });
  return {
    ...inside(ledger),
    capabilities: { ...ledger.capabilities, embedded: true },
    tenantId: (code) => noted(step(() => ledger.tenantId(code))),
    forTenant: (tenantId) => inside(ledger.forTenant(tenantId)),
    health: () => ledger.health(),
    close: async () => undefined,
    async transaction(work) {
      if (dead) throw new Died();
      const value = await noted(
        ledger.transaction(async (tx) => {
          const found = await work(inside(tx));
          count += 1;
          if (count < last) return found;
          dead = true;
          if (answered()) return found;
          throw new Died();
        }),
      );
      if (dead) throw new Died();
      return value;
    },
    dead: () => dead,
    async settled() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
