import { randomBytes } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadProject } from '../../src/project/load.ts';
import { keyringOf, parseKeyring } from '../../src/secrets/keyring.ts';
import { isSealed, keyIdOf, openValue, sealValue } from '../../src/secrets/seal.ts';
import { temporaryFolder } from './config-support.ts';
import { addFiles, discoveryOf, writeTree } from './discovery-fixture.ts';

const KEY = randomBytes(32).toString('base64');
const OTHER = randomBytes(32).toString('hex');
const PLACE = { file: 'users/fn.env.json', name: 'API_KEY' };
const ring = keyringOf(KEY);
const key = ring[0]!;

describe('keys', () => {
  test.each([
    ['base64', Buffer.alloc(32, 0xfb).toString('base64')],
    ['base64url', Buffer.alloc(32, 0xfb).toString('base64url')],
    ['hex', Buffer.alloc(32, 0xfb).toString('hex')],
    ['upper-case hex', Buffer.alloc(32, 0xfb).toString('hex').toUpperCase()],
  ])('32 bytes as %s are a key, the same in every form', (_, text) => {
    expect(keyringOf(text)).toEqual([{ id: expect.stringMatching(/^[0-9a-f]{8}$/), bytes: Buffer.alloc(32, 0xfb) }]);
  });

  test('several are separated by commas, blanks or new lines, in their order', () => {
    expect(keyringOf(`${KEY},${OTHER}`)).toEqual([...keyringOf(KEY), ...keyringOf(OTHER)]);
    expect(keyringOf(`${OTHER}\n${KEY}\n`)).toEqual([...keyringOf(OTHER), ...keyringOf(KEY)]);
  });

  test.each(['correct horse battery staple', 'pass', KEY.slice(4), `${KEY}AAAA`, ' ', `${KEY},pass`])(
    '%j is refused with what to do, and not repeated',
    (text) => {
      const parsed = parseKeyring(text);
      expect(parsed).toHaveProperty('problem');
      expect(JSON.stringify(parsed)).toMatch(/must be 32 random bytes.*fastfn secrets keygen.*openssl rand -base64 32/);
      for (const word of text.split(/[\s,]+/).filter(Boolean)) expect(JSON.stringify(parsed)).not.toContain(`${word} `);
    },
  );

  test('FN_SECRETS_KEY and FN_SECRETS_KEY_FILE are read, masked and checked (1.4)', async () => {
    const cwd = temporaryFolder();
    const load = (env: Record<string, string>) => loadProject({ command: 'dev', flags: {}, env, cwd });
    writeFileSync(join(cwd, 'key'), `${KEY}\r\n\n`);
    expect((await load({ FN_SECRETS_KEY_FILE: 'key' })).secretsKey).toBe(KEY);
    const config = await load({ FN_SECRETS_KEY: OTHER, FN_SECRETS_KEY_FILE: 'key' });
    expect(config.secretsKey).toBe(OTHER);
    expect(config.settings['secrets-key']).toEqual({ value: '<hidden>', source: 'environment' });
    await expect(load({ FN_SECRETS_KEY: 'hunter2' })).rejects.toThrow(
      /^FN_SECRETS_KEY: the key must be 32 random bytes/,
    );
  });

  test('P39: from_env cannot name a secret of the platform', async () => {
    const env = {
      FN_SECRETS_KEY: KEY,
      FN_ADMIN_TOKEN: 'x'.repeat(16),
      FN_CONSOLE_SESSION_SECRET_FILE: '/x',
      MINE: 'y',
    };
    writeFileSync(join(temporaryFolder(), 'x'), '');
    const { fromEnv } = await loadProject({
      command: 'dev',
      flags: {},
      env: { ...env, FN_CONSOLE_SESSION_SECRET: 's' },
      cwd: temporaryFolder(),
    });
    expect(Object.keys(fromEnv)).toEqual(['MINE']);
  });

  test('a *_FILE of more than 8 KiB, an empty one and one without an end are refused', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'long'), 'x'.repeat(8193));
    writeFileSync(join(cwd, 'empty'), '\n');
    const problems = { long: /is longer than 8192 bytes/, empty: /is empty/, '/dev/zero': /is longer than 8192 bytes/ };
    for (const [file, problem] of Object.entries(problems)) {
      await expect(loadProject({ command: 'dev', flags: {}, env: { FN_ADMIN_TOKEN_FILE: file }, cwd })).rejects.toThrow(
        problem,
      );
    }
  });
});

