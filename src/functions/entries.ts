import { type EntryWord, parseFileName } from './file-names.ts';
import type { SourceFile } from './tree.ts';
import type { Runtime } from './types.ts';

/** The file that stands for its folder. */
export interface Entry {
  readonly file: SourceFile;
  /** Whether it makes the folder a function folder, or only answers at the folder's route (F22). */
  readonly makesFolder: boolean;
}

/** The table of F22, with the runtimes in the order of F23: what makes a function folder | what only answers its route. */
const ENTRY_TABLE: readonly (readonly [Runtime, makers: readonly EntryWord[], answerers: readonly EntryWord[]])[] = [
  ['go', ['handler', 'main'], ['index']],
  ['lua', ['handler', 'main', 'index'], []],
  ['node', ['handler', 'index'], ['main']],
  ['php', ['handler', 'index'], ['main']],
  ['python', ['handler', 'main'], ['index']],
  ['rust', ['handler'], ['main', 'index']],
];
const EXTENSIONS = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts']; // several only for node
const MAKERS = orderOf(ENTRY_TABLE.map(([runtime, makers]) => [runtime, makers]));
const ALL = orderOf(ENTRY_TABLE.map(([runtime, makers, answerers]) => [runtime, [...makers, ...answerers]]));

/**
 * The entry of a folder (F23), of one language if `runtime` is set. The root's `index.*` is only the home page and makes
 * no function folder (F22).
 */
export function chooseEntry(files: readonly SourceFile[], isRoot: boolean, runtime?: Runtime): Entry | undefined {
  const named = files.filter(({ handler }) => handler.entryWord !== null && (!runtime || handler.runtime === runtime));
  if (named.length === 0) return undefined;
  const maker = first(isRoot ? named.filter(({ handler }) => handler.entryWord !== 'index') : named, MAKERS);
  if (maker) return { file: maker, makesFolder: true };
  const answerer = first(named, ALL);
  return answerer && { file: answerer, makesFolder: false };
}

/** Whether a file of this name makes a folder a function of that language (F22). */
export function makesFunctionFolder(fileName: string, runtime: Runtime): boolean {
  const handler = parseFileName(fileName);
  return handler?.runtime === runtime && MAKERS.has(`${runtime} ${handler.entryWord}`);
}

/** Place in the table by `<runtime> <word>`. */
function orderOf(rows: readonly (readonly [Runtime, readonly EntryWord[]])[]): ReadonlyMap<string, number> {
  const keys = rows.flatMap(([runtime, words]) => words.map((word) => `${runtime} ${word}`));
  return new Map(keys.map((key, index) => [key, index * EXTENSIONS.length]));
}

function first(files: readonly SourceFile[], order: ReadonlyMap<string, number>): SourceFile | undefined {
  let best: SourceFile | undefined;
  let bestOrder = Number.POSITIVE_INFINITY;
  for (const file of files) {
    const place = order.get(`${file.handler.runtime} ${file.handler.entryWord}`);
    if (place === undefined) continue;
    const extension = EXTENSIONS.indexOf(file.name.slice(file.name.lastIndexOf('.') + 1));
    if (place + extension >= bestOrder) continue;
    best = file;
    bestOrder = place + extension;
  }
  return best;
}
