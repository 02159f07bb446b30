import { describe, expect, test } from 'vitest';
import { authRecord, scopeChallenge } from '../../src/auth/record.ts';
import { grantedScopes, missingScopes } from '../../src/auth/scopes.ts';
import { parseStrictJson } from '../../src/auth/strict-json.ts';
import { parseFunctionConfig } from '../../src/functions/config.ts';
import { credentialNames, resolveAuth, resolveCors } from '../../src/functions/security.ts';

const parse = (config: object) => parseFunctionConfig(JSON.stringify(config));
const policyOf = (auth: object) => resolveAuth(parse({ auth }).config?.auth)!;

describe('F135: the policy of an auth block', () => {
  test('a block that says little has the documented defaults', () => {
    expect(policyOf({ jwt: { secret_env: 'S' }, api_key: { keys: [{ env: 'K' }] } })).toEqual({
      mode: 'any',
      optional: false,
      realm: 'fastfn',
      scopes: {},
      anyScope: {},
      apiKey: { header: 'x-api-key', query: null, keys: [{ id: null, env: 'K', sha256: null, scopes: [] }] },
      jwt: {
        header: 'authorization',
        scheme: 'bearer',
        cookie: null,
        algorithms: ['HS256'],
        keys: { type: 'secret_env', env: 'S' },
        issuer: null,
        audience: [],
        leewaySeconds: 30,
        requireExp: true,
        requiredClaims: {},
        scopeClaims: ['scope', 'scp', 'scopes', 'permissions'],
      },
    });
  });

  test('no block and `false` are no policy', () => {
    expect([resolveAuth(undefined), resolveAuth(null), resolveAuth(false)]).toEqual([null, null, null]);
  });

  test('credentials are known by the names of their values', () => {
    const auth = { jwt: { secret_env: 'S' }, api_key: { keys: [{ env: 'K' }, { sha256: 'ab'.repeat(32) }] } };
    expect(credentialNames(policyOf(auth))).toEqual(['K', 'S']);
  });

  const jwt = (block: object) => ({ auth: { jwt: block } });
  test.each([
    ['none', jwt({ secret_env: 'S', algorithms: ['none'] }), 'auth.jwt.algorithms.0: must be a signature algorithm'],
    ['an unknown algorithm', jwt({ secret_env: 'S', algorithms: ['HS257'] }), 'auth.jwt.algorithms.0'],
    ['HMAC with a public key', jwt({ public_key_env: 'P', algorithms: ['RS256', 'HS256'] }), 'must fit the key'],
    ['HMAC with a set', jwt({ jwks_url: 'https://id.example/keys', algorithms: ['HS256'] }), 'must fit the key'],
    ['RSA with a secret', jwt({ secret_env: 'S', algorithms: ['RS256'] }), 'must fit the key'],
    ['no algorithm for a public key', jwt({ public_key_env: 'P' }), 'needs algorithms'],
    ['two key sources', jwt({ secret_env: 'S', public_key_env: 'P', algorithms: ['RS256'] }), 'exactly one of'],
    ['no key source', jwt({ algorithms: ['RS256'] }), 'exactly one of'],
    ['a shared key as literal', jwt({ jwks: { keys: [{ kty: 'oct', k: 'x' }] }, algorithms: ['RS256'] }), 'public key'],
    ['a private key as literal', jwt({ jwks: { keys: [{ kty: 'EC', d: 'x' }] }, algorithms: ['ES256'] }), 'public key'],
    ['a scope with a comma', { auth: { jwt: { secret_env: 'S' }, scopes: { GET: ['a b'] } } }, 'auth.scopes'],
    ['a method in lower case', { auth: { jwt: { secret_env: 'S' }, scopes: { get: ['a'] } } }, 'auth.scopes'],
    ['a line break in the realm', { auth: { jwt: { secret_env: 'S' }, realm: 'a\r\nb' } }, 'auth.realm'],
    ['an origin with a path', { cors: { origins: ['https://a.example/'] } }, 'must be an origin'],
    ['an origin without scheme', { cors: { origins: ['a.example'] } }, 'must be an origin'],
    ['a star inside a name', { cors: { origins: ['https://a*.example'] } }, 'must be an origin'],
    ['credentials for everybody', { cors: { origins: ['*'], credentials: true } }, 'credentials need listed origins'],
    ['credentials without origins', { cors: { credentials: true } }, 'credentials need listed origins'],
  ])('F117: %s makes the configuration invalid', (_, config, message) => {
    const { isValid, problems } = parse(config);
    expect(isValid).toBe(false);
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message);
  });

  test('F138: scopes by method and as a list say what they say', () => {
    const auth = policyOf({ jwt: { secret_env: 'S' }, scopes: { GET: 'a,b', '*': ['c'] }, any_scope: ['d'] });
    expect([auth.scopes, auth.anyScope]).toEqual([{ GET: ['a', 'b'], '*': ['c'] }, { '*': ['d'] }]);
  });
});

