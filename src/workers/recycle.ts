import type { ProjectConfig } from '../project/types.ts';
import { residentBytes } from './memory.ts';
import type { LoadedWorker } from './revision-workers.ts';

const CONFIRM_MS = 1_000; // P112: two samples that far apart, so that a peak alone costs no worker
const KILL_FACTOR = 1.5;
const MIB = 1_048_576;

/** Ends workers that nobody uses, that have served enough, or that have grown too large (P111, P112). */
export class Recycler {
  readonly #limits: ProjectConfig['workers'];
  readonly #warn: (loaded: LoadedWorker, message: string) => void;

  constructor(limits: ProjectConfig['workers'], warn: (loaded: LoadedWorker, message: string) => void) {
    this.#limits = limits;
    this.#warn = warn;
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
    const excess = this.#excess(loaded);
    if (excess > KILL_FACTOR) this.#kill(loaded, excess);
    else if (excess > 1 && !loaded.isRecycling) setTimeout(() => this.#confirm(loaded), CONFIRM_MS).unref();
  }

  #confirm(loaded: LoadedWorker): void {
    const excess = this.#excess(loaded);
    if (excess <= 1 || loaded.isRecycling || !loaded.of.serving.includes(loaded)) return;
    this.#warn(loaded, `worker ${loaded.worker.pid} is replaced: ${this.#sizes(excess)}`);
    void loaded.of.recycle(loaded);
  }

  /** Without a successor or a drain: that could take the machine down. */
  #kill(loaded: LoadedWorker, excess: number): void {
    this.#warn(loaded, `worker ${loaded.worker.pid} is killed: ${this.#sizes(excess)}`);
    void loaded.worker.kill('recycled');
  }

  /** Its memory as a multiple of the limit. */
  #excess({ worker }: LoadedWorker): number {
    const { maxRssMb } = this.#limits;
    return maxRssMb > 0 ? (residentBytes(worker.pid) ?? 0) / (maxRssMb * MIB) : 0;
  }

  #sizes(excess: number): string {
    const { maxRssMb } = this.#limits;
    return `it holds ${Math.round(excess * maxRssMb)} MiB, the limit is ${maxRssMb} (FN_WORKER_MAX_RSS_MB)`;
  }
}
