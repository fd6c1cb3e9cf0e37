import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { adoptVector, schemaDrift } from '../../src/ledger/migrate.ts';
import { applyRetention } from '../../src/ledger/retention.ts';

const noon = '2026-11-20T12:00:00Z';

/** What every ledger must hold to, whichever twin `open` gives. It starts empty and is closed at the end. */
export function ledgerContract(open: () => Promise<Ledger>): void {
  let ledger: Ledger;
  let tenantId: number;

  beforeAll(async () => {
    ledger = await open();
    tenantId = await ledger.tenantId('contract');
    await ledger.query('SELECT ensure_partitions($1)', [noon]);
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.query('TRUNCATE dim_resource, oo_locator, event_envelope, etl_job_run CASCADE');
  });

  const resource = async (urn: string, tenant = tenantId): Promise<string> => {
    const rows = await ledger.query<{ resource_id: string }>(
      `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, $2, 'service', $2) RETURNING resource_id`,
      [tenant, urn],
    );
    return rows[0]?.resource_id ?? '';
  };

  describe('values', () => {
    it('bigint is text, a time a Date, jsonb parsed, an array an array, null null', async () => {
      const rows = await ledger.query(
        `SELECT 9007199254740993::bigint AS big, 7::int AS small, 0.5::float8 AS part, $1::timestamptz AS at,
                $2::jsonb AS doc, $3::text[] AS list, NULL::text AS nothing, true AS yes`,
        [noon, { a: [1, 'b'] }, ['x', null, 'with "quotes", commas']],
      );
      expect(rows).toEqual([
        {
          big: '9007199254740993',
          small: 7,
          part: 0.5,
          at: new Date(noon),
          doc: { a: [1, 'b'] },
          list: ['x', null, 'with "quotes", commas'],
          nothing: null,
          yes: true,
        },
      ]);
    });

    it('unnest writes thousands of rows in one statement', async () => {
      const names = Array.from({ length: 2_000 }, (_, index) => `urn:svc:s${index}`);
      await ledger.query(
        `INSERT INTO dim_resource (tenant_id, urn, type, name, labels)
         SELECT $1, urn, 'service', urn, labels FROM unnest($2::text[], $3::jsonb[]) AS g(urn, labels)`,
        [tenantId, names, names.map((name) => JSON.stringify({ name }))],
      );
      const rows = await ledger.query(
        `SELECT count(*)::int AS n, count(labels ->> 'name')::int AS labelled FROM dim_resource`,
      );
      expect(rows).toEqual([{ n: 2_000, labelled: 2_000 }]);
    });

    it('an error names what is wrong and the ledger goes on', async () => {
      await expect(ledger.query('SELECT nonsense')).rejects.toThrow('nonsense');
      await expect(ledger.query('SELECT $1::uuid AS id', ['no-uuid'])).rejects.toThrow('no-uuid');
      await expect(ledger.query('SELECT 1 / $1::int AS part', [0])).rejects.toThrow('division by zero');
      await expect(ledger.query('SELECT $1::int AS n')).rejects.toThrow(/parameter/);
      expect(await ledger.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  describe('transactions', () => {
    it('show all or nothing', async () => {
      const work = ledger.transaction(async (tx) => {
        await tx.query(
          `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, 'urn:svc:half', 'service', 'half')`,
          [tenantId],
        );
        throw new Error('changed my mind');
      });
      await expect(work).rejects.toThrow('changed my mind');
      expect(await ledger.query(`SELECT 1 FROM dim_resource WHERE urn = 'urn:svc:half'`)).toEqual([]);
    });

    it('run side by side with queries and lose none', async () => {
      const id = await resource('urn:svc:counter');
      const add = () =>
        ledger.transaction(async (tx) => {
          const rows = await tx.query<{ n: number }>(
            `SELECT coalesce((labels ->> 'n')::int, 0) AS n FROM dim_resource WHERE resource_id = $1 FOR UPDATE`,
            [id],
          );
          await tx.query('UPDATE dim_resource SET labels = $2 WHERE resource_id = $1', [
            id,
            { n: (rows[0]?.n ?? 0) + 1 },
          ]);
        });
      await Promise.all([
        ...Array.from({ length: 8 }, add),
        ledger.query('SELECT 1'),
        ledger.query('SELECT 2'),
      ]);
      expect(await ledger.query(`SELECT labels FROM dim_resource WHERE resource_id = $1`, [id])).toEqual([
        { labels: { n: 8 } },
      ]);
    });

    it('roll back when a bound value is refused, and leave the ledger usable', async () => {
      const work = ledger.transaction((tx) => tx.query('SELECT $1::timestamptz AS at', ['yesterday-ish']));
      await expect(work).rejects.toMatchObject({ code: '22007' });
      await expect(resource('urn:svc:x', -1)).rejects.toMatchObject({ code: '23503' });
      expect(await ledger.transaction((tx) => tx.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    });

    it('a failed statement does not poison the next transaction', async () => {
      await expect(ledger.transaction((tx) => tx.query('SELECT 1/0'))).rejects.toThrow('division by zero');
      expect(await ledger.transaction((tx) => tx.query('SELECT 1 AS one'))).toEqual([{ one: 1 }]);
    });
  });

  describe('tenants', () => {
    it('a code keeps its number, also when asked for at the same time', async () => {
      const ids = await Promise.all(Array.from({ length: 5 }, () => ledger.tenantId('twice')));
      expect(new Set(ids).size).toBe(1);
    });

    it('two tenants may hold the same URN, one tenant only once', async () => {
      const other = await ledger.tenantId('neighbour');
      await resource('urn:svc:checkout');
      await resource('urn:svc:checkout', other);
      await expect(resource('urn:svc:checkout')).rejects.toThrow('ux_resource_urn');
    });
  });

  timeSeries(
    () => ledger,
    () => tenantId,
    resource,
  );

  describe('evidence', () => {
    it('the same evidence of an event is kept once, whichever of its references is empty', async () => {
      const [event] = await ledger.query<{ event_id: string }>(
        `INSERT INTO event_envelope (tenant_id, severity, kind) VALUES ($1, 'ERROR', 'slo_violation') RETURNING event_id`,
        [tenantId],
      );
      const link = (ref: unknown) =>
        ledger.query(
          `INSERT INTO evidence_link (event_id, dim, ref_pg) VALUES ($1, 'metric', $2)
           ON CONFLICT (event_id, dim, ref_pg_hash, coalesce(ref_oo, 0)) DO NOTHING RETURNING evidence_id`,
          [event?.event_id, ref],
        );
      expect(await link({ table: 'metric_1m', keys: { a: 1 } })).toHaveLength(1);
      expect(await link({ table: 'metric_1m', keys: { a: 1 } })).toHaveLength(0);
      expect(await link({ table: 'metric_1m', keys: { a: 2 } })).toHaveLength(1);
      expect(await link(null)).toHaveLength(1);
      expect(await link(null)).toHaveLength(0);
    });

    it('a severity outside the list is refused', async () => {
      await expect(
        ledger.query(`INSERT INTO event_envelope (tenant_id, severity, kind) VALUES ($1, 'LOUD', 'x')`, [
          tenantId,
        ]),
      ).rejects.toThrow('severity');
    });
  });

  describe('job ledger', () => {
    it('a window of a job and tenant exists once', async () => {
      const add = () =>
        ledger.query(
          `INSERT INTO etl_job_run (job, tenant_id, window_from, window_to) VALUES ('j', $1, $2, $3)`,
          [tenantId, noon, '2026-11-20T12:01:00Z'],
        );
      await add();
      await expect(add()).rejects.toThrow('ux_job_once');
    });
  });

  describe('knowledge', () => {
    it('finds the nearest chunk by vector, where the server can', async () => {
      if (!ledger.capabilities.vector) return;
      const vector = (at: number) =>
        `[${Array.from({ length: 1536 }, (_, index) => (index === at ? 1 : 0)).join(',')}]`;
      const [doc] = await ledger.query<{ doc_id: string }>(
        'INSERT INTO kb_doc (tenant_id) VALUES ($1) RETURNING doc_id',
        [tenantId],
      );
      for (const at of [3, 4])
        await ledger.query(
          'INSERT INTO kb_chunk (doc_id, chunk_idx, content, embedding) VALUES ($1, $2, $3, $4)',
          [doc?.doc_id, at, `chunk ${at}`, vector(at)],
        );
      const nearest = await ledger.query(
        'SELECT content FROM kb_chunk WHERE doc_id = $1 ORDER BY embedding <-> $2 LIMIT 1',
        [doc?.doc_id, vector(4)],
      );
      expect(nearest).toEqual([{ content: 'chunk 4' }]);
    });
  });

  it('pgvector that comes after the tables gives chunks of knowledge their embedding', async () => {
    if (!ledger.capabilities.vector) return;
    await ledger.query('DROP EXTENSION vector CASCADE');
    expect(await schemaDrift(ledger)).toContain('kb_chunk.embedding is missing');
    await adoptVector(ledger);
    expect(await schemaDrift(ledger)).not.toEqual([]);
    await ledger.query('CREATE EXTENSION vector');
    await adoptVector(ledger);
    await adoptVector(ledger);
    expect(await schemaDrift(ledger)).toEqual([]);
  });

  it('reports health and no drift', async () => {
    const health = await ledger.health();
    expect(health).toMatchObject({ ready: true, lastError: null, drift: [] });
    expect(health.latencyMs).toBeGreaterThan(0);
  });
}

function timeSeries(
  ledger: () => Ledger,
  tenantId: () => number,
  resource: (urn: string) => Promise<string>,
): void {
  describe('time series', () => {
    const write = (bucket: string, id: string, value: number, labels: unknown = {}) =>
      ledger().query(
        `INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, labels) VALUES ($1, $2, $3, 'm', $4, $5)
         ON CONFLICT (bucket, tenant_id, resource_id, metric, labels_hash) DO UPDATE SET avg_val = excluded.avg_val`,
        [bucket, tenantId(), id, value, labels],
      );

    it('a second write of the same point overwrites it; other labels are another point', async () => {
      const id = await resource('urn:svc:points');
      await write(noon, id, 1, { a: 'x', b: 'y' });
      await write(noon, id, 2, { b: 'y', a: 'x' });
      await write(noon, id, 3, { a: 'z' });
      const rows = await ledger().query('SELECT avg_val FROM metric_1m WHERE resource_id = $1 ORDER BY 1', [
        id,
      ]);
      expect(rows).toEqual([{ avg_val: 2 }, { avg_val: 3 }]);
    });

    it('a point of a resource that does not exist is refused', async () => {
      await expect(write(noon, '999999999', 1)).rejects.toThrow('foreign key');
    });

    it('partitions are made ahead once, and dropped after the retention of their table', async () => {
      await ledger().query(`SELECT ensure_partitions('2024-03-01')`);
      const again = await ledger().query<{ n: number }>(`SELECT ensure_partitions('2024-03-01') AS n`);
      expect(again).toEqual([{ n: 0 }]);
      const id = await resource('urn:svc:old');
      await write('2024-03-01T00:00:00Z', id, 1);
      await ledger().query('SELECT drop_expired_partitions($1)', ['2024-08-01']);
      expect(await ledger().query('SELECT avg_val FROM metric_1m WHERE resource_id = $1', [id])).toEqual([
        { avg_val: 1 },
      ]);
      await ledger().query('SELECT drop_expired_partitions($1)', ['2024-11-01']);
      expect(await ledger().query('SELECT avg_val FROM metric_1m WHERE resource_id = $1', [id])).toEqual([]);
    });

    it('a row outside every partition is kept, and gets a partition of its own later', async () => {
      const id = await resource('urn:svc:far');
      await write('2025-02-03T00:00:00Z', id, 7, { where: 'far' });
      const kept = () => ledger().query('SELECT avg_val, labels FROM metric_1m WHERE resource_id = $1', [id]);
      expect(await kept()).toEqual([{ avg_val: 7, labels: { where: 'far' } }]);
      const [adopted] = await ledger().query<{ n: number }>('SELECT adopt_rest_partitions(50) AS n');
      expect(adopted?.n).toBe(ledger().capabilities.timescale ? 0 : 1);
      expect(await kept()).toEqual([{ avg_val: 7, labels: { where: 'far' } }]);
      await write('2025-02-03T00:00:00Z', id, 8, { where: 'far' });
      expect(await kept()).toEqual([{ avg_val: 8, labels: { where: 'far' } }]);
      await write('2025-06-03T00:00:00Z', id, 9);
      await ledger().query(`SELECT ensure_partitions('2025-06-03')`);
      expect(await kept()).toHaveLength(2);
      expect(await ledger().query('SELECT adopt_rest_partitions(50) AS n')).toEqual([{ n: 0 }]);
      await ledger().query(`SELECT drop_expired_partitions('2026-05-01')`);
      expect(await kept()).toEqual([]);
    });

    it('a row that waits in no partition is dropped after the retention too', async () => {
      const id = await resource('urn:svc:lost');
      await write('2023-02-03T00:00:00Z', id, 7);
      await ledger().query(`SELECT drop_expired_partitions('2024-01-01')`);
      expect(await ledger().query('SELECT 1 FROM metric_1m WHERE resource_id = $1', [id])).toEqual([]);
    });

    it('the retention of a table is what the configuration says, and its default again without', async () => {
      const days = async () =>
        (
          await ledger().query<{ days: number }>(
            `SELECT extract(day FROM retention)::int AS days FROM time_series WHERE table_name = 'metric_1m'`,
          )
        )[0]?.days;
      await applyRetention(ledger(), ['metric_1m=30']);
      expect(await days()).toBe(30);
      const id = await resource('urn:svc:short');
      await ledger().query(`SELECT ensure_partitions('2026-01-08')`);
      await write('2026-01-08T00:00:00Z', id, 1);
      await ledger().query(`SELECT drop_expired_partitions('2026-03-01')`);
      expect(await ledger().query('SELECT 1 FROM metric_1m WHERE resource_id = $1', [id])).toEqual([]);
      await applyRetention(ledger(), []);
      expect(await days()).toBe(180);
      await expect(applyRetention(ledger(), ['dim_resource=3'])).rejects.toThrow(
        /dim_resource is no time-series table of the ledger; there are .*metric_1m/,
      );
    });

    it('retention is 180 days for metrics and patterns, 365 for calls', async () => {
      const rows = await ledger().query(
        `SELECT table_name, extract(day FROM retention)::int AS days FROM time_series
          WHERE table_name IN ('metric_1m', 'log_pattern_5m', 'service_call_5m') ORDER BY 1`,
      );
      expect(rows).toEqual([
        { table_name: 'log_pattern_5m', days: 180 },
        { table_name: 'metric_1m', days: 180 },
        { table_name: 'service_call_5m', days: 365 },
      ]);
    });

    it('every index of the source is there', async () => {
      const rows = await ledger().query<{ indexname: string }>(
        `SELECT indexname FROM pg_indexes WHERE schemaname = 'public'`,
      );
      const names = new Set(rows.map((row) => row.indexname));
      const wanted =
        'idx_res_type idx_res_labels_gin idx_oo_time idx_metric_key idx_metric_labels idx_call_src_dst idx_logpat_tenant idx_logpat_pattern_trgm idx_logpat5m_res idx_topo_valid idx_kb_chunk_doc idx_kb_chunk_meta idx_event_time ux_evidence_unique idx_evidence_event ux_job_once';
      expect(wanted.split(' ').filter((name) => !names.has(name))).toEqual([]);
    });
  });
}
