import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { figure, judgeIndicators, loadIndicators, parseIndicator } from './index.ts';
import type { Indicator } from './schema.ts';
import { nameMatcher, ratesOf, steadyGrowth } from './series.ts';
import type { IndicatorSeries, IndicatorSource, Point, Quantity } from './source.ts';

const catalog = join(import.meta.dirname, '../../../catalog');
const indicators = loadIndicators([catalog]);
const minute = 60_000;

const nothing: IndicatorSource = {
  series: () => [],
  measure: () => [],
  logs: () => null,
  events: () => null,
};

/** Twenty points before and ten in the incident, a little noise on them that is always the same. */
function points(from: number, count: number, value: (index: number) => number): Point[] {
  return Array.from({ length: count }, (_, index) => ({
    at: (from + index) * minute,
    value: value(index) * (1 + 0.01 * Math.sin(7 * index)),
  }));
}

const sumsOf = (values: Point[]): Point[] => {
  let sum = 0;
  return values.map(({ at, value }) => {
    sum += value * 60;
    return { at, value: sum };
  });
};

/** What a check's first reading would see if its quantity was `before`, then `now`. */
function sourceOf(indicator: Indicator, before: number, now: number, grow = false): IndicatorSource {
  const [reading] = indicator.reads;
  if (reading === undefined) throw new Error(indicator.id);
  const quantity: Quantity = {
    resource: 'shop',
    baseline: before,
    incident: now,
    samples: 100,
    ref: 'r',
    example: 'x',
  };
  if ('measure' in reading) return { ...nothing, measure: (asked) => (asked === reading ? [quantity] : []) };
  if ('logs' in reading) return { ...nothing, logs: (asked) => (asked === reading ? [quantity] : []) };
  if ('events' in reading) return { ...nothing, events: (asked) => (asked === reading ? [quantity] : []) };
  const name = (pattern: string) => pattern.replaceAll('*', 'x');
  const labels = Object.fromEntries(
    Object.entries(reading.labels).map(([key, value]) => [
      key,
      (value.source.split('|')[0] ?? '').replace(/[\^$\\]/g, ''),
    ]),
  );
  const raw = (value: number) => {
    const unscaled = value / reading.scale;
    return reading.complement ? 1 - unscaled : unscaled;
  };
  const series = (metric: string, first: (i: number) => number, second: (i: number) => number) => {
    const all = [...points(0, 20, first), ...points(20, 10, second)];
    const told = reading.kind === 'counter' ? sumsOf(all) : all;
    return {
      resource: 'shop',
      metric,
      labels,
      baseline: told.slice(0, 20),
      incident: told.slice(20),
      ref: 'r',
    };
  };
  const all: IndicatorSeries[] = [
    series(
      name(reading.metric[0] ?? ''),
      (i) => raw(grow ? before * (1 + i / 15) : before),
      (i) => raw(grow ? before * (1 + (20 + i) / 15) : now),
    ),
  ];
  if (reading.divide_by)
    all.push(
      series(
        name(reading.divide_by[0] ?? ''),
        () => 1,
        () => 1,
      ),
    );
  return { ...nothing, series: (matches) => all.filter((one) => matches(one.metric)) };
}

/** A normal value of a check, and one that must be suspect. */
function valuesOf(indicator: Indicator): { normal: number; bad: number } {
  const { worse, limit, ratio, floor, unit } = indicator;
  const most = unit === '%' ? 1 : Number.POSITIVE_INFINITY;
  if (worse === 'lower') {
    const normal = limit === undefined ? Math.max(10 * floor, 1) : limit * 1.005;
    return unit === '%'
      ? { normal: Math.min(normal, 1), bad: 0.2 }
      : { normal, bad: Math.min(limit ?? normal, normal) / Math.max(3, 2 * (ratio ?? 1)) };
  }
  const level = Math.max(floor, limit ?? 0, 0.001);
  return { normal: level / 4, bad: Math.min(most, level * Math.max(1.1, 1.5 * (ratio ?? 1))) };
}

