import type { FastfnError } from '../errors.ts';
import type { ProcessRuntime } from '../functions/types.ts';
import type { LoadError } from './failure.ts';
import { FunctionWorkers } from './function-workers.ts';
import { Health } from './health.ts';
import { Launcher, type LauncherOptions } from './launcher.ts';
import { withinMs } from './overdue.ts';
import { Recycler } from './recycle.ts';
import type { LoadedWorker, WorkerUsage } from './revision-workers.ts';
import { Spares, type StartReason } from './spares.ts';
import { type PoolStats, workerStatus } from './stats.ts';
import type { FunctionRevision, WorkerAddress, WorkerLogLine } from './types.ts';
import type { EndReason, Worker, WorkerState } from './worker.ts';

const STUCK_PING_MS = 100; // P101: a worker whose I/O loop lives answers by then

export interface PoolOptions extends LauncherOptions {
  /** The workers of the function's current revision that may get requests, whenever they change. */
  onWorkers(functionKey: string, revision: string, workers: readonly WorkerAddress[]): void;
  onLog(line: WorkerLogLine): void;
  /** All files of the user that a revision has loaded, whenever they become more. */
  onFiles(functionKey: string, revision: string, files: readonly string[]): void;
  /** All processes there are, whenever that changes: for run.json and the watchdog. */
  onPids(pids: readonly { readonly pid: number; readonly role: string }[]): void;
}

export interface WorkerPool {
  /** Resolves when each runtime has a spare that sent HELLO and answered PING (P97). May be called again with more. */
  start(runtimes: readonly ProcessRuntime[]): Promise<void>;
  /** Loads a first worker of a revision beside whatever runs, unannounced. Rejects with LOAD_FAILED, cause {error, stack}. */
  load(revision: FunctionRevision): Promise<{ readonly files: readonly string[] }>;
  /** From now on this is the function's revision: its workers are announced and need() adds to them. */
  activate(revision: FunctionRevision): void;
  /** The gateway wants a (further) worker. Never rejects: see loadError(); logged once per revision (F101). */
  need(functionKey: string): Promise<void>;
  /** Every nginx worker has let go of former revisions: their workers finish, at most `graceMs`. */
  retireOld(functionKey: string, graceMs: number): void;
  /** The function was deleted. */
  remove(functionKey: string, graceMs: number): void;
  /** Tells the workers of that revision its changed policy (P124). */
  updateContext(revision: FunctionRevision): void;
  /** What the gateway counts for a worker. Idle time, recycling, health and stuck() are judged by the last report. */
  report(pid: number, usage: WorkerUsage): void;
  /** A stream has kept its slot 250 ms after CANCEL (P101): report() first, then this, once per stream. */
  stuck(pid: number): void;
  /** Why the function has no worker, until one is loaded. */
  loadError(functionKey: string): LoadError | null;
  stats(): PoolStats;
  /** Ends everything: DRAIN, after `graceMs` TERM, then KILL. May be called again with less time. */
  stop(graceMs: number): Promise<void>;
}

export function createPool(options: PoolOptions): WorkerPool {
  return new Pool(options);
}

class Pool implements WorkerPool {
  readonly #options: PoolOptions;
  readonly #launcher: Launcher;
  readonly #spares: Spares;
  readonly #health: Health;
  readonly #recycler: Recycler;
  readonly #functions = new Map<string, FunctionWorkers>();
  /** Every process, from its start to its exit. */
  readonly #living = new Map<number, Worker>();
  /** Those with a function, by pid; also while they drain. */
  readonly #loaded = new Map<number, LoadedWorker>();
  readonly #starts: Partial<Record<StartReason, number>> = {};
  readonly #exits: Partial<Record<EndReason, number>> = {};
  readonly #timer: NodeJS.Timeout;
  #isStopping = false;

