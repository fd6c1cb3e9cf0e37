import { afterEach, expect, it, vi } from 'vitest';
import { timeOf } from './fields.ts';

afterEach(() => vi.unstubAllEnvs());

it.each([
  '2026-11-20T16:00:00',
  '2026-11-20 16:00:00',
  '2026-11-20 16:00',
  '2026-11-20T16:00:00.000Z',
  '2026-11-20T17:00:00+01:00',
  '1795190400',
  '1795190400000000000',
])('%s is the same instant wherever it is read', (text) => {
  for (const zone of ['UTC', 'Asia/Shanghai', 'America/New_York']) {
    vi.stubEnv('TZ', zone);
    // Instants are remembered by their text: a blank makes it another one.
    expect(timeOf(`${text}${' '.repeat(zone.length % 7)}`, 'ts'), zone).toBe(1_795_190_400_000);
  }
});

it.each(['20.11.2026 16:00', 'Nov 20 2026 16:00', 'soon'])('%s is refused', (text) => {
  expect(() => timeOf(text, 'ts')).toThrow(/is not a time; it is ISO 8601 or epoch/);
});
