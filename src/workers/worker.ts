import { FastfnError } from '../errors.ts';
import type { ProcessRuntime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type Control, connectControl, connectionEnded } from './control.ts';
import { workerFailure } from './failure.ts';
import { contextMessage, type Loaded, type Log, loadMessage } from './messages.ts';
import { withinMs } from './overdue.ts';
import { describeExit, type OutputLine, type SpawnOptions, spawnWorker, type WorkerProcess } from './process.ts';
import type { FunctionRevision, WorkerLogLine } from './types.ts';

const TERM_MS = 250; // time between TERM and KILL; a drained worker has nothing left to save
const LAST_STEPS_MS = 250; // PHP closes its sockets some milliseconds before it exits; KILL would hide its exit code

/** `lost`: its process or control connection has ended; only cleaning up is left. */
export type WorkerState = 'booting' | 'spare' | 'loading' | 'loaded' | 'ending' | 'lost';

/** Why a worker ended (fastfn_worker_exits_total). `exit`: by itself. */
export type EndReason = 'exit' | 'failed' | 'idle' | 'recycled' | 'unresponsive' | 'stuck' | 'retired' | 'stopped';

export interface WorkerLaunch extends Omit<SpawnOptions, 'onLine'> {
  readonly runtime: ProcessRuntime;
  /** For booting, and again for loading (F102: its own limit). */
  readonly timeoutMs: number;
}

export interface WorkerEvents {
  onLog(line: WorkerLogLine): void;
  /** The user's files it has loaded so far, the whole list. */
  onFiles(worker: Worker, files: readonly string[]): void;
  /** Once, at the first sign that it serves no more (unless boot() or load() rejects for it); `was` its state before. */
  onLost(worker: Worker, was: WorkerState): void;
  /** Once, when its process is gone. */
  onExit(worker: Worker): void;
}

/** One worker process with its control connection, from boot to burial. It serves one function at most, once. */
export class Worker {
  readonly pid: number;
  readonly runtime: ProcessRuntime;
  readonly socket: string;
  readonly startedAt = Date.now();
  state: WorkerState = 'booting';
  revision: FunctionRevision | null = null;
  /** Epoch milliseconds of its last answer to PING; null before the first. */
  answeredAt: number | null = null;
  /** Set before it is ended on purpose. */
  endReason: EndReason = 'exit';
  readonly #launch: WorkerLaunch;
  readonly #process: WorkerProcess;
  readonly #events: WorkerEvents;
  #control: Control | null = null;

