import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Pool, PoolTimeoutError } from './pool.ts';

function poolOf(max: number, acquireTimeoutMs = 1_000) {
  const seen = { open: 0, closed: 0, timeouts: 0 };
  const pool = new Pool<number>({
    name: 'orders',
    max,
    acquireTimeoutMs,
    open: () => ++seen.open,
    close: () => {
      seen.closed++;
    },
    listener: {
      waited: () => {},
      used: () => {},
      timedOut: () => {
        seen.timeouts++;
      },
    },
  });
  return { pool, seen };
}

describe('pool', () => {
  it('never lends more connections than its maximum and serves callers in order of arrival', async () => {
    const { pool, seen } = poolOf(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map((id) =>
        pool.use(async () => {
          most = Math.max(most, ++running);
          order.push(id);
          await sleep(5);
          running--;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([1, 2, 3, 4, 5, 6]);
    expect(seen.open).toBe(2);
    expect(pool.stats).toEqual({ max: 2, idle: 2, used: 0, pending: 0 });
  });

  it('refuses a caller that waited too long and keeps serving the others', async () => {
    const { pool, seen } = poolOf(1, 20);
    const slow = pool.use(() => sleep(60));
    await expect(pool.use(async () => 'late')).rejects.toBeInstanceOf(PoolTimeoutError);
    await slow;
    expect(await pool.use(async () => 'served')).toBe('served');
    expect(seen.timeouts).toBe(1);
  });

  it('gives the connection back when the work fails', async () => {
    const { pool } = poolOf(1);
    await expect(pool.use(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await pool.use(async () => 'served')).toBe('served');
  });

  it('follows a changed maximum: waiting callers start, surplus connections are closed', async () => {
    const { pool, seen } = poolOf(1);
    const work = [1, 2, 3].map(() => pool.use(() => sleep(20)));
    expect(pool.stats.pending).toBe(2);
    pool.setMax(3);
    expect(pool.stats).toMatchObject({ used: 3, pending: 0 });
    pool.setMax(1);
    await Promise.all(work);
    expect(pool.stats).toMatchObject({ idle: 1, used: 0 });
    expect(seen.closed).toBe(2);
    expect(() => pool.setMax(0)).toThrow(RangeError);
  });
});
