import { createHash } from 'node:crypto';
import type { AuthPolicy } from '../functions/security.ts';
import { apiKeyMatcher, type KnownApiKey } from './api-keys.ts';
import type { KeyFinder } from './jwks.ts';
import type { Refusal, TokenVerifier, VerifiedToken } from './jwt.ts';
import { scopeChallenge } from './record.ts';
import { missingScopes } from './scopes.ts';

/** The credentials of one request, as nginx found them. */
export interface Credentials {
  readonly method: string;
  readonly apiKey: string | null;
  readonly token: string | null;
}

/** What nginx is told, and for how long it may tell others the same. */
export type Verdict =
  | {
      readonly status: 200;
      /** `extra` of the request head (docs/protocol.md): `event.auth` (F141). */
      readonly extra: string;
      readonly ttl_seconds: number;
      /** What rate limits by key or by subject count (F144). */
      readonly api_key?: string;
      readonly subject?: string;
    }
  | { readonly status: 401; readonly ttl_seconds: number }
  | { readonly status: 403; readonly challenge: string; readonly ttl_seconds: number }
  | { readonly status: 503 };

/** Who a request comes from, as far as it was proved. */
interface Identity {
  readonly token: VerifiedToken | null;
  readonly apiKey: KnownApiKey | null;
}

const PASS_SECONDS = 60; // F140
const REFUSE_SECONDS = 5;
const UNAVAILABLE: Verdict = { status: 503 };

/** One function's policy together with the values it names. */
export class Guard {
  readonly #policy: AuthPolicy;
  readonly #matchApiKey: ((presented: string) => KnownApiKey | null) | null;
  readonly #secret: string | null;
  readonly #remote: (url: string) => KeyFinder;
  #verifier: Promise<TokenVerifier> | null = null;

  constructor(policy: AuthPolicy, env: Readonly<Record<string, string>>, remote: (url: string) => KeyFinder) {
    this.#policy = policy;
    this.#matchApiKey = policy.apiKey && apiKeyMatcher(policy.apiKey, env);
    const keys = policy.jwt?.keys;
    this.#secret = keys && 'env' in keys ? (env[keys.env] ?? null) : null;
    this.#remote = remote;
  }

  /** Whether a request with these credentials may pass (F136-F139). */
  async verify({ method, apiKey, token }: Credentials): Promise<Verdict> {
    const known = apiKey === null ? null : (this.#matchApiKey?.(apiKey) ?? null);
    const verified = token === null ? null : await this.#verifyToken(token);
    const held = verified && !('refused' in verified) ? verified : null;
    const refusal = verified && 'refused' in verified ? verified : null;
    const identities = this.#identities(held, known);
    if (identities.length === 0) return refuse(refusal);
    const lacking = identities.map((identity) => missingScopes(this.#policy, method, scopesOf(identity)));
    const passing = identities[lacking.indexOf(null)];
    if (passing) return pass(passing);
    const challenge = scopeChallenge(this.#policy, lacking[0] as string[]);
    return { status: 403, challenge, ttl_seconds: REFUSE_SECONDS };
  }

  async #verifyToken(token: string): Promise<VerifiedToken | Refusal> {
    const { jwt } = this.#policy;
    if (!jwt) return { refused: 'invalid' };
    // jose is loaded by the first token, not by every start.
    this.#verifier ??= import('./jwt.ts').then(({ tokenVerifier }) => tokenVerifier(jwt, this.#secret, this.#remote));
    return (await this.#verifier)(token);
  }

  /** In `any` mode each credential stands for itself; in `all` mode those configured must be there, and count as one (F136). */
  #identities(token: VerifiedToken | null, apiKey: KnownApiKey | null): Identity[] {
    const { mode, jwt, apiKey: keyPolicy } = this.#policy;
    if (mode === 'all') return (jwt && !token) || (keyPolicy && !apiKey) ? [] : [{ token, apiKey }];
    return [...(token ? [{ token, apiKey: null }] : []), ...(apiKey ? [{ token: null, apiKey }] : [])];
  }
}

function refuse(refusal: Refusal | null): Verdict {
  if (refusal?.refused === 'unavailable') return UNAVAILABLE;
  return { status: 401, ttl_seconds: Math.min(REFUSE_SECONDS, (refusal?.retryMs ?? Number.POSITIVE_INFINITY) / 1000) };
}

function scopesOf({ token, apiKey }: Identity): string[] {
  return [...new Set([...(token?.scopes ?? []), ...(apiKey?.scopes ?? [])])];
}

function pass(identity: Identity): Verdict {
  const { token, apiKey } = identity;
  const left = (token?.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now() / 1000;
  return {
    status: 200,
    extra: extraOf(identity),
    ttl_seconds: Math.max(0, Math.min(PASS_SECONDS, left)),
    ...(apiKey && { api_key: apiKey.id ?? `#${apiKey.place}` }),
    ...(token?.subject != null && { subject: digest(`${token.issuer ?? ''}\0${token.subject}`) }),
  };
}

/** `event.auth` (F141) as JSON text, the claims in the issuer's own writing. */
function extraOf(identity: Identity): string {
  const { token, apiKey } = identity;
  const members = [
    ['type', JSON.stringify(token ? 'jwt' : 'api_key')],
    ['subject', JSON.stringify(token?.subject ?? null)],
    ['scopes', JSON.stringify(scopesOf(identity))],
    ['claims', token?.claimsText ?? 'null'],
    ['key_id', JSON.stringify(apiKey?.id ?? token?.kid ?? null)],
    ['issuer', JSON.stringify(token?.issuer ?? null)],
  ];
  return `{"auth":{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}}`;
}

/** Subjects may be as long as their token. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
