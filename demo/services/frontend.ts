/** Renders the shop's pages: it gathers what a page needs from the other services and describes it as JSON. */

import { text } from '../lib/fields.ts';
import { HttpError } from '../lib/http-error.ts';
import type { ShopRequest } from '../lib/http-server.ts';
import { runService, type Service } from '../lib/service.ts';

const userOf = (request: ShopRequest): string => String(request.headers['x-user-id'] ?? 'anonymous');

/** The parts of a page, in the order in which the template engine visits them. */
const fragments = [
  'layout', 'head', 'styles', 'header', 'logo', 'search-box', 'navigation', 'menu', 'breadcrumb', 'banner',
  'main', 'gallery', 'title', 'price', 'badge', 'rating', 'description', 'variants', 'stock', 'delivery',
  'buttons', 'recommendations', 'recently-viewed', 'newsletter', 'footer', 'links', 'legal', 'scripts',
]; // biome-ignore format: a list of words

/**
 * Walks the page's fragments. At debug level each fragment tells what it resolved and whether its cache was used,
 * which is some fifty records a page: useful for one page on a developer's machine, a flood in production.
 */
function render(service: Service, page: string, model: Record<string, unknown>, user: string) {
  const { telemetry } = service;
  const banner = service.config('banner.text', 'Free delivery from 50');
  const modelText = JSON.stringify(model);
  for (const [index, fragment] of fragments.entries()) {
    if (!telemetry.enabled('debug')) continue;
    telemetry.log('debug', `template ${page}/${fragment} resolved with ${modelText.length} bytes of model`, {
      'template.name': `${page}/${fragment}`,
      'template.depth': index % 5,
    });
    telemetry.log(
      'debug',
      `fragment cache ${index % 3 === 0 ? 'miss' : 'hit'} for key ${page}:${fragment}:${user}`,
      {
        'cache.key': `${page}:${fragment}:${user}`,
      },
    );
  }
  return { page, banner, model };
}

await runService((service) => {
  const { telemetry } = service;

  service.route('GET /', async (request) => {
    const featured = await service.ask('catalog', { method: 'GET', path: '/products?featured=8' });
    return { status: 200, body: render(service, 'home', featured, userOf(request)) };
  });

  service.route('GET /search', async (request) => {
    const found = await service.ask('catalog', { method: 'GET', path: `/search?${request.query}` });
    return { status: 200, body: render(service, 'search', found, userOf(request)) };
  });

  service.route('GET /products/{sku}', async (request) => {
    const { sku } = request.params;
    const [product, related] = await Promise.all([
      service.ask('catalog', { method: 'GET', path: `/products/${sku}` }),
      service.ask('catalog', { method: 'GET', path: `/products/${sku}/recommendations` }),
    ]);
    return { status: 200, body: render(service, 'product', { product, related }, userOf(request)) };
  });

  service.route('GET /cart', async (request) => {
    const cart = await service.ask('cart', { method: 'GET', path: `/carts/${userOf(request)}` });
    return { status: 200, body: render(service, 'cart', cart, userOf(request)) };
  });

  service.route('POST /cart/items', async (request) => {
    const sku = text(request.body, 'sku');
    const product = await service.ask('catalog', { method: 'GET', path: `/products/${sku}` });
    const cart = await service.ask('cart', {
      method: 'POST',
      path: `/carts/${userOf(request)}/items`,
      body: { sku, quantity: request.body.quantity ?? 1, priceCents: product.priceCents },
    });
    return { status: 201, body: render(service, 'cart', cart, userOf(request)) };
  });

  service.route('POST /checkout', async (request) => {
    const user = userOf(request);
    const cart = await service.ask('cart', { method: 'GET', path: `/carts/${user}` });
    if (!Array.isArray(cart.lines) || cart.lines.length === 0)
      throw new HttpError(409, 'cart_empty', 'The cart is empty');
    const order = await service.ask('checkout', {
      method: 'POST',
      path: '/orders',
      body: { user, country: text(request.body, 'country'), lines: cart.lines },
    });
    await service.ask('cart', { method: 'DELETE', path: `/carts/${user}` });
    telemetry.log('info', `order ${order.id} placed by ${user}`, { 'order.id': String(order.id) });
    return { status: 201, body: render(service, 'thanks', order, user) };
  });

  service.route('GET /orders/{id}', async (request) => {
    const order = await service.ask('checkout', { method: 'GET', path: `/orders/${request.params.id}` });
    return { status: 200, body: render(service, 'order', order, userOf(request)) };
  });
});
