import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultPriority, readPriorities, type WindowClass, windowClasses } from './priority.ts';
import { type Candidate, shareEvery, Turns } from './turns.ts';

const candidate = (job: string, tenant: number, kind: WindowClass, since = 0): Candidate => ({
  job,
  tenant: { id: tenant, code: `t${tenant}` },
  kind,
  since,
  probe: false,
});
const plain = readPriorities([], ['a', 'b']);

describe('turns', () => {
  it('serve fresh windows before late ones, those before catching up, and replays last, but for the shared turns', () => {
    const turns = new Turns(plain);
    turns.set([...windowClasses].reverse().map((kind) => candidate('a', 1, kind)));
    const served: WindowClass[] = [];
    for (let turn = 1; turn <= 12; turn++) {
      const next = turns.take();
      if (next && turn % shareEvery !== 0) served.push(next.kind);
    }
    expect(new Set(served)).toEqual(new Set(['fresh']));
  });

  it('give tenants equal turns, however many windows one has', () => {
    const turns = new Turns(plain);
    const tenants = [1, 2, 3, 4, 5];
    const counts = new Map<number, number>();
    for (let turn = 0; turn < 500; turn++) {
      // A tenant's candidate never goes away: all of them always have more.
      turns.set(tenants.map((tenant) => candidate('a', tenant, 'catch_up')));
      const next = turns.take();
      if (next) counts.set(next.tenant.id, (counts.get(next.tenant.id) ?? 0) + 1);
    }
    for (const tenant of tenants) expect(counts.get(tenant)).toBeGreaterThanOrEqual(99);
  });

  it('let nobody starve: of C candidates each is served within shareEvery × C turns, whatever the priorities', () => {
    const some = fc.uniqueArray(
      fc.record({
        job: fc.constantFrom('a', 'b'),
        tenant: fc.integer({ min: 1, max: 6 }),
        kind: fc.constantFrom(...windowClasses),
      }),
      { minLength: 1, maxLength: 20, selector: (each) => JSON.stringify(each) },
    );
    fc.assert(
      fc.property(some, fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 30 }), (specs, noise) => {
        const turns = new Turns(plain);
        const all = specs.map((each) => candidate(each.job, each.tenant, each.kind));
        for (const _ of noise) {
          turns.set(all.slice(0, 3));
          turns.take();
        }
        const bound = shareEvery * all.length;
        const last = new Map<string, number>();
        for (let turn = 1; turn <= 3 * bound; turn++) {
          turns.set(all);
          const next = turns.take();
          if (next) last.set(`${next.job}/${next.tenant.id}/${next.kind}`, turn);
          for (const each of all) {
            const at = last.get(`${each.job}/${each.tenant.id}/${each.kind}`) ?? 0;
            expect(turn - at).toBeLessThanOrEqual(bound);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('forget what was dropped, and a whole job of a tenant whose circuit opened', () => {
    const turns = new Turns(plain);
    const first = candidate('a', 1, 'fresh');
    turns.set([first, candidate('a', 1, 'replay'), candidate('b', 1, 'replay')]);
    turns.drop(first);
    expect(turns.waiting).toBe(2);
    turns.dropAll('a', 1);
    expect(turns.take()?.job).toBe('b');
  });
});

describe('priorities', () => {
  it('are read from entries, the later one winning, and are the defaults where none is', () => {
    const of = readPriorities(['*.replay=5', 'a.replay=7', 'b.fresh=99'], ['a', 'b']);
    expect([of('a', 'replay'), of('b', 'replay'), of('b', 'fresh'), of('a', 'fresh')]).toEqual([
      7,
      5,
      99,
      defaultPriority.fresh,
    ]);
  });

  it.each([
    ['a.fresh', 'rollup.priorities: "a.fresh" is not JOB.CLASS=NUMBER, as oo-agg.replay=5 or *.late=15.'],
    ['a.fresh=x', 'rollup.priorities: "a.fresh=x" is not JOB.CLASS=NUMBER, as oo-agg.replay=5 or *.late=15.'],
    ['c.fresh=1', 'rollup.priorities: "c.fresh=1" names a job that does not exist; known are a, b.'],
    [
      'a.new=1',
      'rollup.priorities: "a.new=1" names no class of windows; known are fresh, late, catch_up, replay.',
    ],
    ['a.fresh=1001', 'rollup.priorities: "a.fresh=1001" is more than 1000.'],
  ])('%s is refused with its reason', (entry, message) => {
    expect(() => readPriorities([entry], ['a', 'b'])).toThrow(message);
  });
});
