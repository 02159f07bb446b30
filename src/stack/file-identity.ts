import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';

const MAX_HASHED_BYTES = 16 * 1024 * 1024; // about 15 ms of the event loop; larger files go by size and time

/**
 * What makes two states of a file equal (P120): SHA-256 of its content in hex, or where a symbolic link points. null for
 * what is neither file nor link, or gone.
 */
export function identityOf(path: string, stat: Stats): string | null {
  try {
    if (stat.isSymbolicLink()) return `link:${readlinkSync(path)}`;
    if (!stat.isFile()) return null;
    if (stat.size > MAX_HASHED_BYTES) return stampOf(stat);
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : 'unreadable';
  }
}

/** What one stat tells: a file whose stamp is the same was not written to. */
export function stampOf(stat: Stats): string {
  return `${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`;
}

export function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a parent is a file now, or may not be entered
  }
}
