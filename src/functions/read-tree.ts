import { EMPTY_ENV } from './env.ts';
import { errorCode } from './files.ts';
import { areSameRules, rootRules } from './ignored.ts';
import { type Listing, listFolder } from './listing.ts';
import { NO_MANIFESTS } from './manifest.ts';
import { type LastGood, type ReadOptions, readFolder, rulesBelow } from './read-folder.ts';
import { type Place, pathIn, type ScanRules, type Tree } from './tree.ts';

/** What may have changed since a tree was read. */
export interface Changes {
  readonly tree: Tree;
  /** Changed names by the path of their folder. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
  /** Paths of the folders above these. */
  readonly above: ReadonlySet<string>;
}

/**
 * Reads what discovery needs from the disk: listings, configurations, environments, manifests, the comments at the top of
 * handlers. With `changes`, folders that did not change are taken over from the tree read before. Folders are listed
 * concurrently, which the size of Node's thread pool bounds.
 */
export async function readTree(options: ReadOptions, lastGood: LastGood, changes?: Changes): Promise<Tree> {
  const root: Place = { path: '', dir: options.root, segment: null, depth: 0, chain: [options.root] };
  const reader = new TreeReader(options, lastGood, changes);
  const tree = await reader.read(root, rootRules(options.ignoreDirs, undefined), changes?.tree);
  return tree ?? unreadable(root, 'the functions root is not a folder to scan');
}

class TreeReader {
  readonly #options: ReadOptions;
  readonly #lastGood: LastGood;
  readonly #changes: Changes | undefined;

  constructor(options: ReadOptions, lastGood: LastGood, changes: Changes | undefined) {
    this.#options = options;
    this.#lastGood = lastGood;
    this.#changes = changes;
  }

  /** Undefined for a folder that is gone or not part of the scan. Synchronous where nothing is to be read. */
  read(place: Place, above: ScanRules, previous: Tree | undefined): Tree | Promise<Tree | undefined> {
    if (!previous || !this.#isKept(previous, above)) return this.#readAnew(place, above, previous);
    return this.#changes?.above.has(place.path) ? this.#readBelow(previous) : previous;
  }

  /** Whether the folder itself is known to be as it was. */
  #isKept({ folder, isVolatile }: Tree, above: ScanRules): boolean {
    if (isVolatile || this.#changes?.names.has(folder.path)) return false;
    return areSameRules(folder.rules, rulesBelow(this.#options, folder, above, folder.config?.config));
  }

  async #readBelow(previous: Tree): Promise<Tree> {
    const { folder, subtrees } = previous;
    const places = subtrees.map((subtree) => subtree.folder);
    return { ...previous, subtrees: await this.#readSubtrees(folder, places, folder.rules, previous) };
  }

  async #readAnew(place: Place, above: ScanRules, previous: Tree | undefined): Promise<Tree | undefined> {
    const listing = await this.#list(place);
    if (listing === undefined) return undefined;
    if (typeof listing === 'string') return unreadable(place, `the folder cannot be read (${listing})`);
    const known = { previous: previous?.folder, changed: this.#changes?.names.get(place.path) };
    const { folder, subfolders } = readFolder(this.#options, this.#lastGood, place, above, listing, known);
    const subtrees = await this.#readSubtrees(place, subfolders, folder.rules, previous);
    return {
      folder,
      subtrees,
      isVolatile: listing.links.size > 0 || subtrees.some((subtree) => subtree.isVolatile),
    };
  }

  /** The listing, undefined for a folder that is gone or not part of the scan, or the code of the error. */
  async #list(place: Place): Promise<Listing | string | undefined> {
    try {
      return await listFolder(this.#options.root, place);
    } catch (error) {
      const code = errorCode(error);
      return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code;
    }
  }

  async #readSubtrees(
    parent: Place,
    places: readonly Place[],
    rules: ScanRules,
    previous: Tree | undefined,
  ): Promise<Tree[]> {
    const known = new Map(previous?.subtrees.map((subtree) => [subtree.folder.path, subtree]));
    // A folder that changed as a whole (it came, went or was replaced) is read without regard to what it was.
    for (const name of this.#changes?.names.get(parent.path) ?? []) known.delete(pathIn(parent, name));
    const subtrees = await Promise.all(places.map((place) => this.read(place, rules, known.get(place.path))));
    return subtrees.filter((subtree) => subtree !== undefined);
  }
}

function unreadable(place: Place, message: string): Tree {
  const folder = {
    ...place,
    files: [],
    config: null,
    entrypoint: null,
    env: EMPTY_ENV,
    envFailure: null,
    manifests: NO_MANIFESTS,
    problems: [{ severity: 'error' as const, kind: 'discovery' as const, path: place.path || '.', message }],
    rules: { ignoredNames: new Set<string>(), excludedPaths: new Set<string>() },
  };
  return { folder, subtrees: [], isVolatile: true };
}
