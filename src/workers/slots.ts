// How many executions and processes a function gets (F122-F124, P109).
import type { FunctionPolicy, ProcessRuntime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';

const UNLIMITED_NODE_SLOTS = 1024;
const PYTHON_SLOTS = 32; // its bound of concurrent `def` calls (docs/protocol.md)
const PHP_SLOTS = 1;
const GROWTH_OUTSTANDING = 8; // P109: another worker is wanted when every one has more than this outstanding

/** What the slots of one function follow from. */
export interface SlotRules {
  /** Most executions at once over all its workers; Infinity = unlimited. */
  readonly limit: number;
  /** Most worker processes. */
  readonly maxWorkers: number;
  /** Workers that are kept though nobody calls. */
  readonly minWarm: number;
  /** Most slots that one of its workers is ever granted. */
  readonly perWorker: number;
}

export function slotRules(runtime: ProcessRuntime, policy: FunctionPolicy, config: ProjectConfig): SlotRules {
  const configured = policy.workerPool?.maxWorkers ?? 0;
  const limit = smallestNonZero(policy.maxConcurrency ?? config.limits.maxConcurrency, configured);
  const maxWorkers = Math.min(limit, configured > 0 ? configured : Math.max(1, config.daemons[runtime]));
  return {
    limit,
    maxWorkers,
    minWarm: Math.min(maxWorkers, policy.workerPool?.minWarm ?? 0),
    perWorker: slotsPerWorker(runtime, limit, maxWorkers),
  };
}

/** Slots for one more worker beside those that were granted already; 0 = no further worker. */
export function slotsForNext(rules: SlotRules, granted: readonly number[]): number {
  if (granted.length >= rules.maxWorkers) return 0;
  const used = granted.reduce((sum, slots) => sum + slots, 0);
  return Math.max(0, Math.min(rules.perWorker, rules.limit - used));
}

function slotsPerWorker(runtime: ProcessRuntime, limit: number, maxWorkers: number): number {
  if (runtime === 'php') return PHP_SLOTS;
  if (runtime === 'python') return PYTHON_SLOTS;
  return Number.isFinite(limit) ? share(limit, maxWorkers) : UNLIMITED_NODE_SLOTS;
}

/**
 * A Node worker would take the whole limit, so that no second process could be added. Its part is never less than what
 * makes P109 ask for another one, because executions within the limit must not wait for each other (F124).
 */
function share(limit: number, maxWorkers: number): number {
  return Math.max(Math.ceil(limit / maxWorkers), GROWTH_OUTSTANDING + 1);
}

function smallestNonZero(...numbers: readonly number[]): number {
  return Math.min(...numbers.filter((number) => number > 0));
}
