import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ECHO_EVENT, inEachLanguage, LANGUAGES } from './languages.ts';
import { head, sendRaw } from './raw-http.ts';
import { type Answer, TestStack, until } from './support.ts';

const SECRET = 'a-shared-secret-of-forty-bytes-or-so-0000';
const KEYS = { ci: 'key-of-the-ci-machine', ops: 'key-of-operations' };
const INVALID = 'error="invalid_token", error_description="The credential is invalid or has expired"';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

interface TokenOptions {
  readonly key?: Uint8Array | KeyObject;
  readonly alg?: string;
  readonly kid?: string;
  readonly expires?: string | null;
}

function token(claims: Record<string, unknown>, options: TokenOptions = {}): Promise<string> {
  const { key = Buffer.from(SECRET), alg = 'HS256', kid, expires = '1h' } = options;
  const jwt = new SignJWT(claims).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).setIssuedAt();
  return (expires === null ? jwt : jwt.setExpirationTime(expires)).sign(key);
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

/** An issuer: serves its keys, and can be changed, counted and closed. */
class Issuer {
  readonly #server: Server;
  requests = 0;
  readonly keys = new Map<string, { readonly private: KeyObject; readonly jwk: object }>();

  private constructor() {
    this.#server = createServer((_, response) => {
      this.requests += 1;
      response.setHeader('cache-control', 'max-age=3600');
      response.end(JSON.stringify({ keys: [...this.keys.values()].map(({ jwk }) => jwk) }));
    });
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.#server.listen(0, '127.0.0.1');
    await once(issuer.#server, 'listening');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  rotate(kid: string): void {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.keys.clear();
    this.keys.set(kid, { private: privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' } });
  }

  token(kid: string, claims: Record<string, unknown> = { sub: 'ada' }): Promise<string> {
    return token(claims, { key: this.keys.get(kid)?.private as KeyObject, alg: 'ES256', kid });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const ECHO = ECHO_EVENT.js;
const apiKey = {
  keys: [
    { id: 'ci', env: 'CI_KEY', scopes: ['reports:read'] },
    { id: 'ops', sha256: sha256(KEYS.ops), scopes: ['admin'] },
    { id: 'gone', env: 'NOT_THERE' },
  ],
};
const jwt = { secret_env: 'JWT_SECRET' };
const env = { CI_KEY: KEYS.ci, JWT_SECRET: SECRET, EMPTY: '', SHORT: 'short' };

/** A folder with one function and its policy. */
const guarded = (folder: string, auth: object | false, more: object = {}) => ({
  [`${folder}/fn.config.json`]: { auth, ...more },
  [`${folder}/fn.env.json`]: env,
  [`${folder}/a.js`]: ECHO,
});

let stack: TestStack;
let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.start();
  issuer.rotate('first');
  const contract = { api_key: apiKey, jwt: { ...jwt, issuer: 'https://id.example', audience: ['api'] } };
  stack = await TestStack.start({
    'fn.env.json': env,
    ...inEachLanguage('echo', ECHO_EVENT),
    ...Object.fromEntries(
      LANGUAGES.flatMap(({ dir }) => [
        [`${dir}/fn.config.json`, { auth: contract }],
        [`${dir}/fn.env.json`, env],
      ]),
    ),
    ...guarded('key', { realm: 'the "keys"', api_key: { ...apiKey, query: 'api_key' } }),
    ...guarded('token', { jwt: { ...jwt, cookie: 'session' } }),
    ...guarded('raw', { jwt: { ...jwt, header: 'X-Token' } }),
    ...guarded('both', { mode: 'all', api_key: apiKey, jwt }),
    ...guarded('optional', { optional: true, jwt }),
    ...guarded('unset', { optional: true, api_key: { keys: [{ id: 'x', env: 'EMPTY' }] } }),
    ...guarded('unset-jwt', { jwt: { secret_env: 'NOT_THERE' } }),
    ...guarded('short', { jwt: { secret_env: 'SHORT' } }),
    ...guarded('scoped', { scopes: ['reports:read'], any_scope: ['a', 'b'], jwt }),
    ...guarded(
      'by-method',
      { scopes: { GET: ['read'], '*': ['write'] }, jwt },
      { invoke: { methods: ['GET', 'POST'] } },
    ),
    ...guarded('remote', { jwt: { jwks_url: issuer.url, algorithms: ['ES256'] } }),
    ...guarded('down', { jwt: { jwks_url: 'http://127.0.0.1:1/keys', algorithms: ['ES256'] } }),
    ...guarded('changing', { api_key: { keys: [{ id: 'k', env: 'CI_KEY' }] } }),
    ...guarded('busy', { api_key: apiKey }, { rate_limit: { requests: 2, window_seconds: 600, key: 'api_key' } }),
    ...guarded('busy-user', { jwt }, { rate_limit: { requests: 1, window_seconds: 600, key: 'subject' } }),
    ...guarded(
      'busy-ip',
      { jwt },
      { invoke: { methods: ['POST'] }, rate_limit: { requests: 2, window_seconds: 600 }, max_body_bytes: 100 },
    ),
    ...guarded(
      'busy-chunked',
      { api_key: apiKey },
      { invoke: { methods: ['POST'] }, rate_limit: { requests: 2, window_seconds: 600 } },
    ),
    ...guarded('broken', { api_key: { keys: 'no' } }),
    'broken/open/a.js': ECHO,
  });
}, 60_000);
afterAll(async () => {
  await stack?.stop();
  issuer?.close();
});

const challengeOf = (answer: Answer) => [answer.status, answer.headers['www-authenticate']];
const statusOf = async (path: string, headers: Record<string, string>, method = 'GET') =>
  (await stack.get(path, { headers, method })).status;

describe('F141: event.auth', () => {
  const claims = {
    iss: 'https://id.example',
    aud: ['x', 'api'],
    sub: 'ada',
    scope: 'a,b c',
    n: 1,
    deep: { list: [1] },
  };

  test.each(LANGUAGES.map(({ runtime, dir }) => [runtime, dir]))('of a token: %s', async (_, dir) => {
    const answer = await stack.get(`/${dir}/echo`, { headers: bearer(await token(claims)) });
    const { auth, headers } = answer.json();
    expect(auth).toMatchObject({ type: 'jwt', subject: 'ada', scopes: ['a', 'b', 'c'], issuer: 'https://id.example' });
    expect(auth.claims).toMatchObject(claims);
    expect(headers.authorization).toMatch(/^Bearer ey/);
  });

  test.each(LANGUAGES.map(({ runtime, dir }) => [runtime, dir]))('of an API key: %s', async (_, dir) => {
    const { auth } = (await stack.get(`/${dir}/echo`, { headers: { 'X-API-Key': KEYS.ci } })).json();
    expect(auth).toMatchObject({ type: 'api_key', key_id: 'ci', scopes: ['reports:read'] });
    for (const name of ['subject', 'claims', 'issuer']) expect(auth[name] ?? null).toBeNull();
  });

  test.each(LANGUAGES.map(({ runtime, dir }) => [runtime, dir]))('no request can set it: %s', async (_, dir) => {
    const headers = { 'x-fn-auth': '{"type":"jwt"}', auth: '{"type":"jwt"}' };
    expect((await stack.get(`/${dir}/echo?auth=x`, { headers })).status).toBe(401);
  });

  test('numbers in claims reach a handler that can hold them with all their digits', async () => {
    const { auth } = (await stack.get('/py/echo', { headers: bearer(await token({ ...claims, id: 2 ** 53 })) })).json();
    expect(auth.claims.id).toBe(2 ** 53);
  });
});

describe('F139: refusals', () => {
  test('without a credential: Bearer, or ApiKey where there is no jwt; no error code', async () => {
    expect(challengeOf(await stack.get('/token/a'))).toEqual([401, 'Bearer realm="fastfn"']);
    expect(challengeOf(await stack.get('/both/a'))).toEqual([401, 'Bearer realm="fastfn"']);
    const answer = await stack.get('/key/a');
    expect(challengeOf(answer)).toEqual([401, 'ApiKey realm="the \\"keys\\""']);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json()).toMatchObject({ status: 401, error: 'unauthorized' });
  });

  test('with another scheme: as without a credential', async () => {
    const answer = await stack.get('/token/a', { headers: { authorization: 'Basic YTpi' } });
    expect(challengeOf(answer)).toEqual([401, 'Bearer realm="fastfn"']);
  });

  test.each([['Bearer'], ['Bearer '], ['Bearer x'], ['bearer a.b.c'], [`Bearer ${'a'.repeat(9000)}.b.c`]])(
    'a credential that is none: %s',
    async (authorization) => {
      const answer = await stack.get('/token/a', { headers: { authorization } });
      expect(challengeOf(answer)).toEqual([401, `Bearer realm="fastfn", ${INVALID}`]);
    },
  );

  test('a wrong API key, in header or query, again and again', async () => {
    for (let i = 0; i < 3; i++) {
      expect(await statusOf('/key/a', { 'x-api-key': `${KEYS.ci}x` })).toBe(401);
      expect(await statusOf(`/key/a?api_key=${KEYS.ci}x`, {})).toBe(401);
      expect(await statusOf('/key/a', { 'x-api-key': '' })).toBe(401);
    }
    expect(await statusOf('/key/a', { 'X-Api-Key': KEYS.ci })).toBe(200);
    expect(await statusOf(`/key/a?b=1&api%5fkey=${KEYS.ops}`, {})).toBe(200);
  });

  test('an expired token, one of another secret, one without exp', async () => {
    for (const text of [
      await token({ sub: 'a' }, { expires: '-1h' }),
      await token({ sub: 'a' }, { key: Buffer.from(`${SECRET}x`) }),
      await token({ sub: 'a' }, { expires: null }),
    ]) {
      const answer = await stack.get('/token/a', { headers: bearer(text) });
      expect(challengeOf(answer)).toEqual([401, `Bearer realm="fastfn", ${INVALID}`]);
    }
  });

  test('credentials that can be read in two ways', async () => {
    const [one, other] = [await token({ sub: 'one' }), await token({ sub: 'other' })];
    const ask = async (path: string, lines: string[]) => (await sendRaw(stack.port, head('GET', path, lines))).status;
    expect(await ask('/token/a', [`Authorization: Bearer ${one}`, `AUTHORIZATION: Bearer ${one}`])).not.toBe(200);
    expect(await ask('/token/a', [`Authorization: Bearer ${one}`, 'Authorization: Basic x'])).not.toBe(200);
    expect(await ask('/token/a', [`Authorization: Bearer ${one}`, `Cookie: session=${other}`])).toBe(401);
    expect(await ask('/token/a', [`Cookie: session=${one}; session=${other}`])).toBe(401);
    expect(await ask('/token/a', [`Cookie: session=${one}`, `Cookie: session=${other}`])).toBe(401);
    expect(await ask('/key/a', [`X-Api-Key: ${KEYS.ci}`, `X-Api-Key: ${KEYS.ops}`])).toBe(401);
    expect(await ask(`/key/a?api_key=${KEYS.ci}&api_key=${KEYS.ci}`, [])).toBe(401);
    expect(await ask(`/key/a?api_key=${KEYS.ops}`, [`X-Api-Key: ${KEYS.ci}`])).toBe(401);
    expect(await ask('/token/a', [`Authorization: Bearer ${one}`, `Cookie: a=b; session=${one}`])).toBe(200);
    expect(await ask('/token/a', [`aUTHORIZATION:\tbEARER   ${one} `])).toBe(200);
    expect(await ask('/token/a', [`Cookie: other=1; session=${one}`])).toBe(200);
  });

  test('F136: a key whose value is missing or empty denies, also the empty key, and the log names it', async () => {
    for (const key of ['', 'x', 'undefined', 'null'])
      expect(await statusOf('/unset/a', { 'x-api-key': key })).toBe(401);
    expect(await statusOf('/unset-jwt/a', bearer(await token({ sub: 'a' })))).toBe(401);
    expect(await statusOf('/short/a', bearer(await token({ sub: 'a' }, { key: Buffer.from('short') })))).toBe(401);
    expect(stack.output).toContain('EMPTY is not set');
    expect(stack.output).toContain('NOT_THERE is not set');
    expect(stack.output).toContain('SHORT has 5 bytes');
  });

  test('F117: an invalid policy closes everything it governs', async () => {
    for (const path of ['/broken/a', '/broken/open/a']) {
      const answer = await stack.get(path, { headers: { 'x-api-key': KEYS.ci } });
      expect([answer.status, answer.json().error]).toEqual([500, 'invalid function configuration']);
    }
  });
});

