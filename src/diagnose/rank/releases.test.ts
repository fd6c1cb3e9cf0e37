import { expect, it } from 'vitest';
import { incidentWith, shopRequest } from '../../../test/support/incident.ts';
import type { Incident } from '../incident.ts';
import { judge } from './judge.ts';

const onset = Date.UTC(2026, 2, 3, 10, 0, 0);
const requests = 150_000;

/** A day of `shop`; its last twentieth by a release that fails one request of three. */
function aDay(): Incident {
  const day = 86_400_000;
  const spans = Array.from({ length: requests }, (_, i) => {
    const fresh = i >= requests * 0.95;
    return shopRequest(i, {
      start: onset - day * 0.95 + (i * day) / requests,
      status: fresh && i % 3 === 0 ? 'ERROR' : 'OK',
      version: fresh ? '2' : '1',
    });
  });
  const window = { from: onset, to: onset + day * 0.05 };
  const baseline = { from: onset - day * 0.95, to: onset };
  return incidentWith({ name: 'day', at: onset, window, baseline, spans });
}

it('a release is found among any number of requests', () => {
  expect(judge(aDay()).causes[0]).toMatchObject({ resource: 'shop', kind: 'bad_release' });
});
