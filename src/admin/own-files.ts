import { constants, realpathSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { isInside } from '../functions/files.ts';

/** A file's first bytes, and how many it has in all. */
export interface ReadFile {
  readonly bytes: Buffer;
  readonly size: number;
}

const MAX_TEXT_BYTES = 1024 * 1024; // of a configuration or manifest; none is meant to be that large

/**
 * Reads up to `maxBytes` of a regular file whose real path is inside the functions root (F21); null for anything else, also
 * for a pipe that would keep its reader waiting.
 */
export async function readInside(functionsRoot: string, path: string, maxBytes: number): Promise<ReadFile | null> {
  const file = await openInside(functionsRoot, path);
  if (file === null) return null;
  try {
    const found = await file.stat();
    if (!found.isFile()) return null;
    const bytes = Buffer.alloc(Math.min(found.size, maxBytes));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return { bytes: bytes.subarray(0, bytesRead), size: found.size };
  } finally {
    await file.close();
  }
}

/** The same as text: for configurations and manifests. */
export async function readTextInside(functionsRoot: string, path: string): Promise<string | null> {
  const file = await readInside(functionsRoot, path, MAX_TEXT_BYTES);
  return file?.bytes.toString('utf8') ?? null;
}

/** Whether there is such a file or folder, inside the functions root. */
export async function existsInside(functionsRoot: string, path: string): Promise<boolean> {
  const real = realInside(functionsRoot, path);
  return real !== null && (await stat(real).catch(() => null)) !== null;
}

/** The real path of what lies at `path`; null where nothing does, or it lies outside. */
export function realInside(functionsRoot: string, path: string): string | null {
  try {
    const real = realpathSync(path);
    return isInside(real, functionsRoot) ? real : null;
  } catch {
    return null;
  }
}

async function openInside(functionsRoot: string, path: string): Promise<FileHandle | null> {
  const real = realInside(functionsRoot, path);
  if (real === null) return null;
  return open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
}