  /** Starts the process. Rejects with WORKER_FAILED when its program cannot be executed. */
  static async spawn(launch: WorkerLaunch, events: WorkerEvents): Promise<Worker> {
    // Output is read by the event loop, so the first line comes after `worker` is there.
    const process = await spawnWorker({ ...launch, onLine: (line) => worker.#captured(line) });
    const worker = new Worker(launch, process, events);
    return worker;
  }

  private constructor(launch: WorkerLaunch, process: WorkerProcess, events: WorkerEvents) {
    this.#launch = launch;
    this.#process = process;
    this.#events = events;
    this.pid = process.pid;
    this.runtime = launch.runtime;
    this.socket = launch.socket;
    void process.exited.then(() => {
      this.#lost();
      events.onExit(this);
    });
  }

  get functionKey(): string | null {
    return this.revision?.definition.key ?? null;
  }

  /** Resolves once it listens, has said HELLO and answered PING (P97). Else it is killed: WORKER_FAILED. */
  async boot(): Promise<void> {
    try {
      await this.#within('boot', this.#open());
      this.state = 'spare';
    } catch (error) {
      throw await this.#failed('WORKER_FAILED', error as FastfnError);
    }
  }

  /** Makes it the worker of this revision with at most `concurrency` slots. Else it is killed: LOAD_FAILED. */
  async load(revision: FunctionRevision, concurrency: number, config: ProjectConfig): Promise<Loaded> {
    this.state = 'loading';
    this.revision = revision;
    try {
      const loaded = await this.#within('load', this.#connection.load(loadMessage(revision, concurrency, config)));
      this.state = 'loaded';
      return loaded;
    } catch (error) {
      throw await this.#failed('LOAD_FAILED', error as FastfnError);
    }
  }

  /** True with the answer, false when it ended first. */
  async ping(): Promise<boolean> {
    const hasAnswered = (await this.#control?.ping()) ?? false;
    if (hasAnswered) this.answeredAt = Date.now();
    return hasAnswered;
  }

  /** Tells it the policy that its next requests see (P124). */
  updateContext(revision: FunctionRevision, config: ProjectConfig): void {
    this.revision = revision;
    this.#control?.context(contextMessage(revision, config));
  }

  /** Lets it finish what it has, at most `graceMs`; then TERM, then KILL. May be called again with less time. */
  async end(reason: EndReason, graceMs: number): Promise<void> {
    if (this.state === 'loaded') {
      this.endReason = reason;
      this.state = 'ending';
      this.#control?.drain();
    } else if (this.state !== 'ending') {
      return this.kill(reason); // it has nothing to finish
    }
    if (await this.#outlives(graceMs)) this.#process.kill('SIGTERM');
    if (await this.#outlives(TERM_MS)) this.#process.kill('SIGKILL');
    await this.#process.cleared;
  }

  /** Ends it now, with its whole process group. */
  async kill(reason: EndReason): Promise<void> {
    if (this.state !== 'ending' && this.state !== 'lost') this.endReason = reason;
    this.#process.kill('SIGKILL');
    await this.#process.cleared;
  }

  /** `with code 1` or `by SIGKILL`, once its process is gone, and its last lines on stderr. */
  async lastWords(): Promise<{ exit: string; stderr: string }> {
    const exit = await this.#process.exited;
    await this.#process.cleared;
    return { exit: describeExit(exit), stderr: this.#process.stderrTail() };
  }

  get #connection(): Control {
    if (this.#control === null) throw new Error('a worker is loaded after it has booted');
    return this.#control;
  }

  async #open(): Promise<void> {
    await this.#process.listening;
    this.#control = await connectControl(this.socket, {
      onLog: (log) => this.#events.onLog(this.#logLine(log)),
      onLoaded: ({ files }) => this.#events.onFiles(this, files),
      onClose: (broken) => {
        const isTold = this.state === 'booting' || this.state === 'loading'; // by what boot() or load() rejects with
        if (broken !== undefined && !isTold) this.#log(`worker ${this.pid} was ended: ${broken.message}`);
        this.#lost();
      },
    });
    if (!(await this.ping())) throw connectionEnded();
  }

  #lost(): void {
    if (this.state === 'lost') return;
    const was = this.state;
    this.state = 'lost';
    void this.#letExit();
    if (was !== 'booting' && was !== 'loading') this.#events.onLost(this, was);
  }

  /** Without its control connection it is to end at once; it is killed if it does not. */
  async #letExit(): Promise<void> {
    if (await this.#outlives(LAST_STEPS_MS)) this.#process.kill('SIGKILL');
    await this.#process.cleared;
  }

  async #within<T>(step: 'boot' | 'load', work: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#launch;
    const outcome = await withinMs(timeoutMs, work);
    if (outcome !== 'overdue') return outcome;
    const message = `the ${this.runtime} worker did not ${step} within ${timeoutMs} ms`;
    throw workerFailure('WORKER_FAILED', { error: 'overloaded', message });
  }

  /** Buries it and says why in the best words there are: its own ERROR, our refusal, its stderr, or how it exited. */
  async #failed(code: 'WORKER_FAILED' | 'LOAD_FAILED', error: FastfnError): Promise<FastfnError> {
    const buried = this.state === 'lost' ? this.#letExit() : this.kill('failed');
    if ((error.cause as { error?: string } | undefined)?.error !== undefined) {
      return new FastfnError(code, error.message, { cause: error.cause });
    }
    await buried;
    const message = error.code === 'PROTOCOL' ? error.message : await this.#howItEnded(code);
    return workerFailure(code, { error: 'runtime unavailable', message }, error);
  }

  async #howItEnded(code: 'WORKER_FAILED' | 'LOAD_FAILED'): Promise<string> {
    const { exit, stderr } = await this.lastWords();
    const step = code === 'LOAD_FAILED' ? 'while it loaded the function' : 'while it started';
    const fact = `the ${this.runtime} worker ended ${exit} ${step}`;
    return stderr === '' ? fact : `${fact}: ${stderr}`;
  }

  async #outlives(ms: number): Promise<boolean> {
    return (await withinMs(ms, this.#process.exited)) === 'overdue';
  }

  #captured({ stream, message, continued }: OutputLine): void {
    const level = stream === 'stderr' ? 'error' : 'info';
    this.#events.onLog({
      ...this.#origin(null),
      stream,
      level,
      message,
      ...(continued ? { fields: { continued: true } } : {}),
    });
  }

  #logLine({ request_id, stream, level, message, fields, last }: Log): WorkerLogLine {
    return {
      ...this.#origin(request_id),
      stream,
      level,
      message,
      ...(fields === undefined ? {} : { fields }),
      ...(last === true ? { last } : {}),
    };
  }

  #log(message: string): void {
    this.#events.onLog({ ...this.#origin(null), stream: 'stderr', level: 'error', message });
  }

  #origin(requestId: string | null) {
    return { runtime: this.runtime, functionKey: this.functionKey, requestId };
  }
}
