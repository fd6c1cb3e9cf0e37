/** The page Jobs in a real browser: how far a job is behind, its history, and a window that was given up run again. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/index.ts';
import { createLogger, systemClock } from '../../src/lib/index.ts';
import type { RunningClew } from '../support/clew.ts';
import { chromiumPath, useConsole } from '../support/console.ts';

const minute = 60_000;
const reason = 'the store of the details did not answer';
const polled = { timeout: 120_000, interval: 500 };

/** A whole minute, some minutes ago. */
const givenUp = Math.floor(Date.now() / minute - 6) * minute;

/** What eight failures of a window leave in the ledger; waiting for them takes a quarter of an hour. */
async function giveUpOneWindow(dir: string): Promise<void> {
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

async function sendLogs(clew: RunningClew): Promise<void> {
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

// Rows that come late would open the window again by themselves.
const env = { CLEW_ROLLUP_ENABLED: 'true', CLEW_ROLLUP_DELAY_S: '1', CLEW_ROLLUP_LATENESS_S: '0' };
const own = useConsole({ env: () => env, before: giveUpOneWindow, fill: sendLogs });

test.skipIf(!chromiumPath)(
  'a person sees lag and history of a job, and runs a window again that was given up',
  { timeout: 300_000 },
  async () => {
    const { page, clew, troubles } = own;
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
