import type { EntryWord } from './file-names.ts';
import type { SourceFile } from './tree.ts';
import type { Runtime } from './types.ts';

/** The file that stands for its folder. */
export interface Entry {
  readonly file: SourceFile;
  /** Whether it makes the folder a function folder, or only answers at the folder's route (F22). */
  readonly makesFolder: boolean;
}

/** The table of F22, with the runtimes in the order of F23. */
const ENTRY_WORDS: readonly {
  readonly runtime: Runtime;
  readonly makesFolder: readonly EntryWord[];
  readonly answersRoute: readonly EntryWord[];
}[] = [
  { runtime: 'go', makesFolder: ['handler', 'main'], answersRoute: ['index'] },
  { runtime: 'lua', makesFolder: ['handler', 'main', 'index'], answersRoute: [] },
  { runtime: 'node', makesFolder: ['handler', 'index'], answersRoute: ['main'] },
  { runtime: 'php', makesFolder: ['handler', 'index'], answersRoute: ['main'] },
  { runtime: 'python', makesFolder: ['handler', 'main'], answersRoute: ['index'] },
  { runtime: 'rust', makesFolder: ['handler'], answersRoute: ['main', 'index'] },
];
const EXTENSIONS = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts']; // several only for node

/**
 * The entry of a folder (F23), of one language if `runtime` is set. The root's `index.*` is only the home page and makes
 * no function folder (F22).
 */
export function chooseEntry(files: readonly SourceFile[], isRoot: boolean, runtime?: Runtime): Entry | undefined {
  const named = files.filter((file) => file.entryWord !== null && (!runtime || file.runtime === runtime));
  if (named.length === 0) return undefined;
  const makesFolder = (word: EntryWord) => !(isRoot && word === 'index');
  const maker = findFirst(named, ({ makesFolder: words }) => words.filter(makesFolder));
  if (maker) return { file: maker, makesFolder: true };
  const answerer = findFirst(named, (row) => [...row.makesFolder, ...row.answersRoute]);
  return answerer && { file: answerer, makesFolder: false };
}

function findFirst(
  files: readonly SourceFile[],
  wordsOf: (row: (typeof ENTRY_WORDS)[number]) => readonly EntryWord[],
): SourceFile | undefined {
  for (const row of ENTRY_WORDS) {
    for (const word of wordsOf(row)) {
      const found = files
        .filter((file) => file.runtime === row.runtime && file.entryWord === word)
        .sort((a, b) => extensionOrder(a) - extensionOrder(b))[0];
      if (found) return found;
    }
  }
  return undefined;
}

function extensionOrder({ name }: SourceFile): number {
  return EXTENSIONS.indexOf(name.slice(name.lastIndexOf('.') + 1));
}