describe('F138, F171: scopes', () => {
  test.each([
    [{ scope: 'reports:read a' }],
    [{ scope: 'x,reports:read,b' }],
    [{ scp: ['reports:read'], permissions: ['a'] }],
    [{ scope: 'a, x', scopes: 'reports:read' }],
  ])('granted by %j', async (claims) => {
    expect(await statusOf('/scoped/a', bearer(await token(claims)))).toBe(200);
  });

  test.each([
    [{}, 'reports:read a b'],
    [{ scope: 'a' }, 'reports:read'],
    [{ scope: 'reports:reader a' }, 'reports:read'],
    [{ scope: 'reports:read' }, 'a b'],
    [{ scope: { 'reports:read': true } }, 'reports:read a b'],
  ])('not granted by %j: 403 says what is needed', async (claims, needed) => {
    const answer = await stack.get('/scoped/a', { headers: bearer(await token(claims)) });
    expect(challengeOf(answer)).toEqual([403, `Bearer realm="fastfn", error="insufficient_scope", scope="${needed}"`]);
    expect(answer.json()).toMatchObject({ status: 403, error: 'forbidden' });
  });

  test('by method: HEAD needs what GET needs, others fall back to *', async () => {
    const [read, write] = [bearer(await token({ scope: 'read' })), bearer(await token({ scope: 'write' }))];
    for (let i = 0; i < 2; i++) {
      expect(await statusOf('/by-method/a', read)).toBe(200);
      expect(await statusOf('/by-method/a', read, 'HEAD')).toBe(200);
      expect(await statusOf('/by-method/a', read, 'POST')).toBe(403);
      expect(await statusOf('/by-method/a', write, 'POST')).toBe(200);
      expect(await statusOf('/by-method/a', write)).toBe(403);
    }
  });
});

