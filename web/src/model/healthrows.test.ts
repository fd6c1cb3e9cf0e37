import { describe, expect, it } from 'vitest';
import { byDimension } from './healthrows.ts';

const check = (metric_name: string, job?: string) => ({
  status: true,
  metric_name,
  metric_value: 0,
  dimensions: job === undefined ? {} : ({ job } as Record<string, string>),
  message: '',
  suggestion: '',
});

describe('checks of Clew itself', () => {
  it('become a line a thing where several things are checked alike', () => {
    const { columns, lines } = byDimension([
      check('lag_s', 'a'),
      check('failed', 'a'),
      check('lag_s', 'b'),
      check('failed', 'b'),
    ]);
    expect(columns).toEqual(['lag_s', 'failed']);
    expect(lines.map((line) => [line.name, line.cells.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('stay a list where one thing is checked, or things are checked differently', () => {
    expect(byDimension([check('lag_s'), check('failed')]).columns).toEqual([]);
    expect(byDimension([check('lag_s', 'a'), check('failed', 'a')]).columns).toEqual([]);
    expect(byDimension([check('lag_s', 'a'), check('lag_s', 'b'), check('failed', 'b')]).columns).toEqual([]);
  });
});
