/**
 * Two tenants of one running Clew: every operation of the API document is asked, with the token of one, about all that the other
 * has. An operation that is made later is asked too, or the test says that it does not know how.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/lib/index.ts';
import { jsonToWire } from '../../src/receive/otlp/json.ts';
import { isSenders, leaks, type Operation, operationsOf, requestOf, said } from '../support/api-walk.ts';
import { type RunningClew, startClew } from '../support/clew.ts';
import { exportPath, grpcClient } from '../support/grpc.ts';
import { type Ask, askAs, type Belongings, furnish, nothing, secretWord } from '../support/tenants.ts';

const operator = 'operator-token';
const ofShop = 'shop-token-0123456789';
const ofBank = 'bank-token-0123456789';
/** Calls are rolled up every five minutes. */
const waitMs = 360_000;

const dir = mkdtempSync(join(tmpdir(), 'clew-tenants-e2e-'));
const tokensFile = join(dir, 'tokens.yaml');
const shopLine = `- { tenant: shop, token: ${ofShop} }\n`;
const bankLine = `- { tenant: bank, sha256: ${sha256Hex(ofBank)} }\n`;
const env = { CLEW_AUTH_TOKEN: operator, CLEW_AUTH_TOKENS_FILE: tokensFile };
let clew: RunningClew;
let shop: Ask;
let bank: Ask;
let anybody: Ask;
let belongings: Belongings;
let operations: Operation[];

beforeAll(async () => {
  writeFileSync(tokensFile, `tokens:\n${shopLine}${bankLine}`);
  clew = await startClew(dir, {
    ...env,
    CLEW_DETECT_ENABLED: 'true',
    CLEW_ROLLUP_ENABLED: 'true',
    CLEW_ROLLUP_DELAY_S: '1',
  });
  [shop, bank, anybody] = [askAs(clew, ofShop), askAs(clew, ofBank), askAs(clew, '')];
  operations = operationsOf(JSON.parse((await anybody('GET', '/api/openapi.json')).text));
  belongings = await furnish(shop, waitMs);
}, 600_000);
afterAll(async () => {
  await clew?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;
const bankRows = (sql: string) => rowsOf(bank, sql);
async function rowsOf(ask: Ask, sql: string): Promise<unknown[][]> {
  const { status, text } = await ask('POST', '/api/v1/sql', { sql });
  expect(status, text).toBe(200);
  return JSON.parse(text).rows;
}

describe('with the token of one tenant', () => {
  it('nothing is answered without one, except the probes', async () => {
    const open: string[] = [];
    for (const operation of operations) {
      const path = operation.path.replaceAll(/\{\w+\}/g, '1');
      const { status } = await anybody(operation.method, path, operation.method === 'get' ? undefined : {});
      if (status !== 401) open.push(nameOf(operation));
    }
    expect(open).toEqual(['get /livez', 'get /readyz']);
  }, 120_000);

  it('its own things are found where the walk below looks for another’s, so the walk can fail', async () => {
    const showing = new Set<string>();
    for (const operation of operations.filter(({ method }) => method === 'get')) {
      const answer = await shop(...requestOf(operation, belongings, Date.now()));
      if (operation.inPath.length > 0) expect(answer.status, nameOf(operation)).toBe(200);
      if (answer.text.includes(secretWord)) showing.add(operation.path.replace(/^\/api\/v1/, ''));
    }
    const expected = [
      '/case',
      '/case/{id}',

      '/logs',
      '/traces/{trace_id}',
      '/patterns/{id}',
    ];
    expected.push(
      '/dead-letters/{id}',
      '/evidence/{evidence_id}/rows',
      '/locator/{id}/rows',
      '/schema/{table}',
    );
    expected.push('/events/{event_id}/evidence', '/pipelines/{name}', '/objectives', '/signals', '/topology');
    expect([...showing]).toEqual(expect.arrayContaining(expected));
  }, 120_000);

  it('no operation shows, changes or tells of what another tenant has', async () => {
    const stateOf = async () =>
      Promise.all(
        [
          `/case/${belongings.case}`,
          '/api/v1/pipelines/own',
          `/api/v1/dead-letters/${belongings.letter}`,
          '/api/v1/patterns/corrections',
          '/api/v1/patterns/setups',
          '/schema',
        ].map(async (path) => said(await shop('GET', path), nothing)),
      );
    const before = await stateOf();
    const problems: string[] = [];
    for (const operation of operations.filter((each) => !isSenders(each)))
      problems.push(...(await leaks(operation, bank, belongings, nothing)));
    expect(problems).toEqual([]);
    expect(await stateOf()).toEqual(before);
    const alerts = await bank('GET', '/api/v2/alerts');
    expect(alerts).toEqual({ status: 200, text: '[]' });
  }, 300_000);

  it('only the operator asks what speaks for the whole server', async () => {
    const refused: string[] = [];
    for (const operation of operations.filter(({ method }) => method === 'get')) {
      const [method, path] = requestOf(operation, nothing, Date.now());
      if ((await bank(method, path)).status !== 403) continue;
      refused.push(operation.path);
      expect((await askAs(clew, operator)(method, path)).status, path).not.toBe(403);
    }
    expect(refused.sort()).toEqual(
      ['/api/v1/intake', '/api/v1/storage', '/api/v1/targets', '/healthz', '/metrics'].sort(),
    );
  }, 120_000);

  it('the operator lists and opens cases of any tenant, and reads as its own', async () => {
    const ask = askAs(clew, operator);
    expect((await ask('GET', '/case?tenant=shop')).text).toContain(secretWord);
    expect((await ask('GET', `/case/${belongings.case}`)).status).toBe(200);
    expect((await ask('GET', '/case')).text).not.toContain(secretWord);
    expect((await ask('GET', '/api/v1/logs')).text).not.toContain(secretWord);
  });

  it('the same idempotency key of two tenants is two requests', async () => {
    const create = async (token: string) => {
      const answer = await fetch(`${clew.url}/case/create`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'idempotency-key': 'k1',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ title: 'same' }),
      });
      return ((await answer.json()) as { data: { id: string; tenant: string } }).data;
    };
    const [first, second, again] = [await create(ofShop), await create(ofBank), await create(ofBank)];
    expect([first.tenant, second.tenant]).toEqual(['shop', 'bank']);
    expect(again.id).toBe(second.id);
    expect(first.id).not.toBe(second.id);
  });
});

