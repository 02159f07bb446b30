import { mkdirSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LOG_MODE, rotate } from './rotation.ts';

export interface LogFileOptions {
  readonly path: string;
  readonly maxBytes: number;
  readonly keep: number;
  /** The line that says how many lines are missing at this place. */
  readonly describeDropped: (count: number) => string;
}

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024; // what a disk that stalls for a second may hold up at 4 MiB/s of logs

/** Appends lines to a rotated file without ever making the writer wait: what a full buffer cannot take is counted (P117). */
export class LogFile {
  readonly #options: LogFileOptions;
  #lines: string[] = [];
  #bufferedBytes = 0;
  #dropped = 0;
  #flushing: Promise<void> | null = null;
  #handle: FileHandle | null = null;
  #isClosed = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true });
  }

  /** Takes one line without its end. */
  append(line: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#bufferedBytes + bytes > MAX_BUFFERED_BYTES) {
      this.#dropped += 1;
    } else {
      this.#takeDropped();
      this.#lines.push(line);
      this.#bufferedBytes += bytes;
    }
    this.#flushing ??= this.#flush();
  }

  /** Writes what is buffered and closes the file; later lines are not taken. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushing;
    this.#takeDropped();
    await this.#flush();
    await this.#handle?.close();
    this.#handle = null;
  }

  #takeDropped(): void {
    if (this.#dropped === 0) return;
    this.#lines.push(this.#options.describeDropped(this.#dropped));
    this.#dropped = 0;
  }

  async #flush(): Promise<void> {
    await null; // gathers the lines of this turn
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      const bytes = this.#bufferedBytes;
      this.#lines = [];
      try {
        await this.#write(`${lines.join('\n')}\n`);
      } catch {
        this.#dropped += lines.length; // a full disk must not end the stack; the count is told when there is room again
      }
      this.#bufferedBytes -= bytes;
    }
    this.#flushing = null;
  }

  async #write(text: string): Promise<void> {
    let handle = await this.#open();
    const { size } = await handle.stat();
    if (size > 0 && size + Buffer.byteLength(text) > this.#options.maxBytes) {
      rotate(this.#options.path, this.#options.keep);
      handle = await this.#open();
    }
    await handle.appendFile(text);
  }

  /** The file of this name as it is now: another stack of the same project, or its user, may have moved it away. */
  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    if (this.#handle !== null) {
      const [mine, there] = await Promise.all([this.#handle.stat(), stat(path).catch(() => null)]);
      if (mine.ino === there?.ino) return this.#handle;
      await this.#handle.close();
      this.#handle = null;
    }
    this.#handle = await open(path, 'a', LOG_MODE);
    return this.#handle;
  }
}
