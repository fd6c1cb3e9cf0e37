/** What happens when the PostgreSQL server restarts, hangs, or gives fewer rights than it should. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { createPostgres, type PostgresServer } from '../support/postgres.ts';
import { postgresMissing } from '../support/postgres-programs.ts';

const log = createLogger({ level: 'silent' });
const skipped = postgresMissing === null ? '' : ` (skipped: ${postgresMissing})`;
const password = 'correct-horse-battery';

const open = (url: string, more: { password?: string; statementTimeoutS?: number } = {}): Promise<Ledger> =>
  openLedger({ dir: '', url, clock: systemClock, log, ...more });

async function asSuperuser(server: PostgresServer, database: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url(database) });
  client.on('error', () => {});
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

const backends = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clew'`;

describe.skipIf(postgresMissing !== null)(`a ledger on a server${skipped}`, () => {
  let server: PostgresServer;
  let ledger: Ledger;

  beforeAll(async () => {
    server = await createPostgres();
    ledger = await open(server.url(), { statementTimeoutS: 2 });
  });
  afterAll(async () => {
    await ledger?.close();
    server?.remove();
  });

  it('a question is asked again when its connection broke, as if nothing had happened', async () => {
    await Promise.all(Array.from({ length: 5 }, () => ledger.query('SELECT pg_sleep(0.05)')));
    const slow = ledger.query('SELECT pg_sleep(0.5), 7 AS seven');
    await systemClock.sleep(100);
    await asSuperuser(server, 'postgres', backends);
    expect((await slow)[0]).toMatchObject({ seven: 7 });
    const id = await ledger.tenantId('after');
    expect(await ledger.forTenant(id).query('SELECT code FROM dim_tenant')).toEqual([{ code: 'after' }]);
  });

  it('a change whose connection broke is not repeated, and leaves nothing behind', async () => {
    let calls = 0;
    const change = ledger.transaction(async (tx) => {
      calls += 1;
      await tx.query(`INSERT INTO dim_tenant (code, name) VALUES ('half', 'half')`);
      await asSuperuser(server, 'postgres', backends);
      await tx.query('SELECT 1');
    });
    await expect(change).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(calls).toBe(1);
    expect(await ledger.query(`SELECT 1 FROM dim_tenant WHERE code = 'half'`)).toEqual([]);
    const write = ledger
      .query(`INSERT INTO dim_tenant (code, name) SELECT 'twice', pg_sleep(0.5)::text`)
      .catch((error: Error) => error);
    await systemClock.sleep(150);
    await asSuperuser(server, 'postgres', backends);
    expect(await write).toMatchObject({ code: 'unavailable' });
  });

  it('a statement that takes too long is ended, names the setting, and holds up nobody', async () => {
    await expect(ledger.query('SELECT pg_sleep(30)')).rejects.toMatchObject({
      code: 'timeout',
      message: 'The ledger ended a statement after 2 s (ledger.statement_timeout_s).',
    });
    expect(await ledger.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('a server that is gone is said so with the time to wait, and found again when it is back', async () => {
    server.stop('immediate');
    const start = systemClock.monotonic();
    await expect(ledger.query('SELECT 1')).rejects.toMatchObject({
      code: 'unavailable',
      status: 503,
      message: expect.stringMatching(
        new RegExp(`^The ledger at 127.0.0.1:${server.port}/postgres can't be reached: .*ECONNREFUSED`),
      ),
      details: { retry_after_s: 2 },
    });
    expect(systemClock.monotonic() - start).toBeLessThan(5_000);
    expect(await ledger.health()).toMatchObject({
      ready: false,
      lastError: expect.stringContaining("can't be reached"),
    });
    server.start();
    expect(await ledger.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await ledger.health()).toMatchObject({ ready: true, lastError: null });
  });

  it('at the start it waits for a server that comes up later', async () => {
    server.stop();
    const opening = open(server.url());
    await systemClock.sleep(1_500);
    server.start();
    const second = await opening;
    expect(await second.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.close();
  });

  it('an address that is none is refused without showing it', async () => {
    await expect(open(`mysql://clew:${password}@127.0.0.1/x`)).rejects.toThrow(
      'ledger.url is no address such as postgres://user@host:5432/database.',
    );
  });
});

describe.skipIf(postgresMissing !== null)(`rights on a server${skipped}`, () => {
  let server: PostgresServer;
  const dir = mkdtempSync(join(tmpdir(), 'clew-ledger-rights-'));

  beforeAll(async () => {
    server = await createPostgres();
    await asSuperuser(
      server,
      'postgres',
      `CREATE ROLE plain LOGIN PASSWORD '${password}'`,
      'CREATE DATABASE theirs',
      'CREATE DATABASE bare',
      'CREATE DATABASE mine OWNER plain',
    );
    const file = join(server.dir, 'data', 'pg_hba.conf');
    writeFileSync(file, `host all plain 127.0.0.1/32 scram-sha-256\n${readFileSync(file, 'utf8')}`);
    server.stop();
    server.start();
  });
  afterAll(() => {
    server?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  const urlOf = (database: string) => server.url(database).replace('clew@', 'plain@');

  it('the password may come from a file, and a wrong one is not shown', async () => {
    writeFileSync(join(dir, 'password'), `${password}\n`);
    const config = loadConfig({
      env: { CLEW_LEDGER_URL: urlOf('mine'), CLEW_LEDGER_PASSWORD_FILE: join(dir, 'password') },
      flags: {},
    });
    const ledger = await openLedger({ dir: '', ...config.ledger, clock: systemClock, log });
    expect(await ledger.query('SELECT current_user::text AS role')).toEqual([{ role: 'plain' }]);
    await ledger.close();
    const wrong = open(urlOf('mine').replace('plain@', 'plain:wrong-horse@'));
    await expect(wrong).rejects.toMatchObject({ code: '28P01' });
    await expect(wrong).rejects.not.toThrow('wrong-horse');
  });

  it('without the right to create tables it says which statement a superuser must run', async () => {
    await expect(open(urlOf('theirs'), { password })).rejects.toThrow(
      'The role plain may not create tables. As a superuser run in database theirs: GRANT CREATE, USAGE ON SCHEMA public TO "plain";',
    );
  });

  it('without the right to create extensions it names them all in the statements to run', async () => {
    await asSuperuser(server, 'bare', 'GRANT CREATE, USAGE ON SCHEMA public TO plain');
    await expect(open(urlOf('bare'), { password })).rejects.toThrow(
      'The role plain may not create the extensions pg_trgm, btree_gist, pgcrypto. As a superuser run in database bare: CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS btree_gist; CREATE EXTENSION IF NOT EXISTS pgcrypto;',
    );
    await asSuperuser(
      server,
      'bare',
      ...['pg_trgm', 'btree_gist', 'pgcrypto'].map((name) => `CREATE EXTENSION ${name}`),
    );
    await (await open(urlOf('bare'), { password })).close();
  });

  it('without the right to create roles it goes on and says so, until a superuser has made the role', async () => {
    const without = await open(urlOf('mine'), { password });
    expect(without.capabilities.rowSecurity).toBe(false);
    expect(without.capabilities.list.find(({ name }) => name === 'row-level security')).toMatchObject({
      present: false,
      trouble: true,
      message: expect.stringContaining('CREATE ROLE clew_reader NOLOGIN; GRANT clew_reader TO plain;'),
    });
    const id = await without.tenantId('one');
    await without.tenantId('two');
    expect(await without.forTenant(id).query('SELECT code FROM dim_tenant')).toHaveLength(2);
    await without.close();
    await asSuperuser(server, 'mine', 'CREATE ROLE clew_reader NOLOGIN', 'GRANT clew_reader TO plain');
    const after = await open(urlOf('mine'), { password });
    expect(after.capabilities.rowSecurity).toBe(true);
    expect(await after.forTenant(id).query('SELECT code FROM dim_tenant')).toEqual([{ code: 'one' }]);
    await after.close();
  });
});
