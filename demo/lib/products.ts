export interface Product {
  sku: string;
  name: string;
  category: string;
  priceCents: number;
}

const materials = ['Oak', 'Walnut', 'Steel', 'Linen', 'Wool', 'Cork', 'Glass', 'Brass', 'Ceramic', 'Felt'];
const things = ['Lamp', 'Chair', 'Table', 'Shelf', 'Rug', 'Bowl', 'Clock', 'Vase'];
const sizes = ['small', 'medium', 'large', 'grand', 'slim'];

/** The shop's whole assortment, the same in every process. */
export const products: readonly Product[] = materials.flatMap((material, m) =>
  things.flatMap((thing, t) =>
    sizes.map((size, s) => {
      const index = (m * things.length + t) * sizes.length + s;
      return {
        sku: skuOf(index),
        name: `${material} ${thing}, ${size}`,
        category: thing.toLowerCase(),
        priceCents: 1_900 + ((index * 977) % 24_000),
      };
    }),
  ),
);

export function skuOf(index: number): string {
  return `SKU-${String(index).padStart(5, '0')}`;
}
