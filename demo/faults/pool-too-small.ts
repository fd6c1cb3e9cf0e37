import { deployers, type Fault, harmlessDeploy, harmlessFlag } from './fault.ts';

export const poolTooSmall: Fault = {
  name: 'pool-too-small',
  description:
    "checkout's pool of database connections is set from 16 to 1: orders queue for the only connection",
  expected: { resources: () => ['urn:svc:checkout'], kind: 'connection_pool_exhausted' },
  repair: 'the configuration value pool.max of checkout is put back',
  inject: async (shop) => {
    shop.setConfig('checkout', 'pool.max', '1', deployers);
  },
  heal: async (shop) => {
    shop.setConfig('checkout', 'pool.max', '16', 'operator');
  },
  decoys: {
    early: harmlessDeploy('catalog', 'v3.2.1'),
    late: harmlessFlag('frontend', 'banner.text', 'Winter sale'),
  },
};
