/** The page Jobs in a real browser: how far a job is behind, its history, and a window that was given up run again. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import { type RunningClew, startClew } from '../support/clew.ts';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
const minute = 60_000;
const reason = 'the store of the details did not answer';
const polled = { timeout: 120_000, interval: 500 };

let clew: RunningClew;
let browser: Browser;
let page: Page;
const dir = mkdtempSync(join(tmpdir(), 'clew-jobs-page-'));
const troubles: string[] = [];
/** A whole minute, some minutes ago. */
const givenUp = Math.floor(Date.now() / minute - 6) * minute;

/** What eight failures of a window leave in the ledger; waiting for them takes a quarter of an hour. */
async function giveUpOneWindow(): Promise<void> {
  const ledger = await openLedger({
    dir: join(dir, 'data', 'ledger'),
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  await ledger.query(
    `INSERT INTO etl_job_run (job, tenant_id, window_from, window_to, state, attempts, failures, error, started_at, finished_at)
     VALUES ('oo-agg', $1, $2, $3, 'failed', 8, 8, $4, $3, $3)`,
    [
      await ledger.tenantId('default'),
      new Date(givenUp).toISOString(),
      new Date(givenUp + minute).toISOString(),
      reason,
    ],
  );
  await ledger.close();
}

async function sendLogs(): Promise<void> {
  const logRecords = Array.from({ length: 30 }, (_, i) => ({
    timeUnixNano: `${BigInt(givenUp + i * 1_000) * 1_000_000n}`,
    severityNumber: 9,
    body: { stringValue: `order ${i} placed` },
  }));
  const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }];
  const answer = await fetch(`${clew.otlpUrl}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords }] }] }),
  });
  expect(answer.status).toBe(200);
}

beforeAll(async () => {
  if (!executable) return;
  await giveUpOneWindow();
  // Rows that come late would open the window again by themselves.
  const env = { CLEW_ROLLUP_ENABLED: 'true', CLEW_ROLLUP_DELAY_S: '1', CLEW_ROLLUP_LATENESS_S: '0' };
  clew = await startClew(dir, env);
  await sendLogs();
  browser = await chromium.launch({ executablePath: executable, args: ['--no-sandbox', '--disable-gpu'] });
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  page.on('pageerror', (error) => troubles.push(error.message));
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await clew?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

test.skipIf(!executable)(
  'a person sees lag and history of a job, and runs a window again that was given up',
  { timeout: 300_000 },
  async () => {
    await page.goto(`${clew.url}/jobs?job=oo-agg`);
    const line = page.getByTestId('job-oo-agg');
    const lineText = () => line.innerText();
    // The windows after the one that was given up are done meanwhile: less than two minutes behind.
    await expect
      .poll(lineText, polled)
      .toMatch(/1 given up[\s\S]*(^|\s)(\d+(\.\d)? ?s|1 min[^\n]*)\s*\n\s*lag/m);

    await expect.poll(() => line.locator('.jobs-strip i.failed').count(), polled).toBe(1);
    await expect.poll(() => line.locator('.jobs-strip i.success').count(), polled).toBeGreaterThan(2);
    expect(await line.locator('.jobs-strip i.failed').getAttribute('title')).toContain('1 given up');

    const windows = page.getByTestId('job-windows');
    await windows.getByRole('button', { name: 'given up', exact: true }).click();
    await expect.poll(() => windows.locator('tbody tr').count(), polled).toBe(1);
    const failed = windows.locator('tbody tr').first();
    expect(await failed.innerText()).toContain(reason);
    await failed.getByRole('button', { name: 'Run again' }).click();

    await expect.poll(lineText, polled).toMatch(/runs/);
    await expect.poll(() => line.locator('.jobs-strip i.failed').count(), polled).toBe(0);
    await windows.getByRole('button', { name: 'all', exact: true }).click();
    const again = windows.locator('tbody tr').filter({ hasText: 'replay' });
    await expect.poll(() => again.first().innerText(), polled).toMatch(/done/);
    // It read the thirty records this time.
    expect(await again.first().locator('td').nth(5).innerText()).toBe('30');
    expect(troubles).toEqual([]);
  },
);
