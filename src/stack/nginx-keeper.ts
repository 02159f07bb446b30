import type { FastfnError } from '../errors.ts';
import { type Gateway, gatewayFailed } from '../gateway/gateway.ts';
import type { LogRecord } from './events.ts';
import { supervisorRecord } from './records.ts';

/** P102: so many failures within the window end the stack. */
const MAX_FAILURES = 5;
const WINDOW_MS = 60_000;
const CHECK_MS = 500;
const ORPHAN_POLL_MS = 2;
/** Beyond the longest deadline of a Lua function: its hook stops it within milliseconds, unless it sits in one long C call. */
const SILENCE_GRACE_MS = 1500;
/** A nginx worker without Lua functions still may compile a large route table. */
const MIN_SILENCE_MS = 5000;

/** Keeps nginx alive: a dead master is replaced on the same port, a worker that blocks for longer than any deadline is killed. */
export class NginxKeeper {
  readonly #options: {
    readonly gateway: Gateway;
    log(record: LogRecord): void;
    giveUp(error: FastfnError): void;
  };
  #failures: number[] = [];
  /** Since when this process itself has been awake: what it could not hear while it was blocked is no silence. */
  #awakeSince = 0;
  #checkedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  /** Before the stack is ready a master that ends is a start that failed. */
  #isWatching = false;

  constructor(options: { readonly gateway: Gateway; log(record: LogRecord): void; giveUp(error: FastfnError): void }) {
    this.#options = options;
  }

  /** Begins to watch the heartbeats of nginx's workers. */
  watch(longestDeadlineMs: () => number): void {
    this.#isWatching = true;
    this.#timer = setInterval(() => {
      const limit = Math.max(MIN_SILENCE_MS, longestDeadlineMs() + SILENCE_GRACE_MS);
      this.#killSilent(limit);
    }, CHECK_MS).unref();
  }

  #killSilent(limitMs: number): void {
    const now = performance.now();
    if (now - this.#checkedAt > 2 * CHECK_MS) this.#awakeSince = now;
    this.#checkedAt = now;
    for (const worker of this.#options.gateway.link?.workers.values() ?? []) {
      const silence = Math.round(now - Math.max(worker.heardAt, this.#awakeSince));
      if (silence <= limitMs) continue;
      this.#options.log(
        supervisorRecord('error', `nginx worker ${worker.pid} was blocked for ${silence} ms and is killed`),
      );
      kill(worker.pid);
    }
  }

  /** The master is gone: its workers would keep serving and hold the port, so they are ended first (P102). */
  masterExited(reason: string): void {
    if (this.#isStopped) return;
    if (!this.#isWatching) {
      this.#options.giveUp(gatewayFailed(reason));
      return;
    }
    const now = performance.now();
    this.#failures = [...this.#failures.filter((at) => now - at < WINDOW_MS), now];
    this.#options.log(supervisorRecord('error', `nginx ended (${reason}) and is started again`));
    if (this.#failures.length >= MAX_FAILURES) {
      this.stop();
      this.#options.giveUp(gatewayFailed(reason));
      return;
    }
    this.#restart().catch((error: Error) => {
      this.#options.log(supervisorRecord('error', `nginx could not be started again: ${error.message}`));
    });
  }

  async #restart(): Promise<void> {
    const { gateway } = this.#options;
    const orphans = gateway.workerPids;
    for (const pid of orphans) kill(pid);
    while (gateway.workerPids.some((pid) => orphans.includes(pid))) await pause(ORPHAN_POLL_MS); // their connections end with them
    await gateway.restart();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) clearInterval(this.#timer);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has gone by itself
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
