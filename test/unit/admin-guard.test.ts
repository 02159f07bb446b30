import { describe, expect, test } from 'vitest';
import { isLocalRequest } from '../../src/admin/caller.ts';
import { type AccessClass, admit, type Caller, type GuardFlags, permitChange } from '../../src/admin/guard.ts';
import { ask, createAdminApp, emptyPlatform, LOCAL, LOGIN, REMOTE } from './admin-fixture.ts';

const BARE: GuardFlags = {
  api: true,
  docs: true,
  ui: false,
  write: false,
  localOnly: true,
  hasToken: false,
  loginApi: false,
};
const local: Caller = { isLocal: true, token: 'none', user: null };
const remote: Caller = { isLocal: false, token: 'none', user: null };
const as = (caller: Caller, change: Partial<Caller>): Caller => ({ ...caller, ...change });
const CLASSES = ['docs', 'read', 'exec', 'write'] as const;

/** Status and text of the answer that the guard alone gives; 200 where it lets the request through. */
function decide(flags: Partial<GuardFlags>, caller: Caller, access: AccessClass, change = {}): [number, string | null] {
  const all = { ...BARE, ...flags };
  const refusal = admit(all, caller, access);
  if (refusal) return [refusal.status, refusal.error];
  if (access !== 'exec' && access !== 'write') return [200, null];
  const refused = permitChange(all, caller, access, { isCrossSite: false, content: 'none', ...change });
  return refused ? [refused.status, refused.error] : [200, null];
}

type Row = readonly [
  rule: string,
  flags: Partial<GuardFlags>,
  callers: readonly Caller[],
  answers: readonly [docs: number, read: number, exec: number, write: number],
  texts: readonly (string | null)[],
];

const anyone = [
  local,
  remote,
  as(local, { token: 'right' }),
  as(remote, { token: 'right' }),
  as(remote, { user: 'ada' }),
];
const right = [as(local, { token: 'right' }), as(remote, { token: 'right' })];
const wrong = [as(local, { token: 'wrong' }), as(remote, { token: 'wrong' })];
const off = 'admin api disabled';
const localOnly = 'console api local-only';
const bad = 'invalid admin token';
const needs = 'admin token required';
const writeLocal = 'console write local-only';
const writeOff = 'console write disabled';
const login = 'login required';

const TABLE: readonly Row[] = [
  ['P136', { api: false }, [...anyone, ...wrong], [404, 404, 404, 404], [off, off, off, off]],
  ['P138', {}, [local], [200, 200, 200, 403], [null, null, null, writeOff]],
  ['P139', { write: true }, [local], [200, 200, 200, 200], []],
  ['P140', {}, [remote], [200, 403, 403, 403], [null, localOnly, localOnly, localOnly]],
  ['P140', { write: true }, [remote], [200, 403, 403, 403], [null, localOnly, localOnly, localOnly]],
  ['P140', { hasToken: true }, [remote], [200, 403, 403, 403], [null, localOnly, localOnly, localOnly]],
  ['P141', { hasToken: true }, [local], [200, 200, 200, 403], [null, null, null, writeOff]],
  ['P142', { hasToken: true }, right, [200, 200, 200, 200], []],
  ['P142', { hasToken: true, write: true, localOnly: false }, right, [200, 200, 200, 200], []],
  ['P142', { hasToken: true, loginApi: true }, right, [200, 200, 200, 200], []],
  ['P143', { hasToken: true }, wrong, [200, 401, 401, 401], [null, bad, bad, bad]],
  ['P143', { hasToken: true, write: true, localOnly: false }, wrong, [200, 401, 401, 401], [null, bad, bad, bad]],
  ['P144', { hasToken: true, localOnly: false }, [remote], [200, 401, 401, 401], [null, needs, needs, needs]],
  ['P145', { localOnly: false }, [remote], [200, 200, 403, 403], [null, null, writeLocal, writeLocal]],
  ['P145', { localOnly: false, write: true }, [remote], [200, 200, 403, 403], [null, null, writeLocal, writeLocal]],
  ['P148', { loginApi: true, write: true }, [local], [200, 401, 401, 401], [null, login, login, login]],
  ['P149', { loginApi: true }, [as(remote, { user: 'ada' })], [200, 403, 403, 403], [null, localOnly, localOnly]],
  ['P148', { loginApi: true, write: true }, [as(local, { user: 'ada' })], [200, 200, 200, 200], []],
];

