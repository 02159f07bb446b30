import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestStack, until } from '../stack/support.ts';
import {
  chromiumPath,
  expectAccessible,
  launch,
  layoutShiftOf,
  overflowOf,
  screenshot,
  storageOf,
  type Visit,
  visit,
} from './support.ts';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const FILES = {
  'hello.js': `// @query {"name":"Ada"}
    exports.handler = async (event) => {
      console.log('greeting ' + event.query.name);
      return { status: 200, headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ hello: event.query.name, role: event.context.user?.role ?? null }) };
    };`,
  'users/[id].js': 'exports.handler = async (event) => ({ status: 200, body: "user " + event.params.id });',
  'orders/handler.py': 'def handler(event):\n    return {"status": 200, "body": event["env"].get("REGION", "none")}\n',
  'orders/fn.env.json': { REGION: 'eu-west', API_KEY: { value: 'a-stored-secret', is_secret: true } },
  'orders/fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
  'reorder.lua': 'return function() return { status = 200, body = "again" } end\n',
  'picture.js': `exports.handler = async () => ({ status: 200, headers: { 'content-type': 'image/png' },
    body: Buffer.from('${PIXEL}', 'base64') });`,
  'broken.js': 'exports.handler = async () => {\n  return {{;\n};\n',
  'needy/handler.py': 'def handler(event):\n    return "never"\n',
  'needy/requirements.txt': 'no such === requirement line\n',
  'ping.lua': 'return function() return { status = 200, body = "pong" } end\n',
};

const ROOMS = [
  ['functions', '/console/functions', 'users/[id].js'],
  ['test', '/console/functions/node/hello.js', 'Run the function'],
  ['environment', '/console/functions/python/orders/environment', 'Kept in'],
  ['function-logs', '/console/functions/node/hello.js/logs', 'greeting'],
  ['overview', '/console/functions/python/orders/overview', 'timeout_ms'],
  ['gateway', '/console/gateway', '/users/:id'],
  ['logs', '/console/logs', 'greeting'],
  ['access', '/console/access', 'FN_CONSOLE_LOCAL_ONLY'],
] as const;

