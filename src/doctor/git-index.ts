import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';

// gitformat-index(5). Read here because `fastfn check` starts no process (P17).
const HEADER_BYTES = 12;
const STAT_BYTES = 40;
const EXTENDED_FLAG = 0x4000;

/** Which of these files (absolute paths) git tracks; none where the folder is in no repository. */
export async function findTracked(dir: string, files: readonly string[]): Promise<ReadonlySet<string>> {
  const repository = await findRepository(dir);
  if (repository === null || files.length === 0) return new Set();
  const index = await readFile(join(repository.gitDir, 'index')).catch(() => null);
  if (index === null) return new Set();
  const names = new Set(readIndex(index, repository.hashBytes));
  return new Set(files.filter((file) => names.has(relative(repository.workTree, file))));
}

interface Repository {
  readonly workTree: string;
  readonly gitDir: string;
  readonly hashBytes: 20 | 32;
}

async function findRepository(dir: string): Promise<Repository | null> {
  for (let place = dir; ; place = dirname(place)) {
    const dotGit = join(place, '.git');
    const found = await stat(dotGit).catch(() => null);
    if (found !== null) {
      const gitDir = found.isDirectory() ? dotGit : await linkedGitDir(place, dotGit);
      return { workTree: place, gitDir, hashBytes: await hashBytesOf(gitDir) };
    }
    if (place === dirname(place)) return null;
  }
}

/** Worktrees and submodules have a file `gitdir: <path>` in place of the folder. */
async function linkedGitDir(workTree: string, file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return resolve(workTree, /^gitdir: (.+)$/m.exec(text)?.[1] ?? '.git');
}

async function hashBytesOf(gitDir: string): Promise<20 | 32> {
  const config = await readFile(join(gitDir, 'config'), 'utf8').catch(() => '');
  return /^\s*objectformat\s*=\s*sha256\s*$/im.test(config) ? 32 : 20;
}

/** The paths in an index of version 2, 3 or 4; none of another one, or of one that is cut off. */
export function readIndex(index: Buffer, hashBytes: 20 | 32): string[] {
  if (index.length < HEADER_BYTES || index.toString('latin1', 0, 4) !== 'DIRC') return [];
  const version = index.readUInt32BE(4);
  if (version < 2 || version > 4) return [];
  const names: string[] = [];
  let at = HEADER_BYTES;
  let previous = Buffer.alloc(0);
  for (let left = index.readUInt32BE(8); left > 0; left--) {
    const start = at;
    const flagsAt = start + STAT_BYTES + hashBytes;
    if (flagsAt + 2 > index.length) return names;
    at = flagsAt + ((index.readUInt16BE(flagsAt) & EXTENDED_FLAG) === 0 ? 2 : 4);
    let kept = 0;
    if (version === 4) ({ value: kept, at } = readOffset(index, at));
    const end = index.indexOf(0, at);
    if (end === -1) return names;
    previous = Buffer.concat([
      previous.subarray(0, version === 4 ? previous.length - kept : 0),
      index.subarray(at, end),
    ]);
    names.push(previous.toString());
    at = version === 4 ? end + 1 : start + Math.ceil((end + 1 - start) / 8) * 8;
  }
  return names;
}

/** Version 4 says how many bytes of the previous path to drop, in the variable width of pack offsets. */
function readOffset(index: Buffer, start: number): { value: number; at: number } {
  let at = start;
  let byte = index[at++] ?? 0;
  let value = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    byte = index[at++] ?? 0;
    value = ((value + 1) << 7) | (byte & 0x7f);
  }
  return { value, at };
}
