import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTempDir, TestStack, until } from './support.ts';

const FILES = {
  'orders/handler.py': 'import cachetools\ndef handler(event):\n    return "cachetools " + cachetools.__version__\n',
  'orders/requirements.txt': 'cachetools\n',
  'mail/handler.js':
    'const isNumber = require("is-number"); exports.handler = () => ({ seven: isNumber("7"), version: require("is-number/package.json").version });',
  'mail/package.json': { name: 'mail', private: true, dependencies: { 'is-number': '7.0.0' } },
  'broken/handler.py': 'def handler(event):\n    return "never"\n',
  'broken/requirements.txt': 'no-such-package-of-fastfn==9.9.9\n',
  'plain.py':
    'def handler(event):\n    try:\n        import cachetools\n        return "leaked"\n    except ImportError:\n        return "isolated"\n',
  'hello.js': 'exports.handler = () => "hello";',
};

const store = makeTempDir();
let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(FILES, { env: { FN_STORE_DIR: store.path } });
}, 60_000);
afterAll(async () => {
  await stack?.stop();
  store.remove();
});

describe('F151, F152: the first start with an empty store', () => {
  test('functions without dependencies answer while the others install', async () => {
    expect((await stack.get('/hello')).text).toBe('hello');
    const answer = await stack.get('/orders');
    if (answer.status !== 200) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('2');
      expect(answer.headers['x-fastfn-warming']).toBe('true');
      expect(answer.json().error).toBe('dependencies are being installed');
    }
  });

  test('then they answer with what their manifests name', async () => {
    await until(async () => (await stack.get('/orders')).status === 200, 'pip has installed', 60_000);
    expect((await stack.get('/orders')).text).toMatch(/^cachetools \d/);
    await until(async () => (await stack.get('/mail')).status === 200, 'npm has installed', 60_000);
    expect((await stack.get('/mail')).json()).toEqual({ seven: true, version: '7.0.0' });
  }, 90_000);

  test('F153: another function cannot import them', async () => {
    expect((await stack.get('/plain')).text).toBe('isolated');
  });

  test('F152: a failed first install is 503 with the reason in the terminal only', async () => {
    const answer = await until(
      async () => {
        const last = await stack.get('/broken');
        return last.json().error === 'dependency install failed' && last;
      },
      'pip has failed',
      60_000,
    );
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('30');
    expect(answer.text).not.toContain('no-such-package');
    expect(stack.output).toContain('no-such-package-of-fastfn');
  }, 90_000);

  test('F151: the folders hold at most a link, and no file of ours', () => {
    expect(readdirSync(join(stack.dir, 'orders')).sort()).toEqual(['handler.py', 'requirements.txt']);
    expect(readdirSync(join(stack.dir, 'mail')).sort()).toEqual(['handler.js', 'node_modules', 'package.json']);
    expect(lstatSync(join(stack.dir, 'mail/node_modules')).isSymbolicLink()).toBe(true);
  });
});

describe('a changed manifest', () => {
  test('P126: the old set serves until the new one is ready', async () => {
    stack.write({ 'mail/package.json': { name: 'mail', private: true, dependencies: { 'is-number': '6.0.0' } } });
    const versions = new Set<string>();
    await until(
      async () => {
        const answer = await stack.get('/mail');
        expect(answer.status).toBe(200);
        versions.add(answer.json().version);
        return answer.json().version === '6.0.0';
      },
      'the new version answers',
      60_000,
    );
    expect([...versions]).toEqual(['7.0.0', '6.0.0']);
  }, 90_000);

  test('F152: a failed later install keeps the last good set and tells the error', async () => {
    expect((await stack.get('/orders')).text).toMatch(/^cachetools \d/);
    stack.write({ 'orders/requirements.txt': 'cachetools==99.99.99\n' });
    await until(() => stack.output.includes('99.99.99'), 'the error is told', 60_000);
    expect((await stack.get('/orders')).text).toMatch(/^cachetools \d/);
    stack.write({ 'orders/requirements.txt': 'cachetools\n# mended\n' });
    await until(async () => (await stack.get('/orders')).headers['x-fn-stale'] === undefined, 'it is mended', 60_000);
    expect((await stack.get('/orders')).text).toMatch(/^cachetools \d/);
  }, 150_000);

  test('a mended manifest ends a failed first install', async () => {
    stack.write({ 'broken/requirements.txt': 'cachetools\n' });
    await until(async () => (await stack.get('/broken')).text === 'never', 'it answers', 60_000);
  }, 90_000);
});

test('F151: a second start installs nothing and answers at once', async () => {
  const again = await TestStack.start(
    { 'orders/handler.py': FILES['orders/handler.py'], 'orders/requirements.txt': FILES['orders/requirements.txt'] },
    { env: { FN_STORE_DIR: store.path } },
  );
  expect((await again.get('/orders')).text).toMatch(/^cachetools \d/);
  expect(again.output).not.toContain('install');
  await again.stop();
}, 60_000);
