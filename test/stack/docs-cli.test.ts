import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, runToEnd } from '../unit/cli-support.ts';
import { TestStack, until } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');

let stack: TestStack;
let bin: string;
beforeAll(async () => {
  stack = await TestStack.start({ 'hello.js': 'exports.handler = () => "hello"' });
  bin = join(stack.base, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\necho "$1" > "${bin}/opened"\n`, { mode: 0o755 });
});
afterAll(() => stack?.stop());

function docs(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = stack.dir): Promise<Result> {
  const clean = cleanEnvironment(stack.base);
  const settings = {
    FN_RUN_DIR: stack.runDir,
    PATH: `${bin}:${clean.PATH}`,
  };
  return runToEnd(FASTFN, ['docs', ...args], { cwd, env: { ...clean, ...settings, ...env } });
}

function opened(): string {
  try {
    return readFileSync(join(bin, 'opened'), 'utf8');
  } catch {
    return '';
  }
}

test('P14: without a display, or with --print, it prints the real address', async () => {
  const printed = { code: 0, stdout: `${stack.url}/_fn/docs\n`, stderr: '' };
  expect(await docs([])).toEqual(printed);
  expect(await docs(['--print'], { DISPLAY: ':0' })).toEqual(printed);
  expect(opened()).toBe('');
  expect((await stack.get('/_fn/docs')).status).toBe(200);
});

test('P14: with a display it opens a browser too', async () => {
  expect(await docs([], { DISPLAY: ':0' })).toMatchObject({ code: 0, stdout: `${stack.url}/_fn/docs\n` });
  await until(() => opened() !== '', 'the browser is asked');
  expect(opened()).toBe(`${stack.url}/_fn/docs\n`);
});

test('P14: no browser is no failure', async () => {
  expect(await docs([], { DISPLAY: ':0', PATH: '/nowhere' })).toMatchObject({ code: 0, stderr: '' });
});

test('P14: no stack, exit 1', async () => {
  const { code, stdout, stderr } = await docs([stack.base]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('is running\nhint: Start one with "fastfn dev --native ');
});
