import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { parseFolderName, runtimeOf } from './file-names.ts';
import { followLink } from './files.ts';
import { isIgnoredFolder, isNeverScanned, VIRTUAL_ENVIRONMENT_MARK } from './ignored.ts';
import type { Place, ScanRules } from './tree.ts';
import type { DiscoveryProblem } from './types.ts';

/** What a folder holds, symlinks resolved (F21). */
export interface Listing {
  readonly files: ReadonlySet<string>;
  /** Links out of the functions root: they exist, but are not read. */
  readonly escaping: ReadonlySet<string>;
  /** Real path of each subfolder by name. */
  readonly folders: ReadonlyMap<string, string>;
  readonly problems: readonly DiscoveryProblem[];
  readonly hasLinks: boolean;
}

/** Deepest folder whose files are routes, in levels below the root (F9). */
const MAX_DEPTH = 6;
const NAME_HINT = 'use letters, digits, "_", "-" and ".", or [id], [...slug], [[...slug]]';

/** Lists a folder; undefined for one that is not part of the scan: a virtual environment (F20). Throws as readdir does. */
export async function listFolder(root: string, place: Place): Promise<Listing | undefined> {
  const entries = await readdir(join(root, place.path), { withFileTypes: true });
  if (entries.some((entry) => entry.name === VIRTUAL_ENVIRONMENT_MARK)) return undefined;
  const files = new Set<string>();
  const folders = new Map<string, string>();
  for (const entry of entries) {
    if (entry.isFile()) files.add(entry.name);
    else if (entry.isDirectory()) folders.set(entry.name, join(place.chain[0]!, entry.name));
  }
  const links = entries.filter((entry) => entry.isSymbolicLink() && !isNeverScanned(entry.name));
  return addLinks(root, place, { files, folders }, links);
}

function addLinks(
  root: string,
  place: Place,
  { files, folders }: { files: Set<string>; folders: Map<string, string> },
  links: readonly Dirent[],
): Listing {
  const escaping = new Set<string>();
  const problems: DiscoveryProblem[] = [];
  for (const { name } of links) {
    const path = posix.join(place.path, name);
    const target = followLink(join(root, path), root);
    if (target.kind === 'file') files.add(name);
    else if (target.kind === 'outside') escaping.add(name);
    else if (target.kind === 'folder' && !place.chain.includes(target.real)) folders.set(name, target.real);
    const problem = findLinkProblem(name, target.kind);
    if (problem !== undefined && !folders.has(name)) problems.push({ severity: 'warning', path, message: problem });
  }
  return { files, escaping, folders, problems, hasLinks: links.length > 0 };
}

function findLinkProblem(name: string, kind: ReturnType<typeof followLink>['kind']): string | undefined {
  if (kind === 'outside') return 'is skipped: the symlink leaves the functions root';
  if (kind === 'folder') return 'is skipped: the symlink leads back to a folder that it lies in';
  return kind === 'broken' && runtimeOf(name) ? 'is skipped: the symlink leads nowhere' : undefined;
}

/** The subfolders to scan, sorted, and a warning for each that cannot be (F7, F9); those of F20 go without a word. */
export function selectFolders(
  place: Place,
  listing: Listing,
  rules: ScanRules,
): { places: Place[]; problems: DiscoveryProblem[] } {
  const places: Place[] = [];
  const problems: DiscoveryProblem[] = [];
  for (const name of [...listing.folders.keys()].sort()) {
    const path = posix.join(place.path, name);
    if (isIgnoredFolder(name, path, rules)) continue;
    const segment = parseFolderName(name);
    if (!segment) {
      const message = 'is skipped: the folder name cannot be a route segment';
      problems.push({ severity: 'warning', path, message, hint: NAME_HINT });
    } else if (place.depth === MAX_DEPTH) {
      problems.push({ severity: 'warning', path, message: `is skipped: folders are read ${MAX_DEPTH} levels deep` });
    } else {
      const chain = [listing.folders.get(name)!, ...place.chain];
      places.push({ path, segment, depth: place.depth + 1, chain });
    }
  }
  return { places, problems };
}