const only = (indicator: Indicator, source: IndicatorSource) => {
  const [result] = judgeIndicators([indicator], source);
  if (result === undefined) throw new Error('no result');
  return result;
};

describe.each(indicators.map((indicator) => [indicator.id, indicator] as const))('%s', (_, indicator) => {
  const { normal, bad } = valuesOf(indicator);

  it('has no answer without data, is ok when nothing changed', () => {
    expect(only(indicator, nothing).status).toBe('no_data');
    expect(only(indicator, sourceOf(indicator, normal, normal)).status).toBe('ok');
  });

  it('is suspect when its quantity gets worse, and says so with both figures in both languages', () => {
    const grows = indicator.limit === undefined && indicator.ratio === undefined;
    const result = only(indicator, sourceOf(indicator, normal, bad, grows));
    expect(result.status).toBe('suspect');
    const [finding] = result.findings;
    expect(finding?.strength).toBeGreaterThan(0);
    expect(finding?.ref).toBe('r');
    for (const language of ['en', 'zh'] as const) {
      const text = finding?.text[language] ?? '';
      expect(text).not.toMatch(/[{}]/);
      expect(text).toContain(figure(finding?.value ?? 0, indicator.unit));
    }
  });
});

describe('judging', () => {
  const cpu = indicators.find((indicator) => indicator.id === 'cpu_usage');
  if (cpu === undefined) throw new Error('cpu_usage is missing');

  it('does not blame a limit that was broken as much before', () => {
    expect(only(cpu, sourceOf(cpu, 0.95, 0.96)).status).toBe('ok');
  });

  it('reads percent and shares alike', () => {
    expect(only(cpu, sourceOf(cpu, 20, 95)).findings[0]?.text.en).toContain('95');
    expect(only(cpu, sourceOf(cpu, 20, 95)).findings[0]?.value).toBeCloseTo(0.95, 1);
  });

  it('takes the idle share of all cores as one', () => {
    const core = (n: number, idle: number): IndicatorSeries => {
      const told = sumsOf([...points(0, 20, () => 0.9), ...points(20, 10, () => idle)]);
      return {
        resource: 'host-1',
        metric: 'node_cpu_seconds_total',
        labels: { mode: 'idle', cpu: String(n) },
        baseline: told.slice(0, 20),
        incident: told.slice(20),
        ref: `cpu${n}`,
      };
    };
    const one = [core(0, 0), core(1, 0.9), core(2, 0.9), core(3, 0.9)];
    const all = [core(0, 0.02), core(1, 0.02)];
    const source = (series: IndicatorSeries[]) => ({
      ...nothing,
      series: (matches: (metric: string) => boolean) => series.filter((each) => matches(each.metric)),
    });
    expect(only(cpu, source(one)).status).toBe('ok');
    expect(only(cpu, source(all)).findings[0]?.resource).toBe('host-1');
  });

  it.each(['node_health', 'disk_space', 'registry'])(
    '%s is fine when logs and events say nothing of it, suspect when they do',
    (id) => {
      const check = indicators.find((indicator) => indicator.id === id);
      if (check === undefined) throw new Error(id);
      const silent = { ...nothing, logs: () => [], events: () => [] };
      expect(only(check, silent).status).toBe('ok');
      const told: Quantity = {
        resource: 'shop',
        baseline: 0,
        incident: 3,
        samples: 3,
        ref: 'r',
        example: 'it broke',
      };
      const result = only(check, { ...silent, logs: () => [told], events: () => [told] });
      expect(result.status).toBe('suspect');
      expect(result.findings[0]?.text.en).toContain('it broke');
    },
  );

  it('is no data, not ok, where a ratio lacks its divisor', () => {
    const retransmissions = indicators.find((indicator) => indicator.id === 'retransmissions');
    if (retransmissions === undefined) throw new Error('retransmissions is missing');
    const source = sourceOf(retransmissions, 0.001, 0.2);
    const without = {
      ...source,
      series: (matches: (metric: string) => boolean) =>
        source.series(matches).filter((series) => !series.metric.includes('OutSegs')),
    };
    expect(only(retransmissions, source).status).toBe('suspect');
    expect(only(retransmissions, without).status).toBe('no_data');
  });
});

