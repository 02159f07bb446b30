import { relative } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { keyringOf } from '../secrets/keyring.ts';
import { findChanges } from './changes.ts';
import { discover, type FolderMemory } from './discover.ts';
import type { LastGood, ReadOptions } from './read-folder.ts';
import { readTree } from './read-tree.ts';
import type { Tree } from './tree.ts';
import type { Discovery } from './types.ts';

/** Discovery over the life of a stack: it remembers the tree and, of each configuration file, the last good content. */
export interface FunctionDiscovery {
  /** Reads everything. */
  scan(): Promise<Discovery>;
  /**
   * Reads only what the changed paths (absolute; files or folders) touch. The result equals that of a scan, and the
   * functions of folders that nothing touched are the same objects as before.
   */
  rescan(paths: readonly string[]): Promise<Discovery>;
}

export function createDiscovery(config: ProjectConfig): FunctionDiscovery {
  const { functionsRoot: root, ignoreDirs, fromEnv, secretsKey } = config;
  const options: ReadOptions = { root, ignoreDirs, fromEnv, keyring: keyringOf(secretsKey) };
  const lastGood: LastGood = { configs: new Map(), envs: new Map() };
  const memory: FolderMemory = new WeakMap();
  let tree: Tree | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** One reading at a time: each starts from the tree that the one before it left. */
  function read(paths: readonly string[] | undefined): Promise<Discovery> {
    const result = last.then(async () => {
      const changes = tree && paths ? findChanges(options.root, tree, paths) : undefined;
      tree = await readTree(options, lastGood, changes);
      return discover(tree, config, memory);
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
