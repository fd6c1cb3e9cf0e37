import { type Fault, harmlessDeploy, harmlessFlag } from './fault.ts';

export const cpuLoop: Fault = {
  name: 'cpu-loop',
  description:
    'somebody presses "refresh recommendations" in catalog: the computation never converges and takes its processor',
  expected: { resources: () => ['urn:svc:catalog'], kind: 'cpu_saturation' },
  repair: 'catalog is restarted',
  inject: async (shop) => {
    const response = await fetch(`${shop.addressOf('catalog')}/recommendations/rebuild`, { method: 'POST' });
    if (!response.ok) throw new Error(`catalog did not start the rebuild: ${response.status}`);
  },
  heal: (shop) => shop.restart('catalog', 'operator'),
  decoys: {
    early: harmlessDeploy('inventory', 'v1.4.3'),
    late: harmlessFlag('checkout', 'gift.wrap', 'on'),
  },
};
