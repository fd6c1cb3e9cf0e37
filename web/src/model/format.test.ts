import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatClock,
  formatCount,
  formatIndicator,
  formatLength,
  formatMs,
  formatOwnMetric,
  formatRate,
  formatRatio,
  formatSpan,
  formatTick,
  formatUnit,
} from './format.ts';

describe('figures carry their unit and three digits that matter', () => {
  test.each([
    [0, '0'],
    [7, '7'],
    [0.25, '0.25'],
    [12.34, '12.3'],
    [9_999, '9999'],
    [12_345, '12.3k'],
    [2_400_000, '2.40M'],
    [null, '–'],
    [Number.NaN, '–'],
  ])('count %s is %s', (value, text) => expect(formatCount(value)).toBe(text));

  test.each([
    [0, '0 ms'],
    [0.45, '450 µs'],
    [12, '12 ms'],
    [1_430, '1.43 s'],
    [80_000, '1 m 20 s'],
    [null, '–'],
  ])('%s milliseconds are %s', (value, text) => expect(formatMs(value)).toBe(text));

  test.each([
    [0, '0 %'],
    [1, '100 %'],
    [0.999, '99.9 %'],
    [0.99995, '99.995 %'],
    [0.372, '37.2 %'],
    [0.0004, '0.04 %'],
    [0.00001, '<0.01 %'],
  ])('ratio %s is %s', (value, text) => expect(formatRatio(value)).toBe(text));

  test('a ratio just short of one never reads as 100 %', () => {
    expect(formatRatio(0.9999999)).not.toContain('100');
  });

  test('rates say per second, a trickle is not zero', () => {
    expect(formatRate(4.48)).toBe('4.48/s');
    expect(formatRate(0.001)).toBe('<0.01/s');
    expect(formatRate(0)).toBe('0/s');
  });

  test('bytes in powers of 1024', () => {
    expect(formatBytes(512)).toBe('512 B');
    expect(formatBytes(48_000_000)).toBe('45.8 MiB');
  });
});

describe('lengths of time', () => {
  test('two largest units', () => {
    expect(formatSpan(59_999)).toBe('59 s');
    expect(formatSpan(3_900_000)).toBe('1 h 05 m');
    expect(formatSpan(2 * 86_400_000 + 4 * 3_600_000)).toBe('2 d 4 h');
    expect(formatSpan(-5)).toBe('0 s');
  });

  test('a configured length drops a zero second unit', () => {
    expect(formatLength(60_000)).toBe('1 m');
    expect(formatLength(90_000)).toBe('1 m 30 s');
    expect(formatLength(30_000)).toBe('30 s');
    expect(formatLength(3_600_000)).toBe('1 h');
  });

  test('a countdown rounds up so that it ends at zero', () => {
    expect(formatClock(80_000)).toBe('1:20');
    expect(formatClock(1)).toBe('0:01');
    expect(formatClock(-10)).toBe('0:00');
  });
});

describe('values in the unit of what they measure', () => {
  test('by indicator', () => {
    expect(formatIndicator('availability', 0.912)).toBe('91.2 %');
    expect(formatIndicator('latency_p95', 250)).toBe('250 ms');
    expect(formatIndicator('log_volume', 900)).toBe('900/s');
  });

  test('by the unit that the server names; an unknown one is written behind', () => {
    expect(formatUnit(0.37, 'ratio')).toBe('37.0 %');
    expect(formatUnit(1.5, 's')).toBe('1.50 s');
    expect(formatUnit(3, 'connections')).toBe('3 connections');
    expect(formatUnit(null, 'ms')).toBe('–');
  });

  test('of Clew itself by the end of their name, on an axis without an empty second unit', () => {
    expect(formatOwnMetric('disk_free_bytes', 1_048_576)).toBe('1 MiB');
    expect(formatOwnMetric('window_lag_s', 69_037)).toBe('19 h 10 m');
    expect(formatOwnMetric('circuit', 'closed')).toBe('closed');
    expect(formatTick(1_500, 's')).toBe('25 m');
    expect(formatTick(1_000, 's')).toBe('16 m 40 s');
    expect(formatTick(0, 'ms')).toBe('0 ms');
  });
});
