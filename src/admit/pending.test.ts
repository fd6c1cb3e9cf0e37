import { expect, it } from 'vitest';
import { configSchema } from '../config/index.ts';
import { createLogger } from '../lib/index.ts';
import { createAdmission } from './admission.ts';
import { PendingShare } from './pending.ts';

function make() {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now, sleep: async () => undefined };
  const share = new PendingShare(1000, clock);
  return { share, pass: (ms: number) => (now += ms) };
}

it('a tenant that is alone may fill all of the room', () => {
  const { share } = make();
  share.add('a', 1_000_000);
  expect(share.limitOf('a')).toBe(1000);
});

it('who sends more than an equal part is refused before the others are', () => {
  const { share } = make();
  share.add('noisy', 100_000);
  share.add('quiet', 1_000);
  expect(share.limitOf('noisy')).toBe(900);
  expect(share.limitOf('quiet')).toBe(1000);
  expect(share.limitOf('new')).toBe(1000);
});

it('tenants that send the same have the same', () => {
  const { share } = make();
  for (const tenant of ['a', 'b', 'c']) share.add(tenant, 5_000);
  for (const tenant of ['a', 'b', 'c']) expect(share.limitOf(tenant)).toBe(1000);
});

it('what was sent is forgotten, and the room is all for those who still send', () => {
  const { share, pass } = make();
  share.add('noisy', 100_000);
  share.add('quiet', 1_000);
  pass(10_000);
  expect(share.limitOf('noisy')).toBe(1000);
});

it('the door refuses the one that sends most while the others still find room, and says why', async () => {
  const config = configSchema.parse({ ingest: { pendingBytesMax: 2_000_000 } });
  let pending = 0;
  const clock = { now: () => 0, monotonic: () => 0, sleep: async () => undefined };
  const door = createAdmission({
    config,
    clock,
    log: createLogger({ level: 'silent' }),
    append: async () => undefined,
    pendingBytes: () => pending,
  });
  const deliver = (tenant: string, size: number) => {
    const blocks = [{ table: 'otel_logs' as const, rows: 1, bytes: new Uint8Array(size) }];
    return door.deliver({
      tenant,
      signal: 'logs',
      blocks,
      records: 1,
      rejected: 0,
      bytes: size,
      startedAt: 0,
    });
  };
  await deliver('noisy', 500_000);
  await deliver('quiet', 5_000);
  pending = 1_900_000;
  expect(() => door.enter(1_000, 'noisy')).toThrow(
    /limit is 1800000, for this tenant sends most.*\(2000000\)/,
  );
  await expect(deliver('noisy', 1_000)).rejects.toThrow('sends most');
  door.enter(1_000, 'quiet')();
  await deliver('quiet', 1_000);
  pending = 2_000_000;
  expect(() => door.enter(1_000, 'quiet')).toThrow(/limit is ingest.pending_bytes_max \(2000000\)/);
});
