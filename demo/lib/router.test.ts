import { describe, expect, it } from 'vitest';
import { Router } from './router.ts';

const router = new Router<string>();
router.add('GET /products', 'list');
router.add('GET /products/{id}', 'one');
router.add('POST /carts/{cart}/items', 'add');

describe('router', () => {
  it('finds a route by method and path, with its parameters decoded', () => {
    expect(router.find('GET', '/products')?.handler).toBe('list');
    expect(router.find('POST', '/carts/c%201/items')).toEqual({
      route: '/carts/{cart}/items',
      params: { cart: 'c 1' },
      handler: 'add',
    });
  });

  it('finds nothing for another method, another length or an empty parameter', () => {
    expect(router.find('POST', '/products')).toBeUndefined();
    expect(router.find('GET', '/products/1/2')).toBeUndefined();
    expect(router.find('GET', '/products/')).toBeUndefined();
  });

  it('keeps a parameter that is not valid percent encoding as it was sent', () => {
    expect(router.find('GET', '/products/100%')?.params).toEqual({ id: '100%' });
  });

  it('refuses a malformed pattern', () => {
    expect(() => router.add('/products', 'x')).toThrow('METHOD /path');
  });
});
