import { basename } from 'node:path';
import type { Keyring } from '../secrets/keyring.ts';
import { openValue } from '../secrets/seal.ts';
import { parseFunctionConfig } from './config.ts';
import type { FunctionConfig } from './config-schema.ts';
import { readEntrypoint } from './entrypoint.ts';
import { EMPTY_ENV, type OpenSecret, parseFunctionEnv } from './env.ts';
import { secretFileOf } from './env-secrets.ts';
import { parseFileName } from './file-names.ts';
import { errorCode, readComments, readText } from './files.ts';
import { NO_COMMENTS } from './hints.ts';
import { excludeAssets, rootRules } from './ignored.ts';
import type { FileProblem } from './json-value.ts';
import { type Listing, selectFolders } from './listing.ts';
import { readManifests } from './manifest.ts';
import { CONFIG_FILE, ENV_FILE } from './platform-files.ts';
import { type Folder, type FolderConfig, type Place, pathIn, type ScanRules, type SourceFile } from './tree.ts';
import type { DiscoveryProblem, FunctionEnv } from './types.ts';

export interface ReadOptions {
  /** The functions root, absolute, after realpath. */
  readonly root: string;
  /** Folder names that the platform's settings add to F20. */
  readonly ignoreDirs: readonly string[];
  /** What `from_env` of fn.env.json may read (F147). */
  readonly fromEnv: Readonly<Record<string, string>>;
  /** Opens encrypted values of fn.env.json. */
  readonly keyring: Keyring;
}

/** The last valid content of each configuration file of this run, by path relative to the root (F117, F145). */
export interface LastGood {
  readonly configs: Map<string, FunctionConfig>;
  readonly envs: Map<string, FunctionEnv>;
}

/** What an earlier reading knows of the files of a folder. */
export interface KnownFiles {
  readonly previous: Folder | undefined;
  /** Names that changed since. */
  readonly changed: ReadonlySet<string> | undefined;
}

const PLATFORM_FILES: ReadonlySet<string> = new Set([CONFIG_FILE, ENV_FILE]);
const LAST_GOOD_HINT = 'the last good version stays in force; correct the file and save';

/** Reads what lies in one folder itself, and where its subfolders are; a source that did not change is not read again. */
export function readFolder(
  options: ReadOptions,
  lastGood: LastGood,
  place: Place,
  above: ScanRules,
  listing: Listing,
  known: KnownFiles,
): { readonly folder: Folder; readonly subfolders: readonly Place[] } {
  return new FolderReader(options, lastGood, place, listing).read(above, known);
}

/** The rules for the subfolders of a folder. */
export function rulesBelow(
  options: ReadOptions,
  place: Place,
  above: ScanRules,
  config: FunctionConfig | undefined,
): ScanRules {
  return place.segment === null ? rootRules(options.ignoreDirs, config) : excludeAssets(above, place.path, config);
}

class FolderReader {
  readonly #options: ReadOptions;
  readonly #lastGood: LastGood;
  readonly #place: Place;
  readonly #listing: Listing;
  readonly #problems: DiscoveryProblem[] = [];

  constructor(options: ReadOptions, lastGood: LastGood, place: Place, listing: Listing) {
    this.#options = options;
    this.#lastGood = lastGood;
    this.#place = place;
    this.#listing = listing;
    this.#problems.push(...listing.problems);
  }

