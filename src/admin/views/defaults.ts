import type { ProjectConfig } from '../../project/types.ts';

/** Limits of functions that configure none (P207, P208). */
export function defaultsView({ limits }: ProjectConfig) {
  return {
    timeout_ms: limits.timeoutMs,
    max_concurrency: limits.maxConcurrency,
    max_body_bytes: limits.maxBodyBytes,
  };
}
