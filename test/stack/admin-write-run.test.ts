import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestStack, writeFiles } from './support.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const MANY = Array.from({ length: 40 }, (_, n) => `many/f${n}`);
const HANDLER = 'exports.handler = ({ env }) => ({ key: env.API_KEY ?? null });';

let base: string;
let dir: string;
let stack: TestStack;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  dir = join(base, 'project');
  mkdirSync(dir);
  writeFiles(dir, {
    'index.js': HANDLER,
    'hello/handler.js': HANDLER,
    ...Object.fromEntries(MANY.map((name) => [`${name}/handler.js`, HANDLER])),
  });
  if (isRoot) for (const path of [base, dir, ...tree(dir)]) chownSync(path, NOBODY, NOBODY);
  const key = Buffer.alloc(32, 7).toString('base64');
  stack = TestStack.over(base, dir, {
    command: 'run',
    env: { FN_CONSOLE_WRITE_ENABLED: '1', FN_SECRETS_KEY: key },
  });
  await stack.untilReady();
}, 60_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(base, { recursive: true, force: true });
});

function tree(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    return entry.isDirectory() ? [child, ...tree(child)] : [child];
  });
}

async function admin(method: string, path: string, body?: unknown) {
  const answer = await stack.get(`/_fn/${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return answer.json();
}

test('P164: without hot reload a write takes effect on the next request too', async () => {
  expect((await stack.get('/hello')).json()).toEqual({ key: null });
  await admin('PUT', 'function-code?name=hello', { code: HANDLER.replace('key:', 'now:') });
  expect((await stack.get('/hello')).json()).toEqual({ now: null });
  await admin('POST', 'function?runtime=node&name=made/deep/fn');
  expect((await stack.get('/made/deep/fn')).json()).toEqual({ message: 'Hello' });
  await admin('DELETE', 'function?name=made/deep/fn');
  expect((await stack.get('/made/deep/fn')).status).toBe(404);
});

test('with FN_SECRETS_KEY a secret lies encrypted on disk, and the function reads it', async () => {
  await admin('PUT', 'function-env?name=hello', { API_KEY: { value: 'hello-secret', is_secret: true } });
  expect((await stack.get('/hello')).json()).toEqual({ now: 'hello-secret' });
  expect(readFileSync(join(dir, 'hello/fn.env.json'), 'utf8')).not.toContain('hello-secret');
});

test.runIf(isRoot)('P76: what root writes belongs to the owner of the functions', async () => {
  await admin('PUT', 'function-file-content?name=hello', { path: 'lib/deep/x.js', content: '' });
  await admin('PUT', 'function-config?name=hello', { group: 'g' });
  for (const path of tree(dir)) expect([path, statSync(path).uid]).toEqual([path, NOBODY]);
});

test('F120: a configuration that governs many functions starts no worker for each of them', async () => {
  const before = (await admin('GET', 'workers')).workers.length;
  const { load, config_path } = await admin('PUT', 'function-config?name=index.js', {
    worker_pool: { max_workers: 1 },
  });
  expect({ status: load.status, config_path }).toEqual({ status: 'ok', config_path: 'fn.config.json' });
  expect((await admin('GET', 'function?name=many/f7')).policy.worker_pool.max_workers).toBe(1);
  expect((await admin('GET', 'workers')).workers.length).toBeLessThan(before + 10);
});
