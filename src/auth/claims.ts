import { isDeepStrictEqual } from 'node:util';
import type { JwtPolicy } from '../functions/security.ts';

type Claims = Readonly<Record<string, unknown>>;

/**
 * Checks what a token says about itself (F137) at `now`, epoch seconds. Returns until when it holds (Infinity without `exp`), null
 * when it does not.
 */
export function checkClaims(claims: Claims, policy: JwtPolicy, now: number): number | null {
  const expiry = checkTimes(claims, policy, now);
  if (expiry === null || !isIdentityWellFormed(claims)) return null;
  if (policy.issuer !== null && claims.iss !== policy.issuer) return null;
  if (policy.audience.length > 0 && !policy.audience.some((name) => audienceOf(claims).includes(name))) return null;
  const isAsRequired = Object.entries(policy.requiredClaims).every(
    ([name, value]) => Object.hasOwn(claims, name) && isDeepStrictEqual(claims[name], value),
  );
  return isAsRequired ? expiry : null;
}

function checkTimes({ exp, nbf, iat }: Claims, policy: JwtPolicy, now: number): number | null {
  for (const time of [exp, nbf, iat]) if (time !== undefined && !Number.isFinite(time)) return null;
  if (exp === undefined && policy.requireExp) return null;
  const leeway = policy.leewaySeconds;
  const expiry = exp === undefined ? Number.POSITIVE_INFINITY : (exp as number) + leeway;
  const start = Math.max((nbf as number | undefined) ?? 0, (iat as number | undefined) ?? 0);
  return now < expiry && now >= start - leeway ? expiry : null;
}

/** `sub` and `iss` are what a handler tells users apart by: text, or not there. */
function isIdentityWellFormed({ sub, iss }: Claims): boolean {
  return [sub, iss].every((value) => value === undefined || typeof value === 'string');
}

function audienceOf({ aud }: Claims): readonly unknown[] {
  return typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : [];
}
