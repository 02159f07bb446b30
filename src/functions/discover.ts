import { Catalog } from './catalog.ts';
import { type DiscoverOptions, describeFolder, type FolderResult } from './describe-folder.ts';
import type { Scope } from './folder-context.ts';
import { NOTHING_INHERITED, resolvePolicy } from './policy.ts';
import type { Folder, Tree } from './tree.ts';
import type { Discovery } from './types.ts';

/** Results by folder, with the text of the scope that they hold for. The options must stay the same. */
export type FolderMemory = WeakMap<Folder, { readonly scope: string; readonly result: FolderResult }>;

/**
 * What a tree means: its functions, routes, conflicts and problems. Deterministic (F4). With a memory, folders that a
 * rescan took over unread under an equal scope keep their results, the very same objects.
 */
export function discover(tree: Tree, options: DiscoverOptions, memory: FolderMemory = new WeakMap()): Discovery {
  const catalog = new Catalog();
  const policy = resolvePolicy(NOTHING_INHERITED, undefined, options);
  const nothing: Scope = { base: [], overlay: NOTHING_INHERITED, policy, failure: null, isMixed: false, lender: null };
  visit(tree, nothing, '');
  return catalog.finish();

  function visit({ folder, subtrees }: Tree, scope: Scope, scopeText: string): void {
    const known = memory.get(folder);
    const result = known?.scope === scopeText ? known.result : describeFolder(folder, scope, options);
    if (result !== known?.result) memory.set(folder, { scope: scopeText, result });
    catalog.add(result);
    if (subtrees.length === 0) return;
    const belowText = describeScope(result.below);
    for (const subtree of subtrees) {
      visit(subtree, { ...result.below, base: [...result.below.base, subtree.folder.segment!] }, belowText);
    }
  }
}

/** Everything that a subfolder's result depends on besides itself: equal texts, equal scopes. */
function describeScope({ base, overlay, failure, isMixed, lender }: Scope): string {
  return JSON.stringify([base, overlay, failure, isMixed, lender && [lender.dir, lender.manifests]]);
}
