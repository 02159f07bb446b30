import type { Worker } from './worker.ts';

const UNANSWERED_MS = 5_000; // P99

/** Pings workers, one PING at a time each. Counts ticks instead of time: a supervisor that was stopped blames nobody. */
export class Health {
  readonly #ticksAllowed: number;
  readonly #unanswered = new Map<Worker, number>();

  constructor(intervalMs: number) {
    this.#ticksAllowed = Math.ceil(UNANSWERED_MS / intervalMs);
  }

  /** At each tick for each worker that is idle or may be. True when it has not answered for too long. */
  isUnresponsive(worker: Worker): boolean {
    const ticks = this.#unanswered.get(worker);
    this.#unanswered.set(worker, (ticks ?? -1) + 1);
    if (ticks !== undefined) return ticks + 1 >= this.#ticksAllowed;
    void worker.ping().then(() => this.#unanswered.delete(worker));
    return false;
  }
}