describe('sealed values', () => {
  test.each(['', 'x', 'two\nlines', 'ünïcödé ✓', 'x'.repeat(100_000)])('%# opens where it was sealed', (value) => {
    const sealed = sealValue(key, PLACE, value);
    expect(sealed).toMatch(/^enc:v1:[0-9a-f]{8}:[A-Za-z0-9_-]+$/);
    expect([isSealed(sealed), keyIdOf(sealed)]).toEqual([true, key.id]);
    expect(openValue(ring, PLACE, sealed)).toEqual({ value });
  });

  test('sealing the same value twice gives different text', () => {
    expect(sealValue(key, PLACE, 'x')).not.toBe(sealValue(key, PLACE, 'x'));
  });

  test.each([
    ['another name', { ...PLACE, name: 'OTHER' }],
    ['another file', { ...PLACE, file: 'admins/fn.env.json' }],
    ['a name and file that read alike together', { file: 'users/fn.env.jsonA', name: 'PI_KEY' }],
  ])('a value does not open at %s', (_, place) => {
    expect(openValue(ring, place, sealValue(key, PLACE, 's3cr3t'))).toEqual({
      problem: 'does not decrypt: it was changed, or moved from another file or name',
    });
  });

  test('no change of a single character goes unnoticed', () => {
    const sealed = sealValue(key, PLACE, 's3cr3t');
    for (let at = 0; at < sealed.length - 1; at++) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
      expect(openValue(ring, PLACE, changed), changed).toHaveProperty('problem');
    }
  });

  test.each(['enc:v1:', 'enc:v1:0123abcd:', `enc:v1:${key.id}:AA`, `enc:v1:${key.id}:${'A'.repeat(37)}`, 'enc:v2:x'])(
    '%s is sealed, and does not open',
    (text) => {
      expect(isSealed(text)).toBe(true);
      expect(openValue(ring, PLACE, text)).toHaveProperty('problem');
    },
  );

  test('the problem of a missing and of a wrong key names the key that is needed', () => {
    const sealed = sealValue(key, PLACE, 'x');
    expect(openValue([], PLACE, sealed)).toEqual({
      problem: `is encrypted with the key ${key.id}, and FN_SECRETS_KEY is not set`,
    });
    expect(openValue(keyringOf(OTHER), PLACE, sealed)).toEqual({
      problem: `is encrypted with the key ${key.id}, and FN_SECRETS_KEY holds other keys`,
    });
  });

  test('every key of the ring opens, so that a new one can come before the old one goes', () => {
    const sealed = sealValue(key, PLACE, 'x');
    expect(openValue(keyringOf(`${OTHER},${KEY}`), PLACE, sealed)).toEqual({ value: 'x' });
  });
});

describe('discovery', () => {
  const env = (value: string) => ({ API_KEY: { value: sealValue(key, PLACE, value) }, PLAIN: 'p' });

  test('decrypts the values of functions, and they are secret', async () => {
    const root = await writeTree({ 'users/handler.js': '', 'users/fn.env.json': env('s3cr3t') });
    const { functions, problems } = await discoveryOf(root, { secretsKey: KEY }).scan();
    expect(functions[0]!.env).toEqual({
      values: { API_KEY: 's3cr3t', PLAIN: 'p' },
      secretKeys: ['API_KEY'],
      secretSources: [],
    });
    expect(functions[0]!.configProblem).toBe(null);
    expect(problems).toEqual([]);
  });

  test.each([
    ['without a key', null, 'users'],
    ['with another key', OTHER, 'users'],
    ['in another folder', KEY, 'admins'],
  ])('%s the function is refused, and one problem names file and variable', async (_, secretsKey, folder) => {
    const root = await writeTree({
      [`${folder}/handler.js`]: '',
      [`${folder}/fn.env.json`]: env('s3cr3t'),
      'b.js': '',
    });
    const { functions, problems } = await discoveryOf(root, { secretsKey }).scan();
    const [other, refused] = functions.toSorted((a, b) => a.name.length - b.name.length) as any;
    expect(refused.configProblem).toMatch(
      new RegExp(`^${folder}/fn.env.json: API_KEY (is encrypted|does not decrypt)`),
    );
    expect(refused.env.values).toEqual({});
    expect(other.configProblem).toBe(null);
    expect(problems).toEqual([
      {
        severity: 'error',
        kind: 'config',
        path: `${folder}/fn.env.json`,
        message: refused.configProblem.split(': ').slice(1).join(': '),
      },
    ]);
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  });

  test('a function that is reached through a link to its folder has its values, one with a link to the file has not', async () => {
    const root = await writeTree({
      'users/handler.js': '',
      'users/fn.env.json': env('s3cr3t'),
      'thief/handler.js': '',
    });
    symlinkSync('users', join(root, 'people'));
    symlinkSync('../users/fn.env.json', join(root, 'thief/fn.env.json'));
    const { functions } = await discoveryOf(root, { secretsKey: KEY }).scan();
    expect(functions.map((found) => [found.name, found.env.values.API_KEY, found.configProblem !== null])).toEqual([
      ['people', 's3cr3t', false],
      ['thief', undefined, true],
      ['users', 's3cr3t', false],
    ]);
  });

  test('a value that was tampered with is not replaced by the last good one', async () => {
    const root = await writeTree({ 'users/handler.js': '', 'users/fn.env.json': env('s3cr3t') });
    const discovery = discoveryOf(root, { secretsKey: KEY });
    await discovery.scan();
    const { value } = env('other').API_KEY;
    const changed = value.slice(0, 20) + (value[20] === 'A' ? 'B' : 'A') + value.slice(21);
    await addFiles(root, { 'users/fn.env.json': { API_KEY: { value: changed } } });
    const { functions } = await discovery.rescan([join(root, 'users/fn.env.json')]);
    expect(functions[0]!.configProblem).toMatch(/^users\/fn\.env\.json: API_KEY does not decrypt/);
    expect(functions[0]!.env.values).toEqual({});
  });
});
