import * as z from 'zod';
import { list, relativePath, wholeNumber } from './config-fields.ts';
import { authSchema, corsSchema, edgeSchema, rateLimitSchema } from './config-security.ts';
import { METHODS } from './file-names.ts';
import { isHostPattern } from './hosts.ts';
import { parseRoutePath } from './route-paths.ts';
import { type Adapter, RUNTIMES } from './types.ts';

/** Longest deadline and longest gap in a stream, milliseconds (section 3.2). */
const HOUR_MS = 3_600_000;

/** Spellings of the adapters (F109). */
const ADAPTERS: ReadonlyMap<string, Adapter> = new Map(
  (
    [
      ['native', ['', 'native', 'none', 'default']],
      ['aws-lambda', ['aws-lambda', 'lambda', 'apigw-v2', 'api-gateway-v2']],
      ['cloudflare-worker', ['cloudflare-worker', 'cloudflare-workers', 'worker', 'workers']],
    ] as const
  ).flatMap(([adapter, words]) => words.map((word) => [word, adapter])),
);

const method = z
  .string()
  .trim()
  .toUpperCase()
  .pipe(z.enum(METHODS, { error: `must be one of ${METHODS.join(', ')}` }));

const hosts = list(
  z
    .string()
    .trim()
    .toLowerCase()
    .refine(isHostPattern, 'must be a host like example.com, *.example.com or example.com:8080'),
).transform((entries) => (entries.includes('*') ? [] : [...new Set(entries)].sort()));

const routePath = z.string().check((context) => {
  const parsed = parseRoutePath(context.value);
  if ('problem' in parsed) context.issues.push({ code: 'custom', input: context.value, message: parsed.problem });
});

const adapter = z.string().transform((value, context): Adapter => {
  const known = ADAPTERS.get(value.trim().toLowerCase());
  if (known === undefined) context.addIssue('must be native, aws-lambda or cloudflare-worker');
  return known ?? 'native';
});

const invoke = z.strictObject({
  methods: list(method, { min: 1 })
    .transform((given) => METHODS.filter((known) => given.includes(known)))
    .nullish(),
  routes: list(routePath, { max: 32 }).nullish(),
  allow_hosts: hosts.nullish(),
  'force-url': z.boolean().nullish(),
  handler: z
    .string()
    .trim()
    .regex(/^(?:[A-Za-z_$][A-Za-z0-9_$]*)?$/, 'must be an identifier')
    .nullish(),
  adapter: adapter.nullish(),
  summary: z.string().nullish(),
  query: z.record(z.string(), z.unknown()).nullish(),
  body: z.unknown().optional(),
  content_type: z.string().nullish(),
  default_method: method.nullish(),
  home: z.unknown().optional(),
  'home-route': z.string().nullish(),
  home_route: z.string().nullish(),
});

const workerPool = z
  .strictObject({
    enabled: z.boolean().nullish(),
    max_workers: wholeNumber(0).nullish(),
    max_queue: wholeNumber(0).nullish(),
    queue_timeout_ms: wholeNumber(0).nullish(),
    overflow_status: z.literal([429, 503]).nullish(),
    min_warm: wholeNumber(0).nullish(),
    idle_ttl_seconds: wholeNumber(1).nullish(),
    queue_poll_ms: wholeNumber(0).nullish(),
  })
  .refine(
    (pool) => !pool.max_workers || (pool.min_warm ?? 0) <= pool.max_workers,
    'min_warm must not exceed max_workers',
  );

const keepWarm = z.strictObject({
  enabled: z.boolean().nullish(),
  min_warm: wholeNumber(0).nullish(),
  ping_every_seconds: wholeNumber(1).nullish(),
  idle_ttl_seconds: wholeNumber(1).nullish(),
  invoke: z.boolean().nullish(),
});

const ignoreDirs = z.strictObject({ ignore_dirs: list(z.string()).nullish() });
const jsonSchema = z.union([z.boolean(), z.record(z.string(), z.unknown())]);

/**
 * fn.config.json (section 3.2) after `normaliseSpelling`. Keys that a later stage interprets (home, schedules, packs, …)
 * are checked for their type here and passed on.
 */
export const functionConfigSchema = z.strictObject({
  auth: authSchema.nullish(),
  cors: corsSchema.nullish(),
  rate_limit: rateLimitSchema.nullish(),
  edge: edgeSchema.nullish(),
  invoke: invoke.nullish(),
  strict_fs: z.boolean().nullish(),
  runtime: z.enum(RUNTIMES).nullish(),
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/, 'must be a relative path of letters, digits, "_" and "-"')
    .nullish(),
  entrypoint: z.string().min(1).nullish(),
  group: z.string().max(80).nullish(),
  timeout_ms: wholeNumber(1, HOUR_MS).nullish(),
  max_concurrency: wholeNumber(0, 100_000).nullish(),
  max_body_bytes: wholeNumber(1, 1_073_741_824).nullish(),
  response: z
    .strictObject({
      include_debug_headers: z.boolean().nullish(),
      stream_idle_ms: wholeNumber(1000, HOUR_MS).nullish(),
    })
    .nullish(),
  request: z.strictObject({ body_mode: z.enum(['buffer', 'stream']).nullish() }).nullish(),
  worker_pool: workerPool.nullish(),
  keep_warm: keepWarm.nullish(),
  schedule: z.looseObject({}).nullish(),
  schedules: z.array(z.looseObject({})).nullish(),
  shared_deps: list(z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be a pack name')).nullish(),
  home: z.union([z.string(), z.looseObject({})]).nullish(),
  assets: z
    .strictObject({
      directory: relativePath('must be a relative path below this folder'),
      not_found_handling: z.enum(['404', 'single-page-application', 'spa']).nullish(),
      run_worker_first: z.boolean().nullish(),
    })
    .nullish(),
  zero_config: ignoreDirs.nullish(),
  discovery: ignoreDirs.nullish(),
  routing: ignoreDirs.nullish(),
  zero_config_ignore_dirs: list(z.string()).nullish(),
  isolation: z.enum(['file', 'directory']).nullish(),
  input: jsonSchema.nullish(),
  output: jsonSchema.nullish(),
});

/** What a valid fn.config.json says, in its own key names. */
export type FunctionConfig = z.output<typeof functionConfigSchema>;
