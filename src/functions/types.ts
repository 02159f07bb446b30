import type { AuthPolicy, CorsPolicy } from './security.ts';

/** The languages a function may be written in; `go` and `rust` are known names without a worker yet. */
export const RUNTIMES = ['node', 'python', 'php', 'lua', 'go', 'rust'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** Runtimes whose functions run in a process of their own (Lua runs inside nginx). */
export type ProcessRuntime = 'node' | 'python' | 'php';

export type Adapter = 'native' | 'aws-lambda' | 'cloudflare-worker';

/** `worker_pool` of fn.config.json (F122), defaults applied. */
export interface WorkerPoolPolicy {
  readonly enabled: boolean;
  readonly minWarm: number;
  /** 0: no bound of its own (F123, P109). */
  readonly maxWorkers: number;
  readonly maxQueue: number;
  readonly idleTtlSeconds: number;
  readonly queueTimeoutMs: number;
  readonly queuePollMs: number;
  readonly overflowStatus: 429 | 503;
}

/** `rate_limit` of fn.config.json (F144). */
export interface RateLimitPolicy {
  readonly requests: number;
  readonly windowSeconds: number;
  readonly burst: number;
  /** `ip`, `api_key`, `subject`, `global` or `header:<name>`. */
  readonly key: string;
}

/** What fn.config.json says about one function once inheritance and defaults are applied (F119, F120). */
export interface FunctionPolicy {
  readonly timeoutMs: number;
  /** Executions at once; 0 = unlimited; null = not configured (F123a applies). */
  readonly maxConcurrency: number | null;
  readonly maxBodyBytes: number;
  /** null when there is no `worker_pool` block. */
  readonly workerPool: WorkerPoolPolicy | null;
  readonly handler: string;
  readonly adapter: Adapter;
  readonly debugHeaders: boolean;
  readonly streamIdleMs: number;
  readonly bodyMode: 'buffer' | 'stream';
  readonly rateLimit: RateLimitPolicy | null;
  /** Whom the gateway lets through (F135); null = everybody. */
  readonly auth: AuthPolicy | null;
  /** Which other origins' pages may read its answers (F142); null = the gateway says nothing about it. */
  readonly cors: CorsPolicy | null;
}

/** Install manifests found for a function (section 5.1 of the functions spec); absolute paths. */
export interface DependencyManifest {
  readonly tool: 'pip' | 'npm' | 'composer';
  /** Folder the manifest lies in (also where a `node_modules`/`vendor` link belongs). */
  readonly dir: string;
  /** requirements.txt / package.json / composer.json, null when only inline hints exist. */
  readonly file: string | null;
  /** package-lock.json, npm-shrinkwrap.json or composer.lock. */
  readonly lockFile: string | null;
  /** Requirements from `#@requirements` comments, in order (python only). */
  readonly inline: readonly string[];
}

/** What a function says about its own use (F130, F131): shown by OpenAPI and the console, no effect on requests. */
export interface FunctionExamples {
  readonly summary?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** Values of fn.env.json (F145-F147) as the function sees them. */
export interface FunctionEnv {
  readonly values: Readonly<Record<string, string>>;
  /** Keys whose values are secret; values of at least 6 characters are redacted in logs (F107). */
  readonly secretKeys: readonly string[];
  /** Variables of the host that `from_env` takes secrets from. */
  readonly secretSources: readonly string[];
}

/** One handler on disk, ready to be loaded by a worker. */
export interface FunctionDefinition {
  /** `<runtime>/<name>@<version>`, the function key of the platform spec. */
  readonly key: string;
  readonly runtime: Runtime;
  readonly name: string;
  readonly version: string;
  /** `file`: a single file route; `folder`: a function folder. */
  readonly kind: 'file' | 'folder';
  /** Absolute folder of the function: the worker's working directory. */
  readonly dir: string;
  /** Absolute path of the entry file. */
  readonly entry: string;
  /** Entry relative to the functions root, with `/`. */
  readonly file: string;
  readonly policy: FunctionPolicy;
  readonly env: FunctionEnv;
  readonly manifest: DependencyManifest | null;
  /** Why its configuration is invalid (F117): its routes answer 500 `invalid function configuration`. */
  readonly configProblem: string | null;
  /** `group` of its configuration: how the console and OpenAPI sort it. */
  readonly group?: string;
  readonly examples?: FunctionExamples;
  /** The clock calls it too (F127). */
  readonly isScheduled?: true;
  /** Hints of the entry that do not parse, each with its line: for the log at level debug (P237). */
  readonly ignoredHints?: readonly string[];
}

/** One public address of a function, or a conflict (F47). */
export interface Route {
  /** Pattern: static segments (decoded), `:name`, final `:name*`, final `*`. `/` for the root. */
  readonly path: string;
  /** Upper case, as configured; automatic HEAD and OPTIONS are the gateway's (F17). */
  readonly methods: readonly string[];
  /** Lower-case host patterns (F53); empty = all. */
  readonly hosts: readonly string[];
  /** Function key; null for a conflict, which answers 409. */
  readonly functionKey: string | null;
  /** Values for parameters that the pattern does not bind: `{slug: ""}` at the base of `[[...slug]]` (F73). */
  readonly defaults: Readonly<Record<string, string>>;
  /** 1 file, 2 manifest, 3 config; 4 alias (F8, never conflicts). */
  readonly rank: 1 | 2 | 3 | 4;
  readonly source: 'file' | 'manifest' | 'config' | 'alias';
  /** Its configuration displaces the files' claims (F45). */
  readonly isForced: boolean;
  /** File that makes the claim, relative to the root. */
  readonly file: string;
}

/** Something discovery skipped or refused, and why (F11). */
export interface DiscoveryProblem {
  readonly severity: 'warning' | 'error';
  /** `config`: what a configuration file says; `conflict`: claims that exclude each other; `discovery`: all else. */
  readonly kind: 'config' | 'discovery' | 'conflict';
  /** Path relative to the functions root. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** Two or more files that claim the same method, host and path shape (F47). */
export interface RouteConflict {
  readonly path: string;
  readonly methods: readonly string[];
  /** Files that make the claims, relative to the root. */
  readonly claims: readonly string[];
  /** The functions that make them, in their order. */
  readonly functionKeys: readonly string[];
}

/**
 * All that a folder of functions means. Sorted, so that equal trees give equal values (F4); `routes` in matching order:
 * of the routes that match a path, the first that accepts host and method answers (F50, F51).
 */
export interface Discovery {
  readonly functions: readonly FunctionDefinition[];
  readonly routes: readonly Route[];
  readonly conflicts: readonly RouteConflict[];
  readonly problems: readonly DiscoveryProblem[];
}
