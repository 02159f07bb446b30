import { availableParallelism } from 'node:os';
import type { FastfnError } from '../errors.ts';
import type { ProcessRuntime } from '../functions/types.ts';
import { Backoff } from './backoff.ts';
import { workerFailure } from './failure.ts';
import type { Worker } from './worker.ts';

// Booting is CPU work: more at once than there are cores only delays the first one.
const BOOTS_AT_ONCE = Math.min(4, Math.max(2, availableParallelism()));
const REFILL_DELAY_MS = 5; // the request that took the spare goes first
/** Who takes spares (somebody who edits and saves, a burst of first calls) takes more soon: this many more stand ready. */
const MOST_EXTRA_SPARES = 2;
/** For so long after the last one was taken; then what is left over ends. */
const EXTRA_LASTS_MS = 15_000;

/** Why a worker is started: somebody waits for one, or one is to stand ready. */
export type StartReason = 'demand' | 'spare';

export interface SparesOptions {
  /** Ready spares to keep per runtime (P108). */
  readonly target: number;
  /** Longest wait for one (F102). */
  readonly waitMs: number;
  /** Starts a worker; it may still be booting. */
  spawn(runtime: ProcessRuntime, reason: StartReason): Promise<Worker>;
  /** A spare that is not needed any more. */
  discard(worker: Worker): void;
  /** A start failed; another is tried, after a while if it was the third in a row (P100). */
  onFailure(runtime: ProcessRuntime, error: FastfnError): void;
}

interface Waiter {
  /** It only waits for a spare to be there. */
  readonly leavesIt: boolean;
  give(worker: Worker): void;
  fail(error: FastfnError): void;
}

interface RuntimeSpares {
  readonly runtime: ProcessRuntime;
  readonly ready: Worker[];
  readonly waiters: Waiter[];
  readonly backoff: Backoff;
  booting: number;
  /** Spares to keep beyond the target while they are in demand. */
  extra: number;
  calm: NodeJS.Timeout | null;
  lastFailure: FastfnError;
}

/** Pre-booted workers without a function, per runtime in use. Who waits for one comes before the refill. */
export class Spares {
  readonly #options: SparesOptions;
  readonly #runtimes = new Map<ProcessRuntime, RuntimeSpares>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #booting = 0;
  #stopped = false;

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  /** Resolves when the runtime has a spare that answered PING (P97); keeps its spares filled from then on. */
  async start(runtime: ProcessRuntime): Promise<void> {
    const spares = this.#of(runtime);
    if (spares.ready.length === 0) await this.#wait(spares, { leavesIt: true });
  }