describe('the table of section 5.1', () => {
  test.each(TABLE)('%s: %j', (_rule, flags, callers, statuses, texts) => {
    for (const caller of callers) {
      CLASSES.forEach((access, at) => {
        const [status, error] = decide(flags, caller, access);
        expect([access, caller, status]).toEqual([access, caller, statuses[at]]);
        if (texts[at] !== undefined) expect(error).toBe(texts[at]);
      });
    }
  });

  test('P137: without docs both addresses are 404, for anyone', () => {
    for (const caller of [...anyone, ...wrong]) {
      expect(decide({ docs: false }, caller, 'docs')).toEqual([404, 'docs disabled']);
      expect(decide({ docs: false }, caller, 'alias')).toEqual([404, 'docs disabled']);
    }
  });

  test('P136: the public alias /openapi.json stays while the API is off', () => {
    expect(decide({ api: false }, remote, 'alias')).toEqual([200, null]);
  });

  test.each([
    ['P150', { ui: false }, [...anyone, ...wrong], 404, 'console ui disabled'],
    ['P151', { ui: true }, [local, ...right], 200, null],
    [
      'P152',
      { ui: true },
      [remote, as(remote, { user: 'ada' }), as(remote, { token: 'wrong' })],
      403,
      'console ui local-only',
    ],
    ['P153', { ui: true, localOnly: false }, [...anyone, ...wrong], 200, null],
    ['P154', { ui: true, loginApi: true }, [local], 200, null],
    ['P155', { ui: true, api: false }, [local, ...right], 200, null],
  ] as const)('%s: console with %j', (_rule, flags, callers, status, error) => {
    for (const caller of callers) expect(decide(flags, caller, 'ui')).toEqual([status, error]);
  });

  test.each(['exec', 'write'] as const)(
    'P146, P147: %s is refused across sites and for other types, token or not',
    (access) => {
      for (const caller of [local, ...right]) {
        const flags = { write: true, hasToken: true };
        expect(decide(flags, caller, access, { isCrossSite: true })).toEqual([403, 'cross-site request refused']);
        for (const content of ['form', 'other']) {
          expect(decide(flags, caller, access, { content })).toEqual([415, 'content type must be application/json']);
        }
        expect(decide(flags, caller, access, { content: 'json' })).toEqual([200, null]);
      }
    },
  );

  test('every combination: a stranger never changes or runs anything, and flags alone never open writes from elsewhere', () => {
    for (let bits = 0; bits < 64; bits += 1) {
      const flag = (bit: number) => (bits & (1 << bit)) !== 0;
      const flags = {
        api: true,
        write: flag(0),
        localOnly: flag(1),
        hasToken: flag(2),
        loginApi: flag(3),
        ui: flag(4),
        docs: flag(5),
      };
      for (const caller of [remote, as(remote, { user: 'ada' }), as(remote, { token: 'wrong' as const })]) {
        for (const access of ['exec', 'write'] as const)
          expect(decide(flags, caller, access)[0]).toBeGreaterThanOrEqual(401);
      }
      const [status] = decide(flags, local, 'write');
      expect(status === 200).toBe(flags.write && !flags.loginApi);
    }
  });
});

describe('who is local (P131)', () => {
  const app = createAdminApp(emptyPlatform({ allowedHosts: ['box.test', '*.dev.test'] }));
  const status = async (headers: Record<string, string>) =>
    (await ask(app, 'GET', '/_fn/ui-state', { ...LOCAL, ...headers })).status;

  test.each([
    ['localhost', 200],
    ['LOCALHOST:8080', 200],
    ['127.0.0.1', 200],
    ['127.8.9.1:1', 200],
    ['[::1]:8080', 200],
    ['box.test', 200],
    ['a.dev.test', 200],
    ['dev.test', 403],
    ['evil.test', 403],
    ['localhost.evil.test', 403],
    ['127.0.0.1.evil.test', 403],
    ['127.0.0.999', 403],
    ['10.0.0.1', 403],
  ])('a loopback peer that asks for %s gets %i', async (host, expected) => {
    expect(await status({ host })).toBe(expected);
  });

  test('a request without Host is not', () => {
    expect(isLocalRequest({ 'x-fn-peer': '127.0.0.1' }, [])).toBe(false);
    expect(isLocalRequest({ 'x-fn-peer': '127.0.0.1', host: '' }, ['*.test'])).toBe(false);
  });

  test.each(['10.0.0.1', '192.168.1.2', '::ffff:10.0.0.1', '128.0.0.1', ''])(
    'the peer %j is not local',
    async (peer) => {
      expect(await status({ 'x-fn-peer': peer })).toBe(403);
    },
  );

  test.each([
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-anything',
    'x-real-ip',
    'via',
    'cf-connecting-ip',
    'true-client-ip',
    'x-client-ip',
  ])('%s makes a request foreign', async (name) => {
    expect(await status({ [name]: '127.0.0.1' })).toBe(403);
  });
});

