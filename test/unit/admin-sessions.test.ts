import { pbkdf2Sync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sessions } from '../../src/admin/sessions.ts';
import { loadProject } from '../../src/project/load.ts';
import { ask, createAdminApp, emptyPlatform, LOCAL, LOGIN } from './admin-fixture.ts';

const SALT = '00112233445566778899aabbccddeeff';
const hashOf = (password: string) =>
  `pbkdf2-sha256:100000:${SALT}:${pbkdf2Sync(password, Buffer.from(SALT, 'hex'), 100_000, 32, 'sha256').toString('hex')}`;
const login = {
  ...LOGIN,
  enabled: true,
  api: true,
  username: 'ada',
  passwordHash: hashOf('lovelace'),
  sessionSecret: 'key',
};
const json = { ...LOCAL, 'content-type': 'application/json' };
const credentials = (username: string, password: string) => JSON.stringify({ username, password });

test('P148, P159, P200, P201: a login opens the API, a logout closes it', async () => {
  const app = createAdminApp(emptyPlatform({ login }));
  expect((await ask(app, 'GET', '/_fn/ui-state', LOCAL)).error).toBe('login required');
  for (const body of [credentials('ada', 'wrong'), credentials('eve', 'lovelace')]) {
    const refused = await ask(app, 'POST', '/_fn/login', json, body);
    expect([refused.status, refused.error, refused.headers['set-cookie']]).toEqual([
      401,
      'invalid credentials',
      undefined,
    ]);
  }
  const opened = await ask(app, 'POST', '/_fn/login', json, credentials('ada', 'lovelace'));
  expect([opened.status, opened.json()]).toEqual([200, { ok: true, user: 'ada' }]);
  const cookie = String(opened.headers['set-cookie']);
  expect(cookie).toMatch(/^fastfn_session=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Strict$/);
  const session = { ...LOCAL, cookie: cookie.split(';')[0]! };
  expect((await ask(app, 'GET', '/_fn/ui-state', session)).json().current_user).toBe('ada');
  const closed = await ask(app, 'POST', '/_fn/logout', { ...json, ...session });
  expect(closed.headers['set-cookie']).toMatch(/^fastfn_session=; Max-Age=0; Path=\/; HttpOnly; SameSite=Strict$/);
});

test('P159: over HTTPS the cookie is Secure', async () => {
  const app = createAdminApp(emptyPlatform({ login }));
  const answer = await ask(
    app,
    'POST',
    '/_fn/login',
    { ...json, 'x-fn-scheme': 'https' },
    credentials('ada', 'lovelace'),
  );
  expect(answer.headers['set-cookie']).toMatch(/; Secure/);
});

test('P157: a session never widens access, and cross-site writes stay refused', async () => {
  const app = createAdminApp(emptyPlatform({ login, write: true }));
  const session = { cookie: new Sessions(login).issue('ada', false).split(';')[0]! };
  const remote = { ...LOCAL, ...session, 'x-fn-peer': '203.0.113.9' };
  expect((await ask(app, 'GET', '/_fn/ui-state', remote)).error).toBe('console api local-only');
  const cross = { ...json, ...session, origin: 'https://evil.test' };
  expect((await ask(app, 'PUT', '/_fn/ui-state', cross, '{"ui_enabled":true}')).error).toBe(
    'cross-site request refused',
  );
});

test('P200: without a login the address says so', async () => {
  const app = createAdminApp(emptyPlatform({}));
  const answer = await ask(app, 'POST', '/_fn/login', json, credentials('ada', 'lovelace'));
  expect([answer.status, answer.error]).toEqual([404, 'login disabled']);
});

