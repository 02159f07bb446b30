import type { AuthPolicy } from '../functions/security.ts';
import { dependOnMethod } from './scopes.ts';

/** What nginx needs of a policy to find a credential and to refuse; openresty/auth.lua reads it. */
export interface AuthRecord {
  /** Verdicts are kept under it: a changed policy, key or environment has another one (F140). */
  readonly revision: string;
  readonly optional: boolean;
  /** Verdicts differ by method. */
  readonly by_method: boolean;
  readonly api_key?: { readonly header: string; readonly query?: string };
  readonly jwt?: { readonly header: string; readonly scheme: string; readonly cookie?: string };
  /** `WWW-Authenticate` for a request without a credential, and for one whose credential does not hold (F139). */
  readonly challenge: string;
  readonly invalid: string;
}

/** The record of a policy. */
export function authRecord(policy: AuthPolicy, revision: string): AuthRecord {
  const { apiKey, jwt } = policy;
  return {
    revision,
    optional: policy.optional,
    by_method: dependOnMethod(policy),
    ...(apiKey && { api_key: { header: apiKey.header, ...(apiKey.query !== null && { query: apiKey.query }) } }),
    ...(jwt && {
      jwt: { header: jwt.header, scheme: jwt.scheme, ...(jwt.cookie !== null && { cookie: jwt.cookie }) },
    }),
    challenge: challenge(policy),
    invalid: `${challenge(policy)}, error="invalid_token", error_description="The credential is invalid or has expired"`,
  };
}

/** `WWW-Authenticate` for a credential that holds but lacks scopes (F139). */
export function scopeChallenge(policy: AuthPolicy, needed: readonly string[]): string {
  return `${challenge(policy)}, error="insufficient_scope", scope="${needed.join(' ')}"`;
}

function challenge({ jwt, realm }: AuthPolicy): string {
  return `${jwt ? 'Bearer' : 'ApiKey'} realm="${realm.replace(/["\\]/g, '\\$&')}"`;
}
