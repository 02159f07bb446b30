import { relative, sep } from 'node:path';
import type { Changes } from './read-tree.ts';
import type { Folder } from './tree.ts';

/**
 * Sorts changed paths (absolute) to the folders of the tree that have to be read again: the deepest known folder on the
 * way to each. A path that is itself a known folder is read anew from its parent. Paths outside the root do not count.
 */
export function findChanges(root: string, tree: Folder, paths: readonly string[]): Changes {
  const names = new Map<string, Set<string>>();
  const above = new Set<string>();
  for (const path of paths) {
    const steps = relative(root, path).split(sep);
    if (steps[0] === '..') continue;
    const way = [tree];
    for (const step of steps.slice(0, -1)) {
      const next = findSubfolder(way.at(-1)!, step);
      if (!next) break;
      way.push(next);
    }
    const folder = way.at(-1)!.path;
    const changed = names.get(folder) ?? new Set();
    names.set(folder, changed.add(steps[way.length - 1]!));
    for (const { path } of way.slice(0, -1)) above.add(path);
  }
  return { tree, names, above };
}

function findSubfolder(folder: Folder, name: string): Folder | undefined {
  const path = folder.path === '' ? name : `${folder.path}/${name}`;
  return folder.folders.find((candidate) => candidate.path === path);
}
