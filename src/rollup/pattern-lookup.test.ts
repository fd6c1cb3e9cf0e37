import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ledger } from '../ledger/index.ts';
import { openTestLedger } from '../ledger/testing.ts';
import { systemClock } from '../lib/index.ts';
import { patientLookup, patternLookup } from './pattern-lookup.ts';

let ledger: Ledger;
let names: ReturnType<typeof patientLookup>;
beforeEach(async () => {
  ledger = await openTestLedger();
  names = patientLookup(patternLookup(ledger), systemClock);
  await pattern(await ledger.tenantId('default'), '1', 'paid <*>');
});
afterEach(() => ledger.close());

async function pattern(tenantId: number, shape: string, text: string): Promise<void> {
  const [row] = await ledger.query<{ id: string }>(
    'INSERT INTO log_pattern (tenant_id, pattern) VALUES ($1, $2) RETURNING fingerprint_id AS id',
    [tenantId, text],
  );
  await ledger.query('INSERT INTO shape_pattern VALUES ($1, $2::numeric, $3)', [tenantId, shape, row?.id]);
}

/** Runs `work` while a transaction holds what the names are read from. */
async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  const [held, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const transaction = ledger.transaction(async (tx) => {
    await tx.query('LOCK TABLE shape_pattern IN ACCESS EXCLUSIVE MODE');
    held.resolve();
    await finish.promise;
  });
  await held.promise;
  try {
    return await work();
  } finally {
    finish.resolve();
    await transaction;
  }
}

const templates = async (shapes: string[]): Promise<Record<string, string>> => {
  const found = await names.templatesOf('default', shapes);
  return Object.fromEntries([...found].map(([shape, { template }]) => [shape, template]));
};

test('an idle ledger is believed, also when it says something else than before', async () => {
  expect(await templates(['1'])).toEqual({ 1: 'paid <*>' });
  await ledger.query("UPDATE log_pattern SET pattern = 'settled <*>'");
  expect(await templates(['1'])).toEqual({ 1: 'settled <*>' });
});

test('while a transaction is in the way the names are the last known ones, and nobody waits for it', async () => {
  await templates(['1']);
  const started = performance.now();
  expect(await whileBusy(() => templates(['1', '2']))).toEqual({ 1: 'paid <*>' });
  expect(performance.now() - started).toBeLessThan(2_000);
});

test('names of a tenant are remembered for that tenant alone', async () => {
  await templates(['1']);
  await ledger.query("INSERT INTO dim_tenant (code, name) VALUES ('other', 'other')");
  const found = await whileBusy(() => names.templatesOf('other', ['1']));
  expect(found).toEqual(new Map());
});

test('what came too late is known the next time', async () => {
  expect(await whileBusy(() => templates(['1']))).toEqual({});
  await ledger.query('SELECT 1');
  expect(await whileBusy(() => templates(['1']))).toEqual({ 1: 'paid <*>' });
});

test('an error of the ledger is the answer', async () => {
  await expect(names.templatesOf('default', ['no shape'])).rejects.toThrow(/numeric/);
});
