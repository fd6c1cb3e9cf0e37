import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { configSchema, rolesOf } from '../config/index.ts';
import { lockRoles } from './role-locks.ts';

it('a role of a data directory belongs to one process; others are free, and it is free again after its release', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'clew-locks-'));
  try {
    const ingest = lockRoles(dir, ['ingest']);
    const rest = lockRoles(dir, ['query', 'worker']);
    expect(() => lockRoles(dir, ['ingest'])).toThrow(`Another Clew has the role ingest in ${dir}`);
    rest();
    // All or nothing: query and worker are not kept by the one that was refused.
    expect(() => lockRoles(dir, ['query', 'worker', 'ingest'])).toThrow(/role ingest/);
    lockRoles(dir, ['query', 'worker'])();
    ingest();
    lockRoles(dir, ['ingest', 'query', 'worker'])();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

it.each([
  [['all'], 'ingest,query,worker'],
  [['ingest'], 'ingest'],
  ['query,worker', 'query,worker'],
  ['worker, query', 'query,worker'],
  [['ingest', 'query', 'worker'], 'ingest,query,worker'],
])('roles %j are %s', (roles, played) => {
  expect(rolesOf(configSchema.parse({ roles })).join()).toBe(played);
});

it.each([['query'], ['worker'], ['ingest,query'], ['ingest,worker']])(
  'roles %s are refused with the setting and the splits that there are: the embedded stores let one process in',
  (roles) => {
    expect(() => rolesOf(configSchema.parse({ roles }))).toThrow(
      `roles is "${roles}". With the embedded stores`,
    );
    expect(() => rolesOf(configSchema.parse({ roles }))).toThrow('roles ingest and query,worker');
  },
);

it('an unknown role, and none, are refused', () => {
  for (const roles of ['reader', '']) expect(configSchema.safeParse({ roles }).success).toBe(false);
});
