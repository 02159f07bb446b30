import { lchown } from 'node:fs/promises';
import { hasOwnPackages, hopPath, linkPath, pointLink } from '../dependencies/folder-link.ts';
import { INSIDE } from '../docker/paths.ts';
import { readFunctions } from '../functions/discovery.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackUser } from './owner.ts';

/**
 * Makes the `vendor` links of PHP functions on the host, before a container that may not write the folder starts (P62). Where the
 * folder cannot be written here either, the function says so when it is called.
 */
export async function linkVendorFolders(
  config: ProjectConfig,
  owner: Pick<StackUser, 'uid' | 'gid'> | null,
): Promise<void> {
  const { functions } = await readFunctions(config);
  const folders = functions.flatMap(({ manifest }) => (manifest?.tool === 'composer' ? [manifest.dir] : []));
  for (const dir of new Set(folders)) {
    const path = linkPath(dir, 'composer');
    if (path === null || hasOwnPackages(dir, 'composer')) continue;
    try {
      pointLink(path, hopPath(INSIDE.hops, dir));
      if (owner) await lchown(path, owner.uid, owner.gid);
    } catch {
      // said above
    }
  }
}
