import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAlive } from './process-identity.ts';

const NEW_FILE_MODE = 0o644;

export interface WriteOptions {
  /** The file's mode afterwards. Without it an existing file keeps its own and a new one gets 0644 (P164). */
  readonly mode?: number;
}

/**
 * Replaces a file's content in one step: readers, also after a crash or kill -9, see all of the old or all of the new. The
 * content is on disk when this resolves. A symbolic link is replaced, never written through. As root the file keeps its
 * owner, and a new one belongs to the owner of its folder.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { mode }: WriteOptions = {},
): Promise<void> {
  const folder = dirname(path);
  const former = await lstat(path).catch(() => null);
  const kept = former?.isFile() ? former : null;
  const temporary = join(folder, `${temporaryPrefix(path)}${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
  await removeLeftovers(path);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(content);
      await file.chmod(mode ?? (kept ? kept.mode & 0o7777 : NEW_FILE_MODE));
      if (process.getuid?.() === 0) await giveTo(file, kept ?? (await lstat(folder)));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
}

/** A dot name: no route, no asset, no reason to reload. */
function temporaryPrefix(path: string): string {
  return `.${basename(path)}.`;
}

/** A writer that was killed leaves its temporary file, which may hold secrets; the next writer removes it. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = temporaryPrefix(path);
  for (const name of await readdir(dirname(path))) {
    const writer = name.startsWith(prefix) ? /^(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(prefix.length)) : null;
    if (writer && !isAlive(Number(writer[1]))) await unlink(join(dirname(path), name)).catch(() => undefined);
  }
}

async function giveTo(file: FileHandle, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  if (owner.uid !== 0 || owner.gid !== 0) await file.chown(owner.uid, owner.gid);
}

/** The new name itself is on disk only once its folder is (fsync(2)). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
