/** A place in the world, its share of the customers and the countries that their orders name. */
export interface Region {
  name: string;
  share: number;
  countries: readonly string[];
}

export const regions: readonly Region[] = [
  { name: 'eu', share: 0.45, countries: ['DE', 'FR', 'NL'] },
  { name: 'us', share: 0.35, countries: ['US'] },
  { name: 'apac', share: 0.2, countries: ['SG', 'JP'] },
];

/** A step of a journey; placeholders `{sku}` and `{order}` are filled while it runs. */
export interface Step {
  method: 'GET' | 'POST';
  path: string;
  body?: 'item' | 'checkout';
}

export interface Journey {
  name: string;
  share: number;
  steps: readonly Step[];
}

const home: Step = { method: 'GET', path: '/' };
const product: Step = { method: 'GET', path: '/products/{sku}' };
const search: Step = { method: 'GET', path: '/search?q={word}' };
const add: Step = { method: 'POST', path: '/cart/items', body: 'item' };
const cart: Step = { method: 'GET', path: '/cart' };
const checkout: Step = { method: 'POST', path: '/checkout', body: 'checkout' };
const order: Step = { method: 'GET', path: '/orders/{order}' };

export const journeys: readonly Journey[] = [
  { name: 'browse', share: 0.2, steps: [home, product, product] },
  { name: 'search', share: 0.15, steps: [search, product] },
  { name: 'cart', share: 0.15, steps: [product, add, cart] },
  { name: 'checkout', share: 0.5, steps: [product, add, checkout, order] },
];

/** Picks by share; `chance` is in [0, 1). The shares need not add up to one. */
export function pick<T extends { share: number }>(from: readonly T[], chance: number): T {
  let left = chance * from.reduce((sum, { share }) => sum + share, 0);
  for (const candidate of from) {
    left -= candidate.share;
    if (left < 0) return candidate;
  }
  const last = from.at(-1);
  if (last === undefined) throw new RangeError('There is nothing to pick from.');
  return last;
}

/** Time to the next arrival when arrivals are independent of each other, milliseconds. */
export const arrivalMs = (perSecond: number, chance: number): number =>
  (-Math.log(1 - chance) / perSecond) * 1_000;
