import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKeyPolicy } from '../functions/security.ts';

/** A key that was presented and is known. */
export interface KnownApiKey {
  readonly id: string | null;
  readonly scopes: readonly string[];
  /** Tells keys apart that have no id. */
  readonly place: number;
}

/** Prepares the comparison of presented keys; keys whose environment value is missing or empty never match (F136). */
export function apiKeyMatcher(
  policy: ApiKeyPolicy,
  env: Readonly<Record<string, string>>,
): (presented: string) => KnownApiKey | null {
  const known = policy.keys.flatMap(({ id, env: name, sha256: hash, scopes }, place) => {
    const value = name === null ? undefined : env[name];
    const digest = hash !== null ? Buffer.from(hash, 'hex') : value ? sha256(value) : null;
    return digest ? [{ digest, key: { id, scopes, place } }] : [];
  });
  return (presented) => {
    const digest = sha256(presented);
    let match: KnownApiKey | null = null;
    for (const { digest: expected, key } of known) if (timingSafeEqual(digest, expected)) match ??= key; // all are compared (F139)
    return match;
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
