import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
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

/** Points the folder's link at a set, atomically; throws where the folder cannot be written. */
export function pointLink(path: string, target: string): void {
  if (linkTarget(path) === target) return;
  const temporary = `${path}.fastfn-${process.pid}`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

export function removeOwnLinks(dir: string): void {
  for (const name of Object.values(LINK_NAMES)) {
    const path = join(dir, name);
    if (OURS.test(linkTarget(path) ?? '')) rmSync(path, { force: true });
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // nothing there, or not a link
  }
}
