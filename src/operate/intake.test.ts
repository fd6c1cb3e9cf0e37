import { expect, it } from 'vitest';
import { createAdmission, createCardinality } from '../admit/index.ts';
import { configSchema } from '../config/index.ts';
import { type Clock, createLogger, systemClock } from '../lib/index.ts';
import { createIntake } from './index.ts';

it('tells what came in as rates per second, the acknowledgement’s 99th percentile, and what was refused', async () => {
  let now = 50_000;
  let wake: () => void = () => undefined;
  const clock: Clock = {
    ...systemClock,
    now: () => now,
    monotonic: () => now,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        wake = resolve;
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const config = configSchema.parse({ limits: { recordsPerS: 100 } });
  const health = { ready: true, pendingBytes: 7, pendingSegments: 1, insertLagMs: 12.4, lastError: null };
  const door = createAdmission({
    config,
    clock,
    log: createLogger({ level: 'silent' }),
    append: async () => undefined,
    pendingBytes: () => 0,
    diskFreeBytes: () => 1e9,
  });
  const intake = createIntake({
    clock,
    door,
    detail: { health: () => health },
    guard: createCardinality(config.limits),
  });
  const settled = async () => {
    for (let n = 0; n < 50; n++) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  intake.start();
  await settled();
  const startedAt = now - 30;
  await door.deliver({
    tenant: 'a',
    signal: 'logs',
    blocks: [],
    records: 500,
    rejected: 5,
    bytes: 1_000,
    startedAt,
  });
  expect(() => door.enter(1, 'a')).toThrow('limits.records_per_s');
  now += 5_000;
  wake();
  await settled();
  const { steps, diskFreeBytes } = await intake.report();
  expect(steps).toHaveLength(1);
  expect(steps[0]).toMatchObject({
    records: { logs: 100 },
    bytes: { logs: 200 },
    rejected: { logs: 1 },
    ackP99Ms: { logs: 50 },
    refused: { rate: 0.2 },
    pendingBytes: 7,
    insertLagMs: 12,
  });
  expect(diskFreeBytes).toBe(1e9);
  await intake.stop();
});
