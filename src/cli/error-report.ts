import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { ENV_FILE } from '../functions/platform-files.ts';
import { codeFrame, type FrameTarget } from './code-frame.ts';
import { type ErrorText, readErrorText } from './error-text.ts';
import type { View } from './view.ts';

/** An error is at most 12 lines: one that says what, one where, six of code, and the next step. */
export const MAX_MESSAGE_LINES = 3;
const MAX_SOURCE_BYTES = 1 << 20;

/** Something of the user's that does not work. */
export interface ErrorFacts {
  /** What it concerns: a file or a function. */
  readonly subject: string;
  readonly severity: 'warning' | 'error';
  /** The error as the language reports it. */
  readonly text: string;
  readonly hint?: string | undefined;
}

/** What failed, where, why, and what to do next, with the lines of code around; the stack only with `--verbose`. */
export function describeError({ subject, severity, text, hint }: ErrorFacts, view: View): string[] {
  const { paint } = view;
  const error = readErrorText(text, view.functionsRoot);
  const label = paint(severity === 'error' ? 'bad' : 'warning', `${severity}:`);
  const [first = '', ...more] = error.message.slice(0, MAX_MESSAGE_LINES);
  return [
    `${label} ${subject === '' ? '' : `${subject}: `}${first}`,
    ...more.map((line) => `  ${line}`),
    ...(error.place === undefined ? describeJsonPlace(subject, first, view) : describePlace(error, view)),
    ...(view.isVerbose ? text.split('\n').map((line) => paint('dim', `  ${line}`)) : []),
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
  ];
}

function describePlace(error: ErrorText, view: View): string[] {
  const place = error.place!;
  const source = readSource(view.functionsRoot, place.file);
  const target = { line: place.line, ...columnsOf(error, source) };
  const where = `  at ${place.file}:${place.line}${target.column === undefined ? '' : `:${target.column}`}`;
  return [where, ...describeFrame(source, target, view)];
}

/** A configuration file that does not parse names its line in the message; what holds secrets is not quoted. */
function describeJsonPlace(file: string, message: string, view: View): string[] {
  const [, line, column] = /^line (\d+)(?:, column (\d+))?: /.exec(message) ?? [];
  if (line === undefined || basename(file) === ENV_FILE) return [];
  const target = { line: Number(line), column: column === undefined ? undefined : Number(column) };
  return describeFrame(readSource(view.functionsRoot, file), target, view);
}

function describeFrame(source: string | null, target: FrameTarget, view: View): string[] {
  if (source === null) return [];
  const frame = codeFrame(source, target, { columns: view.columns() - 2, isUnicode: view.isUnicode });
  return frame.map((line) => `  ${line.startsWith('>') ? line : view.paint('dim', line)}`);
}

function columnsOf({ place, column, marked }: ErrorText, source: string | null): { column?: number; length?: number } {
  if (column !== undefined) return { column };
  const line = source?.split('\n')[place!.line - 1];
  if (marked === undefined || line === undefined) return {};
  return { column: /^\s*/.exec(line)![0].length + marked.offset + 1, length: marked.length };
}

/** A file of the functions root; an error's text is not trusted to name one. */
function readSource(functionsRoot: string, file: string): string | null {
  try {
    const path = realpathSync(join(functionsRoot, file));
    if (!path.startsWith(functionsRoot + sep)) return null;
    const about = statSync(path);
    return about.isFile() && about.size <= MAX_SOURCE_BYTES ? readFileSync(path, 'utf8') : null;
  } catch {
    return null; // it changed or went away since
  }
}
