import { expect, test } from 'vitest';
import { systemClock } from '../../lib/index.ts';
import { adaptersByTenant } from './index.ts';

const limits = {
  scriptAllow: ['/usr/bin/env'],
  httpAllow: ['http://127.0.0.1:1'],
  scriptOutputBytesMax: 1_000,
  clock: systemClock,
};
const adaptersOf = adaptersByTenant(limits, (tenant) => tenant === 'home');
const context = { caseId: 'c', idempotencyKey: 'k', signal: new AbortController().signal };

test('a tenant that the allow lists do not hold for starts no program of them and calls no address, whatever its plan says', async () => {
  for (const [action, params] of [
    ['script.exec', { program: '/usr/bin/env', args: [] }],
    ['http.request', { method: 'GET', url: 'http://127.0.0.1:1/' }],
  ] as const) {
    expect(adaptersOf('home').get(action)?.check(params)).toEqual([]);
    const closed = adaptersOf('other').get(action);
    expect(closed?.check(params).join()).toContain('remedy.tenants');
    const result = await closed?.run(params, context);
    expect(result?.ok).toBe(false);
    expect(result?.error).toContain('remedy.tenants');
  }
  expect(
    (await adaptersOf('home').get('script.exec')?.run({ program: '/usr/bin/env', args: [] }, context))?.ok,
  ).toBe(true);
});
