import { describe, expect, test } from 'vitest';
import {
  isPinned,
  parseFrame,
  parseSpan,
  rangeText,
  shifted,
  widened,
  widerRange,
  windowOf,
} from './range.ts';

const minute = 60_000;

describe('time range in the URL', () => {
  test('nothing said means the last half hour', () => {
    expect(parseFrame({})).toEqual({});
    expect(windowOf({}, 100 * minute)).toEqual({ from: 70 * minute, to: 100 * minute });
  });

  test('two moments pin the window and win over a relative range', () => {
    const frame = parseFrame({ from: '1000', to: '2000', range: '1h' });
    expect(frame).toEqual({ from: 1_000, to: 2_000 });
    expect(isPinned(frame)).toBe(true);
    expect(windowOf(frame, 99_999)).toEqual({ from: 1_000, to: 2_000 });
  });

  test('a window that ends before it starts is not taken', () => {
    expect(parseFrame({ from: '2000', to: '1000' })).toEqual({});
  });

  test('nonsense falls back to the default', () => {
    expect(parseFrame({ range: 'soon', live: 'maybe' })).toEqual({});
    expect(parseFrame({ range: '1h', live: 'off' })).toEqual({ range: '1h', live: 'off' });
  });

  test('spans need a unit and an end', () => {
    expect(parseSpan('90s')).toBe(90_000);
    expect(parseSpan('7d')).toBe(7 * 86_400_000);
    expect(parseSpan('0m')).toBeUndefined();
    expect(parseSpan('9999d')).toBeUndefined();
    expect(parseSpan('30')).toBeUndefined();
  });
});

describe('moving the window', () => {
  test('earlier and later move by half and never past now', () => {
    const window = { from: 1_000, to: 2_000 };
    expect(shifted(window, -1, 10_000)).toEqual({ from: 500, to: 1_500 });
    expect(shifted(window, 1, 2_100)).toEqual({ from: 1_100, to: 2_100 });
  });

  test('wider keeps the middle', () => {
    expect(widened({ from: 1_000, to: 2_000 }, 10_000)).toEqual({ from: 500, to: 2_500 });
  });
});

test('an empty window offers the next longer one, and none beyond the longest', () => {
  expect(widerRange(1_800_000)).toBe('24h');
  expect(widerRange(86_400_000)).toBe('7d');
  expect(widerRange(8 * 86_400_000)).toBeUndefined();
});

test('a range of the address reads as a figure with its unit', () => {
  expect(['30m', '24h', '7d'].map(rangeText)).toEqual(['30 m', '24 h', '7 d']);
});
