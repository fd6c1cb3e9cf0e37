import { deployers, type Fault, harmlessFlag } from './fault.ts';

const good = 'v2.3.9';
const bad = 'v2.4.0';

export const badRelease: Fault = {
  name: 'bad-release',
  description: `payments ${bad} takes over: its new tax table does not know ISO country codes, every European charge fails`,
  expected: { resources: () => ['urn:svc:payments'], kind: 'bad_release' },
  repair: `the gateway routes payments back to ${good}`,
  inject: async (shop) => {
    await shop.deploy('payments', bad, deployers);
  },
  heal: async (shop) => {
    await shop.deploy('payments', good, 'operator');
  },
  decoys: {
    early: harmlessFlag('catalog', 'search.synonyms', 'on'),
    late: harmlessFlag('frontend', 'banner.text', 'Winter sale'),
  },
};
