import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { maskEnv, mergeEnv, readEnvFile, writeEnvFile } from '../../src/functions/env-file.ts';
import { temporaryFolder } from './config-support.ts';

const SEALED = 'enc:v1:0123abcd:AAAA';

/** The content after a PUT, or its problems. */
function merged(current: object, body: unknown): unknown {
  const merge = mergeEnv(current as Record<string, unknown>, body);
  return 'content' in merge ? merge.content : merge.problems;
}

describe('F149: what an admin reads', () => {
  test.each([
    [{ API_KEY: 'k' }, { API_KEY: { is_secret: true, value: '<hidden>' } }],
    [
      { GREETING: 'hi', N: 5 },
      { GREETING: { is_secret: false, value: 'hi' }, N: { is_secret: false, value: 5 } },
    ],
    [{ X: { value: 'k', is_secret: true } }, { X: { is_secret: true, value: '<hidden>' } }],
    [{ TOKEN: { value: 'k', is_secret: false } }, { TOKEN: { is_secret: false, value: 'k' } }],
    [{ X: { from_env: 'HOST_X', value: 'k' } }, { X: { is_secret: true, value: '<hidden>', from_env: 'HOST_X' } }],
    [{ X: { from_env: 'HOST_X', is_secret: false } }, { X: { is_secret: false, from_env: 'HOST_X' } }],
    [{ X: SEALED }, { X: { is_secret: true, value: '<hidden>' } }],
    [{ X: { value: SEALED, is_secret: false } }, { X: { is_secret: true, value: '<hidden>' } }],
  ])('%j shows as %j', (content, view) => expect(maskEnv(content)).toEqual(view));

  test('sent back as it was read, it changes no value and no flag', () => {
    const content = {
      API_KEY: 'k',
      GREETING: 'hi',
      ON: true,
      NOTHING: null,
      A: { value: 'k', is_secret: true },
      B: { value: 'x', is_secret: false },
      C: { from_env: 'HOST_C' },
      D: { from_env: 'HOST_D', is_secret: false, value: 'fallback' },
      E: { is_secret: true },
    };
    const view = maskEnv(content);
    const after = merged(content, view) as Record<string, unknown>;
    expect(maskEnv(after)).toEqual(view);
    const values = (env: Record<string, any>) =>
      Object.fromEntries(
        Object.entries(env).map(([name, entry]) => [name, entry?.value ?? (entry?.from_env || entry)]),
      );
    expect(values(after)).toMatchObject({ API_KEY: 'k', GREETING: 'hi', ON: true, A: 'k', B: 'x', D: 'fallback' });
  });
});

