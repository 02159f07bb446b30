import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack } from '../stack/support.ts';
import { chromiumPath, expectAccessible, launch, storageOf, visit } from './support.ts';

const PAGE = readFileSync(join(packageRoot, 'docs/console.md'), 'utf8');
const UI = { FN_UI_ENABLED: '1' };
const TOKEN = 'a-token-of-these-tests';
const FILES = { 'hello.js': "exports.handler = async () => 'hi';" };

/** The code block of docs/console.md that holds `word`. */
function snippet(language: string, word: string): string {
  const blocks = [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text!,
  );
  return blocks.find((text) => text.includes(word))!;
}

describe.skipIf(chromiumPath === undefined)('the console and who may use it', () => {
  let browser: Browser;
  let open: TestStack;
  let guarded: TestStack;

  beforeAll(async () => {
    [browser, open, guarded] = await Promise.all([
      launch(),
      TestStack.start(FILES, { env: { ...UI, FN_ADMIN_TOKEN: TOKEN } }),
      TestStack.start(FILES, {
        env: {
          ...UI,
          FN_ADMIN_TOKEN: TOKEN,
          FN_CONSOLE_LOGIN_ENABLED: '1',
          FN_CONSOLE_LOGIN_API: '1',
          FN_CONSOLE_LOGIN_USERNAME: 'ada',
          FN_CONSOLE_LOGIN_PASSWORD_HASH: execFileSync('sh', ['-c', snippet('sh', 'pbkdf2Sync')], {
            encoding: 'utf8',
          }).trim(),
          FN_CONSOLE_SESSION_SECRET: 'a secret of these tests that is long enough',
        },
      }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), open?.stop(), guarded?.stop()]);
  });

  test('P92: pages are private to this origin and cannot be framed; only named assets are cached', async () => {
    const page = await open.get('/console/');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'self';/);
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(page.text).not.toMatch(/<script(?![^>]* src=)|style=|\son\w+=/);
    const asset = await open.get(/src="(\/console\/assets\/[^"]+\.js)"/.exec(page.text)![1]!);
    expect(asset.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });

  test('P218: sub-paths give the page, missing and climbing assets do not', async () => {
    const page = await open.get('/console/');
    for (const path of ['/console', '/console/functions/node/users%2F%5Bid%5D/logs', '/console/no/such/room']) {
      expect((await open.get(path)).text, path).toBe(page.text);
    }
    for (const path of ['/console/assets/none.js', '/console/assets/..%2Findex.html']) {
      expect((await open.get(path)).status, path).toBe(404);
    }
  });

  test('P220: addresses of older documentation lead to the function', async () => {
    const answer = await open.get('/console/explorer/node/hello%2Fworld');
    expect([answer.status, answer.headers.location]).toEqual([302, '/console/functions/node/hello%2Fworld']);
  });

  test('P231, P215: flags show what they mean; a refused change says why, and the token allows it', async () => {
    const { page, errors, foreign, context } = await visit(browser, `${open.url}/console/access`);
    const write = page.getByRole('switch', { name: 'Changes without token' });
    await expect.poll(() => write.isChecked()).toBe(false);
    await expectAccessible(page, 'access');
    await write.click();
    await page.getByRole('alert').getByText('console write disabled').waitFor();
    expect(await write.isChecked()).toBe(false);
    await page.getByRole('alert').getByLabel('Admin token').fill(TOKEN);
    await page.getByRole('alert').getByRole('button', { name: 'Use token' }).click();
    await page.getByText('This tab sends a token.').waitFor();
    await write.click();
    await page.getByRole('status').getByText('Saved until the next start').waitFor({ state: 'attached' });
    expect((await open.get('/_fn/ui-state')).json()).toMatchObject({ write_enabled: true });
    await page.getByRole('button', { name: 'Return to the configured flags' }).click();
    await expect.poll(() => write.isChecked()).toBe(false);
    expect(await storageOf(page)).not.toContain(TOKEN);
    await page.reload();
    await page.getByRole('button', { name: 'Use token' }).waitFor(); // the token went with the page
    expect([errors, foreign]).toEqual([[], []]);
    await context.close();
  });

  test('P154, P157, P159: without a session there is the login page only; logging out returns to it', async () => {
    expect((await guarded.get('/console/functions')).text).toContain('type="password"');
    const { page, errors, foreign, context } = await visit(browser, `${guarded.url}/console/access`);
    await expectAccessible(page, 'login');
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('invalid credentials').waitFor();
    await page.getByLabel('Password').fill('right horse');
    await page.keyboard.press('Enter');
    await page.getByText('Logged in as ada').waitFor();
    expect(new URL(page.url()).pathname).toBe('/console/access');
    expect(await context.cookies()).toMatchObject([{ name: 'fastfn_session', httpOnly: true, sameSite: 'Strict' }]);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in to FastFN' }).waitFor();
    expect([errors, foreign]).toEqual([[], []]);
    await context.close();
  });

  test('P157: a right token replaces the session, for the life of the page', async () => {
    const { page, errors, context } = await visit(browser, `${guarded.url}/console/access`);
    await page.getByText('Use the admin token instead').click();
    await page.getByLabel('Admin token').fill(TOKEN);
    await page.getByRole('button', { name: 'Use token' }).click();
    await page.getByRole('switch', { name: 'Changes without token' }).waitFor();
    expect(await page.getByText('This tab sends a token.').isVisible()).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });

  test('docs/console.md names settings that exist, and the file that it shows switches the console on', async () => {
    const settings = readFileSync(join(packageRoot, 'docs/reference/settings.md'), 'utf8');
    for (const [name] of PAGE.matchAll(/FN_[A-Z_]+/g)) expect(settings).toContain(name);
    const stack = await TestStack.start({ ...FILES, 'fastfn.json': snippet('json', 'console') });
    expect((await stack.get('/console')).status).toBe(200);
    await stack.stop();
  });

  test('P155: with the API switched off the page says so, and names the setting', async () => {
    const off = await TestStack.start(FILES, { env: { ...UI, FN_ADMIN_API_ENABLED: '0' } });
    const { page, errors, context } = await visit(browser, `${off.url}/console/`);
    await page.getByRole('alert').getByText('admin api disabled').waitFor();
    await page.getByRole('alert').getByText('FN_ADMIN_API_ENABLED=1').waitFor();
    await expectAccessible(page, 'api-off');
    expect(errors).toEqual([]);
    await context.close();
    await off.stop();
  });
});
