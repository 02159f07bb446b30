import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tokenVerifier } from '../../src/auth/jwt.ts';
import { parseFunctionConfig } from '../../src/functions/config.ts';
import { resolveAuth } from '../../src/functions/security.ts';

interface Vectors {
  readonly env: Record<string, string>;
  readonly claims: Record<string, unknown>;
  readonly cases: readonly {
    readonly name: string;
    readonly policy: object;
    readonly token: string;
    readonly accepted: boolean;
  }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/jwt.json', import.meta.url), 'utf8'));

function verifierOf(policy: object) {
  const { config, problems } = parseFunctionConfig(JSON.stringify({ auth: { jwt: policy } }));
  expect(problems).toEqual([]);
  const jwt = resolveAuth(config?.auth)?.jwt;
  if (!jwt) throw new Error('no policy');
  const secret = 'env' in jwt.keys ? (vectors.env[jwt.keys.env] ?? null) : null;
  return tokenVerifier(jwt, secret, () => {
    throw new Error('no URL is part of these policies');
  });
}

describe('F137: tokens that are accepted', () => {
  test.each(vectors.cases.filter(({ accepted }) => accepted))('$name', async ({ policy, token }) => {
    const verified = await verifierOf(policy)(token);
    expect(verified).toMatchObject({ scopes: ['read', 'write'] });
    expect('claimsText' in verified && JSON.parse(verified.claimsText)).toMatchObject({ scope: 'read write' });
  });
});

describe('F137: tokens that are refused', () => {
  test.each(vectors.cases.filter(({ accepted }) => !accepted))('$name', async ({ policy, token }) => {
    expect(await verifierOf(policy)(token)).toEqual({ refused: 'invalid' });
  });
});
