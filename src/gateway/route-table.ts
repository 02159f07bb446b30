import type { AuthRecord } from '../auth/record.ts';
import { secretForms } from '../functions/secret-forms.ts';
import type { FunctionDefinition, Route } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type CorsRecord, corsRecord } from './cors-record.ts';

/** Why a function cannot serve now (F2): sent for each request until its record changes. */
export interface Unavailable {
  readonly status: 500 | 503;
  readonly error: string;
  readonly detail?: string;
  readonly retry_after?: number;
  /** Adds `X-FastFN-Warming` (F3). */
  readonly warming?: boolean;
}

/** The code of a Lua function: sent along, so that every nginx worker runs the same bytes. */
export interface LuaCode {
  readonly source: string;
  readonly entry: string;
  readonly file: string;
  readonly entry_dir: string;
  readonly dir: string;
  readonly root: string;
  readonly handler: string;
  readonly modules: Readonly<Record<string, { readonly source: string; readonly file: string }>>;
}

/** What the supervisor knows of a function beyond its definition. */
export interface FunctionState {
  readonly revision: string;
  readonly unavailable?: Unavailable | undefined;
  /** A newer version does not load; the last good one serves (P106). */
  readonly stale?: boolean | undefined;
  readonly lua?: LuaCode | undefined;
  /** Whom its guard lets through; null = everybody. */
  readonly auth: AuthRecord | null;
  /** Values that must not be seen (F107). */
  readonly secrets: readonly string[];
}

