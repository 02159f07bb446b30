// Folders that appear and disappear in one step: what is made or removed has a dot name meanwhile, which nothing scans or serves.
import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { type WriteOptions, writeFileAtomic } from './atomic-file.ts';
import { makeFolders } from './make-folder.ts';
import { isAlive } from './process-identity.ts';

/** A file of a new folder. */
export interface NewFile extends WriteOptions {
  readonly name: string;
  readonly content: string;
}

/**
 * Makes a folder with its files, and the folders above it that are missing: all of that or, if it fails or the process is
 * killed, nothing. `check` may look at the folder before it gets its name. Returns the outermost new folder. Throws ENOTEMPTY or
 * ENOTDIR where something lies at `path` already.
 */
export async function createFolder(
  path: string,
  files: readonly NewFile[],
  check: (staged: string) => void,
): Promise<string> {
  const base = await nearestFolder(dirname(path));
  const [first, ...others] = relative(base, path).split(sep) as [string, ...string[]];
  await removeLeftovers(base);
  const stage = temporaryName(join(base, first));
  const folder = join(stage, ...others);
  try {
    await makeFolders(folder);
    for (const { name, content, ...options } of files) await writeFileAtomic(join(folder, name), content, options);
    check(folder);
    await rename(stage, join(base, first));
  } catch (error) {
    await rm(stage, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(base);
  return join(base, first);
}

/** Takes a folder away in one step, then removes what it held. Of a symbolic link only the link goes. */
export async function removeFolder(path: string): Promise<void> {
  const base = dirname(path);
  await removeLeftovers(base);
  if ((await lstat(path)).isSymbolicLink()) return unlink(path);
  const doomed = temporaryName(path);
  await rename(path, doomed);
  await syncFolder(base);
  await rm(doomed, { recursive: true, force: true });
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
}

/** What a process that was killed has left. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const writer = /^\..+\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name);
    if (writer && !isAlive(Number(writer[1]))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function nearestFolder(path: string): Promise<string> {
  const found = await lstat(path).catch(() => null);
  return found ? path : nearestFolder(dirname(path));
}

/** A new name is on disk only once its folder is (fsync(2)). */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
