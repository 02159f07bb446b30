import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { etagOf, requireMatch } from '../../src/admin/etag.ts';
import type { FunctionStatus, Platform } from '../../src/admin/platform.ts';
import { Problem } from '../../src/admin/problem.ts';
import { OptionalTargetQuery, resolveTarget, TargetQuery } from '../../src/admin/target.ts';
import { readFunctions } from '../../src/functions/discovery.ts';
import { makeTempDir, testConfig, writeFiles } from '../stack/support.ts';

const temp = makeTempDir();
let platform: Platform;

beforeAll(async () => {
  writeFiles(temp.path, {
    'hello/handler.py': 'def handler(event): return 1',
    'hello.js': 'exports.handler = () => 1',
    'twice/handler.js': 'exports.handler = () => 1',
    'again/one.js': 'exports.handler = () => 1',
    'again/one.php': '<?php return fn ($event) => 1;',
    'users/[id].ts': 'export const handler = () => 1',
    'blog/[...slug].py': 'def handler(event): return 1',
    'python/greet/main.py': 'def handler(event): return 1',
  });
  const outside = join(temp.path, '..', `${temp.path.split('/').at(-1)}-outside`);
  mkdirSync(outside);
  symlinkSync(outside, join(temp.path, 'leak'));
  symlinkSync('/etc/hostname', join(temp.path, 'leak.js'));
  const config = await testConfig(temp.path);
  const discovery = await readFunctions(config);
  const functions = discovery.functions.map((definition) => ({ definition }) as FunctionStatus);
  platform = { config, discovery, functions: () => functions } as unknown as Platform;
  return () => rmSync(outside, { recursive: true });
});
afterAll(() => temp.remove());

function find(query: Record<string, unknown>): string {
  return resolveTarget(platform, TargetQuery.parse(query)).definition.file;
}

function problemOf(query: Record<string, unknown>): Problem {
  try {
    resolveTarget(platform, TargetQuery.parse(query));
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test.each([
  [{ name: 'hello', runtime: 'python' }, 'hello/handler.py'],
  [{ name: 'hello', runtime: 'node' }, 'hello.js'],
  [{ name: 'hello.js' }, 'hello.js'],
  [{ name: 'hello' }, 'hello/handler.py'],
  [{ name: 'users/[id].ts' }, 'users/[id].ts'],
  [{ name: 'users/[id]' }, 'users/[id].ts'],
  [{ name: 'blog/[...slug].py', version: '', runtime: '' }, 'blog/[...slug].py'],
  [{ name: 'twice', version: 'default' }, 'twice/handler.js'],
  [{ name: 'greet', runtime: 'python' }, 'python/greet/main.py'],
])('P162, F26: %j names the function of %s', (query, file) => {
  expect(find(query)).toBe(file);
});

test('P162: a name that several functions answer to is 409 with the candidates', () => {
  const problem = problemOf({ name: 'again/one' });
  expect(problem).toMatchObject({ status: 409, error: 'ambiguous function' });
  expect(problem.members.candidates).toEqual([
    { runtime: 'node', name: 'again/one.js', version: 'default' },
    { runtime: 'php', name: 'again/one.php', version: 'default' },
  ]);
  expect(find({ name: 'again/one', runtime: 'php' })).toBe('again/one.php');
});

test.each([{ name: 'nobody' }, { name: 'hello', version: 'v2' }, { name: 'hello', runtime: 'php' }])(
  'P162: %j is 404 function not found',
  (query) => {
    expect(problemOf(query)).toMatchObject({ status: 404, error: 'function not found' });
  },
);

test.each(['leak', 'leak.js', 'leak/inside'])('P162: %s leads out of the functions root: 400', (name) => {
  expect(problemOf({ name })).toMatchObject({ status: 400, error: 'path escapes the functions root' });
});

test.each([
  [{}, 'invalid function'],
  [{ name: '' }, 'invalid function'],
  [{ name: ['a', 'b'] }, 'invalid function'],
  [{ name: '../etc' }, 'invalid function'],
  [{ name: 'a/../b' }, 'invalid function'],
  [{ name: 'a//b' }, 'invalid function'],
  [{ name: '/etc/passwd' }, 'invalid function'],
  [{ name: 'a\0b' }, 'invalid function'],
  [{ name: '%2e%2e/etc' }, 'invalid function'],
  [{ name: 'a\\..\\b' }, 'invalid function'],
  [{ name: 'ünïcode' }, 'invalid function'],
  [{ name: 'a/b/c/d/e/f/g/h/i' }, 'invalid function'],
  [{ name: 'x'.repeat(1000) }, 'invalid function'],
  [{ name: 'hello', runtime: 'ruby' }, 'invalid runtime'],
  [{ name: 'hello', runtime: ['node', 'node'] }, 'invalid runtime'],
  [{ name: 'hello', version: '..' }, 'invalid version'],
  [{ name: 'hello', version: 'a/b' }, 'invalid version'],
  [{ name: 'hello', version: 'v'.repeat(65) }, 'invalid version'],
])('P162: %j breaks the grammar: %s', (query, error) => {
  expect(TargetQuery.safeParse(query).error?.issues[0]?.message).toBe(error);
});

test('P162: where the target is optional, no name means all functions', () => {
  expect(OptionalTargetQuery.parse({})).toEqual({ version: 'default' });
  expect(OptionalTargetQuery.safeParse({ name: '..' }).error?.issues[0]?.message).toBe('invalid function');
});

test('P165: a tag names the content, and where one content ends', () => {
  expect(etagOf('ab', 'c')).toBe(etagOf(Buffer.from('ab'), 'c'));
  expect(etagOf('ab', 'c')).not.toBe(etagOf('a', 'bc'));
  expect(etagOf(null)).toBe(etagOf(''));
});

test('P165: If-Match lets a write through with a current tag, and answers 412 without', () => {
  const current = etagOf('content');
  for (const header of [undefined, current, `"${current}"`, `"other", "${current}"`, '*']) {
    expect(() => requireMatch({ headers: { 'if-match': header } }, current)).not.toThrow();
  }
  for (const header of ['', 'other', `W/"${current}"`]) {
    expect(() => requireMatch({ headers: { 'if-match': header } }, current)).toThrow('precondition failed');
  }
});
