import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseFolderName, runtimeOf } from './file-names.ts';
import { followLink } from './files.ts';
import { isIgnoredFolder, isNeverScanned, VIRTUAL_ENVIRONMENT_MARK } from './ignored.ts';
import { type Place, pathIn, type ScanRules } from './tree.ts';
import type { DiscoveryProblem } from './types.ts';

/** What a folder holds, symlinks resolved (F21). */
export interface Listing {
  readonly files: ReadonlySet<string>;
  /** Links out of the functions root: they exist, but are not read. */
  readonly escaping: ReadonlySet<string>;
  /** Real path of each subfolder by name. */
  readonly folders: ReadonlyMap<string, string>;
  /** Entries that are symlinks, followed or not. */
  readonly links: ReadonlySet<string>;
  /** The links that are not followed. */
  readonly problems: readonly DiscoveryProblem[];
}

/** Deepest folder whose files are routes, in levels below the root (F9). */
const MAX_DEPTH = 6;
const NAME_HINT = 'use letters, digits, "_", "-" and ".", or [id], [...slug], [[...slug]]';

/** Lists a folder; undefined for one that is not part of the scan: a virtual environment (F20). Throws as readdir does. */
export async function listFolder(root: string, place: Place): Promise<Listing | undefined> {
  const files = new Set<string>();
  const folders = new Map<string, string>();
  const links = new Set<string>();
  for (const entry of await readdir(place.dir, { withFileTypes: true })) {
    if (entry.isFile()) files.add(entry.name);
    else if (entry.isDirectory()) folders.set(entry.name, join(place.chain[0]!, entry.name));
    else if (entry.isSymbolicLink() && !isNeverScanned(entry.name)) links.add(entry.name);
  }
  if (files.has(VIRTUAL_ENVIRONMENT_MARK)) return undefined;
  const escaping = new Set<string>();
  const problems: DiscoveryProblem[] = [];
  for (const name of links) {
    const target = followLink(join(place.dir, name), root);
    if (target.kind === 'file') files.add(name);
    else if (target.kind === 'outside') escaping.add(name);
    else if (target.kind === 'folder' && !place.chain.includes(target.real)) folders.set(name, target.real);
    const message = folders.has(name) ? undefined : findLinkProblem(name, target.kind);
    if (message !== undefined)
      problems.push({ severity: 'warning', kind: 'discovery', path: pathIn(place, name), message });
  }
  return { files, escaping, folders, links, problems };
}

function findLinkProblem(name: string, kind: ReturnType<typeof followLink>['kind']): string | undefined {
  if (kind === 'outside') return 'is skipped: the symlink leaves the functions root';
  if (kind === 'folder') return 'is skipped: the symlink leads back to a folder that it lies in';
  return kind === 'broken' && runtimeOf(name) ? 'is skipped: the symlink leads nowhere' : undefined;
}

/** The subfolders to scan, sorted. To `problems` goes each that cannot be (F7, F9); those of F20 go without a word. */
export function selectFolders(
  place: Place,
  listing: Listing,
  rules: ScanRules,
  problems: DiscoveryProblem[],
): readonly Place[] {
  const places: Place[] = [];
  for (const name of [...listing.folders.keys()].sort()) {
    const path = pathIn(place, name);
    if (isIgnoredFolder(name, path, rules)) continue;
    const segment = parseFolderName(name);
    if (!segment) {
      const message = 'is skipped: the folder name cannot be a route segment';
      problems.push({ severity: 'warning', kind: 'discovery', path, message, hint: NAME_HINT });
    } else if (place.depth === MAX_DEPTH) {
      problems.push({
        severity: 'warning',
        kind: 'discovery',
        path,
        message: `is skipped: folders are read ${MAX_DEPTH} levels deep`,
      });
    } else {
      const chain = [listing.folders.get(name)!, ...place.chain];
      places.push({ path, dir: join(place.dir, name), segment, depth: place.depth + 1, chain });
    }
  }
  return places;
}
