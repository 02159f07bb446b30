import { findPlace, type SourcePlace, withoutRoot } from '../stack/source-place.ts';

/** An error as a language reports it, taken apart. */
export interface ErrorText {
  /** What the language says is wrong, without where. */
  readonly message: readonly string[];
  readonly place: SourcePlace | undefined;
  /** Column from 1. */
  readonly column?: number | undefined;
  /** What a caret line of the language marks, from the first character of the line that is no space. */
  readonly marked?: { readonly offset: number; readonly length: number } | undefined;
}

const CALL = /^\s+at |^#\d+ |^Stack trace:|^stack traceback:/;
const CARETS = /^(\s*)([~^]*\^[~^]*)\s*$/;
/** What esbuild puts above its findings, whose columns it counts from 0. */
const BUILD_FAILED = /^(?:Error: )?Build failed with \d+ errors?:$/m;
/** ` in /x.php:4` (PHP), `x.lua:3: ` (Lua), `x.ts:2:29: ` (esbuild). */
const PLACE_AFTER = / in \S+\.php(?::| on line )\d+$/;
const PLACE_BEFORE = /^(?:ERROR: )?\S+\.(?:lua|[cm]?[jt]s):\d+(?::\d+)?: (?:ERROR: )?/;

/** Reads the error text of any language: a message, a traceback, or a compiler's report. */
export function readErrorText(text: string, functionsRoot: string): ErrorText {
  const relative = withoutRoot(text, functionsRoot);
  const lines = relative.split('\n').filter((line) => line.trim() !== '' && !BUILD_FAILED.test(line));
  const place = findPlace(relative, functionsRoot);
  const column = place && columnOf(relative, place);
  const marked = place && column === undefined ? markedIn(lines) : undefined;
  return { message: messageOf(lines), place, column, marked };
}

function columnOf(text: string, { file, line }: SourcePlace): number | undefined {
  const named = `${file}:${line}:`;
  const digits = /^\d+/.exec(text.slice(text.indexOf(named) + named.length));
  if (!text.includes(named) || !digits) return undefined;
  return Number(digits[0]) + (BUILD_FAILED.test(text) ? 1 : 0);
}

function markedIn(lines: readonly string[]): ErrorText['marked'] {
  const at = lines.findLastIndex((line) => CARETS.test(line));
  if (at < 1) return undefined;
  const [, space, carets] = CARETS.exec(lines[at]!)!;
  const offset = space!.length - /^\s*/.exec(lines[at - 1]!)![0].length;
  return offset < 0 ? undefined : { offset, length: carets!.length };
}

function messageOf(lines: readonly string[]): string[] {
  const said = lines[0]?.startsWith('Traceback') || /^\s+File "/.test(lines[0] ?? '') ? afterCalls(lines) : head(lines);
  return said.map((line) => line.replace(PLACE_BEFORE, '').replace(PLACE_AFTER, ''));
}

/** Python says what is wrong after the calls. */
function afterCalls(lines: readonly string[]): readonly string[] {
  const lastCall = lines.findLastIndex((line) => /^\s+File "/.test(line));
  const at = lines.findIndex((line, index) => index > lastCall && /^\S/.test(line));
  return at === -1 ? lines.slice(-1) : lines.slice(at);
}

/** Every other language says it before the calls; Node quotes the line of a syntax error above it. */
function head(lines: readonly string[]): readonly string[] {
  const quoted = lines.findIndex((line) => CARETS.test(line));
  const isQuoted = quoted !== -1 && /:\d+$/.test(lines[0]!);
  const rest = isQuoted ? lines.slice(quoted + 1) : lines;
  const calls = rest.findIndex((line) => CALL.test(line));
  return calls === -1 ? rest : rest.slice(0, Math.max(1, calls));
}