  /** A booted worker. Rejects with WORKER_FAILED when there is none and none can be had in time or for now. */
  take(runtime: ProcessRuntime): Promise<Worker> {
    const spares = this.#of(runtime);
    const worker = spares.ready.shift();
    this.#inDemand(spares);
    if (worker !== undefined) {
      this.#later(REFILL_DELAY_MS, () => this.#pump());
      return Promise.resolve(worker);
    }
    if (this.#stopped) return Promise.reject(unavailable('the worker pool was stopped'));
    if (spares.backoff.waitMs > 0) return Promise.reject(spares.lastFailure);
    return this.#wait(spares, { leavesIt: false });
  }

  /** A worker of this runtime answered LOAD: the runtime itself is fine. */
  proved(runtime: ProcessRuntime): void {
    this.#of(runtime).backoff.succeeded();
  }

  /** A spare has ended before it was taken; another one is booted. */
  lost(worker: Worker): void {
    const spares = this.#of(worker.runtime);
    const at = spares.ready.indexOf(worker);
    if (at === -1) return;
    spares.ready.splice(at, 1);
    this.#failed(spares, unavailable(`a spare ${worker.runtime} worker ended before it was used`));
  }

  counts(runtime: ProcessRuntime): { ready: number; booting: number } {
    const { ready, booting } = this.#of(runtime);
    return { ready: ready.length, booting };
  }

  /** No more boots; who waits is refused. The spares themselves are ended by the pool, which knows every worker. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { calm } of this.#runtimes.values()) if (calm !== null) clearTimeout(calm);
    for (const { waiters, ready } of this.#runtimes.values()) {
      ready.length = 0;
      for (const waiter of waiters.splice(0)) waiter.fail(unavailable('the worker pool was stopped'));
    }
  }

  #of(runtime: ProcessRuntime): RuntimeSpares {
    let spares = this.#runtimes.get(runtime);
    if (spares === undefined) {
      const lastFailure = unavailable(`no ${runtime} worker can be started`);
      spares = {
        runtime,
        ready: [],
        waiters: [],
        backoff: new Backoff(),
        booting: 0,
        extra: 0,
        calm: null,
        lastFailure,
      };
      this.#runtimes.set(runtime, spares);
    }
    return spares;
  }

  #wait(spares: RuntimeSpares, { leavesIt }: Pick<Waiter, 'leavesIt'>): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(() => {
        spares.waiters.splice(spares.waiters.indexOf(waiter), 1);
        const message = `no ${spares.runtime} worker could be started within ${this.#options.waitMs} ms`;
        reject(workerFailure('WORKER_FAILED', { error: 'overloaded', message }));
      }, this.#options.waitMs);
      const waiter: Waiter = {
        leavesIt,
        give: (worker) => {
          clearTimeout(overdue);
          resolve(worker);
        },
        fail: (error) => {
          clearTimeout(overdue);
          reject(error);
        },
      };
      spares.waiters.push(waiter);
      this.#pump();
    });
  }

  /** Boots as many as are wanted and allowed: first for those who wait, then to refill. */
  #pump(): void {
    if (this.#stopped) return;
    const all = [...this.#runtimes.values()].filter(({ backoff }) => backoff.waitMs === 0);
    const awaited = all.filter(({ waiters }) => waiters.length > 0);
    for (const spares of awaited) this.#boot(spares, spares.waiters.length, 'demand');
    if (awaited.length > 0) return; // a refill would take the processor from them
    for (const spares of all) this.#boot(spares, this.#options.target + spares.extra - spares.ready.length, 'spare');
  }

  /** One was asked for: keeps more of them, until nobody has asked for a while. */
  #inDemand(spares: RuntimeSpares): void {
    spares.extra = Math.min(MOST_EXTRA_SPARES, spares.extra + 1);
    if (spares.calm !== null) clearTimeout(spares.calm);
    spares.calm = setTimeout(() => {
      spares.extra = 0;
      spares.calm = null;
      for (const worker of spares.ready.splice(this.#options.target)) this.#options.discard(worker);
    }, EXTRA_LASTS_MS).unref();
  }

  #boot(spares: RuntimeSpares, wanted: number, reason: StartReason): void {
    while (spares.booting < wanted && this.#booting < BOOTS_AT_ONCE) {
      spares.booting += 1;
      this.#booting += 1;
      void this.#bootOne(spares, reason);
    }
  }

  async #bootOne(spares: RuntimeSpares, reason: StartReason): Promise<void> {
    let worker: Worker | null = null;
    let failure: FastfnError | null = null;
    try {
      worker = await this.#options.spawn(spares.runtime, reason);
      await worker.boot();
    } catch (error) {
      failure = error as FastfnError;
    }
    spares.booting -= 1;
    this.#booting -= 1;
    if (this.#stopped) return;
    if (failure !== null) {
      this.#options.onFailure(spares.runtime, failure);
      return this.#failed(spares, failure);
    }
    this.#handOut(spares, worker!);
    this.#pump();
  }

  #handOut(spares: RuntimeSpares, worker: Worker): void {
    const waiter = spares.waiters.shift();
    if (waiter === undefined || waiter.leavesIt) spares.ready.push(worker);
    waiter?.give(worker);
  }

  #failed(spares: RuntimeSpares, error: FastfnError): void {
    if (this.#stopped) return;
    spares.lastFailure = error;
    spares.backoff.failed();
    const { waitMs } = spares.backoff;
    if (waitMs > 0) {
      for (const waiter of spares.waiters.splice(0)) waiter.fail(spares.lastFailure);
      this.#later(waitMs, () => this.#pump());
    }
    this.#pump();
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms).unref();
    this.#timers.add(timer);
  }
}

function unavailable(message: string): FastfnError {
  return workerFailure('WORKER_FAILED', { error: 'runtime unavailable', message });
}
