import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack, until } from './support.ts';

const execFileAsync = promisify(execFile);

async function startExample(name: string, env: Record<string, string> = {}): Promise<TestStack> {
  const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  const dir = join(base, name);
  cpSync(join(packageRoot, 'examples', name), dir, { recursive: true });
  const stack = TestStack.over(base, dir, { env });
  await stack.untilReady();
  return stack;
}

describe('examples/hello', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startExample('hello');
  }, 60_000);
  afterAll(() => stack?.stop());

  test.each([
    ['/hello?name=Ada', { message: 'Hello, Ada, from Python' }],
    ['/bonjour', { message: 'Bonjour, monde, from Node' }],
    ['/users/1', { id: '1', name: 'Ada' }],
    [
      '/report',
      {
        rows: [
          { month: 'January', orders: 12 },
          { month: 'February', orders: 9 },
        ],
      },
    ],
    ['/mail?to=ada@example.com', { sent: true, to: 'ada@example.com' }],
  ])(
    '%s',
    async (path, body) => {
      await until(async () => (await stack.get(path)).status === 200, `${path} answers`, 60_000);
      expect((await stack.get(path)).json()).toEqual(body);
    },
    90_000,
  );

  test('/ping, /users/7, /report?format=csv, /orders', async () => {
    expect((await stack.get('/ping')).text).toBe('pong');
    expect((await stack.get('/users/7')).status).toBe(404);
    expect((await stack.get('/report?format=csv')).text).toBe('month,orders\nJanuary,12\nFebruary,9');
    await until(async () => (await stack.get('/orders')).status === 200, 'pip has installed', 60_000);
    expect((await stack.get('/orders')).json()).toMatchObject({ orders: [1, 2, 3] });
  }, 90_000);
});

describe('F169: examples/auth, in every language', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startExample('auth', { FN_CONSOLE_WRITE_ENABLED: '1' });
  }, 60_000);
  afterAll(() => stack?.stop());

  describe.each(['python', 'node', 'php', 'lua'])('%s', (language) => {
    test('a missing or wrong API key is 401, the right one 200', async () => {
      const path = `/api-key-${language}`;
      const denied = [await stack.get(path), await stack.get(path, { headers: { 'x-api-key': 'wrong' } })];
      for (const answer of denied) {
        expect(answer.status).toBe(401);
        expect(answer.json()).toEqual({ error: 'unauthorized' });
      }
      const granted = await stack.get(path, { headers: { 'X-API-Key': 'demo-key' } });
      expect([granted.status, granted.json()]).toEqual([200, { ok: true }]);
    });

    test('P182, F149: a key put through the admin API holds for the next request, and is never shown', async () => {
      const path = `/api-key-${language}`;
      const ask = async (key: string) => (await stack.get(path, { headers: { 'x-api-key': key } })).status;
      const address = `${stack.url}/_fn/function-env?runtime=${language}&name=api-key-${language}`;
      const json = ['-H', 'Content-Type: application/json', '--data'];
      const body = '{"API_KEY":{"value":"hello-secret","is_secret":true}}';
      const { stdout } = await execFileAsync('curl', ['-sS', address, '-X', 'PUT', ...json, body]);
      expect([await ask('demo-key'), await ask('hello-secret')]).toEqual([401, 200]);
      expect(JSON.parse(stdout).fn_env).toEqual({ API_KEY: { value: '<hidden>', is_secret: true } });
      const shown = await stack.get(`/_fn/function-env?runtime=${language}&name=api-key-${language}`);
      expect(stdout + shown.text + stack.output).not.toContain('hello-secret');
      const former = '{"API_KEY":{"value":"demo-key"}}';
      await execFileAsync('curl', ['-sS', address, '-X', 'PUT', ...json, former]);
      expect([await ask('demo-key'), await ask('hello-secret')]).toEqual([200, 401]);
    });

    test('a missing session cookie is 401, a present one 200', async () => {
      const path = `/session-${language}`;
      const denied = await stack.get(path, { headers: { cookie: 'theme=dark' } });
      expect([denied.status, denied.json()]).toEqual([401, { error: 'missing session' }]);
      const granted = await stack.get(path, { headers: { cookie: 'theme=dark; session_id=abc' } });
      expect([granted.status, granted.json()]).toEqual([200, { ok: true }]);
    });
  });
});
