import { deployers, type Fault, harmlessDeploy, harmlessFlag } from './fault.ts';

export const logStorm: Fault = {
  name: 'log-storm',
  description: 'the log level of frontend is left at debug: over a thousand records a second',
  expected: { resources: () => ['urn:svc:frontend'], kind: 'log_storm' },
  repair: 'the configuration value log.level of frontend is put back',
  inject: async (shop) => {
    shop.setConfig('frontend', 'log.level', 'debug', deployers);
  },
  heal: async (shop) => {
    shop.setConfig('frontend', 'log.level', 'info', 'operator');
  },
  decoys: {
    early: harmlessDeploy('catalog', 'v3.2.1'),
    late: harmlessFlag('checkout', 'gift.wrap', 'on'),
  },
};
