import { relative } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { findChanges } from './changes.ts';
import { discover } from './discover.ts';
import { type LastGood, readTree, type TreeOptions } from './read-tree.ts';
import type { Folder } from './tree.ts';
import type { Discovery } from './types.ts';

/** Discovery over the life of a stack: it remembers the tree and, of each configuration file, the last good content. */
export interface FunctionDiscovery {
  /** Reads everything. */
  scan(): Promise<Discovery>;
  /** Reads only what the changed paths (absolute; files or folders) touch. The result equals that of a scan. */
  rescan(paths: readonly string[]): Promise<Discovery>;
}

export function createDiscovery(config: ProjectConfig): FunctionDiscovery {
  const options: TreeOptions = { root: config.functionsRoot, ignoreDirs: config.ignoreDirs, fromEnv: config.fromEnv };
  const lastGood: LastGood = { configs: new Map(), envs: new Map() };
  let tree: Folder | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** One reading at a time: each starts from the tree that the one before it left. */
  function read(paths: readonly string[] | undefined): Promise<Discovery> {
    const result = last.then(async () => {
      const changes = tree && paths ? findChanges(options.root, tree, paths) : undefined;
      tree = await readTree(options, lastGood, changes);
      return discover(tree, config);
    });
    last = result.catch(() => undefined);
    return result;
  }

  return {
    scan: () => read(undefined),
    rescan: (paths) => read(paths.some((path) => relative(options.root, path) === '') ? undefined : paths),
  };
}

/** Reads a project's functions once. */
export function readFunctions(config: ProjectConfig): Promise<Discovery> {
  return createDiscovery(config).scan();
}
