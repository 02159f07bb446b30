import { HIDDEN } from '../../functions/env-file.ts';
import type { AuthPolicy, CorsPolicy } from '../../functions/security.ts';
import type { FunctionDefinition, Route } from '../../functions/types.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { workerPoolContext } from '../../workers/messages.ts';

/** What holds for a function, inheritance and defaults applied (P208, P209); `routes` are those that it answers. */
export function policyView(definition: FunctionDefinition, routes: readonly Route[], config: ProjectConfig) {
  const { policy } = definition;
  return {
    methods: methodsOf(routes),
    routes: pathsOf(routes),
    allow_hosts: [...new Set(routes.flatMap(({ hosts }) => hosts))].sort(),
    timeout_ms: policy.timeoutMs,
    max_concurrency: policy.maxConcurrency ?? config.limits.maxConcurrency,
    max_body_bytes: policy.maxBodyBytes,
    handler: policy.handler,
    adapter: policy.adapter,
    body_mode: policy.bodyMode,
    include_debug_headers: policy.debugHeaders,
    stream_idle_ms: policy.streamIdleMs,
    group: definition.group ?? null,
    worker_pool: workerPoolContext(policy, config),
    rate_limit: policy.rateLimit && {
      requests: policy.rateLimit.requests,
      window_seconds: policy.rateLimit.windowSeconds,
      burst: policy.rateLimit.burst,
      key: policy.rateLimit.key,
    },
    auth: policy.auth && authView(policy.auth),
    cors: policy.cors && corsView(policy.cors),
  };
}

/** Methods that the routes answer, in their order, each once. */
export function methodsOf(routes: readonly Route[]): readonly string[] {
  return [...new Set(routes.flatMap(({ methods }) => methods))];
}

/** Paths of the routes as written, each once; other spellings (F8) are no routes of their own. */
export function pathsOf(routes: readonly Route[]): readonly string[] {
  return [...new Set(routes.filter(({ source }) => source !== 'alias').map(({ path }) => path))];
}

/** Whom the gateway lets through, without what a credential could be guessed from (P163). */
function authView({ mode, optional, realm, scopes, anyScope, apiKey, jwt }: AuthPolicy) {
  return {
    mode,
    optional,
    realm,
    scopes,
    any_scope: anyScope,
    api_key: apiKey && {
      header: apiKey.header,
      query: apiKey.query,
      keys: apiKey.keys.map(({ id, env, sha256, scopes: granted }) => ({
        id,
        env,
        sha256: sha256 && HIDDEN,
        scopes: granted,
      })),
    },
    jwt: jwt && {
      header: jwt.header,
      scheme: jwt.scheme,
      cookie: jwt.cookie,
      algorithms: jwt.algorithms,
      keys: jwt.keys.type === 'jwks' ? { type: 'jwks', count: jwt.keys.keys.length } : jwt.keys,
      issuer: jwt.issuer,
      audience: jwt.audience,
      leeway_seconds: jwt.leewaySeconds,
      require_exp: jwt.requireExp,
      required_claims: jwt.requiredClaims,
      scope_claims: jwt.scopeClaims,
    },
  };
}

function corsView(cors: CorsPolicy) {
  return {
    origins: cors.origins,
    methods: cors.methods,
    headers: cors.headers,
    expose_headers: cors.exposeHeaders,
    credentials: cors.credentials,
    max_age_seconds: cors.maxAgeSeconds,
  };
}
