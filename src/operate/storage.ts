import { statfs } from 'node:fs/promises';
import type { DetailStore } from '../detail/index.ts';
import { type Capability, type Ledger, ledgerUse, rowsOf } from '../ledger/index.ts';
import type { Clock, Logger } from '../lib/index.ts';
import type { TenantShare } from '../model/index.ts';
import { detailUse } from '../query/index.ts';

export interface TableUse {
  store: 'detail' | 'ledger';
  table: string;
  bytes: number;
  rows: number;
  /** Null: nothing is removed by age. */
  retentionDays: number | null;
  /** Null until it was watched for an hour. */
  growthPerDay: number | null;
  tenants: TenantShare[];
}

export interface StorageReport {
  at: number;
  disk: { totalBytes: number; freeBytes: number; keepFreeBytes: number };
  /** Bytes acknowledged but not yet inserted. */
  pendingBytes: number;
  ledger: { embedded: boolean; version: string; databaseBytes: number; capabilities: readonly Capability[] };
  /** Largest first. */
  tables: TableUse[];
  growthPerDay: number | null;
  /** Until the disk of data_dir has only what is kept free; null when it does not fill, or is not known yet. */
  daysUntilFull: number | null;
  /** Bytes at the end of each day, oldest first, the last one now; of at most `daysShown` days. */
  days: { day: string; detail: number; ledger: number }[];
}

export interface Storage {
  /** At most `keptMs` old: counting takes a while on large stores. */
  report(): Promise<StorageReport>;
  start(): void;
  stop(): Promise<void>;
}

interface StorageDeps {
  detail: Pick<DetailStore, 'query' | 'health'>;
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  /** Its disk is the one that may fill. */
  dataDir: string;
  keepFreeBytes: number;
  /** Names the process whose detail store this is. */
  instance: string;
}

const keptMs = 60_000;
/** A start has enough to do. */
const firstMs = 15_000;
const everyMs = 600_000;
const dayMs = 86_400_000;
/** Days that are remembered, and shown. */
const daysKept = 400;
const daysShown = 60;
/** Growth is measured over so many days, or over what there is of them, but not over less than this. */
const growthDays = 7;
const growthMsMin = 3_600_000;

export function createStorage(deps: StorageDeps): Storage {
  const { clock, log } = deps;
  const stop = new AbortController();
  let kept: { at: number; report: Promise<StorageReport> } | null = null;
  let running: Promise<void> = Promise.resolve();
  const report = () => {
    if (kept !== null && clock.monotonic() - kept.at < keptMs) return kept.report;
    const made = measure(deps);
    const mine = { at: clock.monotonic(), report: made };
    kept = mine;
    made.catch(() => {
      if (kept === mine) kept = null;
    });
    return made;
  };
  const loop = async () => {
    await clock.sleep(firstMs, stop.signal);
    while (!stop.signal.aborted) {
      await remember(deps).catch((error) => log.warn({ err: error }, 'sizes of tables could not be noted'));
      await clock.sleep(everyMs, stop.signal);
    }
  };
  return {
    report,
    start() {
      running = loop();
    },
    stop() {
      stop.abort();
      return running;
    },
  };
}

