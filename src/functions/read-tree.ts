import { join, posix } from 'node:path';
import { parseFunctionConfig } from './config.ts';
import type { FunctionConfig } from './config-schema.ts';
import { readEntrypoint } from './entrypoint.ts';
import { EMPTY_ENV, parseFunctionEnv } from './env.ts';
import { parseFileName } from './file-names.ts';
import { errorCode, readComments, readText } from './files.ts';
import { NO_COMMENTS } from './hints.ts';
import { areSameRules, excludeAssets, rootRules } from './ignored.ts';
import type { FileProblem } from './json-value.ts';
import { type Listing, listFolder, selectFolders } from './listing.ts';
import { NO_MANIFESTS, readManifests } from './manifest.ts';
import { CONFIG_FILE, ENV_FILE } from './platform-files.ts';
import type { Folder, FolderConfig, Place, ScanRules, SourceFile } from './tree.ts';
import type { DiscoveryProblem, FunctionEnv } from './types.ts';

export interface TreeOptions {
  /** The functions root, absolute, after realpath. */
  readonly root: string;
  /** Folder names that the platform's settings add to F20. */
  readonly ignoreDirs: readonly string[];
  /** What `from_env` of fn.env.json may read (F147). */
  readonly fromEnv: Readonly<Record<string, string>>;
}

/** The last valid content of each configuration file of this run, by path relative to the root (F117, F145). */
export interface LastGood {
  readonly configs: Map<string, FunctionConfig>;
  readonly envs: Map<string, FunctionEnv>;
}

/** What may have changed since a tree was read. */
export interface Changes {
  readonly tree: Folder;
  /** Changed names by the path of their folder. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
  /** Paths of the folders above these. */
  readonly above: ReadonlySet<string>;
}

const LAST_GOOD_HINT = 'the last good version stays in force; correct the file and save';

/**
 * Reads what discovery needs from the disk: listings, configurations, environments, manifests, the comments at the top of
 * handlers. With `changes`, folders that did not change are taken over from the tree read before. Folders are listed
 * concurrently, which the size of Node's thread pool bounds.
 */
export async function readTree(options: TreeOptions, lastGood: LastGood, changes?: Changes): Promise<Folder> {
  const root: Place = { path: '', segment: null, depth: 0, chain: [options.root] };
  const reader = new TreeReader(options, lastGood, changes);
  const tree = await reader.folder(root, rootRules(options.ignoreDirs, undefined), changes?.tree);
  return (
    tree ??
    emptyFolder(root, options.root, [
      { severity: 'error', path: '.', message: 'the functions root is not a folder to scan' },
    ])
  );
}

class TreeReader {
  readonly #options: TreeOptions;
  readonly #lastGood: LastGood;
  readonly #changes: Changes | undefined;

  constructor(options: TreeOptions, lastGood: LastGood, changes: Changes | undefined) {
    this.#options = options;
    this.#lastGood = lastGood;
    this.#changes = changes;
  }