describe('F136: mode', () => {
  test('any: one credential that holds is enough', async () => {
    const good = await token({ iss: 'https://id.example', aud: 'api', sub: 'ada' });
    expect(await statusOf('/js/echo', { 'x-api-key': KEYS.ci, ...bearer('a.b.c') })).toBe(200);
    expect(await statusOf('/js/echo', { 'x-api-key': 'wrong', ...bearer(good) })).toBe(200);
    expect(await statusOf('/js/echo', { 'x-api-key': 'wrong', ...bearer('a.b.c') })).toBe(401);
    expect(await statusOf('/js/echo', { 'x-api-key': good })).toBe(401);
    expect(await statusOf('/js/echo', bearer(KEYS.ci))).toBe(401);
  });

  test('all: both are needed, and count together', async () => {
    const good = bearer(await token({ sub: 'ada', scope: 'x' }));
    expect(await statusOf('/both/a', good)).toBe(401);
    expect(await statusOf('/both/a', { 'x-api-key': KEYS.ci })).toBe(401);
    expect(await statusOf('/both/a', { 'x-api-key': 'wrong', ...good })).toBe(401);
    const answer = await stack.get('/both/a', { headers: { 'x-api-key': KEYS.ci, ...good } });
    expect(answer.json().auth).toMatchObject({
      type: 'jwt',
      subject: 'ada',
      key_id: 'ci',
      scopes: ['x', 'reports:read'],
    });
  });

  test('F140: optional: nobody is fine, somebody false is not', async () => {
    const anonymous = await stack.get('/optional/a');
    expect([anonymous.status, anonymous.json().auth]).toEqual([200, null]);
    expect(await statusOf('/optional/a', bearer('a.b.c'))).toBe(401);
    const known = await stack.get('/optional/a', { headers: bearer(await token({ sub: 'ada' })) });
    expect(known.json().auth.subject).toBe('ada');
  });

  test('a token may stand alone in a header of its own', async () => {
    const good = await token({ sub: 'ada' });
    expect(await statusOf('/raw/a', { 'x-token': good })).toBe(200);
    expect(await statusOf('/raw/a', { 'x-token': `Bearer ${good}` })).toBe(200);
    expect(await statusOf('/raw/a', bearer(good))).toBe(401);
  });
});

