/** The page Patterns in a real browser: a pattern is found, named, merged with another one, and the merge undone. */
import { expect, test } from 'vitest';
import type { RunningClew } from '../support/clew.ts';
import { chromiumPath, useConsole } from '../support/console.ts';

const minute = 60_000;

async function sendLogs(clew: RunningClew): Promise<void> {
  const at = Date.now() - 3 * minute;
  const records = Array.from({ length: 40 }, (_, i) => ({
    timeUnixNano: `${BigInt(at + i * 100) * 1_000_000n}`,
    severityNumber: i % 4 === 0 ? 17 : 9,
    body: {
      stringValue: i % 4 === 0 ? `card of order ${i} was refused` : `order ${i} placed in ${i * 3} ms`,
    },
  }));
  const answer = await fetch(`${clew.otlpUrl}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeLogs: [{ logRecords: records }],
        },
      ],
    }),
  });
  expect(answer.status).toBe(200);
}

const own = useConsole({
  env: () => ({ CLEW_ROLLUP_ENABLED: 'true', CLEW_ROLLUP_DELAY_S: '1' }),
  fill: sendLogs,
});

const rows = async (): Promise<string> =>
  (await own.page.getByTestId('pattern-row').allInnerTexts()).join('\n');

async function say(): Promise<void> {
  const { page } = own;
  await page.getByTestId('pattern-actor').fill('dana');
  await page.getByTestId('pattern-submit').click();
  await page.getByTestId('pattern-form').waitFor({ state: 'detached' });
}

test.skipIf(!chromiumPath)(
  'a person finds a pattern, names it, merges it with another, and takes that back',
  { timeout: 240_000 },
  async () => {
    const { page, clew, troubles } = own;
    await page.goto(`${clew.url}/patterns`);
    await expect.poll(rows, { timeout: 120_000, interval: 1_000 }).toMatch(/card of order <\*> was refused/);
    // Mined: the row has a box to choose it by.
    await expect
      .poll(() => page.getByTestId('pattern-row').locator('input').count(), {
        timeout: 120_000,
        interval: 1_000,
      })
      .toBe(2);

    await page.getByTestId('pattern-search').fill('refuzed');
    await expect.poll(() => page.getByTestId('pattern-row').count(), { timeout: 30_000 }).toBe(1);
    await page.getByTestId('pattern-row').first().locator('button').first().click();
    await page.getByTestId('pattern-detail').waitFor();
    await expect
      .poll(() => page.getByTestId('pattern-shape').count(), { timeout: 30_000 })
      .toBeGreaterThan(0);
    await page.getByTestId('pattern-rename').click();
    await page.getByTestId('pattern-name').fill('Card refused');
    await say();
    await expect.poll(rows, { timeout: 30_000 }).toMatch(/Card refused/);

    await page.getByTestId('pattern-search').fill('');
    await expect.poll(() => page.getByTestId('pattern-row').count(), { timeout: 30_000 }).toBe(2);
    for (const row of await page.getByTestId('pattern-row').all()) await row.locator('input').check();
    await page.getByTestId('pattern-merge').click();
    await say();
    await expect.poll(() => page.getByTestId('pattern-row').count(), { timeout: 30_000 }).toBe(1);
    expect(await rows()).toMatch(/\+1 merged[\s\S]*40/);

    await page.getByTestId('pattern-tab-changes').click();
    const merge = page.getByTestId('pattern-changes').getByTestId('pattern-change').first();
    await expect.poll(() => merge.innerText(), { timeout: 30_000 }).toMatch(/merged/);
    await merge.getByTestId('pattern-undo').click();
    await say();
    await expect.poll(() => merge.innerText(), { timeout: 30_000 }).toMatch(/undone by dana/);
    await page.getByTestId('pattern-tab-list').click();
    await expect.poll(() => page.getByTestId('pattern-row').count(), { timeout: 30_000 }).toBe(2);

    await page.getByTestId('pattern-tab-applications').click();
    await expect
      .poll(() => page.getByTestId('pattern-access').first().innerText(), { timeout: 30_000 })
      .toMatch(/shop[\s\S]*success/);
    expect(troubles).toEqual([]);
  },
);
