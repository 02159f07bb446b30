import type { ProcessRuntime } from '../functions/types.ts';
import { residentBytes } from './memory.ts';
import type { LoadedWorker } from './revision-workers.ts';
import type { StartReason } from './spares.ts';
import type { EndReason, Worker } from './worker.ts';

/** One row of `/_fn/workers` (P205). */
export interface WorkerStatus {
  readonly pid: number;
  readonly runtime: ProcessRuntime;
  /** Function key, null for a spare. */
  readonly functionKey: string | null;
  readonly state: 'booting' | 'spare' | 'ready' | 'busy' | 'draining';
  readonly outstanding: number;
  readonly requests: number;
  /** With its child processes; null where it cannot be known. */
  readonly rssBytes: number | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly revision: string | null;
  readonly index: number | null;
  /** Path of its socket. */
  readonly socket: string;
  /** Epoch milliseconds of its last answer to PING; null before the first. */
  readonly answeredAt: number | null;
}

export interface PoolStats {
  readonly workers: readonly WorkerStatus[];
  /** Processes started so far, and ended, by reason (P217). */
  readonly starts: Readonly<Partial<Record<StartReason, number>>>;
  readonly exits: Readonly<Partial<Record<EndReason, number>>>;
}

/** Describes a worker; `loaded` if it has a function. */
export function workerStatus(worker: Worker, loaded: LoadedWorker | undefined): WorkerStatus {
  return {
    pid: worker.pid,
    runtime: worker.runtime,
    functionKey: worker.functionKey,
    state: shownState(worker, loaded),
    outstanding: loaded?.usage.outstanding ?? 0,
    requests: loaded?.usage.served ?? 0,
    rssBytes: residentBytes(worker.pid),
    startedAt: worker.startedAt,
    revision: worker.revision?.revision ?? null,
    index: loaded?.address.index ?? null,
    socket: worker.socket,
    answeredAt: worker.answeredAt,
  };
}

function shownState({ state }: Worker, loaded: LoadedWorker | undefined): WorkerStatus['state'] {
  if (state === 'spare') return 'spare';
  if (state === 'booting' || state === 'loading') return 'booting';
  if (state === 'loaded') return (loaded?.usage.outstanding ?? 0) > 0 ? 'busy' : 'ready';
  return 'draining';
}