/** A function as the gateway sees it; openresty/functions.lua and gateway.lua read it. */
export interface FunctionRecord {
  readonly key: string;
  readonly runtime: string;
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  readonly timeout_ms: number;
  readonly boot_timeout_ms: number;
  readonly stream_idle_ms: number;
  /** Requests admitted at once, running and waiting; 0 = no bound (F123, F123a). */
  readonly admitted: number;
  /** Executions at once where a limit is configured, else 0. */
  readonly slots: number;
  /** A `worker_pool` or `max_concurrency` is configured: a wait that is too long is answered as F123 says, else as F123a. */
  readonly pooled: boolean;
  readonly queue_timeout_ms: number;
  readonly overflow_status: number;
  readonly max_workers: number;
  readonly max_queue: number;
  readonly max_body_bytes: number;
  readonly debug: boolean;
  /** Captured output may leave in debug headers for any client (F108: not in `run`). */
  readonly debug_output: boolean;
  /** What must not be seen of its secrets in debug headers and stacks (F107), where it may send any. */
  readonly hidden?: readonly string[];
  readonly rate_limit?: {
    readonly requests: number;
    readonly window_seconds: number;
    readonly burst: number;
    readonly key: string;
    /** Counts for who was let through, so it is taken after auth (F99). */
    readonly by_identity: boolean;
  };
  readonly auth?: AuthRecord;
  readonly cors?: CorsRecord;
  readonly unavailable?: Unavailable;
  readonly stale?: true;
  readonly lua?: LuaCode;
  readonly env?: Readonly<Record<string, string>>;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** One claim on a pattern; openresty/router.lua reads it. */
export interface RouteEntry {
  readonly methods: Readonly<Record<string, true>>;
  readonly hosts: readonly string[];
  /** Place among the entries of one shape: discovery's order carries precedence (F43-F47). */
  readonly order: number;
  readonly target?: string;
  readonly conflict?: true;
  readonly defaults?: Readonly<Record<string, string>>;
}

/** Settings of the whole gateway that routes do not carry. */
export interface TableSettings {
  readonly max_headers: number;
  readonly max_query_args: number;
  readonly trusts_proxies: boolean;
  readonly dev_errors: boolean;
}

/** Everything the gateway serves, before it is cut into documents. */
export interface RouteTable {
  readonly settings: TableSettings;
  readonly functions: ReadonlyMap<string, FunctionRecord>;
  readonly routes: ReadonlyMap<string, readonly RouteEntry[]>;
}

/** What is POSTed: a whole table, or the records that changed since the version before (null = gone). */
export interface TableDocument {
  readonly version: number;
  readonly base: boolean;
  readonly settings?: TableSettings;
  readonly functions: Readonly<Record<string, FunctionRecord | null>>;
  readonly routes: Readonly<Record<string, readonly RouteEntry[] | null>>;
}

/** Compiles one function's record. */
export function compileFunction(
  definition: FunctionDefinition,
  state: FunctionState,
  config: ProjectConfig,
  context: Readonly<Record<string, unknown>>,
): FunctionRecord {
  const { policy } = definition;
  const slots = executionLimit(definition);
  const maxQueue = policy.workerPool?.maxQueue ?? 0;
  const pooled = slots > 0;
  return {
    key: definition.key,
    runtime: definition.runtime,
    name: definition.name,
    version: definition.version,
    revision: state.revision,
    timeout_ms: policy.timeoutMs,
    boot_timeout_ms: config.workers.bootTimeoutMs,
    stream_idle_ms: policy.streamIdleMs,
    admitted: pooled ? slots + maxQueue : policy.maxConcurrency === 0 ? 0 : config.limits.maxConcurrency,
    slots,
    pooled,
    queue_timeout_ms: queueTimeoutMs(definition, pooled),
    overflow_status: policy.workerPool?.overflowStatus ?? 429,
    max_workers: policy.workerPool?.maxWorkers ?? 0,
    max_queue: maxQueue,
    max_body_bytes: Math.min(policy.maxBodyBytes, config.limits.bodyCeilingBytes),
    debug: policy.debugHeaders,
    debug_output: config.command === 'dev',
    ...((policy.debugHeaders || config.devErrors) && { hidden: secretForms(state.secrets) }),
    ...(policy.rateLimit && {
      rate_limit: {
        requests: policy.rateLimit.requests,
        window_seconds: policy.rateLimit.windowSeconds,
        burst: policy.rateLimit.burst,
        key: policy.rateLimit.key,
        by_identity: policy.rateLimit.key === 'api_key' || policy.rateLimit.key === 'subject',
      },
    }),
    ...(state.auth && { auth: state.auth }),
    ...(policy.cors && { cors: corsRecord(policy.cors) }),
    ...(state.unavailable && { unavailable: state.unavailable }),
    ...(state.stale && { stale: true as const }),
    ...(state.lua && { lua: state.lua, env: definition.env.values, context }),
  };
}

/** Executions of a function at once (F123): the smallest non-zero of its two bounds; 0 = none configured. */
export function executionLimit(definition: FunctionDefinition): number {
  const { maxConcurrency, workerPool } = definition.policy;
  const bounds = [maxConcurrency ?? 0, workerPool?.maxWorkers ?? 0].filter((bound) => bound > 0);
  return bounds.length === 0 ? 0 : Math.min(...bounds);
}

/** How long an admitted request may wait: F123 with a configured queue, F123a (its own timeout) without. */
function queueTimeoutMs({ policy }: FunctionDefinition, pooled: boolean): number {
  if (pooled && policy.workerPool && policy.workerPool.maxQueue > 0) return policy.workerPool.queueTimeoutMs;
  return policy.timeoutMs;
}

/** Groups routes by their pattern, in the order in which discovery gives them. */
export function compileEntries(routes: readonly Route[]): Map<string, RouteEntry[]> {
  const byPattern = new Map<string, RouteEntry[]>();
  const places = new Map<string, number>();
  for (const route of routes) {
    const shape = shapeOf(route.path);
    const order = places.get(shape) ?? 0;
    places.set(shape, order + 1);
    const entry: RouteEntry = {
      methods: Object.fromEntries(route.methods.map((method) => [method, true as const])),
      hosts: route.hosts,
      order,
      ...(route.functionKey === null ? { conflict: true as const } : { target: route.functionKey }),
      ...(Object.keys(route.defaults).length > 0 && { defaults: route.defaults }),
    };
    const entries = byPattern.get(route.path);
    if (entries) entries.push(entry);
    else byPattern.set(route.path, [entry]);
  }
  return byPattern;
}

/** A pattern without its parameter names: equal shapes compete for the same requests (F43). */
function shapeOf(pattern: string): string {
  return pattern.replace(/\/:[^/]*\*$/, '/:*').replace(/\/:[^/*]+(?=\/|$)/g, '/:');
}

/** The whole table as one document. */
export function wholeDocument(table: RouteTable, version: number): TableDocument {
  return {
    version,
    base: true,
    settings: table.settings,
    functions: Object.fromEntries(table.functions),
    routes: Object.fromEntries(table.routes),
  };
}

/** What changed from one table to the next; null when nothing did. */
export function changedDocument(from: RouteTable, to: RouteTable, version: number): TableDocument | null {
  const functions = changes(from.functions, to.functions);
  const routes = changes(from.routes, to.routes);
  if (Object.keys(functions).length === 0 && Object.keys(routes).length === 0) return null;
  return { version, base: false, functions, routes };
}

function changes<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): Record<string, T | null> {
  const changed: Record<string, T | null> = {};
  for (const [key, value] of to) {
    const former = from.get(key);
    if (former === undefined || (former !== value && JSON.stringify(former) !== JSON.stringify(value)))
      changed[key] = value;
  }
  for (const key of from.keys()) if (!to.has(key)) changed[key] = null;
  return changed;
}
