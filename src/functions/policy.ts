import type { ProjectConfig } from '../project/types.ts';
import type { FunctionConfig } from './config-schema.ts';
import { resolveAuth, resolveCors } from './security.ts';
import type { FunctionPolicy, RateLimitPolicy, WorkerPoolPolicy } from './types.ts';

/** The keys of column "I" in section 3.2: replaced whole by the nearest folder that sets them (F120). */
const INHERITED_KEYS = [
  'group',
  'timeout_ms',
  'max_concurrency',
  'max_body_bytes',
  'worker_pool',
  'edge',
  'strict_fs',
  'auth',
  'cors',
  'rate_limit',
] as const;

/** What a folder passes on to everything below it; `invoke` and `response` merge per key (F120). */
export type Overlay = Pick<FunctionConfig, (typeof INHERITED_KEYS)[number] | 'response'> & {
  readonly invoke: Pick<NonNullable<FunctionConfig['invoke']>, 'methods' | 'allow_hosts'>;
};

/** The built-in and platform-wide values that functions start from (F119). */
export type PolicyDefaults = Pick<ProjectConfig, 'limits' | 'workers'>;

const STREAM_IDLE_MIN_MS = 30_000; // section 3.2: max(timeout_ms, 30,000)
const QUEUE_POLL_MS = 20; // accepted and reported, unused (F122)

export const NOTHING_INHERITED: Overlay = { invoke: {} };

/** The overlay of a folder below `above`; the same object where the folder adds nothing. */
export function inherit(above: Overlay, config: FunctionConfig | undefined): Overlay {
  if (!config) return above;
  const own = Object.fromEntries(INHERITED_KEYS.filter((key) => config[key] != null).map((key) => [key, config[key]]));
  return {
    ...above,
    ...own,
    invoke: {
      ...above.invoke,
      ...(config.invoke?.methods && { methods: config.invoke.methods }),
      ...(config.invoke?.allow_hosts && { allow_hosts: config.invoke.allow_hosts }),
    },
    response: { ...above.response, ...dropNulls(config.response) },
  };
}

/** `invoke.methods` of a declared function reaches only itself and its versions (F120). */
export function withMethodsOf(overlay: Overlay, above: Overlay): Overlay {
  const { methods: _, ...invoke } = overlay.invoke;
  return { ...overlay, invoke: { ...invoke, ...(above.invoke.methods && { methods: above.invoke.methods }) } };
}

/** The policy of the entries in one folder: the overlay, what holds for this folder alone, then the defaults (F119). */
export function resolvePolicy(
  overlay: Overlay,
  own: FunctionConfig | undefined,
  defaults: PolicyDefaults,
): FunctionPolicy {
  const { limits } = defaults;
  const timeoutMs = overlay.timeout_ms ?? limits.timeoutMs;
  return {
    timeoutMs,
    maxConcurrency: overlay.max_concurrency ?? null,
    maxBodyBytes: Math.min(overlay.max_body_bytes ?? limits.maxBodyBytes, limits.bodyCeilingBytes),
    workerPool: resolveWorkerPool(overlay.worker_pool, timeoutMs, defaults.workers.idleTtlSeconds),
    handler: own?.invoke?.handler || 'handler',
    adapter: own?.invoke?.adapter ?? 'native',
    debugHeaders: overlay.response?.include_debug_headers ?? false,
    streamIdleMs: overlay.response?.stream_idle_ms ?? Math.max(timeoutMs, STREAM_IDLE_MIN_MS),
    bodyMode: own?.request?.body_mode ?? 'buffer',
    rateLimit: resolveRateLimit(overlay.rate_limit),
    auth: resolveAuth(overlay.auth),
    cors: resolveCors(overlay.cors),
  };
}

function resolveWorkerPool(
  pool: Overlay['worker_pool'],
  timeoutMs: number,
  idleTtlSeconds: number,
): WorkerPoolPolicy | null {
  if (!pool) return null;
  const maxQueue = pool.max_queue ?? 0;
  return {
    enabled: pool.enabled ?? true,
    minWarm: pool.min_warm ?? 0,
    maxWorkers: pool.max_workers ?? 0,
    maxQueue,
    idleTtlSeconds: pool.idle_ttl_seconds ?? idleTtlSeconds,
    queueTimeoutMs: pool.queue_timeout_ms ?? (maxQueue > 0 ? timeoutMs : 0),
    queuePollMs: pool.queue_poll_ms ?? QUEUE_POLL_MS,
    overflowStatus: pool.overflow_status ?? 429,
  };
}

function resolveRateLimit(rate: Overlay['rate_limit']): RateLimitPolicy | null {
  if (!rate) return null;
  return {
    requests: rate.requests,
    windowSeconds: rate.window_seconds,
    burst: rate.burst ?? rate.requests,
    key: rate.key ?? 'ip',
  };
}

function dropNulls<T extends object>(block: T | null | undefined): Partial<T> {
  const entries = Object.entries(block ?? {}).filter(([, value]) => value != null);
  return Object.fromEntries(entries) as Partial<T>;
}
