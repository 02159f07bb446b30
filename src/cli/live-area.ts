import type { Output, TerminalSize } from './output.ts';

/** A person sees no delay, and a stack under load spends nothing on its terminal. */
const REDRAW_MS = 100;
/**
 * The cursor's line, then what is below: erasing a whole screen at once (ED from its first cell) would make tmux and others keep
 * it in the scrollback.
 */
const ERASE_BELOW = '\r\u001b[K\u001b7\u001b[B\u001b[J\u001b8';
/** DECAWM: without it a line that is too long for a terminal that has just become narrower is cut, not wrapped. */
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';

export interface LiveAreaOptions {
  readonly output: Output;
  /** The lines that stand below all others, each narrower than the terminal; none while there is no room. */
  describe(size: TerminalSize): readonly string[];
}

/**
 * Lines that scroll, above a few that stay at the bottom and are redrawn. Uses no alternate screen, so that the scrollback
 * keeps every line, and leaves the cursor visible, so that not even SIGKILL takes it away. The cursor rests where the bottom
 * begins: whatever a terminal does to lines when its size changes, what is to be erased lies below the cursor.
 */
export class LiveArea {
  readonly #options: LiveAreaOptions;
  readonly #endResize: () => void;
  #waiting: string[] = [];
  #hasBottom = false;
  #isShown = false;
  #timer: NodeJS.Timeout | null = null;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(options: LiveAreaOptions) {
    this.#options = options;
    this.#endResize = options.output.onResize(() => this.refresh());
  }

  /** Adds lines to what scrolls. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#waiting.push(...lines);
    this.refresh();
  }

  /** What stands at the bottom may have changed. */
  refresh(): void {
    this.#timer ??= setTimeout(() => this.#draw(), Math.max(0, this.#drawnAt + REDRAW_MS - performance.now()));
  }

  /** Shows or removes what stands at the bottom, at once. */
  set isShown(isShown: boolean) {
    this.#isShown = isShown;
    this.#draw();
  }

  /** Writes what waits and removes what stands at the bottom. */
  close(): void {
    this.isShown = false;
    this.#endResize();
  }

  #draw(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#drawnAt = performance.now();
    const { output, describe } = this.#options;
    const { size } = output;
    const bottom = this.#isShown && size !== undefined ? describe(size) : [];
    const text =
      (this.#hasBottom ? ERASE_BELOW : '') + this.#waiting.map((line) => `${line}\n`).join('') + stand(bottom);
    this.#waiting = [];
    this.#hasBottom = bottom.length > 0;
    if (text !== '') output.text(text);
  }
}

/** Lines with the cursor before them. */
function stand(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const up = lines.length > 1 ? `\u001b[${lines.length - 1}A` : '';
  return `${WRAP_OFF}${lines.join('\n')}${WRAP_ON}\r${up}`;
}
