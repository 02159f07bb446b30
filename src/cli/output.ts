/** Text that waits for a slow reader beyond this is not shown: a paused pager must not grow or stop the supervisor. */
const MAX_WAITING_BYTES = 1 << 20;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Writes whole lines to standard output or standard error; a reader that leaves (`| head -1`) is no failure. */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  #dropped = 0;
  #failure: Error | null = null;
  readonly #closed = new AbortController();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') this.#failure ??= error;
      this.#closed.abort();
    });
  }

  /** Why text was lost, where that is not its reader's wish: a full disk, say. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Aborted when nobody reads any more. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Undefined for anything else, and for a terminal that does not tell. */
  get size(): TerminalSize | undefined {
    const { columns, rows } = this.#stream;
    return columns > 0 && rows > 0 ? { columns, rows } : undefined;
  }

  /** Calls the listener whenever the terminal has another size; returns what ends that. */
  onResize(listener: () => void): () => void {
    this.#stream.on('resize', listener);
    return () => this.#stream.off('resize', listener);
  }

  line(text: string): void {
    if (this.#closed.signal.aborted) return;
    if (this.#stream.writableLength > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    const remark = this.#dropped === 0 ? '' : `(${this.#dropped} lines were not shown: the reader is too slow)\n`;
    this.#dropped = 0;
    this.#stream.write(`${remark}${text}\n`);
  }

  /** A result: never dropped. */
  text(text: string | Uint8Array): void {
    if (!this.#closed.signal.aborted) this.#stream.write(text);
  }

  /** Resolves when the reader has kept up, or left: whoever writes much waits for it. */
  async drained(): Promise<void> {
    if (this.#closed.signal.aborted || !this.#stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('drain', resolve);
      this.#closed.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /**
   * Resolves when the system has taken everything, the reader has left, or, where there is a limit, nobody has taken it for so
   * long. Without one a reader may be as slow as it likes: a result is whole.
   */
  async flush(limitMs?: number): Promise<void> {
    await new Promise(setImmediate); // a write that failed is told of in the next turn
    if (this.#closed.signal.aborted || this.#stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      const limit = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
      const finish = () => {
        clearTimeout(limit);
        resolve();
      };
      this.#closed.signal.addEventListener('abort', finish, { once: true });
      this.#stream.write('', finish);
    });
  }
}

/** Colours on a terminal only; NO_COLOR turns them off, FORCE_COLOR on, and it wins (P1). */
export function wantsColour(output: Output, env: NodeJS.ProcessEnv): boolean {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '')
    return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return output.isTerminal && env.TERM !== 'dumb';
}
