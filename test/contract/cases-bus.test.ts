import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Bus, createBus } from '../../src/bus/index.ts';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { newUuid, systemClock } from '../../src/lib/index.ts';
import type { Message } from '../../src/model/index.ts';
import { until } from '../support/until.ts';
import { log } from './cases-support.ts';

let ledger: Ledger;
let bus: Bus;

beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger.close());
beforeEach(async () => {
  await ledger.query('DELETE FROM outbox');
  bus = createBus({ ledger, clock: systemClock, log, limits: { pollMs: 30, backoffMs: 5, attemptsMax: 3 } });
});
afterEach(() => bus.stop());

const put = async (key: string, n: number): Promise<string> => {
  const id = newUuid();
  await ledger.query(
    `INSERT INTO outbox (topic, key, payload, message_id, tenant, trace_id) VALUES ('cmd.exec.run', $1, $2, $3, 't', 'x')`,
    [key, JSON.stringify({ n }), id],
  );
  return id;
};
const settled = () => until('the outbox is empty', async () => (await bus.health()).pending === 0);

test('messages of one key arrive in order, also when one must be tried again; other keys do not wait', async () => {
  const seen: string[] = [];
  let failures = 2;
  bus.subscribe('consumer', ['cmd.exec.run'], async ({ key, payload }: Message) => {
    if (key === 'a' && payload.n === 1 && failures-- > 0) throw new Error('not yet');
    seen.push(`${key}${payload.n}`);
  });
  for (const n of [0, 1, 2]) await put('a', n);
  for (const n of [0, 1, 2]) await put('b', n);
  await bus.start();
  await settled();
  expect(seen.filter((each) => each.startsWith('a'))).toEqual(['a0', 'a1', 'a2']);
  expect(seen.indexOf('b2')).toBeLessThan(seen.indexOf('a1'));
});

test('a message that was handled but not marked delivered comes again and the inbox keeps it from the consumer', async () => {
  let handled = 0;
  bus.subscribe('once', ['cmd.exec.run'], async () => {
    handled++;
  });
  const id = await put('c', 1);
  await bus.start();
  await settled();
  await ledger.query('UPDATE outbox SET published_at = NULL WHERE message_id = $1', [id]);
  await settled();
  expect(handled).toBe(1);
});

test('a consumer that fails does not make the others see the message twice', async () => {
  let good = 0;
  let tries = 0;
  bus.subscribe('good', ['cmd.exec.run'], async () => {
    good++;
  });
  bus.subscribe('shaky', ['cmd.exec.run'], async () => {
    if (++tries < 3) throw new Error('shaky');
  });
  await put('d', 1);
  await bus.start();
  await settled();
  expect([good, tries]).toEqual([1, 3]);
});

test('a message that never succeeds is set aside, stands in health, and frees its key', async () => {
  const seen: unknown[] = [];
  bus.subscribe('strict', ['cmd.exec.run'], async ({ payload }) => {
    if (payload.n === 1) throw new Error('poison');
    seen.push(payload.n);
  });
  await put('e', 1);
  await put('e', 2);
  await bus.start();
  await settled();
  expect(seen).toEqual([2]);
  expect(await bus.health()).toMatchObject({ poisoned: 1, lastError: 'cmd.exec.run: poison' });
});

test('a notification is answered at once, not at the next poll', async () => {
  await bus.stop();
  bus = createBus({ ledger, clock: systemClock, log, limits: { pollMs: 60_000 } });
  let at = 0;
  bus.subscribe('quick', ['cmd.exec.run'], async () => {
    at = systemClock.monotonic();
  });
  await bus.start();
  await systemClock.sleep(50);
  const from = systemClock.monotonic();
  await put('f', 1);
  bus.notify();
  await until('it arrives', async () => at > 0);
  expect(at - from).toBeLessThan(1_000);
});