describe('tokens (P132)', () => {
  const token = 'correct horse battery';
  const app = createAdminApp(emptyPlatform({ token: 'correct-horse-battery' }));
  const read = (headers: Record<string, string>) => ask(app, 'GET', '/_fn/ui-state', { ...REMOTE, ...headers });

  test.each([
    [{ 'x-fn-admin-token': 'correct-horse-battery' }, 200],
    [{ authorization: 'Bearer correct-horse-battery' }, 200],
    [{ authorization: 'bearer correct-horse-battery' }, 200],
    [{ 'x-fn-admin-token': token }, 401],
    [{ authorization: 'Bearer nope' }, 401],
    [{ 'x-fn-admin-token': 'correct-horse-battery', authorization: 'Bearer nope' }, 401],
    [{ authorization: 'Basic Y29ycmVjdA==' }, 403],
    [{}, 403],
  ])('%j: %i', async (headers, status) => {
    expect((await read(headers)).status).toBe(status);
  });

  test('a wrong one is told apart by WWW-Authenticate, and never repeated', async () => {
    const answer = await read({ 'x-fn-admin-token': 'wrong-secret-value' });
    expect([answer.headers['www-authenticate'], answer.error]).toEqual(['Bearer', 'invalid admin token']);
    expect(answer.text).not.toContain('wrong-secret-value');
    expect(answer.text).not.toContain('correct-horse');
  });

  test('P140: without a configured token both headers mean nothing', async () => {
    const open = createAdminApp(emptyPlatform({}));
    expect((await ask(open, 'GET', '/_fn/ui-state', { ...LOCAL, authorization: 'Bearer x' })).status).toBe(200);
    expect((await ask(open, 'GET', '/_fn/ui-state', { ...REMOTE, 'x-fn-admin-token': 'x' })).status).toBe(403);
  });
});

describe('the order of refusals (P135)', () => {
  const app = createAdminApp(emptyPlatform({}));

  test.each(['/_fn/ui-state', '/_fn/nothing-here', '/_fn/reload'])(
    'a stranger cannot tell whether %s exists',
    async (path) => {
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS'] as const) {
        const answer = await ask(app, method, path, REMOTE);
        expect([answer.status, answer.error]).toEqual([403, 'console api local-only']);
      }
    },
  );

  test('P206: unknown path before unknown method before cross-site before the write flag before parsing', async () => {
    const json = { ...LOCAL, 'content-type': 'application/json' };
    const cross = { ...json, origin: 'https://evil.test' };
    expect((await ask(app, 'PUT', '/_fn/nothing', cross, '{')).error).toBe('not found');
    const method = await ask(app, 'PUT', '/_fn/reload', cross, '{');
    expect([method.error, method.headers.allow]).toEqual(['method not allowed', 'POST, GET, HEAD']);
    expect((await ask(app, 'PUT', '/_fn/ui-state', cross, '{')).error).toBe('cross-site request refused');
    expect((await ask(app, 'PUT', '/_fn/ui-state', json, '{')).error).toBe('console write disabled');
    const writable = createAdminApp(emptyPlatform({ write: true }));
    expect((await ask(writable, 'PUT', '/_fn/ui-state', json, '{')).error).toBe('invalid json');
    expect((await ask(writable, 'PUT', '/_fn/ui-state', json, `{"a":"${'x'.repeat(140_000)}"`)).status).toBe(413);
  });
});

