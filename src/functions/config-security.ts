// Schemas of the blocks that guard a function. An unknown key inside them is an error (F118): a misspelt guard must not
// be a guard that is not there.
import * as z from 'zod';
import { list, wholeNumber } from './config-fields.ts';

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name');
const environmentKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must name a key of fn.env.json');
const strings = list(z.string().min(1));
const scopes = z.union([strings, z.record(z.string(), strings)]);
const algorithm = z.string().regex(/^(?!none$)[A-Za-z0-9-]+$/i, 'must be a signature algorithm, not "none"');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const apiKey = z.strictObject({
  header: headerName.nullish(),
  query: z.string().min(1).nullish(),
  keys: z
    .array(
      z
        .strictObject({
          id: z.string().nullish(),
          env: environmentKey.nullish(),
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/i, 'must be 64 hex digits')
            .nullish(),
          scopes: strings.nullish(),
        })
        .refine((key) => (key.env == null) !== (key.sha256 == null), 'needs either env or sha256'),
    )
    .min(1),
});

const KEY_SOURCES = ['jwks_url', 'jwks', 'secret_env', 'public_key_env'] as const;

const jwt = z
  .strictObject({
    header: headerName.nullish(),
    scheme: z.string().nullish(),
    cookie: z.string().min(1).nullish(),
    algorithms: list(algorithm, { min: 1 }).nullish(),
    jwks_url: httpUrl.nullish(),
    jwks: z.looseObject({ keys: z.array(z.looseObject({})) }).nullish(),
    secret_env: environmentKey.nullish(),
    public_key_env: environmentKey.nullish(),
    issuer: z.string().nullish(),
    audience: strings.nullish(),
    leeway_seconds: wholeNumber(0).nullish(),
    require_exp: z.boolean().nullish(),
    required_claims: z.record(z.string(), z.unknown()).nullish(),
    scope_claims: strings.nullish(),
  })
  .refine((policy) => KEY_SOURCES.filter((source) => policy[source] != null).length === 1, {
    error: `needs exactly one of ${KEY_SOURCES.join(', ')}`,
  })
  .refine((policy) => policy.algorithms != null || policy.secret_env != null, 'needs algorithms');

/** `auth` (F135-F138); `false` reopens below an inherited policy. */
export const authSchema = z.union([
  z.literal(false),
  z
    .strictObject({
      mode: z.enum(['any', 'all']).nullish(),
      optional: z.boolean().nullish(),
      realm: z.string().nullish(),
      scopes: scopes.nullish(),
      any_scope: scopes.nullish(),
      api_key: apiKey.nullish(),
      jwt: jwt.nullish(),
    })
    .refine((policy) => policy.api_key != null || policy.jwt != null, 'needs api_key or jwt'),
]);

/** `cors` (F142). */
export const corsSchema = z.union([
  z.boolean(),
  z
    .strictObject({
      origins: strings.nullish(),
      methods: strings.nullish(),
      headers: strings.nullish(),
      expose_headers: strings.nullish(),
      credentials: z.boolean().nullish(),
      max_age_seconds: wholeNumber(0).nullish(),
    })
    .refine((policy) => !(policy.credentials && policy.origins?.includes('*')), {
      error: 'credentials need listed origins, not "*"',
    }),
]);

/** `rate_limit` (F144). */
export const rateLimitSchema = z.strictObject({
  requests: wholeNumber(1),
  window_seconds: wholeNumber(1),
  burst: wholeNumber(1).nullish(),
  key: z
    .string()
    .regex(/^(?:ip|api_key|subject|global|header:[A-Za-z0-9_-]+)$/, {
      error: 'must be ip, api_key, subject, global or header:<name>',
    })
    .nullish(),
});

/** `edge` (F158). */
export const edgeSchema = z.strictObject({
  base_url: httpUrl.nullish(),
  allow_hosts: strings.nullish(),
  allow_private: z.boolean().nullish(),
  max_response_bytes: wholeNumber(0).nullish(),
});