describe('F149, P213: what a PUT does', () => {
  const stored = { A: { value: 'a', is_secret: true }, PLAIN: 'p', KEEP: 'k' };
  test.each([
    ['null deletes', { A: null }, { PLAIN: 'p', KEEP: 'k' }],
    ['value null deletes', { A: { value: null } }, { PLAIN: 'p', KEEP: 'k' }],
    ['null for an unknown name does nothing', { NEW: null }, stored],
    ['an omitted is_secret keeps the flag', { A: { value: 'b' } }, { ...stored, A: { value: 'b', is_secret: true } }],
    [
      '<hidden> keeps the value',
      { A: { value: '<hidden>', is_secret: false } },
      { ...stored, A: { value: 'a', is_secret: false } },
    ],
    ['a scalar sets the value and keeps the flag', { A: 'b' }, { ...stored, A: { value: 'b', is_secret: true } }],
    ['a scalar stays a scalar', { PLAIN: 5 }, { ...stored, PLAIN: 5 }],
    ['the scalar <hidden> keeps the value', { PLAIN: '<hidden>' }, stored],
    [
      'a missing value changes the rest only',
      { PLAIN: { is_secret: true } },
      { ...stored, PLAIN: { value: 'p', is_secret: true } },
    ],
    ['a missing value does nothing for an unknown name', { NEW: { is_secret: true } }, stored],
    ['<hidden> does nothing for an unknown name', { NEW: { value: '<hidden>' } }, stored],
    ['a new name is public by default', { GREETING: 'hi' }, { ...stored, GREETING: { value: 'hi', is_secret: false } }],
    [
      'a new name with a word of F146 is secret',
      { db_password: 'x' },
      { ...stored, db_password: { value: 'x', is_secret: true } },
    ],
    [
      'a new name may come from the environment, and is secret',
      { NEW: { from_env: 'N' } },
      { ...stored, NEW: { from_env: 'N', is_secret: true } },
    ],
    [
      'from_env keeps the value as its fallback',
      { A: { from_env: 'N' } },
      { ...stored, A: { value: 'a', from_env: 'N', is_secret: true } },
    ],
    [
      "the issue's example",
      { API_KEY: { value: 'hello-secret', is_secret: true } },
      { ...stored, API_KEY: { value: 'hello-secret', is_secret: true } },
    ],
  ])('%s', (_, body, after) => expect(merged(stored, body)).toEqual(after));

  test('P351: no change uncovers a secret by default', () => {
    expect(merged({ X: { from_env: 'N' } }, { X: { from_env: null, value: 'x' } })).toEqual({
      X: { value: 'x', is_secret: true },
    });
    expect(merged({ API_KEY: 'k' }, { API_KEY: { value: 'l' } })).toEqual({ API_KEY: { value: 'l', is_secret: true } });
  });

  test.each([
    [{}, ['names no variable']],
    [[], ['must be an object of variables']],
    ['text', ['must be an object of variables']],
    [{ A: {} }, ['A: needs value, from_env or is_secret']],
    [{ A: ['s3cr3t'] }, ['A: must be a string, number, boolean, null or {"value", "is_secret", "from_env"}']],
    [{ 'A-B': 's3cr3t' }, ['"A-B" is not a variable name']],
    [{ A: { secret: true, value: 's3cr3t' } }, ['A: unknown member "secret" (did you mean "is_secret"?)']],
    [{ A: { value: {} } }, ['A.value: must be a string, number, boolean or null']],
    [{ A: { is_secret: 1 } }, ['A.is_secret: must be true or false']],
    [{ A: { from_env: '' } }, ['A.from_env: must name a variable']],
  ])('%j is refused, every problem is named and no value repeated', (body, problems) => {
    expect(merged({ A: 'a' }, body)).toEqual(problems);
  });

  test('a variable that is wrong in the file is named, and may be mended or deleted', () => {
    const broken = { BAD: { val: 's3cr3t' }, GOOD: 'x' };
    expect(merged(broken, { GOOD: 'y' })).toEqual(['BAD: unknown member "val" (did you mean "value"?)']);
    expect(merged(broken, { BAD: { value: 'y' } })).toEqual({ BAD: { value: 'y', is_secret: false }, GOOD: 'x' });
    expect(merged(broken, { BAD: null })).toEqual({ GOOD: 'x' });
  });

  test('with a key, new values of secrets are stored sealed, all others as they are', () => {
    const seal = (name: string, value: string) => `sealed ${name}=${value}`;
    const body = { API_KEY: 'k', GREETING: 'hi', A: { value: '<hidden>' }, N: { value: 5, is_secret: true } };
    expect(mergeEnv({ A: { value: 'a', is_secret: true } }, body, seal)).toEqual({
      content: {
        A: { value: 'a', is_secret: true },
        API_KEY: { value: 'sealed API_KEY=k', is_secret: true },
        GREETING: { value: 'hi', is_secret: false },
        N: { value: 'sealed N=5', is_secret: true },
      },
    });
  });
});

describe('the file', () => {
  test('F148: it is private, whatever it was before', async () => {
    const path = join(temporaryFolder(), 'fn.env.json');
    writeFileSync(path, '{}');
    chmodSync(path, 0o644);
    await writeEnvFile(path, { A: 'x' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ A: 'x' });
  });

  test('its etag is that of the content, and an absent file has one', async () => {
    const path = join(temporaryFolder(), 'fn.env.json');
    const absent = await readEnvFile(path);
    expect(absent).toMatchObject({ content: {}, problem: null, exists: false });
    const etag = await writeEnvFile(path, { A: 'x' });
    expect(await readEnvFile(path)).toEqual({ content: { A: 'x' }, problem: null, etag, exists: true });
    expect(etag).not.toBe(absent.etag);
    expect(await writeEnvFile(path, { A: 'y' })).not.toBe(etag);
    expect(await writeEnvFile(path, { A: 'x' })).toBe(etag);
  });

  test('one that is no JSON says where, and nothing it holds', async () => {
    const path = join(temporaryFolder(), 'fn.env.json');
    writeFileSync(path, '{"A": "s3cr3t"');
    const { content, problem } = await readEnvFile(path);
    expect(content).toEqual({});
    expect(problem).toMatch(/^line 1, column \d+: /);
    expect(problem).not.toContain('s3cr3t');
  });

  test('one that is a folder is an error, not an empty file', async () => {
    const path = join(temporaryFolder(), 'fn.env.json');
    mkdirSync(path);
    await expect(readEnvFile(path)).rejects.toThrow('EISDIR');
  });
});
