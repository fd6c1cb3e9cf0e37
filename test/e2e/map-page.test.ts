/** The map in a real browser, over calls that were sent and files that were read: impact, ways, moments, Cypher. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunningClew } from '../support/clew.ts';
import { chromiumPath, useConsole } from '../support/console.ts';

const hex = (value: number, length: number) => value.toString(16).padStart(length, '0');
const calls = ['frontend>checkout', 'checkout>payments', 'checkout>cart', 'frontend>catalog'];

/** One call of each pair as a client span and the server span under it. */
async function sendCalls(clew: RunningClew): Promise<void> {
  const spans = new Map<string, object[]>();
  const start = BigInt(Date.now() - 30_000) * 1_000_000n;
  for (const [index, call] of calls.entries()) {
    const [src = '', dst = ''] = call.split('>');
    const traceId = hex(index + 1, 32);
    const client = hex(2 * index + 1, 16);
    const times = { startTimeUnixNano: String(start), endTimeUnixNano: String(start + 5_000_000n) };
    const add = (service: string, span: object) =>
      spans.set(service, [...(spans.get(service) ?? []), { traceId, name: 'call', ...times, ...span }]);
    add(src, { spanId: client, kind: 3 });
    add(dst, { spanId: hex(2 * index + 2, 16), parentSpanId: client, kind: 2 });
  }
  const resourceSpans = [...spans].map(([service, list]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ spans: list }],
  }));
  const answer = await fetch(`${clew.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans }),
  });
  expect(answer.status).toBe(200);
}

function declare(dir: string): void {
  mkdirSync(join(dir, 'infra'));
  writeFileSync(
    join(dir, 'infra', 'shop.yaml'),
    'apiVersion: v1\nkind: Service\nmetadata: { name: cart }\nspec: { selector: { app: cart } }\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: cart-1, labels: { app: cart } }\nspec: { containers: [{ env: [{ name: OTEL_SERVICE_NAME, value: cart }] }] }\n',
  );
}

const own = useConsole({
  env: (dir) => ({ CLEW_ROLLUP_ENABLED: 'true', CLEW_TOPOLOGY_IAC_DIRS: join(dir, 'infra') }),
  before: declare,
  fill: sendCalls,
});

const box = (service: string) => own.page.locator(`[data-testid=map-node][data-service="${service}"]`);
const open = async (path: string) => {
  await own.page.goto(own.clew.url + path);
  await own.page.getByTestId('page-map').waitFor();
};

test.skipIf(!chromiumPath)(
  'the map tells who is affected, the way between two, what is new and what is declared',
  { timeout: 240_000 },
  async () => {
    const { page, troubles } = own;
    await expect
      .poll(
        async () => {
          await open('/map');
          await page
            .getByTestId('map-node')
            .first()
            .waitFor({ timeout: 5_000 })
            .catch(() => undefined);
          return page.getByTestId('map-node').count();
        },
        { timeout: 60_000 },
      )
      .toBe(5);
    await box('payments').click();
    expect(await page.getByTestId('map-affected').innerText()).toMatch(/1\s*checkout\s*2\s*frontend/);
    expect(await box('checkout').getAttribute('data-distance')).toBe('1');
    expect(await box('cart').getAttribute('class')).toContain('faded');
    await box('frontend').click({ modifiers: ['Shift'] });
    expect(await page.getByTestId('map-way').innerText()).toContain('frontend → checkout → payments');
    await page.getByTestId('map-compare').click();
    await page.getByTestId('map-slider-since').waitFor();
    await expect.poll(() => box('checkout').getAttribute('data-status'), { timeout: 30_000 }).toBe('added');
    await page.getByTestId('map-play').click();
    await expect.poll(() => page.getByTestId('map-moment').innerText(), { timeout: 30_000 }).toMatch(/^at /);
    await expect
      .poll(
        async () => {
          await open('/map?layer=declared');
          return box('cart-1').count();
        },
        { timeout: 60_000, interval: 3_000 },
      )
      .toBe(1);
    expect(troubles).toEqual([]);
  },
);

test.skipIf(!chromiumPath)(
  'a question in Cypher is answered, or it is said why there is none',
  { timeout: 180_000 },
  async () => {
    const { page } = own;
    await open('/map');
    await page.getByTestId('map-cypher-open').click();
    await page.getByTestId('map-cypher-ask').click();
    await page
      .locator('[data-testid=map-cypher] :is(table, .problem, p.dim)')
      .first()
      .waitFor({ timeout: 120_000 });
    await page.getByTestId('map-cypher').locator('textarea').fill('MATCH (n) DELETE n RETURN n');
    await page.getByTestId('map-cypher-ask').click();
    await page.getByText(/only reading is allowed|Cypher is not available/).waitFor({ timeout: 30_000 });
  },
);
