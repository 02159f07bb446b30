import { ExitCode } from '../errors.ts';
import type { RunningStack } from '../stack/running-stack.ts';

/** The process as far as a supervised stack is concerned; `process` itself outside of tests. */
export interface SignalSource {
  on(event: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
  off(event: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): unknown;
}

export interface Supervision {
  /** Starts the stack; the signal is aborted when the user gives up before it is ready. */
  start(signal: AbortSignal): Promise<RunningStack>;
  readonly signals: SignalSource;
  /** SIGHUP ends a stack at a terminal and reloads a service (P9). */
  readonly hasTerminalInput: boolean;
  /** A reload that failed; the stack goes on. */
  onReloadFailure(error: unknown): void;
}

/**
 * Runs a stack until it ends or is told to (P4, P5, P8, P9): the first SIGINT or SIGTERM drains, a second one kills at
 * once. Rejects with the reason when the stack could not start or ended by itself with an error.
 */
export async function superviseStack(supervision: Supervision): Promise<ExitCode> {
  return new Supervisor(supervision).run();
}

class Supervisor {
  readonly #supervision: Supervision;
  readonly #giveUp = new AbortController();
  readonly #listeners = new Map([
    ['SIGINT', () => this.#stop('SIGINT')],
    ['SIGTERM', () => this.#stop('SIGTERM')],
    ['SIGHUP', () => this.#hangUp()],
  ] as const);
  #stack: RunningStack | undefined;
  #stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
  #isKilled = false;
  /** Settles when a drain or a kill that a signal asked for has ended. */
  readonly #stopped = deferred();

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  async run(): Promise<ExitCode> {
    const { signals } = this.#supervision;
    for (const [name, listener] of this.#listeners) signals.on(name, listener);
    try {
      return await this.#serve();
    } finally {
      for (const [name, listener] of this.#listeners) signals.off(name, listener);
    }
  }

  async #serve(): Promise<ExitCode> {
    const starting = this.#supervision.start(this.#giveUp.signal);
    try {
      // A start that does not notice the abort is left behind by a second signal: its children end with us.
      this.#stack = await Promise.race([starting, this.#stopped.promise.then(() => undefined)]);
    } catch (error) {
      if (this.#stoppedBy === undefined) throw error;
      return this.#exitCode();
    }
    if (this.#stack === undefined) return this.#exitCode();
    if (this.#stoppedBy !== undefined) this.#drain(this.#stack);
    const end = await Promise.race([this.#stack.ended, this.#stopped.promise.then(() => undefined)]);
    if (this.#stoppedBy === undefined && end?.error) throw end.error;
    if (this.#stoppedBy !== undefined) await this.#stopped.promise;
    return this.#exitCode();
  }

  #stop(signal: 'SIGINT' | 'SIGTERM'): void {
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