describe('series', () => {
  it('knows a metric whatever separators its sender uses', () => {
    const matches = nameMatcher(['process.cpu.utilization', '*queue_depth*']);
    expect(
      ['process_cpu_utilization', 'Process.CPU.Utilization', 'orders-queue-depth-max'].map(matches),
    ).toEqual([true, true, true]);
    expect(matches('process.cpu.time')).toBe(false);
  });

  it('takes a counter that starts again for risen by what it shows', () => {
    const told = [10, 20, 5].map((value, index) => ({ at: index * 1000, value }));
    expect(ratesOf(told).map((point) => point.value)).toEqual([10, 5]);
  });

  it('sees a leak under a sawtooth and none in a plain sawtooth', () => {
    const saw = (leak: number) =>
      Array.from({ length: 60 }, (_, i) => ({ at: i, value: 100 + (i % 6) * 20 + leak * i }));
    expect(steadyGrowth(saw(3))).toBeGreaterThan(0.5);
    expect(steadyGrowth(saw(0))).toBeNull();
  });
});

describe('the catalogue', () => {
  const dirs: string[] = [];
  afterEach(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
  });
  const directory = (files: Record<string, string>): string => {
    const dir = mkdtempSync(join(tmpdir(), 'checks-'));
    dirs.push(dir);
    mkdirSync(join(dir, 'checks'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, 'checks', name), text);
    return dir;
  };
  const own = (more: string) =>
    `id: own\nlayer: data\ntitle: {en: T, zh: T}\nreads:\n  - metric: [m]\nfinding: {en: "{value}", zh: "{value}"}\ncauses: {en: [a], zh: [a]}\nadvice: {en: a, zh: a}\n${more}`;

  it('has a check for every layer and every step of the order of checking', () => {
    expect(new Set(indicators.map((indicator) => indicator.layer)).size).toBe(5);
    expect(new Set(indicators.map((indicator) => indicator.order))).toEqual(
      new Set([undefined, 'front_end', 'permission', 'business', 'dependency', 'data']),
    );
  });

  it('lets a file of the user take the place of a built-in one', () => {
    const dir = directory({ 'mine.yaml': own('limit: 5').replace('id: own', 'id: cpu_usage') });
    const found = loadIndicators([catalog, dir]).filter((indicator) => indicator.id === 'cpu_usage');
    expect(found.map((indicator) => indicator.limit)).toEqual([5]);
  });

  it.each([
    ['reads: 5', 'limit: 1\nfoo: 1', /own\.yaml.*foo|own\.yaml: \(file\)/],
    ['no condition', '', /limit: a limit, a ratio or grows is needed/],
    ['a bad expression', 'limit: 1', /reads/],
    ['not YAML', ': :\n- {', /not YAML/],
  ])('refuses %s and names file and field', (what, more, message) => {
    const text = what === 'a bad expression' ? own(more).replace('metric: [m]', "logs: ['(']") : own(more);
    const dir = directory({ 'own.yaml': text });
    expect(() => loadIndicators([dir])).toThrow(message);
    expect(() => parseIndicator(text, basename('own.yaml'))).toThrow(/own\.yaml/);
  });
});

it('says no unit twice: a figure comes with its own', () => {
  const twice: Record<string, RegExp> = {
    '/s': /\{value\}[^.。]*(a second|per second)|每秒/,
    '/min': /\{value\}[^.。]*(a minute|per minute)|每分钟/,
    ms: /\{value\} ?(ms|milliseconds|毫秒)/,
    s: /\{value\} ?(s\b|seconds|秒)/,
    '%': /\{value\} ?(%|percent)|百分之/,
    B: /\{value\} ?(bytes|字节)/,
  };
  for (const { id, unit, finding } of indicators)
    for (const text of [finding.en, finding.zh])
      expect([id, twice[unit]?.test(text) ?? false, text]).toEqual([id, false, text]);
});
