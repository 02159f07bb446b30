import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

const SCRIPT = join(packageRoot, 'templates/watchdog.sh');
const SHORT_LIFE_MS = 1_000; // one that dies sooner is started again after that time, not in a loop

/**
 * A small helper process that outlives the supervisor: when its pipe ends, also by kill -9, it kills the process groups
 * it was told of, ends nginx and removes the run directory (P75). Restarted when it dies itself.
 */
export interface Watchdog {
  /** Changes when it had to be restarted; null while it does not run. */
  readonly pid: number | null;
  /** A process group leader to kill. */
  add(pid: number): void;
  remove(pid: number): void;
  /** nginx's master, null when there is none. */
  nginx(pid: number | null): void;
  /** Lets it end what it still knows of and remove the run directory; resolves when it is gone. */
  stop(): Promise<void>;
}

export function startWatchdog(options: { readonly runDir: string }): Watchdog {
  return new WatchdogProcess(options.runDir);
}

class WatchdogProcess implements Watchdog {
  readonly #runDir: string;
  readonly #groups = new Set<number>();
  #nginx: number | null = null;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(runDir: string) {
    this.#runDir = runDir;
    this.#start();
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  add(pid: number): void {
    this.#groups.add(pid);
    this.#tell(`+${pid}`);
  }

  remove(pid: number): void {
    this.#groups.delete(pid);
    this.#tell(`-${pid}`);
  }

  nginx(pid: number | null): void {
    this.#nginx = pid;
    this.#tell(`nginx ${pid ?? 0}`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    child.ref();
    child.stdin?.end();
    await once(child, 'exit');
  }

  /** In a session of its own: what a terminal sends to the supervisor's group does not reach it. */
  #start(): void {
    const child = spawn('/bin/sh', [SCRIPT, this.#runDir], {
      cwd: '/',
      env: { PATH: process.env.PATH },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const startedAt = performance.now();
    const ended = () => this.#ended(performance.now() - startedAt);
    this.#child = child;
    child.unref();
    child.stdin.on('error', () => {}); // it has died: 'exit' follows
    child.on('error', ended);
    child.on('exit', ended);
    (child.stdin as unknown as { unref(): void }).unref(); // a socket, though typed as any stream
    for (const pid of this.#groups) this.#tell(`+${pid}`);
    if (this.#nginx !== null) this.#tell(`nginx ${this.#nginx}`);
  }

  #ended(livedMs: number): void {
    this.#child = null;
    if (this.#isStopped) return;
    this.#restart = setTimeout(() => this.#start(), livedMs < SHORT_LIFE_MS ? SHORT_LIFE_MS : 0).unref();
  }

  #tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }
}
