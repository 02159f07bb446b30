import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiKeyMatcher } from '../../src/auth/api-keys.ts';
import { KeysUnavailable, RemoteKeys, UnknownKey } from '../../src/auth/jwks.ts';
import { readPublicKey } from '../../src/auth/key-material.ts';
import { findPolicyProblems } from '../../src/auth/problems.ts';
import { resolveAuth } from '../../src/functions/security.ts';

const HOUR_MS = 3_600_000;

function key(kid: string): object {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...publicKey.export({ format: 'jwk' }), kid };
}

describe('F137: the keys of an issuer', () => {
  let server: Server;
  let answer: (response: ServerResponse) => void;
  let requests: number;
  let now: number;
  let log: string[];
  let remote: RemoteKeys;
  const wanted = (kid: string) => remote.find({ alg: 'ES256', kid });
  const serve = (keys: object[], headers: Record<string, string> = {}) => {
    answer = (response) => response.writeHead(200, headers).end(JSON.stringify({ keys }));
  };
  const fail = (status: number) => {
    answer = (response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('{"keys":[]}');
  };

  beforeEach(async () => {
    requests = 0;
    now = 1_800_000_000_000;
    log = [];
    server = createServer((_, response) => {
      requests += 1;
      answer(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    remote = new RemoteKeys(
      `http://127.0.0.1:${port}/keys?token=hidden`,
      (message) => log.push(message),
      () => now,
    );
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  test('are fetched by the first token, once for many', async () => {
    serve([key('a')]);
    await Promise.all(Array.from({ length: 5 }, () => wanted('a')));
    expect(requests).toBe(1);
  });

  test('are fetched again on expiry: ten minutes, or what max-age says', async () => {
    serve([key('a')]);
    await wanted('a');
    now += 599_000;
    await wanted('a');
    expect(requests).toBe(1);
    now += 1000;
    serve([key('b')], { 'cache-control': 'public, max-age=7200' });
    await wanted('b');
    expect(requests).toBe(2);
    now += 7_199_000;
    await wanted('b');
    expect(requests).toBe(2);
    await expect(wanted('a')).rejects.toThrow(UnknownKey);
  });

  test('are fetched again for an unknown kid, at most once in 10 s', async () => {
    serve([key('a')]);
    await wanted('a');
    serve([key('a'), key('b')]);
    await wanted('b');
    expect(requests).toBe(2);
    serve([key('c')]);
    now += 4000;
    await expect(wanted('c')).rejects.toMatchObject({ retryMs: 6000 });
    await expect(wanted('d')).rejects.toThrow(UnknownKey);
    expect(requests).toBe(2);
    now += 6000;
    await wanted('c');
    expect(requests).toBe(3);
  });

  test('serve for an hour past their life while the issuer is down, asked once in 10 s; then nobody passes', async () => {
    serve([key('a')]);
    await wanted('a');
    fail(500);
    now += 600_000;
    for (let i = 0; i < 3; i++) await wanted('a');
    expect(requests).toBe(2);
    now += 10_000;
    await wanted('a');
    expect(requests).toBe(3);
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/\/keys cannot be fetched \(status 500\); the last set serves/);
    expect(log[0]).not.toContain('hidden');
    now += HOUR_MS;
    await expect(wanted('a')).rejects.toThrow(KeysUnavailable);
    serve([key('a')]);
    now += 10_000;
    await wanted('a');
  });

  test.each([
    ['an error', () => fail(404)],
    ['a redirect', () => fail(302)],
    ['no JSON', () => (answer = (response) => response.end('<html>'))],
    ['no set', () => (answer = (response) => response.end('{"keys":{}}'))],
    ['no end', () => (answer = (response) => response.end(' '.repeat(1_100_000)))],
    ['a broken connection', () => (answer = (response) => response.destroy())],
  ])('that come as %s are none', async (_, begin) => {
    begin();
    await expect(wanted('a')).rejects.toThrow(KeysUnavailable);
    expect(log).toHaveLength(1);
  });

  test('private and shared keys in the set verify nothing', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    serve([
      { ...privateKey.export({ format: 'jwk' }), kid: 'private' },
      { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' },
    ]);
    await expect(wanted('private')).rejects.toThrow();
    await expect(remote.find({ alg: 'HS256', kid: 'shared' })).rejects.toThrow();
  });
});

describe('F136, F139: API keys', () => {
  const policy = resolveAuth({
    api_key: {
      keys: [
        { id: 'env', env: 'KEY', scopes: ['a'] },
        { id: 'hash', sha256: createHash('sha256').update('hashed').digest('hex').toUpperCase() },
        { env: 'MISSING' },
        { env: 'EMPTY' },
      ],
    },
  })?.apiKey;
  const match = apiKeyMatcher(policy!, { KEY: 'plain', EMPTY: '' });

  test('match by value or hash', () => {
    expect(match('plain')).toEqual({ id: 'env', scopes: ['a'], place: 0 });
    expect(match('hashed')).toMatchObject({ id: 'hash', scopes: [] });
  });

  test.each(['', 'plai', 'plain ', 'PLAIN', 'undefined', createHash('sha256').update('hashed').digest('hex')])(
    'nothing else does: %j',
    (presented) => expect(match(presented)).toBeNull(),
  );
});

describe('F136: what a policy names and cannot be used is told, by name only', () => {
  const problems = (auth: object, env: Record<string, string>) =>
    findPolicyProblems(resolveAuth(auth as Parameters<typeof resolveAuth>[0])!, env);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  test.each([
    [{ api_key: { keys: [{ env: 'K' }, { env: 'L' }] } }, { K: 'x' }, ['auth.api_key: L is not set']],
    [{ jwt: { secret_env: 'S' } }, { S: '' }, ['auth.jwt: S is not set']],
    [{ jwt: { secret_env: 'S' } }, { S: 'short-secret' }, ['auth.jwt: S has 12 bytes, and HS256 needs 32']],
    [{ jwt: { public_key_env: 'P', algorithms: ['RS256'] } }, { P: 'x' }, ['auth.jwt: P is not a public key']],
    [{ jwt: { public_key_env: 'P', algorithms: ['RS256'] } }, { P: pem }, ['auth.jwt: P is not a public key']],
    [{ jwt: { secret_env: 'S' } }, { S: 'x'.repeat(32) }, []],
  ])('%j', (auth, env, expected) => {
    const found = problems(auth, env as Record<string, string>);
    expect(found).toEqual(expected.map((text) => expect.stringContaining(text)));
    expect(found.join()).not.toContain('short-secret');
  });

  test('a private key is no public key', () => {
    expect(readPublicKey(pem)).toBeNull();
  });
});
