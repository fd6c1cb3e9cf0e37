import { expect, it } from 'vitest';
import { metricsRegistry } from '../lib/index.ts';
import './process.ts';

it('memory and processor time are told at every scrape, whether or not health was asked for', async () => {
  const metricOf = async (name: string): Promise<number> => {
    const told = await metricsRegistry.getSingleMetricAsString(name);
    return Number(/^[a-z_]+ ([\d.e+]+)$/m.exec(told)?.[1]);
  };
  expect(await metricOf('process_resident_memory_bytes')).toBeGreaterThan(10e6);
  const before = await metricOf('process_cpu_seconds_total');
  for (let spent = 0; spent < 1e7; ) spent++;
  expect(await metricOf('process_cpu_seconds_total')).toBeGreaterThan(before);
});