describe('F137: keys of an issuer', () => {
  test('are fetched once, again for a new kid, and serve while the issuer is down', async () => {
    const first = await issuer.token('first');
    await Promise.all(Array.from({ length: 10 }, () => stack.get('/remote/a', { headers: bearer(first) })));
    expect([await statusOf('/remote/a', bearer(first)), issuer.requests]).toEqual([200, 1]);

    issuer.rotate('second');
    const second = await issuer.token('second');
    expect([await statusOf('/remote/a', bearer(second)), issuer.requests]).toEqual([200, 2]);

    for (let i = 0; i < 5; i++) {
      const foreign = await token(
        { sub: `x${i}` },
        { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, alg: 'ES256', kid: `k${i}` },
      );
      expect(await statusOf('/remote/a', bearer(foreign))).toBe(401);
    }
    expect(issuer.requests).toBe(2);

    const third = await issuer.token('second', { sub: 'third' });
    issuer.close();
    expect(await statusOf('/remote/a', bearer(third))).toBe(200);
  });

  test('that cannot be had: 503 with Retry-After, never open, and the log says so once', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (let i = 0; i < 3; i++) {
      const answer = await stack.get('/down/a', {
        headers: bearer(await token({ sub: `${i}` }, { key: privateKey, alg: 'ES256' })),
      });
      expect([answer.status, answer.json().error, Number(answer.headers['retry-after']) >= 1]).toEqual([
        503,
        'overloaded',
        true,
      ]);
    }
    expect(stack.output.match(/keys at http:\/\/127\.0\.0\.1:1\/keys cannot be fetched/g)).toHaveLength(1);
  });
});

