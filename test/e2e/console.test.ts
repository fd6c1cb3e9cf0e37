/**
 * The real program, a real shop, a real fault and a real browser: one case from open to closed, each page looked at.
 * Screenshots go to CONSOLE_SHOTS when it is set, for people and for the README.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
const shotsDir = process.env.CONSOLE_SHOTS ?? '';
const browserFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** From the injection: detection, diagnosis, a person, repair, and the window of the verification. */
const closedMsMax = 240_000;

interface Told {
  event: string;
  text: string;
  url?: string;
  case?: string;
}

/** The demo as `npm run demo` runs it, with what it tells line by line. */
class Demo {
  readonly told: Told[] = [];
  readonly #process: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor(args: string[]) {
    const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
    this.#process = spawn(process.execPath, [main, 'demo', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!this.#process.stdout) throw new Error('the demo has no output');
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.told.push(JSON.parse(line));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async heard(event: string, withinMs: number): Promise<Told> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = this.told.find((line) => line.event === event);
      if (found) return found;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0)
        throw new Error(
          `the demo did not tell "${event}" within ${withinMs} ms; it told: ${this.told.map((line) => line.text).join(' | ')}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 1_000));
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#process.exitCode !== null) return resolve();
      this.#process.once('exit', () => resolve());
      this.#process.kill('SIGTERM');
    });
  }
}

let demo: Demo;
let browser: Browser;
let page: Page;
let url: string;
const troubles: string[] = [];

const shot = async (name: string): Promise<void> => {
  if (shotsDir === '') return;
  mkdirSync(shotsDir, { recursive: true });
  await page.screenshot({ path: join(shotsDir, `${name}.png`) });
};

const open = async (path: string, testId: string): Promise<void> => {
  await page.goto(url + path);
  await page.getByTestId(testId).first().waitFor();
};

beforeAll(async () => {
  if (!executable) return;
  demo = new Demo(['--fault', 'bad-release', '--approval', 'person', '--warmup', '60']);
  url = (await demo.heard('clew', 90_000)).url ?? '';
  browser = await chromium.launch({ executablePath: executable, args: browserFlags });
  page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'dark',
    locale: 'en-GB',
  });
  page.on('pageerror', (error) => troubles.push(`page error: ${error.message}`));
}, 180_000);

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
}, 60_000);

test.skipIf(!executable)(
  'a person follows one incident in the console from open to closed',
  { timeout: 420_000 },
  async () => {
    await open('/', 'page-home');
    await demo.heard('warmup', 60_000);
    // Healthy before the fault: services are there, no case is open.
    await page.getByTestId('service-row').nth(6).waitFor({ timeout: 60_000 });
    await shot('home-healthy');
    expect(await page.getByTestId('case-row').count()).toBe(0);

    await demo.heard('injected', 120_000);
    const injectedAt = Date.now();
    const row = page.getByTestId('case-row').first();
    await row.waitFor({ timeout: 60_000 });
    await page.getByTestId('unusual-lane').first().waitFor({ timeout: 30_000 });
    await shot('home-incident');
    await row.click();
    await page.getByTestId('page-case').waitFor();

    // Explained: the first cause names the resource and the kind, each reason leads to evidence.
    const cause = page.getByTestId('first-cause').first();
    await cause.waitFor({ timeout: 90_000 - (Date.now() - injectedAt) });
    await expect.poll(() => cause.innerText(), { timeout: 30_000 }).toMatch(/payments[\s\S]*bad release/i);
    const approve = page.getByTestId('approve').first();
    await approve.waitFor({ timeout: 60_000 });
    await shot('case-gate');
    const caseUrl = page.url();

    await lookAtExplanation();
    await page.goto(caseUrl);
    await lookAtEvidence();
    await page.goto(caseUrl);
    await approve.waitFor();

    await approve.click();
    await page.getByTestId('action-actor').fill('dana');
    await page.getByTestId('action-reason').fill('the new release is to blame');
    await page.getByTestId('action-submit').click();
    await page.getByTestId('verification').first().waitFor({ timeout: 60_000 });
    await shot('case-verifying');

    const state = page.getByTestId('case-state').first();
    await expect
      .poll(() => state.innerText(), { timeout: closedMsMax - (Date.now() - injectedAt), interval: 1_000 })
      .toMatch(/closed/i);
    await shot('case-closed');
    const timeline = await page.getByTestId('timeline-entry').allInnerTexts();
    expect(timeline.join('\n')).toMatch(/dana/);
    expect(timeline.join('\n')).toMatch(/the new release is to blame/);

    await lookAround();
    expect(troubles).toEqual([]);
  },
);

/** What the case shows of its cause: charts beside what is usual, the way on the map, the rows behind what was noticed. */
async function lookAtExplanation(): Promise<void> {
  const chart = page.getByTestId('evidence-chart').first();
  await chart.waitFor();
  expect(await chart.innerText()).toMatch(/usual .* – .*median /);
  const map = page.getByTestId('case-map');
  expect(await map.getByTestId('path-cause').textContent()).toMatch(/payments/);
  expect(await map.getByTestId('path-edge').count()).toBeGreaterThan(0);
  expect(await map.innerText()).toMatch(/The cause explains[\s\S]*It does not explain/);
  const other = page.getByTestId('hypothesis').first();
  if ((await other.count()) > 0) {
    await other.locator('summary').click();
    await other.getByTestId('evidence-ref').first().waitFor();
  }
  await page.getByTestId('case-signal').first().click();
  const rows = page.getByTestId('event-dialog').locator('.rowstable tbody tr');
  await rows.first().waitFor({ timeout: 30_000 });
  await shot('event');
  await page.getByTestId('event-link').first().click();
  await page.getByTestId('trace-row').or(page.getByTestId('log-row')).first().waitFor();
}

/** One click from a sentence to raw rows. */
async function lookAtEvidence(): Promise<void> {
  const link = page.getByTestId('evidence-link').first();
  await link.waitFor();
  await link.click();
  await page
    .getByTestId('log-row')
    .or(page.getByTestId('trace-row'))
    .or(page.getByTestId('span-row'))
    .first()
    .waitFor();
  await shot('evidence-rows');
}

/** Every other page shows the same incident from its side. */
async function lookAround(): Promise<void> {
  await open('/logs?service=payments&severity=ERROR', 'log-row');
  await page.getByTestId('log-row').first().click();
  await page.getByTestId('log-detail').waitFor();
  await shot('logs');
  await open('/traces?service=payments&status=error', 'trace-row');
  await shot('traces');
  await page.getByTestId('trace-row').first().click();
  await page.getByTestId('page-trace').waitFor();
  await page.getByTestId('span-row').first().waitFor();
  await shot('trace');
  await open('/map', 'map-node');
  expect(await page.getByTestId('map-node').count()).toBeGreaterThanOrEqual(7);
  await shot('map');
  await open('/slo', 'page-slo');
  await shot('slo');
  await open('/admin', 'page-admin');
  await shot('admin');
  await page.getByTestId('language-toggle').first().click();
  await open('/cases?show=all', 'case-row');
  await shot('cases-chinese');
}
