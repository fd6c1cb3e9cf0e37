/** The console in a real browser: Chromium where it is installed, one page whose errors are collected. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { type RunningClew, startClew } from './clew.ts';

/** Undefined where there is none; tests that need it are left out then. */
export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);

export interface ConsoleBrowser {
  browser: Browser;
  page: Page;
  /** Errors that the page threw or wrote to its console; answers that a test provokes are none. */
  troubles: string[];
}

export async function openConsole(colorScheme: 'dark' | 'light' = 'dark'): Promise<ConsoleBrowser> {
  const browser = await chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    colorScheme,
    locale: 'en-GB',
  });
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    const own = message.type() === 'error' && !message.text().startsWith('Failed to load resource');
    if (own) troubles.push(message.text());
  });
  return { browser, page, troubles };
}

export interface OwnConsole {
  /** Of this Clew alone: its data lies in `data` below it. Gone after the tests. */
  readonly dir: string;
  clew: RunningClew;
  page: Page;
  troubles: string[];
}

/**
 * A Clew of its own and its console, for the tests of one file; `clew` and `page` are there once the tests run. Nothing starts
 * where there is no browser.
 */
export function useConsole(options: {
  env?: (dir: string) => Record<string, string>;
  /** Before Clew starts. */
  before?: (dir: string) => void | Promise<void>;
  /** What comes in before the first test. */
  fill?: (clew: RunningClew) => Promise<void>;
}): OwnConsole {
  const dir = mkdtempSync(join(tmpdir(), 'clew-console-'));
  const own = { dir, troubles: [] } as unknown as OwnConsole;
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (!chromiumPath) return;
    await options.before?.(dir);
    own.clew = await startClew(dir, options.env?.(dir));
    await options.fill?.(own.clew);
    const opened = await openConsole();
    browser = opened.browser;
    own.page = opened.page;
    own.troubles = opened.troubles;
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await own.clew?.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);
  return own;
}

/** For people: a picture of the page in CONSOLE_SHOTS, when it is set. */
export async function shot(page: Page, name: string): Promise<void> {
  const dir = process.env.CONSOLE_SHOTS ?? '';
  if (dir === '') return;
  mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name}.png`) });
}
