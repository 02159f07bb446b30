import type { Watchdog } from '../workers/watchdog.ts';
import { type RunFile, startTicks, WATCHDOG, writeRunFile } from './run-file.ts';

/** What run.json says of the stack beside its processes. */
export type RunFacts = Omit<RunFile, 'pid' | 'pid_start' | 'started_at' | 'children'>;

/** The processes of a stack: on record in run.json, and known to the watchdog, while they live (P73, P75). */
export class RunRecord {
  readonly #runDir: string;
  readonly #facts: () => RunFacts;
  readonly #watchdog: Watchdog;
  readonly #startedAt = new Date().toISOString();
  readonly #workers = new Map<number, string>();
  #master: number | null = null;
  #turn: Promise<void> | null = null;
  #isOld = false;
  #isClosed = false;

  constructor(runDir: string, watchdog: Watchdog, facts: () => RunFacts) {
    this.#runDir = runDir;
    this.#watchdog = watchdog;
    this.#facts = facts;
  }

  /** All function workers there are; returns the pids of those that were there before and are not any more. */
  setWorkers(workers: readonly { readonly pid: number; readonly role: string }[]): readonly number[] {
    const current = new Map(workers.map(({ pid, role }) => [pid, role]));
    const gone = [...this.#workers.keys()].filter((pid) => !current.has(pid));
    for (const pid of gone) this.#watchdog.remove(pid);
    for (const pid of current.keys()) if (!this.#workers.has(pid)) this.#watchdog.add(pid);
    this.#workers.clear();
    for (const [pid, role] of current) this.#workers.set(pid, role);
    void this.write();
    return gone;
  }

  setMaster(pid: number | null): void {
    this.#master = pid;
    this.#watchdog.nginx(pid);
    void this.write();
  }

  /** Brings run.json up to date; changes that come while it is written are written together. */
  write(): Promise<void> {
    this.#isOld = true;
    this.#turn ??= this.#writeAll().finally(() => {
      this.#turn = null;
    });
    return this.#turn;
  }

  /** Nothing is written any more; resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }

  async #writeAll(): Promise<void> {
    while (this.#isOld && !this.#isClosed) {
      this.#isOld = false;
      const content = {
        pid: process.pid,
        pid_start: startTicks(process.pid),
        ...this.#facts(),
        started_at: this.#startedAt,
        children: this.#children().map((child) => ({ ...child, pid_start: startTicks(child.pid) })),
      };
      await writeRunFile(this.#runDir, content).catch(() => {}); // the folder goes away while we stop
    }
  }

  #children(): { pid: number; role: string }[] {
    const children = [...this.#workers].map(([pid, role]) => ({ pid, role }));
    if (this.#master !== null) children.push({ pid: this.#master, role: 'nginx' });
    const watchdog = this.#watchdog.pid;
    if (watchdog) children.push({ pid: watchdog, role: WATCHDOG });
    return children;
  }
}