  read(above: ScanRules, known: KnownFiles): ReturnType<typeof readFolder> {
    const { path, segment, depth, chain, dir } = this.#place;
    const config = this.#readConfig();
    const entrypoint = config?.config.entrypoint;
    const rules = rulesBelow(this.#options, this.#place, above, config?.config);
    const subfolders = selectFolders(this.#place, this.#listing, rules, this.#problems);
    const folder: Folder = {
      path,
      segment,
      depth,
      chain,
      dir,
      files: this.#readFiles(known),
      config,
      entrypoint: entrypoint ? readEntrypoint(dir, entrypoint) : null,
      ...this.#readEnv(),
      manifests: readManifests(this.#listing.files, (name) => readOptional(`${dir}/${name}`)),
      problems: this.#problems,
      rules,
    };
    return { folder, subfolders };
  }

  #readConfig(): FolderConfig | null {
    const text = this.#readPlatformFile(CONFIG_FILE);
    if (text === undefined) return null;
    const parsed =
      typeof text === 'string' ? parseFunctionConfig(text) : { config: {}, isValid: false, problems: [text] };
    const path = pathIn(this.#place, CONFIG_FILE);
    if (parsed.isValid) this.#lastGood.configs.set(path, parsed.config);
    const lastGood = this.#lastGood.configs.get(path);
    this.#report(path, parsed.problems, lastGood !== undefined);
    if (lastGood) return { config: lastGood, failure: null };
    const error = parsed.problems.find(({ severity }) => severity === 'error');
    return { config: parsed.config, failure: error?.message ?? null };
  }

  #readEnv(): Pick<Folder, 'env' | 'envFailure'> {
    const text = this.#readPlatformFile(ENV_FILE);
    if (text === undefined) return { env: EMPTY_ENV, envFailure: null };
    const path = pathIn(this.#place, ENV_FILE);
    const parsed =
      typeof text === 'string'
        ? parseFunctionEnv(text, this.#options.fromEnv, this.#opener())
        : { env: EMPTY_ENV, isValid: false, failure: null, problems: [text] };
    if (parsed.failure !== null) {
      this.#report(path, parsed.problems, false);
      return { env: EMPTY_ENV, envFailure: `${path}: ${parsed.failure}` };
    }
    if (parsed.isValid) this.#lastGood.envs.set(path, parsed.env);
    const lastGood = this.#lastGood.envs.get(path);
    this.#report(path, parsed.problems, lastGood !== undefined);
    return { env: lastGood ?? EMPTY_ENV, envFailure: null };
  }

  #opener(): OpenSecret {
    const { root, keyring } = this.#options;
    const file = secretFileOf(root, this.#place.chain[0]!);
    return (name, sealed) => openValue(keyring, { file, name }, sealed);
  }

  /** The text of a platform file; undefined where there is none, the problem where there is one that cannot be read. */
  #readPlatformFile(name: string): string | FileProblem | undefined {
    if (this.#listing.escaping.has(name)) {
      return { severity: 'error', message: 'the symlink leaves the functions root' };
    }
    if (!this.#listing.files.has(name)) return undefined;
    try {
      return readText(`${this.#place.dir}/${name}`);
    } catch (error) {
      const code = errorCode(error);
      return code === 'ENOENT' ? undefined : { severity: 'error', message: `cannot be read (${code})` };
    }
  }

  #readFiles({ previous, changed }: KnownFiles): SourceFile[] {
    const known = new Map(previous?.files.map((file) => [file.name, file]));
    for (const name of changed ?? []) known.delete(name);
    // The target of a link changes elsewhere, and what could not be read may be readable now.
    for (const name of this.#listing.links) known.delete(name);
    for (const { path } of previous?.problems ?? []) known.delete(basename(path));
    const files: SourceFile[] = [];
    for (const name of [...this.#listing.files].sort()) {
      const file = known.get(name) ?? this.#readFile(name);
      if (file) files.push(file);
    }
    return files;
  }

  #readFile(name: string): SourceFile | undefined {
    const handler = parseFileName(name);
    if (!handler) return undefined;
    const { runtime } = handler;
    if (handler.problem !== null) return { name, runtime, handler, comments: NO_COMMENTS };
    try {
      return { name, runtime, handler, comments: readComments(`${this.#place.dir}/${name}`, runtime) };
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return undefined;
      this.#report(pathIn(this.#place, name), [{ severity: 'error', message: `cannot be read (${code})` }], false);
      return { name, runtime, handler, comments: NO_COMMENTS };
    }
  }

  #report(path: string, problems: readonly FileProblem[], hasLastGood: boolean): void {
    const kind = PLATFORM_FILES.has(basename(path)) ? 'config' : 'discovery';
    for (const problem of problems) {
      const isCovered = hasLastGood && problem.severity === 'error' && !problem.hint;
      this.#problems.push({ ...problem, kind, path, ...(isCovered && { hint: LAST_GOOD_HINT }) });
    }
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
