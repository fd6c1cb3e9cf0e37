import { expect, test } from 'vitest';
import { sharesByTenant, topShares } from './storage.ts';

const tables = [
  {
    table: 'logs',
    tenants: [
      { tenant: 'a', bytes: 10 },
      { tenant: 'b', bytes: 30 },
    ],
  },
  {
    table: 'spans',
    tenants: [
      { tenant: '', bytes: 99 },
      { tenant: 'a', bytes: 5 },
    ],
  },
];

test('bytes of tables become bytes of tenants, largest first and nobody last', () => {
  expect(sharesByTenant(tables).map(({ tenant, bytes }) => [tenant, bytes])).toEqual([
    ['b', 30],
    ['a', 15],
    ['', 99],
  ]);
});

test('what has no colour of its own is one share, and no byte is lost', () => {
  const shares = ['x', 'y', 'z'].map((name, i) => ({ name, label: name, bytes: i + 1 }));
  const top = topShares(shares, ['z', 'none'], 'others');
  expect(top.map(({ label, bytes }) => [label, bytes])).toEqual([
    ['z', 3],
    ['others', 3],
  ]);
  expect(topShares(shares, ['x', 'y', 'z'], 'others')).toEqual(shares);
});
