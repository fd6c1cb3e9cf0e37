/** The console in a real browser: Chromium where it is installed, one page whose errors are collected. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Undefined where there is none; tests that need it are left out then. */
export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);

export interface ConsoleBrowser {
  browser: Browser;
  page: Page;
  /** Errors that the page threw. */
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
  return { browser, page, troubles };
}

/** For people: a picture of the page in CONSOLE_SHOTS, when it is set. */
export async function shot(page: Page, name: string): Promise<void> {
  const dir = process.env.CONSOLE_SHOTS ?? '';
  if (dir === '') return;
  mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name}.png`) });
}
