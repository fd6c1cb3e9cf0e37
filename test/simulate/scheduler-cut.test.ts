import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/index.ts';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { type Clock, createLogger, systemClock } from '../../src/lib/index.ts';
import type { Job } from '../../src/rollup/index.ts';
import { Scheduler } from '../../src/rollup/scheduler.ts';
import { testSeed } from '../support/seed.ts';
import {
  bare,
  careless,
  createWorld,
  Died,
  emptyWorld,
  first,
  type Mortal,
  minute,
  mortal,
  noon,
  random,
  second,
  worldState,
} from './scheduler-world.ts';

const log = createLogger({ level: 'silent' });
/** Deaths in all; set CLEW_TEST_CUTS for more, CLEW_TEST_SEED to repeat a run. */
const cuts = Number(process.env.CLEW_TEST_CUTS ?? 200);
const seed = testSeed;

let ledger: Ledger;
let now = noon;
const clock: Clock = { ...systemClock, now: () => now };

beforeAll(async () => {
  ledger = await openTestLedger();
  await createWorld(ledger);
});
afterAll(() => ledger.close());

const jobsOn = (own: Ledger): Job[] => [first, second(own), bare(own)];

const schedulerOn = (own: Ledger, worker: string, tenants: string[], jobs: (own: Ledger) => Job[]) =>
  new Scheduler({
    ledger: own,
    jobs: jobs(own),
    tenants: async () => tenants,
    clock,
    log,
    worker,
    random: () => 0,
  });

/** One life: until nothing is left to do, or until its ledger's last statement. True when it was not cut. */
async function live(own: Mortal, worker: string, tenants: string[], jobs = jobsOn): Promise<boolean> {
  try {
    await schedulerOn(own, worker, tenants, jobs).tick();
  } catch (error) {
    if (!(error instanceof Died)) throw error;
  }
  await own.settled();
  return !own.dead();
}

const undying = (own: Ledger) => mortal(own, Number.POSITIVE_INFINITY, () => false);

/** What the world looks like when nobody dies. */
async function undisturbed(tenants: string[], minutes: number): Promise<string> {
  await emptyWorld(ledger);
  for (let at = 0; at <= minutes; at++) {
    now = noon + at * minute;
    expect(await live(undying(ledger), 'calm', tenants)).toBe(true);
  }
  return worldState(ledger);
}

describe('a worker that is cut off at a statement', () => {
  it('leaves every window to be done exactly once, whichever statement it was, answered or not', async () => {
    const tenants = ['one'];
    const expected = await undisturbed(tenants, 0);
    let statement = 0;
    for (let whole = false; !whole; ) {
      statement += 1;
      for (const answered of [false, true]) {
        await emptyWorld(ledger);
        whole = await live(
          mortal(ledger, statement, () => answered),
          'a',
          tenants,
        );
        await live(undying(ledger), 'b', tenants);
        expect(await worldState(ledger), `cut at statement ${statement}, answered ${answered}`).toBe(
          expected,
        );
      }
    }
    // As many as there are in one whole life: fewer would mean that the cut did not cut.
    expect(statement).toBeGreaterThan(50);
  }, 240_000);

  it(`again and again leaves the ledger as if nothing had happened, ${cuts} deaths (seed ${seed})`, async () => {
    const tenants = ['one', 'two', 'three'];
    const minutes = 3;
    const expected = await undisturbed(tenants, minutes);
    const next = random(seed);
    let deaths = 0;
    while (deaths < cuts) {
      await emptyWorld(ledger);
      now = noon;
      for (let lives = 0; ; lives++) {
        const own = mortal(ledger, 1 + Math.floor(next() * 90), () => next() < 0.5);
        if (!(await live(own, `life-${lives}`, tenants))) {
          deaths += 1;
          continue;
        }
        if (now === noon + minutes * minute) break;
        now += minute;
      }
      expect(await worldState(ledger)).toBe(expected);
    }
  }, 1_800_000);

  it('is found out when its job adds outside of the transaction: the check can fail', async () => {
    const tenants = ['one'];
    let doubled = 0;
    for (let statement = 1, whole = false; !whole && doubled === 0; statement++) {
      await emptyWorld(ledger);
      now = noon;
      const jobs = (given: Ledger) => [careless(given)];
      whole = await live(
        mortal(ledger, statement, () => true),
        'a',
        tenants,
        jobs,
      );
      await live(undying(ledger), 'b', tenants, jobs);
      const rows = await ledger.query(
        'SELECT 1 FROM sim_log GROUP BY job, tenant_id, t_from HAVING count(*) > 1',
      );
      doubled += rows.length;
    }
    expect(doubled).toBeGreaterThan(0);
  }, 60_000);
});
