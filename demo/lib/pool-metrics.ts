import type { Pool, PoolListener } from './pool.ts';
import type { Telemetry } from './telemetry.ts';

const secondsBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The instruments that a pool reports to while it works. */
export function poolListener({ meter }: Telemetry, name: string): PoolListener {
  const attributes = { 'db.client.connection.pool.name': name };
  const advice = { explicitBucketBoundaries: secondsBounds };
  const wait = meter.createHistogram('db.client.connection.wait_time', { unit: 's', advice });
  const use = meter.createHistogram('db.client.connection.use_time', { unit: 's', advice });
  const timeouts = meter.createCounter('db.client.connection.timeouts', { unit: '{timeout}' });
  return {
    waited: (ms) => wait.record(ms / 1_000, attributes),
    used: (ms) => use.record(ms / 1_000, attributes),
    timedOut: () => timeouts.add(1, attributes),
  };
}

/** The pool's state, read when metrics are collected. */
export function observePool<C>({ meter }: Telemetry, pool: Pool<C>): void {
  const attributes = { 'db.client.connection.pool.name': pool.name };
  meter
    .createObservableUpDownCounter('db.client.connection.count', { unit: '{connection}' })
    .addCallback((result) => {
      result.observe(pool.stats.used, { ...attributes, 'db.client.connection.state': 'used' });
      result.observe(pool.stats.idle, { ...attributes, 'db.client.connection.state': 'idle' });
    });
  meter
    .createObservableUpDownCounter('db.client.connection.max', { unit: '{connection}' })
    .addCallback((result) => result.observe(pool.stats.max, attributes));
  meter
    .createObservableUpDownCounter('db.client.connection.pending_requests', { unit: '{request}' })
    .addCallback((result) => result.observe(pool.stats.pending, attributes));
}