describe('telemetry', () => {
  it('comes in for the tenant of the token over gRPC, and not without one', async () => {
    const [, address = ''] = /OTLP\/gRPC: (\S+)/.exec(clew.output()) ?? [];
    const client = grpcClient(address);
    const record = { timeUnixNano: `${BigInt(Date.now()) * 1_000_000n}`, body: { stringValue: 'by grpc' } };
    const bytes = jsonToWire(
      'logs',
      JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
    );
    const headers = { authorization: `Bearer ${ofBank}`, 'x-scope-orgid': 'shop' };
    expect((await client.call(exportPath.logs, bytes, headers)).code).toBe(0);
    const basic = { authorization: `Basic ${Buffer.from(`bank:${ofBank}`).toString('base64')}` };
    expect((await client.call(exportPath.logs, bytes, { ...basic, 'x-scope-orgid': 'shop' })).code).toBe(0);
    expect((await client.call(exportPath.logs, bytes, { authorization: 'Bearer x' })).code).toBe(16);
    client.close();
    const sql = `SELECT DISTINCT Tenant FROM otel_logs WHERE Body = 'by grpc'`;
    await expect.poll(() => bankRows(sql), { timeout: waitMs }).toEqual([['bank']]);
    expect(await rowsOf(shop, sql)).toEqual([]);
  }, 200_000);

  it('a token that is taken out of the file is refused within seconds, and others go on', async () => {
    writeFileSync(tokensFile, `tokens:\n${shopLine}`);
    await expect.poll(async () => (await bank('GET', '/case')).status, { timeout: 30_000 }).toBe(401);
    expect((await shop('GET', '/case')).status).toBe(200);
    writeFileSync(tokensFile, 'tokens: [{ tenant: shop }]');
    await expect
      .poll(() => clew.output(), { timeout: 30_000 })
      .toContain('tokens were not read again; the former ones stay');
    expect((await shop('GET', '/case')).status).toBe(200);
    writeFileSync(tokensFile, `tokens:\n${shopLine}${bankLine}`);
    await expect.poll(async () => (await bank('GET', '/case')).status, { timeout: 30_000 }).toBe(200);
  }, 120_000);

  it('comes in for the tenant of the token where the process only takes in', async () => {
    const data = { CLEW_DATA_DIR: join(dir, 'split'), ...env };
    const taking = await startClew(dir, { ...data, CLEW_ROLES: 'ingest' });
    const push = (authorization: string) =>
      fetch(`${taking.url}/loki/api/v1/push`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', 'x-scope-orgid': 'shop' },
        body: JSON.stringify({
          streams: [
            { stream: { service: 'a' }, values: [[`${BigInt(Date.now()) * 1_000_000n}`, 'by loki']] },
          ],
        }),
      });
    expect((await push(`Basic ${Buffer.from(`promtail:${ofBank}`).toString('base64')}`)).status).toBe(204);
    expect((await push(`Basic ${Buffer.from('promtail:wrong').toString('base64')}`)).status).toBe(401);
    expect((await askAs(taking, ofBank)('GET', '/metrics')).status).toBe(403);
    await taking.stop();
    const whole = await startClew(dir, data);
    try {
      const sql = `SELECT Body FROM otel_logs WHERE Body = 'by loki'`;
      await expect.poll(() => rowsOf(askAs(whole, ofBank), sql), { timeout: waitMs }).toEqual([['by loki']]);
      expect(await rowsOf(askAs(whole, ofShop), sql)).toEqual([]);
    } finally {
      await whole.stop();
    }
  }, 300_000);
});

it('a file of tokens that is wrong, or without the operator’s token, is refused at the start', async () => {
  const wrong = join(dir, 'wrong.yaml');
  writeFileSync(wrong, 'tokens:\n- { tenant: shop, token: short }\n');
  await expect(
    startClew(dir, { ...env, CLEW_AUTH_TOKENS_FILE: wrong, CLEW_DATA_DIR: join(dir, 'none') }),
  ).rejects.toThrow(/wrong\.yaml:2: tokens\.0\.token: has too few characters; at least 16 are needed/);
  await expect(
    startClew(dir, { CLEW_AUTH_TOKENS_FILE: tokensFile, CLEW_DATA_DIR: join(dir, 'none') }),
  ).rejects.toThrow(/auth\.tokens_file is .* but auth\.token is empty/);
}, 120_000);
