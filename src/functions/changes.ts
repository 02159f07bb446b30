import { relative, sep } from 'node:path';
import type { Changes } from './read-tree.ts';
import { pathIn, type Tree } from './tree.ts';

/**
 * Sorts changed paths (absolute) to the folders of the tree that have to be read again: the deepest known folder on the
 * way to each. A path that is itself a known folder is read anew from its parent. Paths outside the root do not count.
 */
export function findChanges(root: string, tree: Tree, paths: readonly string[]): Changes {
  const names = new Map<string, Set<string>>();
  const above = new Set<string>();
  const subtreesOf = rememberSubtrees();
  for (const path of paths) {
    const steps = relative(root, path).split(sep);
    if (steps[0] === '..') continue;
    const way = [tree];
    for (const step of steps.slice(0, -1)) {
      const next = subtreesOf(way.at(-1)!).get(pathIn(way.at(-1)!.folder, step));
      if (!next) break;
      way.push(next);
    }
    const folder = way.at(-1)!.folder.path;
    const changed = names.get(folder) ?? new Set();
    names.set(folder, changed.add(steps[way.length - 1]!));
    for (const { folder: passed } of way.slice(0, -1)) above.add(passed.path);
  }
  return { tree, names, above };
}

/** Subtrees by path, indexed once per tree: another branch of the repository is thousands of changes at once. */
function rememberSubtrees(): (tree: Tree) => ReadonlyMap<string, Tree> {
  const known = new Map<Tree, ReadonlyMap<string, Tree>>();
  return (tree) => {
    const found = known.get(tree) ?? new Map(tree.subtrees.map((subtree) => [subtree.folder.path, subtree]));
    known.set(tree, found);
    return found;
  };
}