describe('cross-site requests (P146, P147, P156)', () => {
  const app = createAdminApp(emptyPlatform({ write: true }));
  const put = (headers: Record<string, string>, body = '{"ui_enabled":true}') =>
    ask(app, 'PUT', '/_fn/ui-state', { ...LOCAL, 'content-type': 'application/json', ...headers }, body);

  test.each([
    [{ origin: 'http://127.0.0.1:8080' }, 200],
    [{ origin: 'https://127.0.0.1:8080' }, 200],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://127.0.0.1:8080' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{}, 200],
    [{ origin: 'http://127.0.0.1:9090' }, 403],
    [{ origin: 'http://localhost:8080' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, 415],
    [{ 'content-type': 'application/json; charset=utf-8' }, 200],
    [{ 'x-fn-request': '1' }, 200],
  ])('%j: %i', async (headers, status) => {
    expect((await put(headers as Record<string, string>)).status).toBe(status);
  });

  test('P318: a reload by GET is refused across sites too', async () => {
    expect((await ask(app, 'GET', '/_fn/reload', { ...LOCAL, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask(app, 'GET', '/_fn/reload', LOCAL)).status).toBe(200);
  });

  test('P156: a POST without body needs no type, and no CORS header is ever sent', async () => {
    const answer = await ask(app, 'POST', '/_fn/reload', { ...LOCAL, origin: 'http://127.0.0.1:8080' });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('rate limits (P160)', () => {
  const WINDOW = { max: 3, windowSeconds: 60 };
  const NONE = { max: 0, windowSeconds: 60 };

  test('a stranger is told to wait, this machine never', async () => {
    const app = createAdminApp(emptyPlatform({ rateLimits: { requests: WINDOW, writes: NONE, failures: NONE } }));
    for (let i = 0; i < 3; i += 1) expect((await ask(app, 'GET', '/_fn/ui-state', REMOTE)).status).toBe(403);
    const answer = await ask(app, 'GET', '/_fn/ui-state', REMOTE);
    expect([answer.status, answer.error]).toEqual([429, 'rate limit exceeded']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const other = { ...REMOTE, 'x-fn-client': '198.51.100.7' };
    expect((await ask(app, 'GET', '/_fn/ui-state', other)).status).toBe(403);
    for (let i = 0; i < 9; i += 1) expect((await ask(app, 'GET', '/_fn/ui-state', LOCAL)).status).toBe(200);
  });

  test('P135: what is switched off is 404 however often it is asked for', async () => {
    const app = createAdminApp(
      emptyPlatform({ api: false, docs: false, rateLimits: { requests: WINDOW, writes: NONE, failures: NONE } }),
    );
    for (let i = 0; i < 9; i += 1) {
      for (const path of ['/_fn/catalog', '/openapi.json', '/console'])
        expect((await ask(app, 'GET', path, REMOTE)).status).toBe(404);
    }
  });

  test('wrong tokens and failed logins share one limit, after which even the right token waits', async () => {
    const login = { ...LOGIN, enabled: true, username: 'ada', password: 'lovelace-1815', sessionSecret: 's' };
    const limits = { requests: NONE, writes: NONE, failures: WINDOW };
    const app = createAdminApp(
      emptyPlatform({ localOnly: false, token: 'right-token-0123', login, rateLimits: limits }),
    );
    const wrongToken = { ...REMOTE, 'x-fn-admin-token': 'guess' };
    const rightToken = { ...REMOTE, 'x-fn-admin-token': 'right-token-0123', 'content-type': 'application/json' };
    for (let i = 0; i < 2; i += 1) expect((await ask(app, 'GET', '/_fn/ui-state', wrongToken)).status).toBe(401);
    const guess = JSON.stringify({ username: 'ada', password: 'guess' });
    expect((await ask(app, 'POST', '/_fn/login', rightToken, guess)).error).toBe('invalid credentials');
    expect((await ask(app, 'GET', '/_fn/ui-state', wrongToken)).status).toBe(429);
    expect((await ask(app, 'GET', '/_fn/ui-state', rightToken)).status).toBe(429);
    const elsewhere = { ...rightToken, 'x-fn-client': '198.51.100.7' };
    expect((await ask(app, 'GET', '/_fn/ui-state', elsewhere)).status).toBe(200);
  });
});

describe('input', () => {
  const app = createAdminApp(emptyPlatform({ write: true, token: 'right-token-0123' }));
  const json = { ...LOCAL, 'content-type': 'application/json', 'x-fn-admin-token': 'right-token-0123' };

  test.each([
    ['{"a":', 'invalid json'],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'invalid json'],
    ['{"__proto__":{"write_enabled":true}}', 'invalid json'],
    ['{"write_enabled":"yes"}', 'write_enabled must be boolean'],
    ['{"write_enabled":null}', 'write_enabled must be boolean'],
    ['[]', 'invalid request'],
    ['"text"', 'invalid request'],
    ['', 'invalid request'],
  ])('P199: %s is 400 and changes nothing', async (body, error) => {
    const answer = await ask(app, 'PUT', '/_fn/ui-state', json, body);
    expect([answer.status, answer.error]).toEqual([400, error]);
  });

  test('P215: flags last until they are deleted; loosening needs the token', async () => {
    const { 'x-fn-admin-token': _token, ...noToken } = json;
    const set = (headers: Record<string, string>, flags: object) =>
      ask(app, 'PUT', '/_fn/ui-state', headers, JSON.stringify(flags));
    expect((await set(noToken, { local_only: false })).error).toBe('admin token required');
    expect((await set(noToken, { ui_enabled: true })).json().ui_enabled).toBe(true);
    expect((await set(json, { local_only: false })).json().local_only).toBe(false);
    expect((await set(json, { admin_api_enabled: false })).status).toBe(400);
    expect((await ask(app, 'DELETE', '/_fn/ui-state', json)).json()).toMatchObject({
      ui_enabled: false,
      local_only: true,
    });
  });
});

test('P189: HEAD of a live log begins no stream that nobody would ever end', async () => {
  let followers = 0;
  const followLog = async () => {
    followers += 1;
  };
  const app = createAdminApp({ ...emptyPlatform({}), followLog });
  const answer = await ask(app, 'HEAD', '/_fn/logs?follow=1', LOCAL);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream']);
  expect(followers).toBe(0);
});
