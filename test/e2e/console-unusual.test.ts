/** A metric that leaves its usual range, seen in a real browser: the chart, the lane, the event and the rows behind it. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { chromiumPath, shot, useConsole } from '../support/console.ts';

const minute = 60_000;
/** Minutes of the queue: about 20 people wait, of late 200. What is usual is known after the first fifty. */
const minutes = { usual: 220, high: 10, ago: 4 };

const own = useConsole({
  env: () => ({ CLEW_ROLLUP_ENABLED: 'true', CLEW_DETECT_ENABLED: 'true' }),
  before: fillQueue,
});

const nano = (at: number) => String(BigInt(at) * 1_000_000n);
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'till' } }] };

async function send(path: string, body: unknown): Promise<void> {
  const answer = await fetch(`${own.clew.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([path, answer.ok, answer.ok ? '' : await answer.text()]).toEqual([path, true, '']);
}

/** What four hours of a gauge leave in the ledger; waiting for them takes as long. */
async function fillQueue(dir: string): Promise<void> {
  const now = Date.now();
  const ledger = await openLedger({
    dir: join(dir, 'data', 'ledger'),
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  const tenantId = await ledger.tenantId('default');
  const [till] = await ledger.query<{ id: string }>(
    `INSERT INTO dim_resource (tenant_id, urn, type, name) VALUES ($1, 'urn:svc:till', 'service', 'till') RETURNING resource_id::text AS id`,
    [tenantId],
  );
  const count = minutes.usual + minutes.high;
  const start = Math.floor(now / minute) * minute - (count + minutes.ago) * minute;
  await ledger.query('SELECT ensure_partitions($1)', [new Date(start).toISOString()]);
  const rows = Array.from({ length: count }, (_, i) => {
    const value = (i < minutes.usual ? 20 : 200) + ((i * 7) % 5);
    return `('${new Date(start + i * minute).toISOString()}', ${tenantId}, ${till?.id}, 'till.queue', ${value}, ${value})`;
  });
  await ledger.query(
    `INSERT INTO metric_1m (bucket, tenant_id, resource_id, metric, avg_val, max_val) VALUES ${rows.join(',')}`,
  );
  await ledger.close();
}

/** Requests of people whose browsers send nothing: server spans without a parent, one in ten fails. */
async function sendRequests(now: number): Promise<void> {
  const spans = Array.from({ length: 40 }, (_, i) => ({
    traceId: (i + 1).toString(16).padStart(32, '0'),
    spanId: (i + 1).toString(16).padStart(16, '0'),
    name: 'POST /pay',
    kind: 2,
    startTimeUnixNano: nano(now - 20_000),
    endTimeUnixNano: nano(now - 19_900),
    ...(i % 10 === 0 ? { status: { code: 2 } } : {}),
  }));
  await send('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

interface Look {
  series: { points: { value: number | null }[]; unusual: unknown[] }[];
}
const lookAt = async (window: string): Promise<Look> => {
  const answer = await fetch(`${own.clew.url}/api/v1/series?${window}&metric=till.queue`);
  return ((await answer.json()) as { data: Look }).data;
};

test.skipIf(!chromiumPath)(
  'an empty console says what to do next on every page, and asks nothing that does nothing',
  { timeout: 180_000 },
  async () => {
    const { page, clew } = own;
    for (const [path, id, title, text] of [
      ['/', 'first-steps', 'Home', 'Waiting for the first telemetry'],
      ['/series?from=1000000000000&to=1000000600000', 'page-series', 'Metrics', 'No metric has points'],
      ['/traces', 'page-traces', 'Traces', 'No trace matches'],
      ['/patterns', 'page-patterns', 'Patterns', 'No log patterns'],
      ['/slo', 'page-slo', 'SLO', 'No objective is known yet'],
    ] as const) {
      await page.goto(clew.url + path);
      await page.getByTestId(id).waitFor();
      await page.getByText(text).first().waitFor({ timeout: 30_000 });
      expect(await page.title()).toBe(`${title} · Clew`);
    }
    // Objectives are of this moment: no range to choose there, one on the traces, where no filter is to be removed.
    expect(await page.getByTestId('time-open').count()).toBe(0);
    await page.goto(`${clew.url}/traces`);
    await page.getByTestId('time-open').waitFor();
    await page.getByText('Look at 24 h').waitFor();
    expect(await page.getByText('Remove all filters').count()).toBe(0);
    // What helps for sure: the address of this very Clew, ready to be copied.
    await page.getByRole('link', { name: 'How to send telemetry' }).click();
    await page.getByText(`OTEL_EXPORTER_OTLP_ENDPOINT=${clew.url}`).waitFor();
    await page.goBack();
    await page.getByText('No trace matches').waitFor();
  },
);

test.skipIf(!chromiumPath)(
  'a metric out of its usual range is marked on its chart, has a lane on the first page, and leads to its rows',
  { timeout: 300_000 },
  async () => {
    const { page, clew } = own;
    const now = Date.now();
    const window = `from=${now - 300 * minute}&to=${now}`;
    const unusual = async (): Promise<number> => (await lookAt(window)).series[0]?.unusual.length ?? 0;
    await expect.poll(unusual, { timeout: 240_000, interval: 2_000 }).toBeGreaterThan(0);

    await page.goto(`${clew.url}/series?${window}&q=queue`);
    await page.getByTestId('series-name').filter({ hasText: 'till.queue' }).click();
    const chart = page.getByTestId('metric-chart');
    await chart.waitFor();
    expect(Number(await chart.getAttribute('data-unusual'))).toBeGreaterThan(0);
    expect(await chart.innerText()).toMatch(/usual 1\d.* – 2\d.*median 2\d/);
    await shot(page, 'metrics');
    await page.getByTestId('series-unusual').click();
    const dialog = page.getByTestId('event-dialog');
    await dialog.getByText('Row of the rollup').waitFor();
    expect(await page.getByRole('dialog').innerText()).toMatch(/till: till\.queue is unusually high/);
    expect(await dialog.getByTestId('event-evidence').innerText()).toMatch(/till\.queue/);
    await shot(page, 'event');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(page.url()).not.toContain('event=');
  },
);

test.skipIf(!chromiumPath)(
  'the first page shows it as a lane that the keyboard opens, in English and in Chinese',
  { timeout: 120_000 },
  async () => {
    const { page, clew } = own;
    await page.goto(`${clew.url}/?range=12h&lang=en`);
    const lane = page.getByTestId('unusual-lane').filter({ hasText: 'till.queue' }).first();
    await lane.waitFor({ timeout: 30_000 });
    expect(await lane.innerText()).toMatch(/till[\s\S]*2\d.* → 20\d/);
    await lane.focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('event-dialog').waitFor();
    expect(page.url()).toContain('event=');
    // The address alone shows the same.
    await page.goto(page.url().replace('lang=en', 'lang=zh'));
    await page.getByTestId('event-dialog').waitFor();
    expect(await page.getByRole('dialog').innerText()).toMatch(/till/);
    expect(await page.getByTestId('unusual').innerText()).toMatch(/^异常/);
    await page.getByTestId('event-metric').click();
    await page.getByTestId('metric-chart').waitFor();
    expect(page.url()).toMatch(/\/series\?.*metric=till\.queue/);
  },
);

test.skipIf(!chromiumPath)(
  'who calls from outside stands on the map as what it is, with its requests and what fails of them',
  { timeout: 180_000 },
  async () => {
    const { page, clew, troubles } = own;
    await sendRequests(Date.now());
    const outside = page.locator('[data-testid=map-node][data-service="Users / outside"]');
    await expect
      .poll(
        async () => {
          await page.goto(`${clew.url}/map?lang=en`);
          await page
            .getByTestId('map-node')
            .first()
            .waitFor({ timeout: 5_000 })
            .catch(() => undefined);
          return outside.count();
        },
        { timeout: 120_000 },
      )
      .toBe(1);
    expect(await page.getByTestId('map-node').allInnerTexts()).not.toContain('unknown');
    expect(await outside.innerText()).toMatch(/\/s[\s\S]*10\.0 %/);
    await outside.click();
    expect(await page.getByTestId('map-side').innerText()).toMatch(/caller sends no telemetry[\s\S]*till/);
    await page.getByTestId('map-compare').click();
    await page.getByTestId('map-slider-since').waitFor();
    expect(troubles).toEqual([]);
  },
);
