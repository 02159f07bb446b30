import { sep } from 'node:path';

/** A line of a user's file, as a problem names it. */
export interface SourcePlace {
  /** Relative to the functions root. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** `x.js:2`, `x.ts:2:29`, `File "x.py", line 2`, `in x.php:3`, `x.lua:3:`; absolute paths are not the user's. */
const PLACE = /(?:^|[\s("'])([^\s"'():/][^\s"'():]*\.(?:[cm]?[jt]s|py|php|lua))(?::|", line )(\d+)/g;
const INSTALLED = /(?:^|\/)(?:node_modules|vendor)\//;

/**
 * The user's line that an error's text or stack blames, if it names one. Python tells the innermost call last, every other
 * language first.
 */
export function findPlace(text: string, functionsRoot: string): SourcePlace | undefined {
  const places = [...withoutRoot(text, functionsRoot).matchAll(PLACE)]
    .map(([, file, line]) => ({ file: file!, line: Number(line) }))
    .filter(({ file }) => !INSTALLED.test(file));
  return places.at(places[0]?.file.endsWith('.py') ? -1 : 0);
}

/** A text in which paths below the functions root are relative to it (P163). */
export function withoutRoot(text: string, functionsRoot: string): string {
  return text.replaceAll(functionsRoot + sep, '');
}
