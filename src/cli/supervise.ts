import { ExitCode } from '../errors.ts';
import type { RunningStack } from '../stack/running-stack.ts';

type StopSignal = 'SIGINT' | 'SIGTERM';

/** The process as far as a supervised stack is concerned. */
export interface ProcessEvents {
  on(event: StopSignal | 'SIGHUP' | 'uncaughtException', listener: (cause: unknown) => void): unknown;
  off(event: StopSignal | 'SIGHUP' | 'uncaughtException', listener: (cause: unknown) => void): unknown;
}

export interface Supervision {
  /** Starts the stack; the signal is aborted when the user gives up before it is ready. */
  start(signal: AbortSignal): Promise<RunningStack>;
  readonly events: ProcessEvents;
  /** SIGHUP ends a stack at a terminal and reloads a service (P9). */
  readonly hasTerminalInput: boolean;
  /** A reload that failed; the stack goes on. */
  onReloadFailure(error: unknown): void;
}

/**
 * Runs a stack until it ends or is told to (P4, P5, P8, P9): the first SIGINT or SIGTERM drains, a second one kills at
 * once. Rejects with the reason when the stack could not start, ended by itself with an error, or we made a mistake.
 */
export function superviseStack(supervision: Supervision): Promise<ExitCode> {
  return new Supervisor(supervision).run();
}

class Supervisor {
  readonly #supervision: Supervision;
  readonly #giveUp = new AbortController();
  readonly #listeners = new Map([
    ['SIGINT', () => this.#stop('SIGINT')],
    ['SIGTERM', () => this.#stop('SIGTERM')],
    ['SIGHUP', () => this.#hangUp()],
    ['uncaughtException', (error: unknown) => this.#crash(error)],
  ] as const);
  /** Settles when what a signal or a mistake asked for has been done. */
  readonly #stopped = deferred();
  #stack: RunningStack | undefined;
  #stoppedBy: StopSignal | 'mistake' | undefined;
  #isKilled = false;

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  async run(): Promise<ExitCode> {
    const { events } = this.#supervision;
    for (const [name, listener] of this.#listeners) events.on(name, listener);
    try {
      await this.#serve();
      return this.#exitCode();
    } finally {
      for (const [name, listener] of this.#listeners) events.off(name, listener);
    }
  }

  async #serve(): Promise<void> {
    try {
      // A start that does not notice the abort is left behind by a second signal: its children end with us.
      await Promise.race([this.#start(), this.#stopped.promise]);
    } catch (error) {
      if (this.#stoppedBy === undefined || this.#stoppedBy === 'mistake') throw error;
      return;
    }
    if (this.#stack === undefined) return;
    if (this.#stoppedBy !== undefined && !this.#isKilled) this.#drain(this.#stack);
    const end = await Promise.race([this.#stack.ended, this.#stopped.promise]);
    if (this.#stoppedBy !== undefined) await this.#stopped.promise;
    else if (end?.error) throw end.error;
  }

  async #start(): Promise<void> {
    this.#stack = await this.#supervision.start(this.#giveUp.signal);
  }

  #stop(signal: StopSignal): void {
    if (this.#stoppedBy !== undefined) {
      this.#kill();
      return;
    }
    this.#stoppedBy = signal;
    this.#giveUp.abort();
    if (this.#stack) this.#drain(this.#stack);
  }

  #drain(stack: RunningStack): void {
    stack.drain().then(this.#stopped.resolve, this.#stopped.reject);
  }

  #kill(): void {
    this.#isKilled = true;
    if (this.#stack) this.#stack.kill().then(this.#stopped.resolve, this.#stopped.reject);
    else this.#stopped.resolve();
  }

  /** A mistake of ours must not leave processes behind. */
  #crash(error: unknown): void {
    if (this.#stoppedBy !== undefined) {
      this.#supervision.onReloadFailure(error);
      return;
    }
    this.#stoppedBy = 'mistake';
    const killed = this.#stack?.kill() ?? Promise.resolve();
    killed.catch(() => undefined).then(() => this.#stopped.reject(error));
  }

  #hangUp(): void {
    if (this.#supervision.hasTerminalInput) this.#stop('SIGTERM');
    else this.#stack?.reload().catch(this.#supervision.onReloadFailure);
  }

  #exitCode(): ExitCode {
    if (this.#stoppedBy === 'SIGINT') return ExitCode.interrupted;
    return this.#isKilled ? ExitCode.failure : ExitCode.ok;
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function deferred(): Deferred {
  let settle!: Pick<Deferred, 'resolve' | 'reject'>;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => undefined); // whoever waits for it hears of the failure
  return { promise, ...settle };
}
