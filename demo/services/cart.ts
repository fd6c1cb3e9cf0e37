/** Carts in memory: they are lost with the process. */
import { type Line, text, totalCents, whole } from '../lib/fields.ts';
import { runService } from '../lib/service.ts';
import { PriceBookSnapshots } from './cart-snapshots.ts';

/** Oldest carts go first, as a cache would do it. */
const cartsMax = 20_000;

await runService((service) => {
  const { telemetry, settings } = service;
  const carts = new Map<string, Line[]>();
  const snapshots = settings.version === 'v1.8.0' ? new PriceBookSnapshots() : null;
  telemetry.meter
    .createObservableGauge('shop.cart.carts', { unit: '{cart}' })
    .addCallback((result) => result.observe(carts.size));

  const view = (id: string) => {
    const lines = carts.get(id) ?? [];
    return { id, lines, totalCents: totalCents(lines) };
  };

  service.route('GET /carts/{id}', ({ params }) => {
    snapshots?.remember(Date.now());
    return { status: 200, body: view(params.id ?? '') };
  });

  service.route('POST /carts/{id}/items', ({ params, body }) => {
    const id = params.id ?? '';
    const line = {
      sku: text(body, 'sku'),
      quantity: whole(body, 'quantity'),
      priceCents: whole(body, 'priceCents'),
    };
    snapshots?.remember(Date.now());
    carts.set(id, [...(carts.get(id) ?? []), line]);
    const oldest = carts.size > cartsMax ? carts.keys().next().value : undefined;
    if (oldest !== undefined) carts.delete(oldest);
    telemetry.log('info', `${line.quantity} x ${line.sku} put into cart ${id}`, { 'product.sku': line.sku });
    return { status: 201, body: view(id) };
  });

  service.route('DELETE /carts/{id}', ({ params }) => {
    carts.delete(params.id ?? '');
    return { status: 200, body: { id: params.id } };
  });
});
