import { describe, expect, it } from 'vitest';
import { readOptions, UsageError } from './options.ts';

describe('options of the demo', () => {
  it('have defaults that show the whole loop', () => {
    expect(readOptions([])).toMatchObject({
      fault: 'bad-release',
      headless: false,
      warmupS: 75,
      timeoutS: 300,
    });
  });

  it('take a fault and times', () => {
    const options = readOptions([
      '--headless',
      '--json',
      '--fault',
      'cpu-loop',
      '--warmup',
      '90',
      '--timeout=120',
    ]);
    expect(options).toMatchObject({
      headless: true,
      json: true,
      fault: 'cpu-loop',
      warmupS: 90,
      timeoutS: 120,
    });
  });

  it('refuse what is unknown or no number, and say what there is', () => {
    expect(() => readOptions(['--fault', 'earthquake'])).toThrow(/bad-release, slow-query/);
    expect(() => readOptions(['--warmup', 'long'])).toThrow(/seconds from 0/);
    expect(() => readOptions(['--fast'])).toThrow(UsageError);
  });
});
