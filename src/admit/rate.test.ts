import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/index.ts';
import { ClewError, type Clock, createLogger, systemClock } from '../lib/index.ts';
import { createAdmission } from './admission.ts';
import { Commits } from './commits.ts';

const log = createLogger({ level: 'silent' });

function setup(limits: object, more: { diskFreeBytes?: () => number; append?: () => Promise<void> } = {}) {
  let now = 1_000;
  const clock: Clock = { ...systemClock, now: () => now, monotonic: () => now };
  const config = configSchema.parse({ limits, ingest: { bodyBytesMax: 1_024 } });
  const door = createAdmission({
    config,
    clock,
    log,
    append: more.append ?? (async () => undefined),
    pendingBytes: () => 0,
    ...(more.diskFreeBytes === undefined ? {} : { diskFreeBytes: more.diskFreeBytes }),
  });
  const send = async (tenant: string, bytes: number, records: number) => {
    door.enter(bytes, tenant)();
    await door.deliver({ tenant, signal: 'logs', blocks: [], records, rejected: 0, bytes, startedAt: now });
  };
  const refusal = (tenant: string, bytes = 1): ClewError | undefined => {
    try {
      door.enter(bytes, tenant)();
      return undefined;
    } catch (error) {
      if (error instanceof ClewError) return error;
      throw error;
    }
  };
  return { door, send, refusal, pass: (ms: number) => (now += ms), clock };
}

describe('the rate of a tenant', () => {
  it('is refused beyond it with the seconds until the bucket holds something again, and let in then', async () => {
    const { send, refusal, pass } = setup({ recordsPerS: 100 });
    await send('a', 10, 450);
    expect(refusal('a')).toMatchObject({
      code: 'overloaded',
      message: 'The tenant a sends more records than limits.records_per_s (100) allows; try again in 4 s.',
      details: { retry_after_s: 4 },
    });
    expect(refusal('b')).toBeUndefined();
    pass(3_000);
    expect(refusal('a')?.details.retry_after_s).toBe(1);
    pass(1_000);
    expect(refusal('a')).toBeUndefined();
  });

  it('lets exactly the rate through over time, whatever the size of requests', async () => {
    const { send, refusal, pass } = setup({ bytesPerS: 1_000, bytesBurst: 5_000 });
    let sent = 0;
    for (let ms = 0; ms < 60_000; ms += 10) {
      const size = 1 + ((ms * 7919) % 700);
      if (refusal('a') === undefined) {
        await send('a', size, 1);
        sent += size;
      }
      pass(10);
    }
    expect(sent).toBeGreaterThanOrEqual(60_000);
    expect(sent).toBeLessThanOrEqual(60_000 + 5_000 + 700);
  });
});

describe('room for requests in memory', () => {
  // Four bodies of 1 024 bytes.
  it('is one tenant’s alone while nobody else wants it', () => {
    const { door } = setup({});
    for (let n = 0; n < 4; n++) door.enter(1_024, 'a');
    expect(() => door.enter(1_024, 'a')).toThrow('Too many large requests at once');
  });

  it('lets another tenant in at once, and halves what the first may take while the other waits', () => {
    const { door, pass } = setup({});
    const leave = Array.from({ length: 4 }, () => door.enter(1_024, 'a'));
    const first = door.enter(1_024, 'b');
    expect(() => door.enter(1_024, 'b')).toThrow('Too many');
    leave.pop()?.();
    leave.pop()?.();
    // Room for one is free, but a is at its half while b waits.
    expect(() => door.enter(1_024, 'a')).toThrow('Too many');
    const second = door.enter(1_024, 'b');
    first();
    second();
    pass(3_000);
    door.enter(1_024, 'a');
    door.enter(1_024, 'a');
  });

  it('is not taken by one that asks ten times as often: the others get what they ask for up to their part', () => {
    const { door, pass } = setup({});
    const counts = new Map<string, { asked: number; let: number }>();
    const ends: { at: number; leave: () => void }[] = [];
    for (let turn = 0; turn < 6_000; turn++) {
      pass(1);
      while ((ends[0]?.at ?? turn + 1) <= turn) ends.shift()?.leave();
      const tenant = turn % 12 < 10 ? 'a' : turn % 12 === 10 ? 'b' : 'c';
      const count = counts.get(tenant) ?? { asked: 0, let: 0 };
      counts.set(tenant, count);
      count.asked += 1;
      try {
        // Sixteen of 256 bytes fit; b and c want five each, a fifty.
        ends.push({ at: turn + 60, leave: door.enter(256, tenant) });
        count.let += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'overloaded' });
      }
    }
    const part = (tenant: string) => (counts.get(tenant)?.let ?? 0) / (counts.get(tenant)?.asked ?? 1);
    expect(part('b')).toBeGreaterThan(0.9);
    expect(part('c')).toBeGreaterThan(0.9);
    expect(part('a')).toBeGreaterThan(0.08);
  });
});

describe('a disk that gets full', () => {
  it('is refused with 503 before it is, and taken again when there is room', () => {
    let free = 300_000_000;
    const { refusal } = setup({}, { diskFreeBytes: () => free });
    expect(refusal('a')).toBeUndefined();
    free = 1_000;
    expect(refusal('a')).toMatchObject({
      code: 'unavailable',
      message:
        'Only 1000 bytes are free on the disk; the limit is ingest.disk_free_bytes_min (268435456). Free some space, or move data_dir to a larger disk.',
      details: { retry_after_s: 5 },
    });
    free = 300_000_000;
    expect(refusal('a')).toBeUndefined();
  });
});

describe('the time of commits', () => {
  it('counts a write that hangs, and forgets a slow one after some seconds', async () => {
    const { clock, pass } = setup({});
    const commits = new Commits(clock);
    let done: () => void = () => undefined;
    const hanging = commits.run(() => new Promise<void>((resolve) => (done = resolve)));
    pass(7_000);
    expect(commits.worstMs()).toBe(7_000);
    done();
    await hanging;
    expect(commits.worstMs()).toBe(7_000);
    pass(25_000);
    expect(commits.worstMs()).toBe(0);
  });
});