  /** Undefined for a folder that is gone or not part of the scan. */
  folder(place: Place, above: ScanRules, previous: Folder | undefined): Folder | Promise<Folder | undefined> {
    if (!previous || !this.#isKept(previous, above)) return this.#read(place, above, previous);
    if (!this.#changes?.above.has(place.path)) return previous;
    return this.#folders(place, previous.folders, previous.rules, previous).then((folders) => ({
      ...previous,
      folders,
    }));
  }

  /** Whether all but the subfolders is known to be as it was. */
  #isKept(previous: Folder, above: ScanRules): boolean {
    if (previous.isVolatile || this.#changes?.names.has(previous.path)) return false;
    return areSameRules(previous.rules, this.#rulesBelow(previous, above, previous.config?.config));
  }

  #rulesBelow(place: Place, above: ScanRules, config: FunctionConfig | undefined): ScanRules {
    return place.segment === null
      ? rootRules(this.#options.ignoreDirs, config)
      : excludeAssets(above, place.path, config);
  }

  async #folders(
    parent: Place,
    places: readonly Place[],
    rules: ScanRules,
    previous: Folder | undefined,
  ): Promise<Folder[]> {
    const known = new Map(previous?.folders.map((folder) => [folder.path, folder]));
    for (const name of this.#changes?.names.get(parent.path) ?? []) known.delete(posix.join(parent.path, name));
    const folders = await Promise.all(places.map((place) => this.folder(place, rules, known.get(place.path))));
    return folders.filter((folder) => folder !== undefined);
  }

  async #read(place: Place, above: ScanRules, previous: Folder | undefined): Promise<Folder | undefined> {
    const dir = this.#absolute(place);
    const problems: DiscoveryProblem[] = [];
    const listing = await this.#list(place, dir, problems);
    if (!listing) return problems.length > 0 ? emptyFolder(place, dir, problems) : undefined;
    const config = this.#readConfig(place, dir, listing, problems);
    const rules = this.#rulesBelow(place, above, config?.config);
    const env = this.#readEnv(place, dir, listing, problems);
    const files = this.#readFiles(place, dir, listing, previous, problems);
    const folders = await this.#folders(place, selectFolders(place, listing, rules, problems), rules, previous);
    const entrypoint = config?.config.entrypoint;
    return {
      path: place.path,
      segment: place.segment,
      depth: place.depth,
      chain: place.chain,
      dir,
      files,
      folders,
      config,
      entrypoint: entrypoint ? readEntrypoint(dir, entrypoint) : null,
      env,
      manifests: readManifests(listing.files, (name) => readOptional(join(dir, name))),
      problems,
      rules,
      isVolatile: listing.hasLinks || folders.some((folder) => folder.isVolatile),
    };
  }

  async #list(place: Place, dir: string, problems: DiscoveryProblem[]): Promise<Listing | undefined> {
    try {
      return await listFolder(this.#options.root, dir, place, problems);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') {
        problems.push({ severity: 'error', path: place.path || '.', message: `the folder cannot be read (${code})` });
      }
      return undefined;
    }
  }

  #readConfig(place: Place, dir: string, listing: Listing, problems: DiscoveryProblem[]): FolderConfig | null {
    const text = readPlatformFile(dir, CONFIG_FILE, listing);
    if (text === undefined) return null;
    const path = posix.join(place.path, CONFIG_FILE);
    const parsed =
      typeof text === 'string' ? parseFunctionConfig(text) : { config: {}, isValid: false, problems: [text] };
    if (parsed.isValid) this.#lastGood.configs.set(path, parsed.config);
    const lastGood = this.#lastGood.configs.get(path);
    problems.push(...toDiscoveryProblems(path, parsed.problems, lastGood !== undefined));
    if (lastGood) return { config: lastGood, failure: null };
    const error = parsed.problems.find(({ severity }) => severity === 'error');
    return { config: parsed.config, failure: error?.message ?? null };
  }

  #readEnv(place: Place, dir: string, listing: Listing, problems: DiscoveryProblem[]): FunctionEnv {
    const text = readPlatformFile(dir, ENV_FILE, listing);
    if (text === undefined) return EMPTY_ENV;
    const path = posix.join(place.path, ENV_FILE);
    const parsed =
      typeof text === 'string'
        ? parseFunctionEnv(text, this.#options.fromEnv)
        : { env: EMPTY_ENV, isValid: false, problems: [text] };
    if (parsed.isValid) this.#lastGood.envs.set(path, parsed.env);
    const lastGood = this.#lastGood.envs.get(path);
    problems.push(...toDiscoveryProblems(path, parsed.problems, lastGood !== undefined));
    return lastGood ?? EMPTY_ENV;
  }

  #readFiles(
    place: Place,
    dir: string,
    listing: Listing,
    previous: Folder | undefined,
    problems: DiscoveryProblem[],
  ): SourceFile[] {
    const changed = this.#changes?.names.get(place.path);
    const known = new Map(listing.hasLinks ? [] : previous?.files.map((file) => [file.name, file]));
    for (const { path } of previous?.problems ?? []) known.delete(posix.basename(path));
    const files: SourceFile[] = [];
    for (const name of [...listing.files].sort()) {
      const kept = changed?.has(name) ? undefined : known.get(name);
      const file = kept ?? readSource(place, dir, name, problems);
      if (file) files.push(file);
    }
    return files;
  }

  #absolute(place: Place): string {
    return place.path === '' ? this.#options.root : join(this.#options.root, place.path);
  }
}

function readSource(place: Place, dir: string, name: string, problems: DiscoveryProblem[]): SourceFile | undefined {
  const handler = parseFileName(name);
  if (!handler) return undefined;
  const { runtime } = handler;
  if (handler.problem !== null) return { name, runtime, handler, comments: NO_COMMENTS };
  try {
    return { name, runtime, handler, comments: readComments(join(dir, name), runtime) };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    problems.push({ severity: 'error', path: posix.join(place.path, name), message: `cannot be read (${code})` });
    return { name, runtime, handler, comments: NO_COMMENTS };
  }
}

/** The text of a platform file; undefined where there is none, the problem where there is one that cannot be read. */
function readPlatformFile(dir: string, name: string, listing: Listing): string | FileProblem | undefined {
  if (listing.escaping.has(name)) return { severity: 'error', message: 'the symlink leaves the functions root' };
  if (!listing.files.has(name)) return undefined;
  try {
    return readText(join(dir, name));
  } catch (error) {
    const code = errorCode(error);
    return code === 'ENOENT' ? undefined : { severity: 'error', message: `cannot be read (${code})` };
  }
}

/** A manifest that cannot be read counts as an empty one; the tool that installs would not get further either. */
function readOptional(file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}

function emptyFolder(place: Place, dir: string, problems: readonly DiscoveryProblem[]): Folder {
  return {
    ...place,
    dir,
    files: [],
    folders: [],
    config: null,
    entrypoint: null,
    env: EMPTY_ENV,
    manifests: NO_MANIFESTS,
    problems,
    rules: { ignoredNames: new Set(), excludedPaths: new Set() },
    isVolatile: true,
  };
}

function toDiscoveryProblems(path: string, problems: readonly FileProblem[], hasLastGood: boolean): DiscoveryProblem[] {
  return problems.map((problem) => ({
    ...problem,
    path,
    ...(problem.severity === 'error' && hasLastGood && !problem.hint && { hint: LAST_GOOD_HINT }),
  }));
}
