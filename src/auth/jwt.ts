import type { KeyObject } from 'node:crypto';
import { type CryptoKey, compactVerify, type JSONWebKeySet } from 'jose';
import type { JwtPolicy } from '../functions/security.ts';
import { checkClaims } from './claims.ts';
import { type KeyFinder, KeysUnavailable, localKeys, UnknownKey } from './jwks.ts';
import { minSecretBytes, readPublicKey } from './key-material.ts';
import { grantedScopes } from './scopes.ts';
import { parseToken } from './token.ts';

/** A token that holds. */
export interface VerifiedToken {
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly kid: string | null;
  readonly scopes: readonly string[];
  readonly claimsText: string;
  /** Epoch seconds, leeway included; Infinity without `exp`. */
  readonly expiresAt: number;
}

/** Why a token was refused: for good, until the set of keys may be asked for again, or because nobody can tell now. */
export type Refusal = { readonly refused: 'invalid' | 'unavailable'; readonly retryMs?: number };

/** What checks the tokens of one policy. */
export type TokenVerifier = (token: string) => Promise<VerifiedToken | Refusal>;

type Key = CryptoKey | KeyObject | Uint8Array;

/** Prepares the check of tokens (F137); `remote` finds keys where the policy names a URL, `secret` is the value it names else. */
export function tokenVerifier(
  policy: JwtPolicy,
  secret: string | null,
  remote: (url: string) => KeyFinder,
  now: () => number = Date.now,
): TokenVerifier {
  const findKey = keyFinder(policy, secret, remote);
  return async (token) => {
    const parsed = parseToken(token);
    if (!parsed || !policy.algorithms.includes(parsed.alg)) return { refused: 'invalid' };
    const { alg, kid, claims, claimsText } = parsed;
    const expiresAt = checkClaims(claims, policy, now() / 1000); // before the signature: cheaper, and it says nothing to the client
    if (expiresAt === null) return { refused: 'invalid' };
    try {
      const key = await findKey(kid === null ? { alg } : { alg, kid });
      await compactVerify(token, key, { algorithms: [alg] });
    } catch (error) {
      if (error instanceof KeysUnavailable) return { refused: 'unavailable' };
      return { refused: 'invalid', ...(error instanceof UnknownKey && { retryMs: error.retryMs }) };
    }
    return {
      subject: (claims.sub as string | undefined) ?? null,
      issuer: (claims.iss as string | undefined) ?? null,
      kid,
      scopes: grantedScopes(claims, policy.scopeClaims),
      claimsText,
      expiresAt,
    };
  };
}

function keyFinder(
  policy: JwtPolicy,
  secret: string | null,
  remote: (url: string) => KeyFinder,
): (header: { alg: string; kid?: string }) => Promise<Key> {
  const { keys } = policy;
  switch (keys.type) {
    case 'jwks_url':
      return remote(keys.url);
    case 'jwks':
      return localKeys(keys.keys as JSONWebKeySet['keys']);
    case 'secret_env':
      return secretFinder(Buffer.from(secret ?? ''));
    case 'public_key_env':
      return publicKeyFinder(secret ?? '');
  }
}

function secretFinder(secret: Buffer): (header: { alg: string }) => Promise<Uint8Array> {
  return async ({ alg }) => {
    if (secret.length < minSecretBytes(alg)) throw new Error('the secret is too short');
    return secret;
  };
}

function publicKeyFinder(pem: string): () => Promise<KeyObject> {
  const key = readPublicKey(pem);
  return async () => {
    if (!key) throw new Error('no public key');
    return key;
  };
}
