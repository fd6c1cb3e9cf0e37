import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectGarbage, seeded } from '../../lib/index.ts';
import { alarmScore, SeriesDetector } from './index.ts';
import { normals } from './synthetic.ts';

const t0 = Date.UTC(2026, 0, 5);
const stepMs = 300_000;
const day = 288;

function scores(values: readonly number[], step = stepMs): number[] {
  const detector = new SeriesDetector();
  return values.map((value, i) => detector.push(t0 + i * step, value));
}

const alarms = (all: readonly number[]): number[] =>
  all.flatMap((score, i) => (score >= alarmScore ? [i] : []));

/** Series in which nothing happens, as operations see them. */
const quietFamilies: Record<string, (i: number, z: () => number, u: () => number) => number> = {
  noise: (_, z) => 50 + 5 * z(),
  'heavy-tailed noise': (_, z) => Math.exp(3 + 0.6 * z()),
  'daily rhythm': (i, z) => 100 + 40 * Math.sin((i / day) * 2 * Math.PI) + 3 * z(),
  'working days': (i, z) =>
    (Math.floor(i / day) % 7 >= 5 ? 20 : 60) * (1.2 + Math.sin((i / day) * 2 * Math.PI)) + 2 * z(),
  'counts, mostly zero': (_, __, u) => (u() < 0.05 ? 1 + Math.floor(3 * u()) : 0),
  'job every hour': (i, z) => (i % 12 < 2 ? 40 : 5) + z(),
  constant: () => 7,
};

describe('SeriesDetector', () => {
  it('never lets a score depend on what comes after it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 400 }),
        fc.nat(),
        (values, cut) => {
          const at = cut % values.length;
          const changed = values.map((value, i) => (i > at ? -value * 3 + 1 : value));
          expect(scores(changed).slice(0, at + 1)).toEqual(scores(values).slice(0, at + 1));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('answers the same whatever the unit and the zero point of the series', () => {
    const z = normals(7);
    const values = Array.from(
      { length: 3000 },
      (_, i) => 10 + z() + (i === 1500 ? 12 : 0) + (i > 2400 ? 6 : 0),
    );
    const plain = scores(values);
    for (const [scale, shift] of [
      [1024, 0],
      [1 / 4096, 0],
      [1, 1000],
    ] as const) {
      const moved = scores(values.map((value) => value * scale + shift));
      for (const [i, score] of plain.entries()) expect(moved[i]).toBeCloseTo(score, 5);
    }
  });

  it('sees a drop as it sees a rise', () => {
    const z = normals(7);
    const values = Array.from({ length: 3000 }, (_, i) => z() + (i === 1500 ? 12 : 0) + (i > 2400 ? 6 : 0));
    expect(alarms(scores(values.map((value) => -value)))).toEqual(alarms(scores(values)));
    expect(alarms(scores(values))).toContain(1500);
  });

  it('gives numbers from 0 to 1 for any input, NaN, infinities, extremes and broken timestamps too', () => {
    const odd = fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e308, -1e308, 5e-324, 1);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(odd, fc.double()), fc.oneof(odd, fc.double())), { maxLength: 300 }),
        (rows) => {
          const detector = new SeriesDetector();
          for (const [time, value] of rows) {
            const score = detector.push(time, value);
            expect(score >= 0 && score <= 1).toBe(true);
            if (!Number.isFinite(value)) expect(score).toBe(0);
          }
          expect(Number.isFinite(detector.detail().expected)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('learns nothing from missing values', () => {
    const z = normals(3);
    const values = Array.from({ length: 1500 }, () => 20 + z());
    const detector = new SeriesDetector();
    const holed = values.map((value, i) => {
      if (i % 3 === 0) detector.push(t0 + i * stepMs, Number.NaN);
      return detector.push(t0 + i * stepMs, value);
    });
    expect(holed).toEqual(scores(values));
  });

  it.each(Object.entries(quietFamilies))('raises at most one alarm in 1 200 samples of %s', (_, value) => {
    let raised = 0;
    let samples = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const [z, u] = [normals(seed), seeded(seed + 100)];
      const all = scores(Array.from({ length: 15 * day }, (_, i) => value(i, z, u)));
      raised += alarms(all.slice(2 * day)).length;
      samples += 13 * day;
    }
    expect(raised).toBeLessThanOrEqual(samples / 1200);
  });

  const daily = (i: number, z: () => number) => 100 + 40 * Math.sin((i / day) * 2 * Math.PI) + 3 * z();
  const start = 10 * day + 37;
  const faults: [string, number, (i: number, z: () => number) => number][] = [
    ['a spike', 0, (i, z) => daily(i, z) + (i === start ? 60 : 0)],
    ['a level shift', 6, (i, z) => daily(i, z) + (i >= start ? 25 : 0)],
    ['a drop to nothing', 2, (i, z) => (i >= start && i < start + 40 ? 0 : daily(i, z))],
    ['a flat line', 20, (i, z) => (i >= start && i < start + 100 ? 88 : daily(i, z))],
    ['three times the noise', 40, (i, z) => daily(i, z) + (i >= start && i < start + 140 ? 12 * z() : 0)],
    ['a ramp', 80, (i, z) => daily(i, z) + (i >= start ? 0.6 * (i - start) : 0)],
    [
      'a day that does not rise',
      100,
      (i, z) => (i >= start && i < start + 150 ? 100 + 3 * z() : daily(i, z)),
    ],
  ];
  it.each(faults)('notices %s within %i samples in 11 of 12 draws', (_, within, value) => {
    let found = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const z = normals(seed);
      const all = scores(Array.from({ length: 11 * day }, (_, i) => value(i, z)));
      if (alarms(all).some((at) => at >= start && at <= start + within)) found++;
    }
    expect(found).toBeGreaterThanOrEqual(11);
  });

  it('makes one alarm, or few, of one long event', () => {
    const z = normals(2);
    const all = scores(Array.from({ length: 14 * day }, (_, i) => daily(i, z) + (i >= start ? 30 : 0)));
    expect(alarms(all.slice(start, start + day)).length).toBeLessThanOrEqual(3);
  });

  it('forgets: what it saw weeks ago no longer hides the same event', () => {
    const z = normals(6);
    const values = Array.from({ length: 60_000 }, (_, i) => 10 + z() + (i === 500 || i === 59_000 ? 40 : 0));
    expect(scores(values)[59_000]).toBeGreaterThan(alarmScore);
  });

  it('holds the same memory after a hundred thousand samples as after ten thousand', () => {
    const detectors = Array.from({ length: 40 }, () => new SeriesDetector());
    const z = normals(1);
    const feed = (from: number, to: number) => {
      for (let i = from; i < to; i++) for (const detector of detectors) detector.push(t0 + i * stepMs, z());
    };
    const used = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    };
    feed(0, 2000);
    const before = used();
    feed(2000, 20_000);
    // Garbage of the test itself is at most a few megabytes; one kept number per sample would be six.
    expect(used() - before).toBeLessThan(5_000_000);
  });
});
