/** What a frame points at in a source text. */
export interface FrameTarget {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, where the language tells it. */
  readonly column?: number | undefined;
  /** How many characters from there are meant. */
  readonly length?: number | undefined;
}

const LINES_AROUND = 2;
const TAB = '  ';

/** The blamed line of a source text with two lines before and after it, and a caret below it where the column is known. */
export function codeFrame(
  source: string,
  target: FrameTarget,
  view: { readonly columns: number; readonly isUnicode: boolean },
): string[] {
  const lines = source.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (target.line > lines.length) return [];
  const first = Math.max(1, target.line - LINES_AROUND);
  const last = Math.min(lines.length, target.line + LINES_AROUND);
  const digits = String(last).length;
  const bar = view.isUnicode ? '│' : '|';
  const room = Math.max(10, view.columns - digits - 5);
  const start = windowStart(lines[target.line - 1]!, target, room);
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const mark = number === target.line ? '>' : ' ';
    const text = expand(lines[number - 1]!).slice(start, start + room);
    frame.push(`${mark} ${String(number).padStart(digits)} ${bar} ${text}`.trimEnd());
    if (number === target.line && target.column !== undefined) {
      frame.push(`  ${' '.repeat(digits)} ${bar} ${caret(lines[number - 1]!, target, start, room)}`);
    }
  }
  return frame;
}

function expand(line: string): string {
  return line.replaceAll('\t', TAB);
}

/** Minified code has one long line: the frame shows the part of it that is meant. */
function windowStart(line: string, { column = 1 }: FrameTarget, room: number): number {
  const at = expand(line.slice(0, column - 1)).length;
  return at < room ? 0 : at - Math.floor(room / 2);
}

function caret(line: string, { column = 1, length = 1 }: FrameTarget, start: number, room: number): string {
  const at = expand(line.slice(0, column - 1)).length - start;
  return ' '.repeat(at) + '^'.repeat(Math.max(1, Math.min(length, line.length - column + 1, room - at)));
}
