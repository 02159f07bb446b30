import type { ProjectConfig } from '../project/types.ts';
import { residentBytes } from './memory.ts';
import type { LoadedWorker } from './revision-workers.ts';

const CONFIRM_MS = 1_000; // P112: two samples that far apart, so that a peak alone costs no worker
const KILL_FACTOR = 1.5;
const MIB = 1_048_576;

/** Ends workers that nobody uses, that have served enough, or that have grown too large (P111, P112). */
export class Recycler {
  readonly #limits: ProjectConfig['workers'];

  constructor(limits: ProjectConfig['workers']) {
    this.#limits = limits;
  }

  /** At each tick for each worker that serves. */
  check(loaded: LoadedWorker): void {
    const { maxRequests } = this.#limits;
    if (this.#isIdle(loaded)) loaded.of.reap(loaded);
    else if (maxRequests > 0 && loaded.usage.served >= maxRequests) void loaded.of.recycle(loaded);
    else this.#checkMemory(loaded);
  }

  #isIdle({ usage, idleSince, of }: LoadedWorker): boolean {
    const seconds = of.revision.definition.policy.workerPool?.idleTtlSeconds ?? this.#limits.idleTtlSeconds;
    return usage.outstanding === 0 && performance.now() - idleSince >= seconds * 1_000;
  }

  #checkMemory(loaded: LoadedWorker): void {
    if (!this.#isTooLarge(loaded)) return;
    setTimeout(() => {
      if (loaded.of.serving.includes(loaded) && this.#isTooLarge(loaded)) void loaded.of.recycle(loaded);
    }, CONFIRM_MS).unref();
  }

  /** Kills it when it is so large that draining would take the machine down. */
  #isTooLarge({ worker }: LoadedWorker): boolean {
    const limit = this.#limits.maxRssMb * MIB;
    if (limit === 0) return false;
    const bytes = residentBytes(worker.pid) ?? 0;
    if (bytes > limit * KILL_FACTOR) void worker.kill('recycled');
    return bytes > limit;
  }
}
