// Reading small files while scanning. These calls are synchronous on purpose: a head of 32 KiB is read in 10 µs, while an
// asynchronous open, read and close cost three turns of the thread pool, ten times as much processor time in all.
import { closeSync, constants, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { type FileComments, readFileComments } from './hints.ts';
import type { Runtime } from './types.ts';

/** How much of a handler is read for its comments: 80 lines of 400 characters. */
const HEAD_BYTES = 32 * 1024;
const head = Buffer.allocUnsafe(HEAD_BYTES);

/** Reads the comments at the top of a handler. */
export function readComments(file: string, runtime: Runtime): FileComments {
  return readFileComments(
    withFile(file, (fd) => head.toString('utf8', 0, readSync(fd, head, 0, HEAD_BYTES, 0))),
    runtime,
  );
}

export function readText(file: string): string {
  return withFile(file, (fd) => readFileSync(fd, 'utf8'));
}

function withFile<T>(file: string, read: (fd: number) => T): T {
  // Without O_NONBLOCK a pipe that took the file's place would hold the supervisor.
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return read(fd);
  } finally {
    closeSync(fd);
  }
}

/** What a symlink leads to. `outside` and `broken` links are not followed (F21). */
export type LinkTarget =
  | { readonly kind: 'file' | 'folder'; readonly real: string }
  | { readonly kind: 'outside' | 'broken' | 'other' };

export function followLink(path: string, root: string): LinkTarget {
  try {
    const real = realpathSync(path);
    if (!isInside(real, root)) return { kind: 'outside' };
    const stat = statSync(real);
    if (stat.isFile()) return { kind: 'file', real };
    return stat.isDirectory() ? { kind: 'folder', real } : { kind: 'other' };
  } catch {
    return { kind: 'broken' };
  }
}

/** Whether a real path is the folder or lies in it. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The name of a system error, like ENOENT. */
export function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
