import type { AuthConfig, CorsConfig } from './config-security.ts';
import type { FunctionDefinition } from './types.ts';

/** Scopes by method, upper case; `*` holds for the methods that are not named (F138). */
export type ScopeRule = Readonly<Record<string, readonly string[]>>;

/** One key that opens a function: by the name of an environment value, or by its hash. Exactly one of the two is set. */
export interface ApiKeySource {
  readonly id: string | null;
  readonly env: string | null;
  /** Lower-case hex. */
  readonly sha256: string | null;
  readonly scopes: readonly string[];
}

export interface ApiKeyPolicy {
  /** Lower case. */
  readonly header: string;
  /** Name of the query argument that may carry the key instead. */
  readonly query: string | null;
  readonly keys: readonly ApiKeySource[];
}

/** Where the keys come from that a token's signature is checked with (F137); secrets by the name of their value only. */
export type JwtKeySource =
  | { readonly type: 'jwks_url'; readonly url: string }
  | { readonly type: 'jwks'; readonly keys: readonly Readonly<Record<string, unknown>>[] }
  | { readonly type: 'secret_env'; readonly env: string }
  | { readonly type: 'public_key_env'; readonly env: string };

export interface JwtPolicy {
  /** Lower case. */
  readonly header: string;
  /** Word before the token, without case; empty = the header holds the token alone. */
  readonly scheme: string;
  /** Cookie that may carry the token instead. */
  readonly cookie: string | null;
  readonly algorithms: readonly string[];
  readonly keys: JwtKeySource;
  readonly issuer: string | null;
  /** One of these must be in `aud`; empty = any. */
  readonly audience: readonly string[];
  readonly leewaySeconds: number;
  readonly requireExp: boolean;
  readonly requiredClaims: Readonly<Record<string, unknown>>;
  readonly scopeClaims: readonly string[];
}

/** The `auth` block of a function, defaults applied (F135). At least one of `apiKey` and `jwt` is set. */
export interface AuthPolicy {
  readonly mode: 'any' | 'all';
  readonly optional: boolean;
  readonly realm: string;
  /** All of these are needed. */
  readonly scopes: ScopeRule;
  /** One of these is needed; none listed = no such need. */
  readonly anyScope: ScopeRule;
  readonly apiKey: ApiKeyPolicy | null;
  readonly jwt: JwtPolicy | null;
}

/** The `cors` block of a function, defaults applied (F142). */
export interface CorsPolicy {
  /** Lower case: exact origins, `https://*.example.com`, or `*`. */
  readonly origins: readonly string[];
  /** null = the methods of the route. */
  readonly methods: readonly string[] | null;
  /** Lower case; null = whatever the page asks for. */
  readonly headers: readonly string[] | null;
  readonly exposeHeaders: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

const LEEWAY_SECONDS = 30;
const SCOPE_CLAIMS = ['scope', 'scp', 'scopes', 'permissions'];
const MAX_AGE_SECONDS = 600;

type AuthBlock = Exclude<AuthConfig, false>;
type JwtBlock = NonNullable<AuthBlock['jwt']>;

/** The policy of an `auth` block; null where there is none, or `false` reopens what a folder above had closed. */
export function resolveAuth(block: AuthConfig | null | undefined): AuthPolicy | null {
  if (!block) return null;
  return {
    mode: block.mode ?? 'any',
    optional: block.optional ?? false,
    realm: block.realm ?? 'fastfn',
    scopes: scopeRule(block.scopes),
    anyScope: scopeRule(block.any_scope),
    apiKey: block.api_key ? resolveApiKey(block.api_key) : null,
    jwt: block.jwt ? resolveJwt(block.jwt) : null,
  };
}

function resolveApiKey(block: NonNullable<AuthBlock['api_key']>): ApiKeyPolicy {
  return {
    header: (block.header ?? 'x-api-key').toLowerCase(),
    query: block.query ?? null,
    keys: block.keys.map((key) => ({
      id: key.id ?? null,
      env: key.env ?? null,
      sha256: key.sha256?.toLowerCase() ?? null,
      scopes: key.scopes ?? [],
    })),
  };
}

function resolveJwt(block: JwtBlock): JwtPolicy {
  return {
    header: (block.header ?? 'authorization').toLowerCase(),
    scheme: (block.scheme ?? 'Bearer').toLowerCase(),
    cookie: block.cookie ?? null,
    algorithms: block.algorithms ?? ['HS256'],
    keys: keySource(block),
    issuer: block.issuer ?? null,
    audience: block.audience ?? [],
    leewaySeconds: block.leeway_seconds ?? LEEWAY_SECONDS,
    requireExp: block.require_exp ?? true,
    requiredClaims: block.required_claims ?? {},
    scopeClaims: block.scope_claims ?? SCOPE_CLAIMS,
  };
}

/** The schema has seen to it that exactly one is given. */
function keySource(block: JwtBlock): JwtKeySource {
  if (block.jwks_url != null) return { type: 'jwks_url', url: block.jwks_url };
  if (block.jwks != null) return { type: 'jwks', keys: block.jwks.keys };
  if (block.secret_env != null) return { type: 'secret_env', env: block.secret_env };
  return { type: 'public_key_env', env: block.public_key_env as string };
}

function scopeRule(given: AuthBlock['scopes']): ScopeRule {
  if (!given) return {};
  return Array.isArray(given) ? { '*': given } : given;
}

/** The policy of a `cors` block; null where there is none, or `false`. */
export function resolveCors(block: CorsConfig | null | undefined): CorsPolicy | null {
  if (!block) return null;
  const given = block === true ? {} : block;
  const headers = given.headers?.map((name) => name.toLowerCase()) ?? ['*'];
  return {
    origins: given.origins ?? ['*'],
    methods: given.methods && !given.methods.includes('*') ? given.methods : null,
    headers: headers.includes('*') ? null : headers,
    exposeHeaders: given.expose_headers ?? [],
    credentials: given.credentials ?? false,
    maxAgeSeconds: given.max_age_seconds ?? MAX_AGE_SECONDS,
  };
}

/** Names of the values of a function's environment that nobody may read in logs and answers: secrets and credentials. */
export function secretNames({ env, policy }: Pick<FunctionDefinition, 'env' | 'policy'>): string[] {
  return [...new Set([...env.secretKeys, ...credentialNames(policy.auth)])];
}

/** Names of the environment values that an `auth` block treats as credentials. */
export function credentialNames(policy: AuthPolicy | null): string[] {
  const names = (policy?.apiKey?.keys ?? []).flatMap(({ env }) => env ?? []);
  if (policy?.jwt?.keys.type === 'secret_env') names.push(policy.jwt.keys.env);
  return names;
}
