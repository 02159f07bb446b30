import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tool } from './types.ts';

/** The one entry a function folder may receive (F151); pip sets need none. */
const LINK_NAMES = { npm: 'node_modules', composer: 'vendor' } as const;

/** A link of ours names a set of a store, whichever store it was: FN_STORE_DIR may have changed since, or lie in a container. */
const OURS = /\/(?:npm\/[0-9a-f]{32}\/node_modules|composer\/[0-9a-f]{32}\/vendor)$/;

export function linkPath(dir: string, tool: Tool): string | null {
  return tool === 'pip' ? null : join(dir, LINK_NAMES[tool]);
}

/** Whether a folder has its own packages: a real directory, or a link that is not ours. Used as it is, never touched. */
export function hasOwnPackages(dir: string, tool: Tool): boolean {
  const path = linkPath(dir, tool);
  if (path === null) return false;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  return !stat.isSymbolicLink() || !OURS.test(readlinkSync(path));
}

/**
 * Where the `vendor` link of a folder leads to in a container: a second link, into the store. The first one never changes, so it can
 * be made before the container starts, where the folder is read-only inside.
 */
export function hopPath(hopsDir: string, dir: string): string {
  return join(hopsDir, 'composer', createHash('sha256').update(dir).digest('hex').slice(0, 32), LINK_NAMES.composer);
}

/** Makes the second link of such a folder, and returns what its own has to lead to. */
export function pointHop(hopsDir: string, dir: string, target: string): string {
  const hop = hopPath(hopsDir, dir);
  mkdirSync(dirname(hop), { recursive: true });
  pointLink(hop, target);
  return hop;
}

/** Points the folder's link at a set, atomically; throws where the folder cannot be written. */
export function pointLink(path: string, target: string): void {
  if (linkTarget(path) === target) return;
  const temporary = `${path}.fastfn-${process.pid}`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

/** Whether a path is a link to a set of a store. */
export function isOwnLink(path: string): boolean {
  return OURS.test(linkTarget(path) ?? '');
}

export function removeOwnLinks(dir: string): void {
  for (const name of Object.values(LINK_NAMES)) {
    const path = join(dir, name);
    if (isOwnLink(path)) rmSync(path, { force: true });
  }
}

/** Where a link points; null for what is no link. */
export function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // nothing there, or not a link
  }
}
