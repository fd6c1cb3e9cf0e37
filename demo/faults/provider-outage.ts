import { type Fault, harmlessDeploy, harmlessFlag } from './fault.ts';

export const providerOutage: Fault = {
  name: 'provider-outage',
  description:
    'the outside payment provider turns most requests away with 503 and leaves others without an answer',
  expected: {
    resources: (shop) => [`urn:ext:${new URL(shop.urls.provider).host}`],
    kind: 'external_dependency',
  },
  repair: 'the fallback of payments is switched on: charges are deferred until the provider is back',
  inject: async (shop) => {
    shop.setConfig('provider', 'mode', 'outage', null);
  },
  heal: async (shop) => {
    shop.setConfig('payments', 'provider.fallback', 'on', 'operator');
  },
  decoys: {
    early: harmlessDeploy('inventory', 'v1.4.3'),
    late: harmlessFlag('frontend', 'banner.text', 'Winter sale'),
  },
};
