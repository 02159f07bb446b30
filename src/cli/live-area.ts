import type { FooterLine } from './live-footer.ts';
import type { Output } from './output.ts';

/** A person sees no delay, and a stack under load spends nothing on its terminal. */
const REDRAW_MS = 100;
const ERASE_BELOW = '\r\u001b[J';

export interface LiveAreaOptions {
  readonly output: Output;
  /** The lines that stand below all others, each narrower than the terminal; none while there is no room. */
  describe(size: { readonly columns: number; readonly rows: number }): readonly FooterLine[];
  /** Terminals that wrap lines anew when they become narrower; xterm cuts them off. */
  readonly reflows: boolean;
}

/**
 * Lines that scroll, above a few that stay at the bottom and are redrawn. Uses no alternate screen, so that the scrollback
 * keeps every line, and leaves the cursor visible, so that not even SIGKILL takes it away.
 */
export class LiveArea {
  readonly #options: LiveAreaOptions;
  readonly #endResize: () => void;
  #waiting: string[] = [];
  /** What stands at the bottom now; empty: nothing of ours. */
  #drawn: readonly FooterLine[] = [];
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

  /** Writes what waits, at once. */
  flush(): void {
    this.#draw();
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
      this.#erase(size?.columns) +
      this.#waiting.map((line) => `${line}\n`).join('') +
      bottom.map(({ text }) => text).join('\n');
    this.#waiting = [];
    this.#drawn = bottom;
    if (text !== '') output.text(text);
  }

  /** Goes back to where the bottom begins; the cursor stands at its end. */
  #erase(columns = 80): string {
    if (this.#drawn.length === 0) return '';
    const { reflows } = this.#options;
    const rowsOf = ({ width }: FooterLine) => (reflows ? Math.max(1, Math.ceil(width / columns)) : 1);
    const rows = this.#drawn.reduce((sum, line) => sum + rowsOf(line), 0);
    return (rows > 1 ? `\u001b[${rows - 1}A` : '') + ERASE_BELOW;
  }
}