  constructor(options: PoolOptions) {
    const { workers, healthIntervalSeconds } = options.config;
    const intervalMs = healthIntervalSeconds * 1_000;
    this.#options = options;
    this.#launcher = new Launcher(options);
    this.#health = new Health(intervalMs);
    this.#recycler = new Recycler(workers, ({ worker }, message) => this.#log('warn', worker, message));
    this.#spares = new Spares({
      target: workers.spares,
      waitMs: workers.bootTimeoutMs,
      spawn: (runtime, reason) => this.#spawn(runtime, reason),
      discard: (worker) => void worker.end('idle', 0),
      onFailure: (runtime, error) => this.#bootFailed(runtime, error),
    });
    this.#timer = setInterval(() => this.#tick(), intervalMs).unref();
  }

  async start(runtimes: readonly ProcessRuntime[]): Promise<void> {
    await Promise.all(runtimes.map((runtime) => this.#spares.start(runtime)));
  }

  async load(revision: FunctionRevision): Promise<{ readonly files: readonly string[] }> {
    return { files: await this.#function(revision.definition.key).load(revision) };
  }

  activate(revision: FunctionRevision): void {
    this.#function(revision.definition.key).activate(revision);
  }

  async need(functionKey: string): Promise<void> {
    await this.#functions.get(functionKey)?.current?.growQuietly();
  }

  retireOld(functionKey: string, graceMs: number): void {
    this.#functions.get(functionKey)?.retireOld(graceMs);
  }

  remove(functionKey: string, graceMs: number): void {
    this.#functions.get(functionKey)?.end(graceMs);
    this.#functions.delete(functionKey);
  }

  updateContext(revision: FunctionRevision): void {
    this.#functions.get(revision.definition.key)?.updateContext(revision);
  }

  report(pid: number, usage: WorkerUsage): void {
    const loaded = this.#loaded.get(pid);
    if (loaded === undefined) return;
    if (usage.outstanding > 0 || usage.served !== loaded.usage.served) loaded.idleSince = performance.now();
    loaded.usage = usage;
    if (isOnlyStuck(loaded)) void loaded.worker.kill('stuck');
  }

  stuck(pid: number): void {
    const loaded = this.#loaded.get(pid);
    if (loaded === undefined) return;
    loaded.stuckStreams += 1;
    loaded.of.replaceNow(loaded);
    void this.#endStuck(loaded);
  }

  loadError(functionKey: string): LoadError | null {
    return this.#functions.get(functionKey)?.loadError ?? null;
  }

  stats(): PoolStats {
    const workers = [...this.#living.values()].map((worker) => workerStatus(worker, this.#loaded.get(worker.pid)));
    return { workers, starts: { ...this.#starts }, exits: { ...this.#exits } };
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    this.#spares.stop();
    await Promise.all([...this.#living.values()].map((worker) => worker.end('stopped', graceMs)));
  }

  #function(key: string): FunctionWorkers {
    let workers = this.#functions.get(key);
    if (workers === undefined) {
      workers = new FunctionWorkers(key, {
        config: this.#options.config,
        take: (runtime) => this.#spares.take(runtime),
        onLoaded: (loaded) => this.#onLoaded(loaded),
        onLoadError: (revision, error) => this.#loadFailed(revision, error),
        onFiles: (...told) => this.#options.onFiles(...told),
        announce: (...told) => this.#options.onWorkers(...told),
      });
      this.#functions.set(key, workers);
    }
    return workers;
  }

  async #spawn(runtime: ProcessRuntime, reason: StartReason): Promise<Worker> {
    const worker = await this.#launcher.spawn(runtime, {
      onLog: (line) => this.#options.onLog(line),
      onFiles: ({ functionKey, revision }, files) => {
        this.#functions.get(functionKey ?? '')?.addFiles(revision?.revision ?? '', files);
      },
      onLost: (lost, was) => this.#onLost(lost, was),
      onExit: (gone) => this.#onExit(gone),
    });
    this.#starts[reason] = (this.#starts[reason] ?? 0) + 1;
    this.#living.set(worker.pid, worker);
    this.#tellPids();
    return worker;
  }

  #onLoaded(loaded: LoadedWorker): void {
    this.#loaded.set(loaded.worker.pid, loaded);
    this.#spares.proved(loaded.worker.runtime);
    setImmediate(() => this.#tellPids()); // its role has changed; the request that waits for it goes first
  }

  #onLost(worker: Worker, was: WorkerState): void {
    if (this.#isStopping) return;
    if (worker.endReason === 'exit' && was !== 'ending') void this.#logDeath(worker);
    if (worker.endReason === 'unresponsive')
      this.#log('error', worker, `worker ${worker.pid} did not answer and was replaced`);
    const loaded = this.#loaded.get(worker.pid);
    if (loaded === undefined) this.#spares.lost(worker);
    else loaded.of.lost(loaded);
  }

  #onExit(worker: Worker): void {
    this.#living.delete(worker.pid);
    this.#loaded.delete(worker.pid);
    this.#exits[worker.endReason] = (this.#exits[worker.endReason] ?? 0) + 1;
    this.#tellPids();
  }

  async #endStuck(loaded: LoadedWorker): Promise<void> {
    const { worker, of } = loaded;
    const answer = await withinMs(STUCK_PING_MS, worker.ping());
    if (answer !== true || isOnlyStuck(loaded)) await worker.kill('stuck');
    else await worker.end('stuck', of.revision.definition.policy.timeoutMs); // its other requests' last deadline
  }

  #tick(): void {
    for (const worker of this.#living.values()) {
      const { state } = worker;
      if (state !== 'spare' && state !== 'loaded') continue;
      const isBusy = (this.#loaded.get(worker.pid)?.usage.outstanding ?? 0) > 0;
      if (this.#health.isUnresponsive(worker) && !isBusy) void worker.kill('unresponsive');
    }
    for (const { current } of this.#functions.values()) {
      for (const loaded of current?.serving ?? []) this.#recycler.check(loaded);
      void current?.keepWarm();
    }
  }

  #tellPids(): void {
    this.#options.onPids(
      [...this.#living.values()].map(({ pid, runtime, functionKey }) => ({
        pid,
        role: functionKey ?? `${runtime} spare`,
      })),
    );
  }

  #bootFailed(runtime: ProcessRuntime, { message }: FastfnError): void {
    this.#log('error', { runtime, functionKey: null }, message);
  }

  #loadFailed({ definition: { runtime, key } }: FunctionRevision, { message, stack }: LoadError): void {
    if (this.#isStopping) return;
    const fields = stack === undefined ? undefined : { stack };
    this.#log('error', { runtime: runtime as ProcessRuntime, functionKey: key }, message, fields);
  }

  async #logDeath(worker: Worker): Promise<void> {
    const { exit, stderr } = await worker.lastWords();
    this.#log('error', worker, `worker ${worker.pid} ended ${exit}`, stderr === '' ? undefined : { stderr });
  }

  #log(
    level: WorkerLogLine['level'],
    { runtime, functionKey }: Pick<Worker, 'runtime' | 'functionKey'>,
    message: string,
    fields?: WorkerLogLine['fields'],
  ): void {
    const line = { runtime, functionKey, requestId: null, stream: 'stderr', level, message } as const;
    this.#options.onLog(fields === undefined ? line : { ...line, fields });
  }
}

/** Nothing else runs in it than what could not be cancelled. */
function isOnlyStuck({ stuckStreams, usage }: LoadedWorker): boolean {
  return stuckStreams > 0 && usage.outstanding <= stuckStreams;
}
