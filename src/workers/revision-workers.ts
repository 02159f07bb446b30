import { FastfnError } from '../errors.ts';
import type { FunctionPolicy, ProcessRuntime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { Backoff } from './backoff.ts';
import { type LoadError, loadErrorOf, workerFailure } from './failure.ts';
import { type SlotRules, slotRules, slotsForNext } from './slots.ts';
import type { FunctionRevision, WorkerAddress } from './types.ts';
import type { EndReason, Worker } from './worker.ts';

/** What the gateway counts for a worker, summed over nginx workers. */
export interface WorkerUsage {
  /** Streams that are open: begun or waiting. */
  readonly outstanding: number;
  /** Streams since it was loaded. */
  readonly served: number;
}

/** A worker that has its function's code. */
export interface LoadedWorker {
  readonly worker: Worker;
  readonly address: WorkerAddress;
  readonly of: RevisionWorkers;
  usage: WorkerUsage;
  /** Monotonic milliseconds. */
  idleSince: number;
  /** Streams that kept their slot after CANCEL (P101). */
  stuckStreams: number;
  /** A successor is being loaded. */
  isRecycling: boolean;
}

export interface RevisionHost {
  readonly config: ProjectConfig;
  /** A booted spare; rejects with WORKER_FAILED. */
  take(runtime: ProcessRuntime): Promise<Worker>;
  onLoaded(loaded: LoadedWorker): void;
  /** The workers that serve have changed. */
  onChange(revision: RevisionWorkers): void;
  /** For the log: once per revision. */
  onLoadError(revision: FunctionRevision, error: LoadError): void;
}

/** The workers of one revision of a function: as many as it needs, never more slots than its limit (F123, P109). */
export class RevisionWorkers {
  /** Replaced by one with the same id when the policy changes (P124). */
  revision: FunctionRevision;
  /** `prepared` until it is the function's current one, `former` after. */
  role: 'prepared' | 'current' | 'former' = 'prepared';
  loadError: LoadError | null = null;
  /** Those that may get new requests, in order of index. */
  serving: readonly LoadedWorker[] = [];
  /** The user's files that any of them has loaded. */
  readonly files = new Set<string>();
  readonly #host: RevisionHost;
  readonly #backoff = new Backoff();
  #growing: Promise<void> | null = null;
  #isReported = false;
  #isEnded = false;

  constructor(revision: FunctionRevision, host: RevisionHost) {
    this.revision = revision;
    this.#host = host;
  }

  /** Loads one more worker if the limits allow it; calls at the same time share one. Rejects with LOAD_FAILED. */
  grow(): Promise<void> {
    this.#growing ??= this.#grow().finally(() => {
      this.#growing = null;
    });
    return this.#growing;
  }

  /** As grow, but a failure is kept and logged, and during a back-off (P100) nothing is tried. */
  async growQuietly(): Promise<void> {
    if (this.#backoff.waitMs > 0 || this.#isEnded) return;
    try {
      await this.grow();
    } catch (error) {
      this.#report(error);
    }
  }

  /** Loads as many as `min_warm` asks for (F125), one after another, until one fails. */
  async keepWarm(): Promise<void> {
    const before = this.serving.length;
    if (this.role !== 'current' || before >= this.#rules.minWarm) return;
    await this.growQuietly();
    if (this.serving.length > before) await this.keepWarm();
  }

  updateContext(revision: FunctionRevision): void {
    this.revision = revision;
    for (const { worker } of this.serving) worker.updateContext(revision, this.#host.config);
  }

  /** It has ended by itself or was killed: a successor comes at once if nobody or too few are left (P100). */
  lost(loaded: LoadedWorker): void {
    if (!this.#remove(loaded) || this.role !== 'current') return;
    if (this.serving.length === 0) void this.growQuietly();
    else void this.keepWarm();
  }

  /** It gets no new requests from now on, and a fresh one is loaded (P101). */
  replaceNow(loaded: LoadedWorker): void {
    if (this.#remove(loaded) && this.role === 'current') void this.growQuietly();
  }

  /** Loads a successor first, then lets it finish (P112). */
  async recycle(loaded: LoadedWorker): Promise<void> {
    if (loaded.isRecycling || this.#backoff.waitMs > 0) return;
    loaded.isRecycling = true;
    try {
      const { concurrency, index } = loaded.address;
      const successor = await this.#load(concurrency, index);
      this.#succeed(loaded, successor);
    } catch (error) {
      this.#report(error);
    } finally {
      loaded.isRecycling = false;
    }
  }

  /** Ends one that nobody has used for its time to live, unless it is to be kept warm (P111, F125). */
  reap(loaded: LoadedWorker): void {
    if (this.serving.length <= this.#rules.minWarm || !this.#remove(loaded)) return;
    void loaded.worker.end('idle', drainMs(this.revision.definition.policy));
  }

  /** Lets every worker finish, at most `graceMs`; also one that is being loaded now. */
  end(reason: EndReason, graceMs: number): void {
    this.#isEnded = true;
    const { serving } = this;
    this.serving = [];
    for (const { worker } of serving) void worker.end(reason, graceMs);
  }

  get #rules(): SlotRules {
    const { runtime, policy } = this.revision.definition;
    return slotRules(runtime as ProcessRuntime, policy, this.#host.config);
  }

  async #grow(): Promise<void> {
    const granted = this.serving.map(({ address }) => address.concurrency);
    const slots = slotsForNext(this.#rules, granted);
    if (slots === 0) return;
    const loaded = await this.#load(slots, this.#freeIndex());
    this.#set([...this.serving, loaded]);
  }

  async #load(slots: number, index: number): Promise<LoadedWorker> {
    try {
      const loaded = await this.#tryLoad(slots, index);
      this.loadError = null;
      return loaded;
    } catch (error) {
      if (!(error instanceof FastfnError)) throw error;
      this.loadError = loadErrorOf(error);
      throw workerFailure('LOAD_FAILED', this.loadError, error);
    }
  }

  /** A worker that only exits while it loads gets another try at once; an ERROR of the code would only come again. */
  async #tryLoad(slots: number, index: number): Promise<LoadedWorker> {
    for (;;) {
      const worker = await this.#host.take(this.revision.definition.runtime as ProcessRuntime);
      try {
        return await this.#loadInto(worker, slots, index);
      } catch (error) {
        this.#backoff.failed();
        const hasExited = loadErrorOf(error as FastfnError).error === 'runtime unavailable';
        if (!hasExited || this.#backoff.waitMs > 0 || this.#isEnded) throw error;
      }
    }
  }

  async #loadInto(worker: Worker, slots: number, index: number): Promise<LoadedWorker> {
    const { revision } = this;
    const { concurrency } = await worker.load(revision, slots, this.#host.config);
    this.#backoff.succeeded();
    if (this.#isEnded) {
      void worker.end('retired', 0);
      throw workerFailure('LOAD_FAILED', { error: 'runtime unavailable', message: 'a newer version took its place' });
    }
    if (this.revision !== revision) worker.updateContext(this.revision, this.#host.config);
    const { pid, socket } = worker;
    const address = { pid, socket, concurrency: Math.min(slots, concurrency), index };
    const loaded: LoadedWorker = {
      worker,
      address,
      of: this,
      usage: { outstanding: 0, served: 0 },
      idleSince: performance.now(),
      stuckStreams: 0,
      isRecycling: false,
    };
    this.#host.onLoaded(loaded);
    return loaded;
  }

  #succeed(loaded: LoadedWorker, successor: LoadedWorker): void {
    if (!this.serving.includes(loaded)) return void successor.worker.end('recycled', 0); // lost meanwhile, and replaced
    this.#set([...this.serving.filter((other) => other !== loaded), successor]);
    void loaded.worker.end('recycled', drainMs(this.revision.definition.policy));
  }

  #freeIndex(): number {
    const taken = new Set(this.serving.map(({ address }) => address.index));
    let index = 1;
    while (taken.has(index)) index += 1;
    return index;
  }

  #remove(loaded: LoadedWorker): boolean {
    if (!this.serving.includes(loaded)) return false;
    this.#set(this.serving.filter((other) => other !== loaded));
    return true;
  }

  #set(serving: readonly LoadedWorker[]): void {
    this.serving = serving.toSorted((one, other) => one.address.index - other.address.index);
    this.#host.onChange(this);
  }

  /** Keeps a failure to load from whoever did not ask for it; anything else is our own mistake. */
  #report(error: unknown): void {
    if (!(error instanceof FastfnError)) throw error;
    if (this.#isReported || this.#isEnded) return;
    this.#isReported = true;
    this.#host.onLoadError(this.revision, loadErrorOf(error));
  }
}

/** Until its last deadline, or the longest pause of a stream that has begun (P105). */
function drainMs({ timeoutMs, streamIdleMs }: FunctionPolicy): number {
  return Math.max(timeoutMs, streamIdleMs);
}