describe('F142: the policy of a cors block', () => {
  test('true is every origin, without credentials', () => {
    expect(resolveCors(true)).toEqual({
      origins: ['*'],
      methods: null,
      headers: null,
      exposeHeaders: [],
      credentials: false,
      maxAgeSeconds: 600,
    });
  });

  test('names are compared without case where HTTP does', () => {
    const { config } = parse({ cors: { origins: 'https://A.Example:8443', methods: 'get', headers: ['X-One'] } });
    expect(resolveCors(config?.cors)).toMatchObject({
      origins: ['https://a.example:8443'],
      methods: ['GET'],
      headers: ['x-one'],
    });
  });
});

describe('F138: scopes', () => {
  test.each([
    [{ scope: 'a b' }, ['a', 'b']],
    [{ scope: 'a,b' }, ['a', 'b']],
    [{ scope: ' a, b ,,c\td ' }, ['a', 'b', 'c', 'd']],
    [{ scp: ['a', 1, null, 'b'] }, ['a', 'b']],
    [{ scope: 'a', permissions: ['a', 'b'] }, ['a', 'b']],
    [{ scope: 7, scopes: { a: true } }, []],
    [{ other: 'a' }, []],
  ])('%j', (claims, granted) => {
    expect(grantedScopes(claims, ['scope', 'scp', 'scopes', 'permissions'])).toEqual(granted);
  });

  test('claims that objects inherit grant nothing', () => {
    expect(grantedScopes({}, ['constructor', 'toString', '__proto__'])).toEqual([]);
  });

  test('what lacks is named; both needs count', () => {
    const auth = policyOf({ jwt: { secret_env: 'S' }, scopes: { GET: ['a'], '*': ['w'] }, any_scope: ['x', 'y'] });
    expect(missingScopes(auth, 'GET', ['a', 'y'])).toBeNull();
    expect(missingScopes(auth, 'HEAD', ['a', 'y'])).toBeNull();
    expect(missingScopes(auth, 'GET', ['a'])).toEqual(['x', 'y']);
    expect(missingScopes(auth, 'POST', ['a', 'x'])).toEqual(['w']);
    expect(missingScopes(auth, 'DELETE', [])).toEqual(['w', 'x', 'y']);
  });
});

test('F139: challenges name the scheme, quote the realm, and list scopes', () => {
  const keys = policyOf({ realm: 'a "b" \\', api_key: { keys: [{ env: 'K' }] } });
  expect(authRecord(keys, '1').challenge).toBe('ApiKey realm="a \\"b\\" \\\\"');
  const tokens = policyOf({ jwt: { secret_env: 'S' } });
  expect(authRecord(tokens, '1').invalid).toMatch(/^Bearer realm="fastfn", error="invalid_token", error_description="/);
  expect(scopeChallenge(tokens, ['a', 'b'])).toBe('Bearer realm="fastfn", error="insufficient_scope", scope="a b"');
});

describe('claims are read only if every parser reads them alike', () => {
  test.each(['{"a":1}', '[]', '{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '{"a":"{\\"x\\":1,\\"x\\":2}"}', '{"":1," ":2}'])(
    'accepts %s',
    (text) => expect(parseStrictJson(text)).toEqual(JSON.parse(text)),
  );

  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '[{"b":{"a":1,"x":[],"a":2}}]',
    '{"a":"\\ud800"}',
    '{"\\udc00":1}',
    '['.repeat(33) + ']'.repeat(33),
    '{"a":1,}',
    '',
    '\uFEFF{}',
  ])('refuses %s', (text) => expect(parseStrictJson(text)).toBeUndefined());
});
