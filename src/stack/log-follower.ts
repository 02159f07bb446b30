import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type LogPosition, readBytes } from './log-reader.ts';

const TICK_MS = 100; // a person sees no delay, and one stat per tick costs nothing
const MAX_READ_BYTES = 256 * 1024;
const LINE_END = 0x0a;

/**
 * Tells the lines that are appended to a log after `from`, also across its rotation, until `signal` is aborted; or until `finished`
 * is, and all that was written by then is told. Waits for `onLines`: whoever is slow makes the log wait on disk, not in memory.
 */
export async function followLines(
  path: string,
  from: LogPosition,
  onLines: (lines: readonly string[]) => Promise<void>,
  signal: AbortSignal,
  finished?: AbortSignal,
): Promise<void> {
  const stopped = finished === undefined ? signal : AbortSignal.any([signal, finished]);
  const follower = new Follower(path, from, onLines);
  try {
    while (!signal.aborted) {
      const isFinished = finished?.aborted === true;
      const hasMore = await follower.step();
      if (hasMore) continue;
      if (isFinished) return;
      await delay(TICK_MS, undefined, { signal: stopped }).catch(() => {});
    }
  } finally {
    await follower.close();
  }
}

class Follower {
  readonly #path: string;
  readonly #onLines: (lines: readonly string[]) => Promise<void>;
  #handle: FileHandle | null = null;
  #inode: number | null;
  #offset: number;

  constructor(path: string, from: LogPosition, onLines: (lines: readonly string[]) => Promise<void>) {
    this.#path = path;
    this.#inode = from.inode;
    this.#offset = from.offset;
    this.#onLines = onLines;
  }

  /** Tells what has come; returns whether there may be more at once. */
  async step(): Promise<boolean> {
    const current = await stat(this.#path).catch(() => null);
    if (this.#handle === null) {
      if (current === null) return false;
      await this.#open(current.ino);
    }
    if (await this.#read()) return true;
    if (current === null || current.ino === this.#inode) return false;
    await this.close(); // what came to it until now has been read; its successor is read from the beginning
    this.#inode = null;
    return true;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }

  /** The file that the position is in, which a rotation may have moved away, or the one that has its name. */
  async #open(inode: number): Promise<void> {
    const moved =
      this.#inode === null || this.#inode === inode ? null : await open(`${this.#path}.1`, 'r').catch(() => null);
    if (moved !== null && (await moved.stat()).ino === this.#inode) {
      this.#handle = moved;
      return;
    }
    await moved?.close();
    this.#handle = await open(this.#path, 'r');
    const { ino } = await this.#handle.stat();
    if (ino !== this.#inode) this.#offset = 0;
    this.#inode = ino;
  }

  async #read(): Promise<boolean> {
    const handle = this.#handle as FileHandle;
    const { size } = await handle.stat();
    if (size < this.#offset) this.#offset = 0; // emptied in place
    const bytes = await readBytes(handle, this.#offset, Math.min(size, this.#offset + MAX_READ_BYTES));
    const end = bytes.lastIndexOf(LINE_END);
    if (end === -1) return this.#skipOverlong(bytes.length);
    this.#offset += end + 1;
    await this.#onLines(bytes.toString('utf8', 0, end).split('\n'));
    return true;
  }

  /** A line longer than all that is read at once is not ours. */
  #skipOverlong(length: number): boolean {
    if (length < MAX_READ_BYTES) return false;
    this.#offset += length;
    return true;
  }
}
