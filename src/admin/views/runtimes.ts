import { basename } from 'node:path';
import type { ProjectConfig } from '../../project/types.ts';
import type { WorkerStatus } from '../../workers/stats.ts';
import type { RuntimeStatus } from '../platform.ts';
import { epochSeconds } from './time.ts';

export interface HealthView {
  readonly up: boolean;
  /** Epoch seconds of the fact. */
  readonly ts: number;
  readonly reason: string;
}

/** A language with its live workers (P207, P208). */
export function runtimeView(status: RuntimeStatus, workers: readonly WorkerStatus[], config: ProjectConfig) {
  const own = workers.filter(({ runtime, state }) => runtime === status.runtime && state !== 'booting');
  return {
    routing: routingOf(status, config),
    timeout_ms: config.limits.timeoutMs,
    health: runtimeHealth(status, own),
    sockets: own.map((worker, index) => ({
      index: index + 1,
      uri: `unix:${basename(worker.socket)}`,
      up: worker.answeredAt !== null,
      ts: epochSeconds(worker.answeredAt ?? worker.startedAt),
      reason: worker.state,
    })),
    version: status.version,
    binary: status.binary && basename(status.binary),
  };
}

/** Up when one of its workers answered its last PING; a language that nothing uses has none, and lacks nothing. */
export function runtimeHealth(status: RuntimeStatus, workers: readonly WorkerStatus[]): HealthView {
  const now = epochSeconds(Date.now());
  if (status.binary === null) return { up: false, ts: now, reason: 'not installed' };
  if (status.runtime === 'lua') return { up: true, ts: now, reason: 'in_process' };
  const own = workers.filter(({ runtime }) => runtime === status.runtime);
  const answered = own.flatMap(({ answeredAt }) => answeredAt ?? []);
  if (answered.length > 0) return { up: true, ts: epochSeconds(Math.max(...answered)), reason: 'ok' };
  if (!status.isUsed && own.length === 0) return { up: true, ts: now, reason: 'idle' };
  return { up: false, ts: now, reason: own.length === 0 ? 'no worker runs' : 'no worker answers' };
}

function routingOf({ runtime }: RuntimeStatus, { daemons }: ProjectConfig): string {
  if (runtime === 'lua') return 'in_process';
  return daemons[runtime] > 1 ? 'least_outstanding' : 'single';
}

/** One row of `/_fn/workers` (P205). */
export function workerView(worker: WorkerStatus) {
  return {
    pid: worker.pid,
    runtime: worker.runtime,
    function: worker.functionKey,
    state: worker.state,
    outstanding: worker.outstanding,
    requests: worker.requests,
    rss_bytes: worker.rssBytes,
    started_at: epochSeconds(worker.startedAt),
    revision: worker.revision,
    index: worker.index,
  };
}