describe.skipIf(chromiumPath === undefined)('the console', () => {
  let browser: Browser;
  let stack: TestStack;
  let current: Visit | undefined;

  beforeAll(async () => {
    [browser, stack] = await Promise.all([
      launch(),
      TestStack.start(FILES, { env: { FN_UI_ENABLED: '1', FN_CONSOLE_WRITE_ENABLED: '1' } }),
    ]);
    await stack.get('/hello?name=first');
    await stack.get('/broken');
    await until(
      async () => (await stack.get('/_fn/logs?file=runtime')).text.includes('greeting first'),
      'the first line is in the log',
    );
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), stack?.stop()]);
  });

  beforeEach(() => {
    current = undefined;
  });

  afterEach(async () => {
    await current?.context.close();
    expect({ errors: current?.errors ?? [], foreign: current?.foreign ?? [] }).toEqual({ errors: [], foreign: [] });
  });

  async function enter(path: string, options = {}): Promise<Page> {
    current = await visit(browser, stack.url + path, options);
    return current.page;
  }

  test.each(ROOMS)(
    'P218: the room %s can be used with assistive technology, in light and dark',
    async (room, path, text) => {
      const page = await enter(path);
      await page.getByText(text).first().waitFor();
      await expectAccessible(page, room);
    },
  );

  test.each(ROOMS)('P218: the room %s fits a phone, and nothing moves while it loads', async (room, path, text) => {
    const page = await enter(path, { viewport: { width: 375, height: 700 } });
    await page.getByText(text).first().waitFor();
    expect(await overflowOf(page)).toBeLessThanOrEqual(0);
    expect(await layoutShiftOf(page)).toBeLessThan(0.02);
    await screenshot(page, `${room}-phone`);
  });

  test('P219: the list shows runtime, methods, routes, state and problems, filters, and follows the folder', async () => {
    const page = await enter('/console/');
    const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
    await row('orders').getByText('/orders').first().waitFor();
    await row('orders').getByText('GET, POST').waitFor();
    await row('hello.js').getByText('warm').waitFor();
    await row('broken.js').getByText('failed').waitFor();
    await page.getByLabel('Filter functions').fill('LUA ping');
    await page.getByText('1 of 8 functions').waitFor();
    await page.getByLabel('Filter functions').fill('');
    stack.write({ 'later.js': 'exports.handler = async () => "later";' });
    await row('later.js').waitFor();
  });

  test('P219: Alt+S finds a function from anywhere, by keyboard alone; Escape closes', async () => {
    const page = await enter('/console/access');
    await page.getByRole('heading', { name: 'Access' }).waitFor();
    await page.keyboard.press('Alt+s');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').isVisible()).toBe(false);
    await page.keyboard.press('Alt+s');
    await page.keyboard.type('order');
    await page.getByRole('option', { name: 'reorder.lua' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'reorder.lua' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/functions/lua/reorder.lua');
  });

  test('P220: tabs are walked with arrow keys, each has an address that survives a reload', async () => {
    const page = await enter('/console/functions/node/users%2F%5Bid%5D.js');
    await page.getByRole('tab', { name: 'Test' }).focus();
    for (const [name, path] of [
      ['Environment', 'environment'],
      ['Logs', 'logs'],
      ['Overview', 'overview'],
    ] as const) {
      await page.keyboard.press('ArrowRight');
      const tab = page.getByRole('tab', { name, selected: true });
      await expect
        .poll(() => tab.evaluate((element: any) => element === element.ownerDocument.activeElement))
        .toBe(true);
      expect(page.url()).toBe(`${stack.url}/console/functions/node/users%2F%5Bid%5D.js/${path}`);
    }
    await page.reload();
    await page.getByRole('tab', { name: 'Overview', selected: true }).waitFor();
    await page.getByRole('heading', { name: 'users/[id].js' }).waitFor();
    await page.getByText(`curl -sS '${stack.url}/users/ID'`).waitFor();
    await page.goBack();
    await page.getByRole('tab', { name: 'Logs', selected: true }).waitFor();
  });

  test('P222: a request of one’s own is answered with everything there is to see, and kept without secrets', async () => {
    const page = await enter('/console/functions/node/hello.js');
    await expect.poll(() => page.getByLabel('Value of query parameter 1').inputValue()).toBe('Ada');
    await page.getByLabel('Value of query parameter 1').fill('Grace');
    await page.getByRole('button', { name: 'Add header' }).click();
    await page.keyboard.type('X-Api-Key');
    await page.keyboard.press('Tab');
    await page.keyboard.type('never-stored');
    await page.getByRole('button', { name: 'Context' }).click();
    await page.getByRole('button', { name: 'Run' }).click();
    const result = page.getByRole('region', { name: 'Result' });
    await result.getByText('"hello": "Grace"').waitFor();
    await result.getByText('"role": "tester"').waitFor();
    await result.getByText('greeting Grace').waitFor();
    expect(await result.locator('.badge').textContent()).toBe('200');
    await screenshot(page, 'test-result');
    await page.getByLabel('Name', { exact: true }).fill('a greeting');
    await page.getByRole('button', { name: 'Save this request' }).click();
    expect(await storageOf(page)).not.toContain('never-stored');
    await page.reload();
    await page.getByRole('button', { name: 'Use a greeting' }).click();
    expect(await page.getByLabel('Value of query parameter 1').inputValue()).toBe('Grace');
    const history = page.getByRole('region', { name: 'Recent executions' });
    await history.getByLabel('Search').fill('nothing like this');
    await history.getByText('Nothing matches.').waitFor();
    await history.getByLabel('Search').fill('Grace');
    await history.getByText('200').waitFor();
  });

  test('P222: path parameters are asked for, and a refusal is shown in its own words', async () => {
    const page = await enter('/console/functions/node/users%2F%5Bid%5D.js');
    await page.getByLabel('id', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('alert').getByText('missing required path params').waitFor();
    await page.getByLabel('id', { exact: true }).fill('4/2');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('region', { name: 'Result' }).getByText('user 4/2').waitFor();
  });

  test('P222: a body that is not JSON is marked before it is sent', async () => {
    const page = await enter('/console/functions/python/orders');
    await page.getByRole('button', { name: 'POST JSON' }).click();
    await page.getByLabel('Body').fill('{"a":');
    await page.getByText(/^Not JSON: /).waitFor();
    await page.getByLabel('Body').fill('{"a":1}');
    await page.getByText(/^Not JSON: /).waitFor({ state: 'detached' });
  });

  test('P222: a picture is shown and can be saved', async () => {
    const page = await enter('/console/functions/node/picture.js');
    await page.getByRole('button', { name: 'Run' }).click();
    const picture = page.getByRole('img', { name: 'The answer as a picture' });
    await expect.poll(() => picture.evaluate((image: any) => image.naturalWidth)).toBe(1);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download answer.png' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('answer.png');
  });

  test('P225: a variable is changed without ever showing a secret, and the next request sees it', async () => {
    const page = await enter('/console/functions/python/orders/environment');
    await page.getByLabel('Value of REGION').fill('us-east');
    await page.getByRole('button', { name: 'Replace the value of API_KEY' }).click();
    await page.keyboard.type('fresh');
    await page.getByRole('button', { name: 'Add variable' }).click();
    await page.keyboard.type('ADDED');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').getByText('Saved; the next request sees it').waitFor({ state: 'attached' });
    expect((await stack.get('/orders')).text).toBe('us-east');
    expect(await page.content()).not.toMatch(/a-stored-secret|fresh/);
    await page.getByRole('button', { name: 'Delete ADDED' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByLabel('Value of ADDED').waitFor({ state: 'detached' });
  });

  test('P225: the raw view is the same environment as JSON', async () => {
    const page = await enter('/console/functions/python/orders/environment');
    await page.getByRole('button', { name: 'Raw JSON' }).click();
    const text = page.getByLabel('Environment as JSON');
    const shown = JSON.parse(await text.inputValue());
    expect(shown.API_KEY).toEqual({ value: '<hidden>', is_secret: true });
    await text.fill(JSON.stringify({ ...shown, REGION: { value: 'ap-south', is_secret: false } }));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').getByText('Saved; the next request sees it').waitFor({ state: 'attached' });
    expect((await stack.get('/orders')).text).toBe('ap-south');
  });

  test('P165: a file that changed meanwhile is not overwritten: its new content is shown', async () => {
    const page = await enter('/console/functions/python/orders/environment');
    await page.getByLabel('Value of REGION').fill('mine');
    const other = await stack.get('/_fn/function-env?runtime=python&name=orders', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"REGION":"theirs"}',
    });
    expect(other.status).toBe(200);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('was changed by someone else meanwhile').first().waitFor();
    await expect.poll(() => page.getByLabel('Value of REGION').inputValue()).toBe('theirs');
  });

  test('P225: an install that failed is shown with the end of its log', async () => {
    const page = await enter('/console/functions/python/needy/overview');
    const dependencies = page.getByRole('region', { name: /^Dependencies/ });
    await dependencies.getByText('error', { exact: true }).waitFor();
    await dependencies.getByText('requirements.txt').first().waitFor();
    await dependencies.getByLabel('Install log').getByText('no such === requirement line').waitFor();
    await page.getByRole('list', { name: 'Problems' }).getByText('install').first().waitFor();
    await screenshot(page, 'overview-install-failed');
  });

  test('P223: lines of a function appear while they are printed, and filters narrow them', async () => {
    const page = await enter('/console/functions/node/hello.js/logs');
    const lines = page.getByRole('log');
    await lines.getByText('greeting first').waitFor();
    await stack.get('/hello?name=live');
    await lines.getByText('greeting live').waitFor();
    await page.getByLabel('Text').fill('live');
    await lines.getByText('greeting first').waitFor({ state: 'detached' });
    await page.getByLabel('Text').fill('');
    await page.getByLabel('Stream').selectOption('stderr');
    await lines.getByText('greeting live').waitFor({ state: 'detached' });
  });

  test('P226: routes lead to their functions; keyboard users reach every part', async () => {
    const page = await enter('/console/gateway');
    await page.getByRole('rowheader', { name: '/users/:id' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter'); // the skip link
    await page.keyboard.press('Tab');
    await page.keyboard.type('/ping');
    await page.getByText(/^1 of \d+ routes$/).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'ping.lua' }).waitFor();
  });

  test('the theme follows the system until one is chosen, and the choice survives', async () => {
    const page = await enter('/console/', { colorScheme: 'light' });
    const background = () =>
      page.evaluate(() => (globalThis as any).getComputedStyle((globalThis as any).document.body).backgroundColor);
    const light = await background();
    await page.getByLabel('Theme').selectOption('dark');
    expect(await background()).not.toBe(light);
    await page.reload();
    await page.getByRole('heading', { name: 'Functions' }).waitFor();
    expect(await background()).not.toBe(light);
  });
});
