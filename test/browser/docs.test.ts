import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Files, TestStack } from '../stack/support.ts';
import { chromiumPath, launch, type Visit, visit } from './support.ts';

const HELLO: Files = {
  'hello.js': `// @summary Says hello
// @query {"name": "Ada"}
exports.handler = ({ query }) => ({ hello: query.name });
`,
};

function manyRoutes(count: number): Files {
  const handler = 'return function() return "ok" end\n';
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`g${n % 50}/route-${n}.lua`, handler]));
}

describe.skipIf(chromiumPath === undefined)('P170, P241: Swagger UI at /_fn/docs', () => {
  let browser: Browser;
  let stack: TestStack;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });

  async function openDocs(path: string): Promise<Visit> {
    const visited = await visit(browser, stack.url + path);
    visited.page.setDefaultTimeout(60_000); // Swagger UI keeps a busy machine's processor for long
    await visited.page.locator('.opblock').first().waitFor();
    return visited;
  }

  function expectCalm({ errors, foreign }: Visit): void {
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  }

  test.each(['/_fn/docs', '/_fn/docs/'])('a route can be read and called at %s', async (path) => {
    stack ??= await TestStack.start(HELLO);
    const visited = await openDocs(path);
    const { page, context } = visited;
    expect(await page.locator('.opblock-summary-description').first().textContent()).toBe('Says hello');
    await page.locator('.opblock-summary-control').first().click();
    await page.locator('.try-out__btn').click();
    await page.locator('.execute').click();
    const answer = page.locator('.live-responses-table .response-col_description .highlight-code').first();
    await answer.waitFor();
    expect((await answer.textContent())?.replace(/\s/g, '')).toContain('{"hello":"Ada"}');
    expectCalm(visited);
    await context.close();
  });

  test('2,000 routes open, and so does one of them', async () => {
    await stack?.stop();
    stack = await TestStack.start(manyRoutes(2000));
    const visited = await openDocs('/_fn/docs');
    const { page, context } = visited;
    await page.locator('.opblock-summary-control').first().click();
    const responses = page.locator('.opblock-body .responses-table .response');
    await responses.first().waitFor();
    expect(await responses.count()).toBe(9);
    expectCalm(visited);
    await context.close();
  }, 120_000);
});