test('P159: a session ends by time, by changed credentials, by another secret, and by any change to it', () => {
  const sessions = new Sessions(login);
  const now = Date.now();
  const value = sessions.issue('ada', false, now).split(';')[0]!;
  expect(sessions.read(value, now + 3_599_000)).toBe('ada');
  expect(sessions.read(value, now + 3_601_000)).toBeNull();
  expect(new Sessions({ ...login, username: 'eve' }).read(value, now)).toBeNull();
  expect(new Sessions({ ...login, passwordHash: hashOf('other') }).read(value, now)).toBeNull();
  expect(new Sessions({ ...login, sessionSecret: 'other' }).read(value, now)).toBeNull();
  expect(new Sessions({ ...login, sessionSecret: null }).read(value, now)).toBeNull();
  const [claims, signature] = value.slice('fastfn_session='.length).split('.') as [string, string];
  const forged = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), user: 'root' }),
  ).toString('base64url');
  for (const cookie of [
    `${forged}.${signature}`,
    `${claims}.`,
    claims,
    `${claims}.${signature}.x`,
    `.${signature}`,
    '',
  ]) {
    expect(sessions.read(`fastfn_session=${cookie}`, now)).toBeNull();
  }
});

test.each([
  ['pbkdf2', { passwordHash: hashOf('lovelace') }],
  ['sha256', { passwordHash: 'sha256:fb1e7ec987523d2cb9e022cec1d6ae7c99dc46edfae4fe51254025fe4bea571f' }],
  ['plain', { passwordHash: null, password: 'lovelace' }],
] as const)('P158: a password kept as %s is compared as a whole', async (_kind, change) => {
  const sessions = new Sessions({ ...login, ...change });
  expect(await sessions.verify('ada', 'lovelace')).toBe(true);
  expect(await sessions.verify('ada', 'lovelac')).toBe(false);
  expect(await sessions.verify('ada', '')).toBe(false);
});

const dir = mkdtempSync(join(tmpdir(), 'fastfn-login-'));
const load = (env: Record<string, string>) => loadProject({ command: 'run', flags: {}, env, cwd: dir });
const COMPLETE = {
  FN_CONSOLE_LOGIN_ENABLED: '1',
  FN_CONSOLE_LOGIN_USERNAME: 'ada',
  FN_CONSOLE_LOGIN_PASSWORD_HASH: hashOf('lovelace'),
  FN_CONSOLE_SESSION_SECRET: 'a-secret',
};

test.each([
  ['FN_CONSOLE_LOGIN_USERNAME', { FN_CONSOLE_LOGIN_USERNAME: '' }],
  ['FN_CONSOLE_LOGIN_PASSWORD_HASH', { FN_CONSOLE_LOGIN_PASSWORD_HASH: '' }],
  ['FN_CONSOLE_LOGIN_PASSWORD_HASH', { FN_CONSOLE_LOGIN_PASSWORD_HASH: 'pbkdf2-sha256:1000:00:00' }],
  ['FN_CONSOLE_LOGIN_PASSWORD_HASH', { FN_CONSOLE_LOGIN_PASSWORD_HASH: 'md5:x' }],
  ['FN_CONSOLE_SESSION_SECRET', { FN_CONSOLE_SESSION_SECRET: '' }],
])('P158: an incomplete login is refused at the start, naming %s', async (name, change) => {
  await expect(load({ ...COMPLETE, ...change })).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(name),
  });
});

test('P145, P158: weak and open settings are told at the start', async () => {
  const config = await load({
    ...COMPLETE,
    FN_CONSOLE_LOGIN_PASSWORD_HASH: '',
    FN_CONSOLE_LOGIN_PASSWORD: 'plain',
    FN_CONSOLE_LOCAL_ONLY: '0',
  });
  expect(config.notes.join('\n')).toMatch(/anyone who reaches this port can read the admin API/);
  expect(config.notes.join('\n')).toMatch(/not stored as a pbkdf2-sha256 hash/);
  expect((await load({ FN_ADMIN_TOKEN: 'short' })).notes.join('\n')).toMatch(/FN_ADMIN_TOKEN has fewer than 16/);
  expect((await load(COMPLETE)).notes).toEqual([]);
});
