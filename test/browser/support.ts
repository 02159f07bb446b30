import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';

const ARTIFACTS = join(packageRoot, 'test-artifacts');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Debian's browser; undefined where none is installed, and then these tests are skipped. */
export const chromiumPath = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(':').map((dir) => join(dir, name)))
  .find((path) => existsSync(path));

if (chromiumPath === undefined) console.warn('test/browser is skipped: no chromium in PATH');

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath!,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
}

/** A page and what went wrong on it. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and of the console, violations of the content security policy among them. */
  readonly errors: readonly string[];
  /** Requests to any other host than the stack's; they are not let through. */
  readonly foreign: readonly string[];
}

/** Opens a page that may speak to the stack only. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const errors: string[] = [];
  const foreign: string[] = [];
  const { host } = new URL(url);
  await context.route('**/*', (route) => {
    const target = new URL(route.request().url());
    if (target.host === host || target.protocol === 'blob:') return route.continue();
    foreign.push(target.href);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // The browser itself reports every answer of 400 and above; the console shows those to the user.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  await page.goto(url);
  return { page, context, errors, foreign };
}

/** No rule of axe is broken on the page as it is, in light and in dark. */
export async function expectAccessible(page: Page, room: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
      const results = await axe.run();
      return results.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
      );
    });
    await screenshot(page, `${room}-${colorScheme}`);
    expect(violations, `${room} in ${colorScheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null });
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

/** Kept for whoever wants to see what the test saw; not part of the repository. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `console-${name}.png`), fullPage: true });
}

/** All that the browser keeps for the console beyond the page, as one text. */
export function storageOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { localStorage, sessionStorage } = globalThis as any;
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }]);
  });
}

/** Pixels by which the page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = (globalThis as any).document.documentElement;
    return scrollWidth - clientWidth;
  });
}

/** Sum of the layout shifts since the page was loaded, those after input not counted. */
export function layoutShiftOf(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        const observer = new (globalThis as any).PerformanceObserver((list: any) => {
          for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
        });
        observer.observe({ type: 'layout-shift', buffered: true });
        requestIdle(() => resolve(sum));
        function requestIdle(done: () => void) {
          (globalThis as any).requestAnimationFrame(() => (globalThis as any).requestAnimationFrame(done));
        }
      }),
  );
}
