import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENDPOINTS } from '../../src/admin/endpoints.ts';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack } from './support.ts';

const page = readFileSync(join(packageRoot, 'docs/admin-api.md'), 'utf8');
const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.trim().split('\n'));

let stack: TestStack;
beforeAll(async () => {
  const files = { 'hello.js': 'exports.handler = () => { console.log("hi"); return "hello"; };' };
  stack = await TestStack.start(files, { env: { FN_CONSOLE_WRITE_ENABLED: '1' } });
  await stack.get('/hello');
}, 60_000);
afterAll(() => stack?.stop());

test.each(commands)('docs/admin-api.md: %s works as written', async (command) => {
  const child = spawn('sh', ['-c', command.replaceAll('http://localhost:8080', stack.url)], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  expect(output).not.toBe('');
});

test('docs/admin-api.md names every address that only shows', () => {
  const elsewhere = /^\/_fn\/(?:metrics|dashboard|docs|openapi|schedules|jobs|secrets)|^(?!\/_fn\/)/;
  const shown = ENDPOINTS.filter(({ method, access }) => method === 'GET' && (access === 'read' || access === 'open'));
  const paths = shown.map(({ path }) => path).filter((path) => !elsewhere.test(path));
  expect(paths).toContain('/_fn/catalog');
  for (const path of paths) expect(page).toContain(`\`${path}\``);
});

test('docs/admin-api.md names every address that changes a function', () => {
  const changing = ENDPOINTS.filter(({ path, access }) => access === 'write' && path.startsWith('/_fn/function'));
  expect(changing.length).toBeGreaterThan(5);
  for (const { method, path } of changing) expect(page).toContain(`\`${method} ${path}\``);
});

test('docs/admin-api.md: the function that its lines change answers as they left it', async () => {
  expect((await stack.get('/hello')).json()).toEqual({ hasKey: true });
  expect((await stack.get('/reports/5')).status).toBe(404);
});
