import type { FunctionLoad } from '../../gateway/counts.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { workerPoolContext } from '../../workers/messages.ts';
import type { FunctionStatus } from '../platform.ts';
import { epochSeconds } from './time.ts';

/** `warm`: a loaded copy stands ready; `stale`: its newest version does not load, an older one serves (P106); else `cold`. */
export type FunctionState = 'cold' | 'warm' | 'stale';

export function stateOf({ isStale, warmAt }: FunctionStatus): FunctionState {
  if (isStale) return 'stale';
  return warmAt === null ? 'cold' : 'warm';
}

/** Its packages are being installed and it cannot serve until they are. */
export function isInstalling({ install, unavailable }: FunctionStatus): boolean {
  return unavailable !== null && install?.result.state === 'installing';
}

/** What a function or version is doing, for the catalog (P208). */
export function stateView(status: FunctionStatus) {
  return {
    key: status.definition.key,
    state: stateOf(status),
    warm_at: epochSeconds(status.warmAt),
    ...NOT_KEPT_WARM,
    keep_warm_next: null,
    keep_warm_last: null,
    keep_warm_last_status: null,
    keep_warm_last_error: null,
  };
}

/** The same for health, with what its worker pool is doing (P207). */
export function healthStateView(status: FunctionStatus, load: FunctionLoad, config: ProjectConfig) {
  const { runtime, name, version, key, policy } = status.definition;
  return {
    runtime,
    name,
    version,
    key,
    state: stateOf(status),
    installing: isInstalling(status),
    warm_at: epochSeconds(status.warmAt),
    ...NOT_KEPT_WARM,
    worker_pool: { ...workerPoolContext(policy, config), ...loadView(load) },
  };
}

function loadView({ active, queued, overflow, timeout }: FunctionLoad) {
  return { active, queued, queue_drops: { overflow, timeout, total: overflow + timeout } };
}

/** `min_warm` of a worker pool keeps workers; nothing is called on a timer. */
const NOT_KEPT_WARM = { keep_warm: false };

export const NO_LOAD: FunctionLoad = { active: 0, queued: 0, overflow: 0, timeout: 0 };