describe('F140: a verdict is kept, but not past a change', () => {
  test('of the environment, of the policy', async () => {
    expect(await statusOf('/changing/a', { 'x-api-key': KEYS.ci })).toBe(200);
    stack.write({ 'changing/fn.env.json': { ...env, CI_KEY: 'another-key-of-the-ci' } });
    await until(
      async () => (await statusOf('/changing/a', { 'x-api-key': KEYS.ci })) === 401,
      'the old key is refused',
    );
    expect(await statusOf('/changing/a', { 'x-api-key': 'another-key-of-the-ci' })).toBe(200);
    stack.write({ 'changing/fn.config.json': { auth: { jwt } } });
    await until(
      async () => (await statusOf('/changing/a', { 'x-api-key': 'another-key-of-the-ci' })) === 401,
      'keys are refused',
    );
    expect(await statusOf('/changing/a', bearer(await token({ sub: 'ada' })))).toBe(200);
  });
});

describe('F144: limits by identity', () => {
  test('api_key: a bucket for each key', async () => {
    const ask = (key: string) => statusOf('/busy/a', { 'x-api-key': key });
    expect([
      await ask('wrong'),
      await ask(KEYS.ci),
      await ask(KEYS.ci),
      await ask(KEYS.ci),
      await ask(KEYS.ops),
    ]).toEqual([401, 200, 200, 429, 200]);
  });

  test('subject: a bucket for each, whatever the token', async () => {
    const ask = async (sub: string, jti: string) => statusOf('/busy-user/a', bearer(await token({ sub, jti })));
    expect([await ask('ada', '1'), await ask('ada', '2'), await ask('bob', '3')]).toEqual([200, 429, 200]);
  });

  test('F99: limit by address, then auth, then body', async () => {
    const good = await token({ sub: 'ada' });
    const large = (lines: string[]) =>
      sendRaw(stack.port, head('POST', '/busy-ip/a', ['Content-Length: 5000', ...lines]), 'POST');
    expect((await stack.get('/busy-ip/a', { method: 'OPTIONS' })).status).toBe(204);
    expect((await large([])).status).toBe(401);
    expect((await large([`Authorization: Bearer ${good}`])).status).toBe(413);
    expect((await large([`Authorization: Bearer ${good}`])).status).toBe(429);
  });

  test('a chunked request is one request', async () => {
    const chunked = () =>
      sendRaw(
        stack.port,
        `${head('POST', '/busy-chunked/a', ['Transfer-Encoding: chunked', `X-Api-Key: ${KEYS.ci}`])}2\r\nhi\r\n0\r\n\r\n`,
      );
    const answers = [await chunked(), await chunked(), await chunked()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map((answer) => answer.values('ratelimit'))).toEqual([
      [expect.stringContaining('r=1;')],
      [expect.stringContaining('r=0;')],
      [expect.stringContaining('r=0;')],
    ]);
    expect(answers[0]?.json()).toMatchObject({ body: 'hi', auth: { key_id: 'ci' } });
  });
});

