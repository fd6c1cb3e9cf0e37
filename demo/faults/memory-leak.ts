import { deployers, type Fault, harmlessFlag } from './fault.ts';

const good = 'v1.7.3';
const bad = 'v1.8.0';

export const memoryLeak: Fault = {
  name: 'memory-leak',
  description: `cart ${bad} takes over: it keeps every price book it ever saw, is killed at its memory limit and starts again, over and over`,
  expected: { resources: () => ['urn:svc:cart'], kind: 'memory_leak' },
  repair: `the gateway routes cart back to ${good}`,
  inject: async (shop) => {
    await shop.deploy('cart', bad, deployers);
  },
  heal: async (shop) => {
    await shop.deploy('cart', good, 'operator');
  },
  decoys: {
    early: harmlessFlag('catalog', 'search.synonyms', 'on'),
    late: harmlessFlag('checkout', 'gift.wrap', 'on'),
  },
};
