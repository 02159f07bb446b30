import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseFunctionEnv } from '../../src/functions/env.ts';
import { addFiles, discoverFiles, discoveryOf, writeTree } from './discovery-fixture.ts';

function parseText(text: string, fromEnv: Record<string, string> = {}) {
  return parseFunctionEnv(text, fromEnv, () => ({ problem: 'is closed' }));
}

function parse(env: unknown, fromEnv: Record<string, string> = {}) {
  return parseText(JSON.stringify(env), fromEnv);
}

test('F145: scalars reach the function as strings, null is absent', () => {
  const given = { A: 'text', B: 5, C: 1.5, D: true, E: false, F: null, G: '', H: { value: 7 }, I: { value: null } };
  expect(parse(given).env.values).toEqual({ A: 'text', B: '5', C: '1.5', D: 'true', E: 'false', G: '', H: '7' });
});

test.each([
  'API_KEY',
  'apikey',
  'my_secret',
  'Token',
  'DB_PASSWORD',
  'passwd',
  'PWD',
  'private_key',
  'AUTH_URL',
  'credentials',
])('F146: %s is secret by its name', (key) => expect(parse({ [key]: 'x' }).env.secretKeys).toEqual([key]));

test('F146: other names are not secret, and is_secret decides over the name', () => {
  const given = { GREETING: 'x', TOKEN: { value: 'x', is_secret: false }, PLAIN: { value: 'x', is_secret: true } };
  expect(parse(given).env.secretKeys).toEqual(['PLAIN']);
});

describe('F147: from_env', () => {
  test('takes the platform environment, else the value, else the key is absent and a warning names it', () => {
    const given = {
      A: { from_env: 'HOST_A' },
      B: { from_env: 'HOST_B', value: 'fallback' },
      C: { from_env: 'HOST_C' },
    };
    const { env, isValid, problems } = parse(given, { HOST_A: 'a' });
    expect(env.values).toEqual({ A: 'a', B: 'fallback' });
    expect(isValid).toBe(true);
    expect(problems).toEqual([
      { severity: 'warning', message: 'C: HOST_C is not set in the environment, so the key is absent' },
    ]);
  });

  test('is secret unless is_secret is false', () => {
    const given = { A: { from_env: 'X' }, B: { from_env: 'X', is_secret: false } };
    expect(parse(given, { X: '1' }).env.secretKeys).toEqual(['A']);
  });

  test('nothing of the environment comes in unasked', () => {
    expect(parse({ A: 'x' }, { HOME: '/root', B: 'y', toString: 'z' }).env.values).toEqual({ A: 'x' });
    expect(parse({ A: { from_env: 'toString' } }).env.values).toEqual({});
  });
});

test.each([
  [{ 'A-B': 'x' }, '"A-B" is not a variable name'],
  [{ '1A': 'x' }, '"1A" is not a variable name'],
  [{ A: ['x'] }, 'A: must be a string, number, boolean, null or {"value", "is_secret", "from_env"}'],
  [{ A: {} }, 'A: needs value, from_env or is_secret'],
  [{ A: { val: 's3cr3t' } }, 'A: unknown member "val" (did you mean "value"?)'],
  [{ A: { zzzzzz: 's3cr3t' } }, 'A: unknown member "zzzzzz"; known: value, is_secret, from_env'],
  [{ A: { value: ['s3cr3t'] } }, 'A.value: must be a string, number, boolean or null'],
  [{ A: { value: 's3cr3t', is_secret: 'yes' } }, 'A.is_secret: must be true or false'],
  [{ A: { from_env: 5 } }, 'A.from_env: must name a variable'],
])('F145: %j is invalid, and values are not repeated', (given, message) => {
  const { env, isValid, problems } = parse({ OK: 'fine', ...given });
  expect(isValid).toBe(false);
  expect(env.values).toEqual({});
  expect(problems).toEqual([{ severity: 'error', message }]);
});

test.each(['{"A": "s3cr3t"', '{"A": s3cr3t}', '"s3cr3t"', '["s3cr3t"]', '{"A": "s3cr3t\n"}'])(
  'F145: %j is refused, and no value of the file is repeated',
  (text) => {
    const { isValid, problems } = parseText(text);
    expect(isValid).toBe(false);
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  },
);

test('F145, F148: an environment is shared by the files of its folder and reaches nothing below or beside', async () => {
  const { functions } = await discoverFiles({
    'fn.env.json': { ROOT: '1' },
    'a/fn.env.json': { A: '1' },
    'a/x.js': '',
    'a/y.py': '',
    'a/b/handler.js': '',
    'c/fn.config.json': { entrypoint: 'src/api.js' },
    'c/fn.env.json': { C: '1' },
    'c/src/fn.env.json': { WRONG: '1' },
    'c/src/api.js': '',
  });
  expect(Object.fromEntries(functions.map(({ name, env }) => [name, env.values]))).toEqual({
    'a/b': {},
    'a/x.js': { A: '1' },
    'a/y.py': { A: '1' },
    c: { C: '1' },
  });
});

test('F145: while the file is broken the last good environment stays, without one it is empty', async () => {
  const root = await writeTree({
    'x/handler.js': '',
    'x/fn.env.json': { A: '1' },
    'y/handler.js': '',
    'y/fn.env.json': '{',
  });
  const discovery = discoveryOf(root);
  await discovery.scan();
  await addFiles(root, { 'x/fn.env.json': '{"A": "2"' });
  const { functions, problems } = await discovery.rescan([join(root, 'x/fn.env.json')]);
  expect(functions.map(({ env }) => env.values)).toEqual([{ A: '1' }, {}]);
  expect(functions.map(({ configProblem }) => configProblem)).toEqual([null, null]);
  expect(problems.map(({ path, severity }) => [path, severity])).toEqual([
    ['x/fn.env.json', 'error'],
    ['y/fn.env.json', 'error'],
  ]);
});
