/** What the shop consists of. */
export interface Part {
  name: string;
  /** Program file, relative to `demo/`. */
  program: string;
  version: string;
  /** False for what stands outside the shop or sends no telemetry: it gets no mesh port. */
  inside: boolean;
  config: Record<string, string>;
}

const service = (name: string, version: string, config: Record<string, string> = {}): Part => ({
  name,
  program: `services/${name}.ts`,
  version,
  inside: true,
  config: { 'log.level': 'info', ...config },
});

export const gatewayPart = service('gateway', 'v1.12.0');

export const parts: readonly Part[] = [
  service('frontend', 'v5.3.1', { 'banner.text': 'Free delivery from 50' }),
  service('catalog', 'v3.2.0', { 'search.synonyms': 'off' }),
  service('cart', 'v1.7.3', { 'cart.note': 'off' }),
  service('checkout', 'v4.1.0', { 'pool.max': '16', 'gift.wrap': 'off' }),
  service('payments', 'v2.3.9', { 'provider.fallback': 'off' }),
  service('inventory', 'v1.4.2'),
];

export const providerPart: Part = {
  name: 'provider',
  program: 'services/provider.ts',
  version: '',
  inside: false,
  config: { mode: 'normal' },
};

export const loadPart: Part = {
  name: 'load',
  program: 'load/load.ts',
  version: '',
  inside: false,
  config: { rate: '7.2' },
};

/** Resident memory at which a process of the shop is killed, as a container's limit would do it. */
export const memoryLimitBytes = 256 * 1_048_576;