async function diskOf(dir: string): Promise<{ totalBytes: number; freeBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(dir);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

type Sizes = Omit<TableUse, 'growthPerDay'>[];

async function sizesOf({ detail, ledger }: StorageDeps): Promise<{ sizes: Sizes; databaseBytes: number }> {
  const [details, used] = await Promise.all([detailUse(detail), ledgerUse(ledger)]);
  const sizes: Sizes = [
    ...details.map(({ table, bytes, rows, tenants }) => ({
      store: 'detail' as const,
      table,
      bytes,
      rows,
      retentionDays: null,
      tenants: shares(bytes, tenants),
    })),
    ...used.tables.map(({ table, bytes, rows, retentionDays, tenants }) => ({
      store: 'ledger' as const,
      table,
      bytes,
      rows,
      retentionDays,
      tenants: shares(bytes, tenants),
    })),
  ];
  return { sizes: sizes.sort((a, b) => b.bytes - a.bytes), databaseBytes: used.databaseBytes };
}

/** An empty table takes its blocks, too: they belong to no one. */
function shares(bytes: number, tenants: readonly { tenant: string; rows: number }[]): TenantShare[] {
  const rows = tenants.reduce((sum, each) => sum + each.rows, 0);
  if (rows === 0) return bytes === 0 ? [] : [{ tenant: '', bytes, rows: 0 }];
  return tenants.map((each) => ({ ...each, bytes: Math.round((bytes * each.rows) / rows) }));
}

async function remember(deps: StorageDeps): Promise<void> {
  const { sizes } = await sizesOf(deps);
  const now = deps.clock.now();
  const rows = sizes.flatMap(({ store, table, tenants }) =>
    tenants.map((share) => ({ store, table, ...share, instance: store === 'detail' ? deps.instance : '' })),
  );
  await deps.ledger.query(
    `INSERT INTO storage_day (day, store, instance, table_name, tenant, bytes, row_count, first_at, first_bytes, last_at)
     SELECT $1::date, g.store, g.instance, g.table_name, g.tenant, g.bytes, g.row_count, $2::timestamptz, g.bytes, $2::timestamptz
       FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
            AS g(store, instance, table_name, tenant, bytes, row_count)
     ON CONFLICT (day, store, instance, table_name, tenant) DO UPDATE
       SET bytes = excluded.bytes, row_count = excluded.row_count, last_at = excluded.last_at`,
    [
      dayOf(now),
      new Date(now),
      ...rowsOf<(typeof rows)[number], string | number>(rows, [
        (row) => row.store,
        (row) => row.instance,
        (row) => row.table,
        (row) => row.tenant,
        (row) => row.bytes,
        (row) => row.rows,
      ]),
    ],
  );
  await deps.ledger.query('DELETE FROM storage_day WHERE day < $1::date', [dayOf(now - daysKept * dayMs)]);
}

async function measure(deps: StorageDeps): Promise<StorageReport> {
  const now = deps.clock.now();
  const [{ sizes, databaseBytes }, disk, before, days] = await Promise.all([
    sizesOf(deps),
    diskOf(deps.dataDir),
    firstLook(deps, now),
    history(deps, now),
  ]);
  const tables = sizes.map((size) => ({
    ...size,
    growthPerDay: before === null ? null : (size.bytes - before.bytes(size.store, size.table)) / before.days,
  }));
  const own = tables.filter(({ store }) => store === 'detail' || deps.ledger.capabilities.embedded);
  const growth = before === null ? null : own.reduce((sum, each) => sum + (each.growthPerDay ?? 0), 0);
  const today = { day: dayOf(now), detail: 0, ledger: 0 };
  for (const { store, bytes } of tables) today[store] += bytes;
  const room = disk.freeBytes - deps.keepFreeBytes;
  return {
    at: now,
    disk: { ...disk, keepFreeBytes: deps.keepFreeBytes },
    pendingBytes: deps.detail.health().pendingBytes,
    ledger: {
      embedded: deps.ledger.capabilities.embedded,
      version: deps.ledger.capabilities.version,
      databaseBytes,
      capabilities: deps.ledger.capabilities.list,
    },
    tables,
    growthPerDay: growth,
    daysUntilFull: growth === null || growth <= 0 ? null : Math.max(0, room) / growth,
    days: [...days.filter(({ day }) => day !== today.day), today],
  };
}

/** What each table was at the first look within the last days. */
async function firstLook(
  { ledger, instance }: StorageDeps,
  now: number,
): Promise<{ days: number; bytes(store: string, table: string): number } | null> {
  const rows = await ledger.query<{ store: string; table_name: string; bytes: number; at: Date }>(
    `SELECT store, table_name, sum(first_bytes)::float8 AS bytes, min(first_at) AS at FROM storage_day
      WHERE instance IN ('', $1) AND day = (SELECT min(day) FROM storage_day WHERE day >= $2::date AND instance IN ('', $1))
      GROUP BY 1, 2`,
    [instance, dayOf(now - growthDays * dayMs)],
  );
  const at = Math.min(...rows.map((row) => row.at.getTime()));
  if (rows.length === 0 || now - at < growthMsMin) return null;
  const known = new Map(rows.map((row) => [`${row.store} ${row.table_name}`, row.bytes]));
  return { days: (now - at) / dayMs, bytes: (store, table) => known.get(`${store} ${table}`) ?? 0 };
}

async function history(
  { ledger, instance }: StorageDeps,
  now: number,
): Promise<{ day: string; detail: number; ledger: number }[]> {
  return ledger.query(
    `SELECT to_char(day, 'YYYY-MM-DD') AS day,
            coalesce(sum(bytes) FILTER (WHERE store = 'detail'), 0)::float8 AS detail,
            coalesce(sum(bytes) FILTER (WHERE store = 'ledger'), 0)::float8 AS ledger
       FROM storage_day WHERE instance IN ('', $1) AND day > $2::date GROUP BY 1 ORDER BY 1`,
    [instance, dayOf(now - daysShown * dayMs)],
  );
}
