/** Products, search and recommendations, all in memory. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HttpError } from '../lib/http-error.ts';
import { products } from '../lib/products.ts';
import { runService } from '../lib/service.ts';
import { RankRebuild } from './catalog-rank.ts';

const bySku = new Map(products.map((product) => [product.sku, product]));
const searchResultsMax = 20;

/** Texts about each category stand in files, as an editor's system would deliver them. */
async function writeTexts(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const category of new Set(products.map((product) => product.category)))
    await writeFile(join(dir, `${category}.txt`), `Our ${category}s are made to last, and to be repaired.`);
}

await runService(async (service) => {
  const { telemetry, settings } = service;
  const texts = join(settings.dataDir, 'texts');
  await writeTexts(texts);
  const textOf = (category: string): Promise<string> => readFile(join(texts, `${category}.txt`), 'utf8');
  let rebuild: RankRebuild | null = null;

  service.route('GET /products', async ({ query }) => {
    const count = Math.min(Number(query.get('featured') ?? 8), 50);
    const first = Math.floor(Math.random() * (products.length - count));
    const featured = products.slice(first, first + count);
    const text = await textOf(featured[0]?.category ?? 'lamp');
    return { status: 200, body: { products: featured, text } };
  });

  service.route('GET /products/{sku}', async ({ params }) => {
    const product = bySku.get(params.sku ?? '');
    if (!product) throw new HttpError(404, 'not_found', `No product ${params.sku}`);
    return { status: 200, body: { ...product, text: await textOf(product.category) } };
  });

  service.route('GET /products/{sku}/recommendations', async ({ params }) => {
    const product = bySku.get(params.sku ?? '');
    if (!product) throw new HttpError(404, 'not_found', `No product ${params.sku}`);
    const related = products.filter((other) => other.category === product.category && other !== product);
    return { status: 200, body: { products: related.slice(0, 6), text: await textOf(product.category) } };
  });

  service.route('GET /search', async ({ query }) => {
    const words = (query.get('q') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const found = telemetry.tracer.startActiveSpan('rank results', (span) => {
      const matching = products.filter((product) =>
        words.every((word) => product.name.toLowerCase().includes(word)),
      );
      span.setAttribute('search.results', matching.length);
      span.end();
      return matching;
    });
    const text = found[0] ? await textOf(found[0].category) : 'Nothing found.';
    return { status: 200, body: { total: found.length, products: found.slice(0, searchResultsMax), text } };
  });

  /** What a merchandiser's "refresh recommendations" button calls. */
  service.route('POST /recommendations/rebuild', () => {
    rebuild ??= new RankRebuild(products);
    rebuild.start();
    telemetry.log('info', 'recommendations rebuild started', { 'catalog.products': products.length });
    return { status: 202, body: { state: 'running' } };
  });
});
