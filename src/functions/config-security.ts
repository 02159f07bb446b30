// Schemas of the blocks that guard a function. An unknown key inside them is an error (F118): a misspelt guard must not
// be a guard that is not there.
import * as z from 'zod';
import { list, wholeNumber } from './config-fields.ts';
import { METHODS } from './file-names.ts';

/** Signature algorithms that tokens may use; `HS…` is for shared secrets, the others for public keys. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ...['HS256', 'HS384', 'HS512'],
];
/** Members of a JWK that are private or shared key material (RFC 7518 6): a literal secret has no place in a configuration. */
const PRIVATE_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name');
const environmentKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must name a key of fn.env.json');
const strings = list(z.string().min(1));
/** RFC 6749 3.3, without the comma, which separates scopes in a token (F138). */
const scope = z.string().regex(/^[!#-+\--[\]-~]+$/, 'must be a scope without blanks, commas and quotes');
const scopeList = list(scope);
const methodName = z.enum([...METHODS, '*'], { error: 'must be a method in upper case, or "*"' });
const scopes = z.union([scopeList, z.partialRecord(methodName, scopeList)]);
const algorithm = z.enum(ALGORITHMS, { error: `must be a signature algorithm (${ALGORITHMS.join(', ')}), not "none"` });
const cookieName = headerName; // RFC 6265 4.1.1: a token, too
const realm = z.string().regex(/^[ -~]*$/, 'must be printable ASCII');
const publicKey = z.looseObject({ kty: z.string() }).refine((key) => !PRIVATE_MEMBERS.some((member) => member in key), {
  error: 'must be a public key; a secret belongs in fn.env.json, named by secret_env',
});
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
          scopes: scopeList.nullish(),
        })
        .refine((key) => (key.env == null) !== (key.sha256 == null), 'needs either env or sha256'),
    )
    .min(1),
});

const KEY_SOURCES = ['jwks_url', 'jwks', 'secret_env', 'public_key_env'] as const;

const jwt = z
  .strictObject({
    header: headerName.nullish(),
    scheme: z
      .string()
      .regex(/^[A-Za-z0-9-]*$/, 'must be a word')
      .nullish(),
    cookie: cookieName.nullish(),
    algorithms: list(algorithm, { min: 1 }).nullish(),
    jwks_url: httpUrl.nullish(),
    jwks: z.looseObject({ keys: z.array(publicKey).min(1) }).nullish(),
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
  .refine((policy) => policy.algorithms != null || policy.secret_env != null, 'needs algorithms')
  .refine(
    (policy) => (policy.algorithms ?? []).every((name) => name.startsWith('HS') === (policy.secret_env != null)),
    {
      error: 'algorithms must fit the key: HS256, HS384 and HS512 for secret_env, the others for public keys',
      path: ['algorithms'],
    },
  );

/** `auth` (F135-F138); `false` reopens below an inherited policy. */
export const authSchema = z.union([
  z.literal(false),
  z
    .strictObject({
      mode: z.enum(['any', 'all']).nullish(),
      optional: z.boolean().nullish(),
      realm: realm.nullish(),
      scopes: scopes.nullish(),
      any_scope: scopes.nullish(),
      api_key: apiKey.nullish(),
      jwt: jwt.nullish(),
    })
    .refine((policy) => policy.api_key != null || policy.jwt != null, 'needs api_key or jwt'),
]);

/** What an `auth` block says, checked. */
export type AuthConfig = z.output<typeof authSchema>;

const origin = z
  .string()
  .toLowerCase()
  .regex(/^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d+)?)$/, {
    error: 'must be an origin like https://app.example.com, https://*.example.com, or "*"',
  });

/** `cors` (F142). */
export const corsSchema = z.union([
  z.boolean(),
  z
    .strictObject({
      origins: list(origin).nullish(),
      methods: list(z.string().trim().toUpperCase().pipe(methodName)).nullish(),
      headers: list(headerName).nullish(),
      expose_headers: list(headerName).nullish(),
      credentials: z.boolean().nullish(),
      max_age_seconds: wholeNumber(0).nullish(),
    })
    .refine((policy) => !(policy.credentials && (policy.origins ?? ['*']).includes('*')), {
      error: 'credentials need listed origins, not "*"',
    }),
]);

/** What a `cors` block says, checked. */
export type CorsConfig = z.output<typeof corsSchema>;

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
