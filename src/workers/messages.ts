// The JSON that the supervisor and a worker exchange on the control connection (docs/protocol.md): checked here, trusted after.
import * as z from 'zod';
import { FastfnError } from '../errors.ts';
import type { FunctionDefinition, FunctionPolicy } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { FunctionRevision } from './types.ts';

const Hello = z.object({
  protocol: z.literal(1),
  runtime: z.string(),
  version: z.string(),
  pid: z.number().int().positive(),
});
export type Hello = z.infer<typeof Hello>;

const Loaded = z.object({
  revision: z.string(),
  concurrency: z.number().int().min(1),
  files: z.array(z.string()),
});
export type Loaded = z.infer<typeof Loaded>;

const LoadFailed = z.object({
  kind: z.literal('load'),
  error: z.string().default('handler error'),
  message: z.string(),
  stack: z.string().optional(),
});
export type LoadFailed = z.infer<typeof LoadFailed>;

const Log = z.object({
  request_id: z.string().nullable(),
  stream: z.enum(['stdout', 'stderr']),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
  last: z.boolean().optional(),
});
export type Log = z.infer<typeof Log>;

export const parseHello = parser('HELLO', Hello);
export const parseLoaded = parser('LOADED', Loaded);
export const parseLoadFailed = parser('ERROR', LoadFailed);
export const parseLog = parser('LOG', Log);

/** The payload of LOAD: turns a spare into this function's worker with at most `concurrency` slots. */
export function loadMessage(revision: FunctionRevision, concurrency: number, config: ProjectConfig): string {
  const { definition, compiled } = revision;
  return JSON.stringify({
    function: definition.key,
    revision: revision.revision,
    root: config.functionsRoot,
    dir: definition.dir,
    entry: definition.entry,
    compiled,
    handler: definition.policy.handler,
    adapter: definition.policy.adapter,
    env: definition.env.values,
    paths: revision.paths,
    limits: { concurrency },
    context: eventContext(definition, config),
  });
}

/** The payload of CONTEXT (P124). */
export function contextMessage(revision: FunctionRevision, config: ProjectConfig): string {
  return JSON.stringify(eventContext(revision.definition, config));
}

/** The part of `event.context` that follows from the policy (F74). */
export function eventContext(definition: FunctionDefinition, config: ProjectConfig): Record<string, unknown> {
  const { policy } = definition;
  return {
    runtime: definition.runtime,
    function_name: definition.name,
    version: definition.version,
    timeout_ms: policy.timeoutMs,
    max_concurrency: policy.maxConcurrency ?? config.limits.maxConcurrency,
    max_body_bytes: policy.maxBodyBytes,
    worker_pool: workerPoolContext(policy, config),
    debug: { enabled: policy.debugHeaders },
  };
}

/** `worker_pool` with its defaults, as handlers and the admin API see it (F74, P207). */
export function workerPoolContext(
  { workerPool: pool }: Pick<FunctionPolicy, 'workerPool'>,
  config: Pick<ProjectConfig, 'workers'>,
) {
  return {
    enabled: pool?.enabled ?? false,
    min_warm: pool?.minWarm ?? 0,
    max_workers: pool?.maxWorkers ?? 0,
    max_queue: pool?.maxQueue ?? 0,
    idle_ttl_seconds: pool?.idleTtlSeconds ?? config.workers.idleTtlSeconds,
    queue_timeout_ms: pool?.queueTimeoutMs ?? 0,
    queue_poll_ms: pool?.queuePollMs ?? 20,
    overflow_status: pool?.overflowStatus ?? 429,
  };
}

function parser<T>(name: string, schema: z.ZodType<T>): (payload: Buffer) => T {
  return (payload) => {
    const result = schema.safeParse(json(name, payload));
    if (result.success) return result.data;
    throw new FastfnError('PROTOCOL', `${name} from a worker is invalid: ${z.prettifyError(result.error)}`);
  };
}

function json(name: string, payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch (error) {
    throw new FastfnError('PROTOCOL', `${name} from a worker is not JSON: ${(error as Error).message}`);
  }
}
