import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../lib/index.ts';
import { backoffFor, failuresMax } from './claims.ts';
import { Heart, type LostReason } from './heart.ts';
import type { Job } from './job.ts';
import { LeaseWatch } from './leases.ts';
import { inOrder } from './order.ts';

const held = (beats: number, fence = 1) => ({ runId: '7', fence: String(fence), beats: String(beats) });

describe('the lease of a window', () => {
  it('ends when its heartbeat did not change for the whole time on our own clock, not before', () => {
    const watch = new LeaseWatch(30_000);
    expect(watch.observe([held(0)], 1_000)).toEqual([]);
    expect(watch.observe([held(0)], 30_999)).toEqual([]);
    expect(watch.observe([held(0)], 31_000)).toEqual([held(0)]);
  });

  it('begins again with every heartbeat, every claim, and every time it was gone meanwhile', () => {
    const watch = new LeaseWatch(30_000);
    watch.observe([held(0)], 0);
    expect(watch.observe([held(1)], 29_000)).toEqual([]);
    expect(watch.observe([held(1, 2)], 58_000)).toEqual([]);
    expect(watch.observe([], 70_000)).toEqual([]);
    expect(watch.observe([held(1, 2)], 95_000)).toEqual([]);
    expect(watch.observe([held(1, 2)], 125_000)).toHaveLength(1);
  });
});

/** A clock that stands, and whose sleeps end at once, one after the other, each moving it on. */
function steppingClock(): Clock {
  let at = 0;
  return {
    ...systemClock,
    now: () => at,
    monotonic: () => at,
    async sleep(ms, signal) {
      await systemClock.sleep(1);
      if (!signal?.aborted) at += ms;
    },
  };
}

const lostWith = (signal: AbortSignal): Promise<LostReason> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
const run = { runId: '1', fence: '1' };

describe('the heart of a worker', () => {
  it('tells a run that another worker has its window', async () => {
    const heart = new Heart({
      clock: steppingClock(),
      leaseMs: 30,
      runMsMax: 1e9,
      beat: async () => new Set(),
    });
    expect(await lostWith(heart.hold(run, 0))).toBe('taken');
  });

  it('ends the earlier run of a window that this very process took up again after standing still', async () => {
    const heart = new Heart({
      clock: systemClock,
      leaseMs: 60_000,
      runMsMax: 1e9,
      beat: async () => new Set(['1']),
    });
    const earlier = heart.hold(run, 0);
    const later = heart.hold({ ...run, fence: '2' }, 0);
    expect(earlier.reason).toBe('taken');
    expect(later.aborted).toBe(false);
    heart.release(run);
    expect(heart.abortAll()).toEqual([expect.objectContaining({ fence: '2' })]);
  });

  it('gives a run up whose lease could not be renewed, when its ledger refuses and when it hangs', async () => {
    for (const beat of [() => Promise.reject(new Error('down')), () => new Promise<never>(() => undefined)]) {
      const heart = new Heart({ clock: steppingClock(), leaseMs: 30, runMsMax: 1e9, beat });
      expect(await lostWith(heart.hold(run, 0))).toBe('unproven');
    }
  });

  it('renews the lease of a long run for as long as a run may take, then gives it up', async () => {
    let beats = 0;
    const beat = async () => {
      beats += 1;
      return new Set(['1']);
    };
    const heart = new Heart({ clock: steppingClock(), leaseMs: 30, runMsMax: 300, beat });
    expect(await lostWith(heart.hold(run, 0))).toBe('too_long');
    expect(beats).toBeGreaterThanOrEqual(20);
  });

  it('does not beat for what was released', async () => {
    const sent: string[][] = [];
    const heart = new Heart({
      clock: systemClock,
      leaseMs: 15,
      runMsMax: 1e9,
      beat: async (all) => {
        sent.push(all.map(({ runId }) => runId));
        return new Set(all.map(({ runId }) => runId));
      },
    });
    heart.hold(run, 0);
    heart.hold({ runId: '2', fence: '1' }, 0);
    heart.release(run);
    await systemClock.sleep(40);
    heart.release({ runId: '2', fence: '1' });
    const count = sent.length;
    await systemClock.sleep(40);
    expect(sent.length).toBe(count);
    expect(new Set(sent.flat())).toEqual(new Set(['2']));
  });
});

describe('back-off', () => {
  it('doubles up to ten minutes, and is spread by half', () => {
    expect(backoffFor(1, 0)).toBe(8_000);
    expect(backoffFor(1, 0.999_999)).toBe(4_000);
    expect(backoffFor(2, 0)).toBe(16_000);
    expect(backoffFor(failuresMax, 0)).toBe(600_000);
    expect(backoffFor(1_000, 0)).toBe(600_000);
  });
});

const job = (name: string, after: string[] = []): Job => ({
  name,
  after,
  alignMs: 60_000,
  delayMs: 0,
  initialLookbackMs: 60_000,
  run: async () => ({ rowsRead: 0, rowsWritten: 0, rowsConflict: 0, leftOut: {} }),
});

describe('the order of jobs', () => {
  it('puts those first that others wait for', () => {
    const names = inOrder([job('c', ['b', 'a']), job('b', ['a']), job('a')]).map(({ name }) => name);
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it.each([
    [[job('a', ['a'])], 'Job a waits for itself: a → a.'],
    [
      [job('x', ['a']), job('a', ['c']), job('b', ['a']), job('c', ['b'])],
      'Job a waits for itself: a → c → b → a.',
    ],
    [[job('a', ['nobody'])], 'Job a waits for nobody, which does not exist; known are a.'],
    [[job('a'), job('a')], 'There are two jobs with the name a.'],
  ])('refuses a circle, an unknown name and a name given twice', (jobs, message) => {
    expect(() => inOrder(jobs)).toThrow(message);
  });
});
