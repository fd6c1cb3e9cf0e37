/** Products, search and recommendations, all in memory. */
import { HttpError } from '../lib/http-error.ts';
import { products } from '../lib/products.ts';
import { runService } from '../lib/service.ts';
import { RankRebuild } from './catalog-rank.ts';

const bySku = new Map(products.map((product) => [product.sku, product]));
const searchResultsMax = 20;

await runService((service) => {
  const { telemetry } = service;
  let rebuild: RankRebuild | null = null;

  service.route('GET /products', ({ query }) => {
    const count = Math.min(Number(query.get('featured') ?? 8), 50);
    const first = Math.floor(Math.random() * (products.length - count));
    return { status: 200, body: { products: products.slice(first, first + count) } };
  });

  service.route('GET /products/{sku}', ({ params }) => {
    const product = bySku.get(params.sku ?? '');
    if (!product) throw new HttpError(404, 'not_found', `No product ${params.sku}`);
    return { status: 200, body: product };
  });

  service.route('GET /products/{sku}/recommendations', ({ params }) => {
    const product = bySku.get(params.sku ?? '');
    if (!product) throw new HttpError(404, 'not_found', `No product ${params.sku}`);
    const related = products.filter((other) => other.category === product.category && other !== product);
    return { status: 200, body: { products: related.slice(0, 6) } };
  });

  service.route('GET /search', ({ query }) => {
    const words = (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    return telemetry.tracer.startActiveSpan('rank results', (span) => {
      const found = products.filter((product) =>
        words.every((word) => product.name.toLowerCase().includes(word)),
      );
      span.setAttribute('search.results', found.length);
      span.end();
      return { status: 200, body: { total: found.length, products: found.slice(0, searchResultsMax) } };
    });
  });

  /** What a merchandiser's "refresh recommendations" button calls. */
  service.route('POST /recommendations/rebuild', () => {
    rebuild ??= new RankRebuild(products);
    rebuild.start();
    telemetry.log('info', 'recommendations rebuild started', { 'catalog.products': products.length });
    return { status: 202, body: { state: 'running' } };
  });
});
