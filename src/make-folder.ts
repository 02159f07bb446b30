import { chown, lstat, mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing; returns the new ones, outermost first. As root they belong to the owner
 * of the folder that they were made in, like files of atomic-file.ts.
 */
export async function makeFolders(path: string): Promise<readonly string[]> {
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return [];
    if (code !== 'ENOENT') throw error;
    const above = await makeFolders(dirname(path));
    return [...above, ...(await makeFolders(path))];
  }
  await inheritOwner(path);
  return [path];
}

/** Takes back what makeFolders made and nobody has used. */
export async function removeEmptyFolders(paths: readonly string[]): Promise<void> {
  for (const path of paths.toReversed()) await rmdir(path).catch(() => undefined);
}

async function inheritOwner(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await lstat(dirname(path));
  if (uid !== 0 || gid !== 0) await chown(path, uid, gid);
}
