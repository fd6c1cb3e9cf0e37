import { expect, test } from 'vitest';
import { systemClock } from '../lib/index.ts';
import { createHealth, type HealthMetric, type HealthSource } from './index.ts';

const metric = (status: boolean): HealthMetric => ({
  status,
  metric_name: 'lag_ms',
  metric_value: 7,
  dimensions: {},
  message: status ? 'ok' : 'lag is high',
  suggestion: status ? '' : 'wait',
});
const source = (namespace: string, collect: HealthSource['collect']): HealthSource => ({
  namespace,
  collect,
});

test('one failing metric makes its namespace and the whole fail, with its suggestion', async () => {
  const health = createHealth(systemClock, [
    source('detail', async () => [metric(true)]),
    source('ledger', async () => [metric(true), metric(false)]),
  ]);
  const report = await health.report();
  expect(report.status).toBe(false);
  expect(report.namespaces.map((entry) => [entry.namespace, entry.status])).toEqual([
    ['detail', true],
    ['ledger', false],
  ]);
  expect(report.namespaces[1]?.data[1]?.suggestion).toBe('wait');
});

test('a source that throws or hangs is a failing namespace, not a failing report', async () => {
  const health = createHealth({ ...systemClock, sleep: async () => {} }, [
    source('throws', async () => {
      throw new Error('no socket');
    }),
    source('hangs', () => new Promise(() => {})),
  ]);
  const report = await health.report();
  expect(report.namespaces.map((entry) => entry.message)).toEqual(['no socket', 'no answer within 2000 ms']);
});

test('include and exclude choose namespaces and refuse unknown ones by name', async () => {
  const health = createHealth(systemClock, [
    source('a', async () => [metric(true)]),
    source('b', async () => [metric(false)]),
  ]);
  expect((await health.report({ include: ['a'] })).namespaces.map((entry) => entry.namespace)).toEqual(['a']);
  expect((await health.report({ exclude: ['b'] })).status).toBe(true);
  await expect(health.report({ include: ['zzz'] })).rejects.toThrow(
    /"zzz" is not a namespace; there are a, b/,
  );
});
