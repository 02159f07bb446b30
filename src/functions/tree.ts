import type { FunctionConfig } from './config-schema.ts';
import type { HandlerName } from './file-names.ts';
import type { FileComments } from './hints.ts';
import type { FolderManifests } from './manifest.ts';
import type { Segment } from './segments.ts';
import type { DiscoveryProblem, FunctionEnv, Runtime } from './types.ts';

/** A handler, relative to its folder. */
export interface HandlerFile {
  readonly name: string;
  readonly runtime: Runtime;
  readonly comments: FileComments;
}

/** A file that its name makes a candidate for a route. */
export interface SourceFile extends HandlerFile {
  readonly handler: HandlerName;
}

/** The file that `entrypoint` names (F24), relative to its folder, or why it does not resolve. */
export type Entrypoint = HandlerFile | { readonly problem: string };

/** A folder's fn.config.json: what is in force, which is the last good content while the file is invalid (F117). */
export interface FolderConfig {
  readonly config: FunctionConfig;
  /** Why what it governs may not answer: it is invalid and never was valid. */
  readonly failure: string | null;
}

/** Where a folder lies and how it was reached. */
export interface Place {
  /** Relative to the functions root, `''` for the root itself. */
  readonly path: string;
  /** Absolute. */
  readonly dir: string;
  /** What the folder's name is in a route; null for the root. */
  readonly segment: Segment | null;
  /** Levels below the root. */
  readonly depth: number;
  /** Real paths of the folder and of those it was reached through: what a symlink may not lead back to. */
  readonly chain: readonly string[];
}

/**
 * What lies in one folder itself: the result of reading, without any meaning yet. A folder that is taken over by a later
 * reading stays the same object.
 */
export interface Folder extends Place {
  /** Sorted by name. */
  readonly files: readonly SourceFile[];
  readonly config: FolderConfig | null;
  readonly entrypoint: Entrypoint | null;
  readonly env: FunctionEnv;
  /** Why its functions may not run: an encrypted value of fn.env.json cannot be read; else null. */
  readonly envFailure: string | null;
  readonly manifests: FolderManifests;
  /** What was skipped or refused while reading this folder. */
  readonly problems: readonly DiscoveryProblem[];
  /** What is not read in this folder's subfolders. */
  readonly rules: ScanRules;
}

/** A folder with all below it. */
export interface Tree {
  readonly folder: Folder;
  /** Sorted by path. */
  readonly subtrees: readonly Tree[];
  /**
   * Read again by every scan: there are symlinks here or below, whose targets change elsewhere, or the folder could
   * not be read, which may end without a change that a watcher sees.
   */
  readonly isVolatile: boolean;
}

/** What is left out of the scan besides the fixed names (F20, F61). */
export interface ScanRules {
  /** Lower-case folder names. */
  readonly ignoredNames: ReadonlySet<string>;
  /** Folders relative to the functions root: public assets. */
  readonly excludedPaths: ReadonlySet<string>;
}

/** The path of an entry of a folder, relative to the functions root like the folder's; `name` may hold `/`. */
export function pathIn(folder: Pick<Place, 'path'>, name: string): string {
  return folder.path === '' ? name : `${folder.path}/${name}`;
}