describe('F140: what the gateway knows it need not ask', () => {
  const valid = () => token({ iss: 'https://id.example', aud: 'api', sub: 'ada' });

  test('a known credential passes and a known wrong one is refused while the supervisor is silent; a new one gets 503', async () => {
    const [known, unknown] = [{ 'x-api-key': KEYS.ci }, bearer(await valid())];
    const expectStatus = async (path: string, headers: Record<string, string>, status: number) => {
      for (let i = 0; i < 20; i++) expect(await statusOf(path, headers)).toBe(status); // whichever nginx process it meets
    };
    await expectStatus('/js/echo', known, 200);
    await expectStatus('/lu/echo', known, 200);
    await statusOf('/js/echo', { 'x-api-key': 'wrong' });
    process.kill(stack.pid, 'SIGSTOP');
    try {
      expect(await statusOf('/js/echo', { 'x-api-key': 'wrong' })).toBe(401);
      await expectStatus('/js/echo', known, 200);
      const answers = await Promise.all([
        stack.get('/js/echo', { headers: unknown }),
        stack.get('/js/echo', { headers: unknown }),
      ]);
      for (const { status, headers } of answers) expect([status, headers['retry-after']]).toEqual([503, '1']);
    } finally {
      process.kill(stack.pid, 'SIGCONT');
    }
    await until(async () => (await statusOf('/js/echo', unknown)) === 200, 'the new credential is judged');
  });

  test('a flood of bad credentials is refused, and takes nothing from a good one', async () => {
    const good = bearer(await valid());
    expect(await statusOf('/js/echo', good)).toBe(200);
    for (let round = 0; round < 5; round++) {
      const bad = Array.from({ length: 100 }, (_, i) => statusOf('/js/echo', { 'x-api-key': `bad-${round}-${i}` }));
      const better = Array.from({ length: 5 }, () => statusOf('/js/echo', good));
      expect(new Set(await Promise.all(better))).toEqual(new Set([200]));
      expect(new Set(await Promise.all(bad))).toEqual(new Set([401]));
    }
  });
});

test('automatic OPTIONS is answered before auth, automatic HEAD needs it like GET', async () => {
  const options = await stack.get('/key/a', { method: 'OPTIONS' });
  expect([options.status, options.headers.allow]).toEqual([204, expect.stringContaining('GET')]);
  expect(await statusOf('/key/a', {}, 'HEAD')).toBe(401);
  expect(await statusOf('/key/a', { 'x-api-key': KEYS.ci }, 'HEAD')).toBe(200);
});

test('credentials are in no log', async () => {
  const good = await token({ sub: 'ada', scope: 'x' });
  await stack.get(`/key/a?api_key=${KEYS.ops}`, { headers: bearer(good) });
  await stack.get('/token/a', { headers: bearer(good) });
  await stack.get('/token/a', { headers: bearer(`${good}x`) });
  const access = () => readFileSync(join(stack.base, 'state', 'logs', 'access.log'), 'utf8');
  await until(() => access().split('"path":"/token/a"').length > 2, 'the requests are logged');
  for (const text of [stack.output, access()]) {
    for (const secret of [KEYS.ops, KEYS.ci, SECRET, good.split('.')[2] as string]) expect(text).not.toContain(secret);
  }
});
