import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lchownSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { FastfnError } from '../errors.ts';
import { LineSplitter } from './lines.ts';
import { withinMs } from './overdue.ts';

const STDERR_TAIL_LINES = 20;
const STDERR_TAIL_CHARS = 4_096;
const LAST_OUTPUT_MS = 200; // a grandchild outside the group may hold the pipes open for ever

export interface SpawnOptions {
  readonly command: string;
  /** Before the socket path, which is the last argument. */
  readonly args: readonly string[];
  readonly socket: string;
  /** Made before the start, removed after the end. */
  readonly tempDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whom to run as; only root may name someone else (P76). */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  onLine(line: OutputLine): void;
}

/** A line that reached file descriptor 1 or 2 itself; what handlers print comes as LOG frames. */
export interface OutputLine {
  readonly stream: 'stdout' | 'stderr';
  readonly message: string;
  /** Not the last piece of a line that had to be split. */
  readonly continued: boolean;
}

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One worker process, leader of its own session and process group. */
export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when the socket accepts connections; rejects with WORKER_FAILED when the process ends before. */
  readonly listening: Promise<void>;
  /** At the moment it is gone. Whatever it left in its process group is killed then. */
  readonly exited: Promise<WorkerExit>;
  /** After `exited`: all its output was read, socket and temporary files are removed. */
  readonly cleared: Promise<void>;
  /** Signals the whole group; harmless once it is gone. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Its last lines on stderr. */
  stderrTail(): string;
}

/** Starts a worker process. Rejects with WORKER_FAILED when that cannot be done. */
export async function spawnWorker(options: SpawnOptions): Promise<WorkerProcess> {
  try {
    const child = spawnChild(options);
    if (child.pid !== undefined) return new SpawnedWorker(child, child.pid, options);
    throw (await once(child, 'error'))[0];
  } catch (error) {
    await removeFiles(options);
    const message = `${options.command} cannot be started: ${(error as Error).message}`;
    throw new FastfnError('WORKER_FAILED', message, { cause: error });
  }
}

function spawnChild({ command, args, socket, tempDir, env, user }: SpawnOptions): ChildProcess {
  mkdirSync(tempDir, { mode: 0o700 });
  if (user !== undefined) lchownSync(tempDir, user.uid, user.gid);
  return spawn(command, [...args, socket], {
    env,
    cwd: tempDir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...user,
  });
}

class SpawnedWorker implements WorkerProcess {
  readonly pid: number;
  readonly listening: Promise<void>;
  readonly exited: Promise<WorkerExit>;
  readonly cleared: Promise<void>;
  readonly #onLine: (line: OutputLine) => void;
  readonly #tail: string[] = [];
  #gone = false;

  constructor(child: ChildProcess, pid: number, options: SpawnOptions) {
    this.pid = pid;
    this.#onLine = options.onLine;
    child.on('error', () => {}); // a failed signal; 'exit' tells the rest
    const output = [this.#capture(child.stdout!, 'stdout'), this.#capture(child.stderr!, 'stderr')];
    const ready = child.stdio[3] as Readable;
    this.exited = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.kill('SIGKILL');
        this.#gone = true;
        resolve({ code, signal });
      });
    });
    this.listening = this.#listening(ready);
    const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
    this.cleared = this.exited.then(async () => {
      await withinMs(LAST_OUTPUT_MS, closed);
      for (const { stream, lines } of output) {
        stream.destroy();
        lines.end();
      }
      ready.destroy();
      await removeFiles(options);
    });
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#gone) return; // its number may belong to another group by now
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error; // nobody left, or only zombies and changed users
    }
  }

  stderrTail(): string {
    return this.#tail.join('\n').slice(-STDERR_TAIL_CHARS);
  }

  #listening(ready: Readable): Promise<void> {
    ready.on('error', () => {});
    const listening = new Promise<void>((resolve, reject) => {
      ready.once('data', () => resolve());
      void this.exited.then(async (exit) => {
        await this.cleared; // its last words first
        reject(new FastfnError('WORKER_FAILED', `it ended ${describeExit(exit)} before it listened`));
      });
    });
    listening.catch(() => {}); // nobody may be waiting any more
    return listening;
  }

  #capture(stream: Readable, name: 'stdout' | 'stderr') {
    const lines = new LineSplitter((message, continued) => {
      if (name === 'stderr') this.#remember(message);
      this.#onLine({ stream: name, message, continued });
    });
    stream.on('data', (chunk: Buffer) => lines.write(chunk));
    stream.on('error', () => {});
    return { stream, lines };
  }

  #remember(message: string): void {
    this.#tail.push(message);
    if (this.#tail.length > STDERR_TAIL_LINES) this.#tail.shift();
  }
}

/** `with code 1` or `by SIGKILL`. */
export function describeExit({ code, signal }: WorkerExit): string {
  return signal === null ? `with code ${code}` : `by ${signal}`;
}

/** What a handler made unreadable stays for the end of the run directory. */
async function removeFiles({ socket, tempDir }: SpawnOptions): Promise<void> {
  await Promise.allSettled([rm(socket, { force: true }), rm(tempDir, { force: true, recursive: true })]);
}
