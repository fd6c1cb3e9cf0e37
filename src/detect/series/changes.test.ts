import { describe, expect, it } from 'vitest';
import { seeded } from '../../lib/index.ts';
import { changes, compareWindows } from './index.ts';
import { normals } from './synthetic.ts';

const stepMs = 60_000;
const t0 = Date.UTC(2026, 0, 5);

function series(n: number, value: (i: number) => number) {
  const timestamps = Array.from({ length: n }, (_, i) => t0 + i * stepMs);
  return { timestamps, values: timestamps.map((_, i) => value(i)) };
}

describe('changes', () => {
  it('names nothing in noise, in a daily pattern, in a random walk’s small brother and in a constant', () => {
    let named = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const z = normals(seed);
      let ar = 0;
      named += changes(series(600, () => 50 + 5 * z())).changes.length;
      named += changes(series(600, (i) => 50 + 20 * Math.sin((i / 96) * 2 * Math.PI) + 2 * z())).changes
        .length;
      named += changes(
        series(600, () => {
          ar = 0.7 * ar + z();
          return 10 + ar;
        }),
      ).changes.length;
    }
    expect(changes(series(600, () => 7)).changes).toEqual([]);
    expect(named).toBeLessThanOrEqual(4);
  });

  it('dates a level shift within its interval, over a daily pattern too', () => {
    let inside = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const z = normals(seed);
      const input = series(
        600,
        (i) => 50 + (seed % 2) * 10 * Math.sin((i / 96) * 2 * Math.PI) + 2 * z() + (i >= 431 ? 8 : 0),
      );
      const shift = changes(input).changes.find(({ kind }) => kind === 'level_shift');
      expect(shift, `seed ${seed}`).toBeDefined();
      if (!shift) continue;
      expect(shift.direction).toBe('up');
      const truth = t0 + 431 * stepMs;
      expect(Math.abs(shift.onset.at - truth)).toBeLessThanOrEqual(5 * stepMs);
      if (shift.onset.from <= truth && truth <= shift.onset.to) inside++;
      expect(shift.sigmas).toBeGreaterThan(1.5);
    }
    expect(inside).toBeGreaterThanOrEqual(27);
  });

  it('tells spikes, trends, spread, flat lines and gaps apart', () => {
    const z = normals(5);
    const kinds = (value: (i: number) => number) =>
      changes(series(500, value)).changes.map(({ kind }) => kind);
    expect(kinds((i) => 20 + z() + (i === 300 ? 30 : 0))).toEqual(['spike']);
    expect(kinds((i) => 20 + z() + i * 0.05)).toEqual(['trend']);
    expect(kinds((i) => 20 + z() * (i > 250 ? 6 : 1))).toContain('variance');
    expect(kinds((i) => (i >= 300 && i < 340 ? 20 : 20 + z()))).toContain('flat_line');
    const { timestamps, values } = series(500, () => 20 + z());
    const holed = timestamps.map((_, i) => i).filter((i) => i < 200 || i > 240);
    const report = changes({
      timestamps: holed.map((i) => timestamps[i] ?? 0),
      values: holed.map((i) => values[i] ?? 0),
    });
    expect(report.changes.map(({ kind }) => kind)).toEqual(['gap']);
    expect(report.caveats).toContain('gaps');
  });

  it('judges a counter by its rate and takes its fall for a restart', () => {
    const z = normals(9);
    let total = 0;
    const input = series(400, (i) => {
      if (i === 150) total = 0;
      total += Math.max(0, (i >= 250 ? 1200 : 600) + 20 * z());
      return total;
    });
    const report = changes(input);
    expect(report.caveats).toEqual(expect.arrayContaining(['counter', 'resets']));
    const shift = report.changes.find(({ kind }) => kind === 'level_shift');
    expect(shift?.before).toBeCloseTo(10, 0);
    expect(shift?.after).toBeCloseTo(20, 0);
  });

  it('gives the same answer for misordered and repeated rows, and says so', () => {
    const z = normals(3);
    const { timestamps, values } = series(300, (i) => 5 + z() + (i >= 200 ? 6 : 0));
    const random = seeded(11);
    const order = timestamps.map((_, i) => i).sort(() => random() - 0.5);
    const shuffled = changes({
      timestamps: [...order.map((i) => timestamps[i] ?? 0), timestamps[7] ?? 0, t0],
      values: [...order.map((i) => values[i] ?? 0), values[7] ?? 0, Number.NaN],
    });
    expect(shuffled.changes).toEqual(changes({ timestamps, values }).changes);
    expect(shuffled.caveats).toEqual(expect.arrayContaining(['misordered', 'duplicates', 'not_numbers']));
  });

  it('never throws on anything that is numbers of equal length', () => {
    const random = seeded(21);
    for (let round = 0; round < 200; round++) {
      const n = Math.floor(random() * 60);
      const odd = [Number.NaN, Infinity, -Infinity, 0, 1e308, -1e308, 5e-324];
      const pick = () => (random() < 0.3 ? (odd[Math.floor(random() * odd.length)] ?? 0) : random() * 100);
      const timestamps = Array.from({ length: n }, () =>
        random() < 0.1 ? pick() : Math.floor(random() * 1e6),
      );
      const values = Array.from({ length: n }, pick);
      expect(() => JSON.stringify(changes({ timestamps, values }))).not.toThrow();
    }
    expect(() => changes({ timestamps: [1, 2], values: [1] })).toThrow('2 timestamps and 1 values');
  });
});

describe('periods', () => {
  it('finds the calendar’s period exactly, however many cycles add up', () => {
    const z = normals(12);
    const report = changes(series(15_000, (i) => 50 + 10 * Math.sin((i / 1440) * 2 * Math.PI) + z()));
    expect(report.period).toBe(1440);
    expect(report.changes).toEqual([]);
  });
});

describe('compareWindows', () => {
  const baseline = { from: t0, to: t0 + 200 * stepMs };
  const incident = { from: t0 + 200 * stepMs, to: t0 + 230 * stepMs };

  it('tells direction, size, chance and onset of what differs', () => {
    const z = normals(4);
    const input = series(230, (i) => 100 + 4 * z() + (i >= 206 ? 30 : 0));
    const found = compareWindows(input, { baseline, incident });
    expect(found.direction).toBe('up');
    expect(found.sigmas).toBeGreaterThan(5);
    expect(found.pValue).toBeLessThan(1e-4);
    expect(Math.abs((found.onset?.at ?? 0) - (t0 + 206 * stepMs))).toBeLessThanOrEqual(stepMs);
  });

  it('is quiet when nothing changed in 29 of 30 draws, and without data on a side', () => {
    let loud = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const z = normals(seed);
      if (
        compareWindows(
          series(230, () => 100 + 4 * z()),
          { baseline, incident },
        ).direction !== 'none'
      )
        loud++;
    }
    expect(loud).toBeLessThanOrEqual(2);
    const empty = compareWindows(
      series(200, () => 1),
      { baseline, incident },
    );
    expect(empty).toMatchObject({ direction: 'none', pValue: 1, onset: null });
  });

  it('accepts a baseline after the incident', () => {
    const z = normals(8);
    const input = series(230, (i) => 100 + 4 * z() - (i < 30 ? 40 : 0));
    const found = compareWindows(input, {
      baseline: { from: t0 + 40 * stepMs, to: t0 + 230 * stepMs },
      incident: { from: t0, to: t0 + 30 * stepMs },
    });
    expect(found.direction).toBe('down');
    expect(found.onset?.from).toBe(t0);
  });
});
