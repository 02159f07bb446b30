import type { DependencyManifest } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';

export type Tool = DependencyManifest['tool'];

export type InstallEvent = Extract<StackEvent, { type: 'install' }>;

/** A file of the staging folder, with the content that the key was computed from. */
export interface StagedFile {
  readonly name: string;
  readonly content: string;
  /** Holds credentials (`.npmrc`): removed before the set is published. */
  readonly temporary?: boolean;
}

/**
 * All that an install depends on, read once: what is hashed is what gets installed, even if the user saves the manifest
 * in between.
 */
export interface ManifestSnapshot {
  readonly tool: Tool;
  readonly files: readonly StagedFile[];
  /** Whether the files hold a lock file. */
  readonly locked: boolean;
  /** Requirements that are not in a file. */
  readonly inline: readonly string[];
  /** Content digests of packages that the manifest takes from disk. */
  readonly local: readonly string[];
}

/** One installed set of packages and the folders that make it visible to a worker. */
export interface DependencySet {
  readonly key: string;
  /** `sys.path` folders (pip), `node_modules` folders (npm); empty for composer, whose handlers require `vendor/autoload.php`. */
  readonly paths: readonly string[];
}

/**
 * - `none`: nothing of ours to load (the user's own folder is used, or installing is switched off);
 * - `deferred`: installs at the first request (FN_PREINSTALL_* = 0): ask again with `demanded`;
 * - `ready`, `installing`, `failed`: what F152 answers by.
 */
export type InstallState = 'none' | 'deferred' | 'ready' | 'installing' | 'failed';

export interface InstallResult {
  readonly state: InstallState;
  /** Content key of the set; null when there is no set to name (`none`, or a manifest that cannot be read). */
  readonly key: string | null;
  /** Folders of the set, once it is ready. */
  readonly paths: readonly string[];
  /** The set that this function was served with last; what keeps serving while `installing` or `failed` (F152). */
  readonly lastGood: DependencySet | null;
  /** Why it failed, one line. */
  readonly reason?: string;
  /** The tool's last lines; credentials in URLs are hidden. */
  readonly tail?: readonly string[];
  /** All of the tool's output. */
  readonly logFile?: string;
}

export interface InstallHandle {
  /** What is known now: `ready` at once when the store holds the set. */
  readonly result: InstallResult;
  /** Settles when nothing more will happen by itself; never rejects. */
  readonly done: Promise<InstallResult>;
}

export interface InstallerOptions {
  readonly config: {
    /** Where the links of function folders lead to, instead of into the store: in a container (see `hopPath`). */
    readonly hopsDir: string | null;
    readonly dependencies: ProjectConfig['dependencies'];
    readonly storeDir: string;
    readonly logs: Pick<ProjectConfig['logs'], 'dir'>;
  };
  /** Programs found on the host; what is absent makes its installs fail with a reason that names it (P48). */
  readonly binaries: {
    readonly python?: string;
    /** Complete pip command where it is not `<python> -m pip`. */
    readonly pip?: readonly string[];
    readonly npm?: string;
    readonly composer?: string;
  };
  /** Version of the runtime that will load the packages, part of every key (F151). */
  readonly runtimeVersions: { readonly python?: string; readonly node?: string; readonly php?: string };
  readonly onEvent: (event: InstallEvent) => void;
}

export interface Installer {
  /**
   * Makes the packages of one function available. Equal manifests share one set, and a set is installed once, whoever
   * asks (F151). `demanded` starts an install that FN_PREINSTALL_* = 0 put off (F154).
   */
  ensure(manifest: DependencyManifest, functionKey: string, options?: { demanded?: boolean }): InstallHandle;
  /** Lets failed installs be tried again: a reload was asked for (F152). */
  retryFailed(): void;
  /** Removes our `node_modules`/`vendor` link from a folder whose manifest is gone; anything else stays (F151, F153). */
  removeLinks(dir: string): void;
  /** Ends running tools with their process groups; what they had begun does not count as installed. */
  close(): Promise<void>;
}

/** `metadata.dependency_resolution` of a function (F155, P209); paths are relative to the functions root. */
export interface DependencyResolution {
  readonly runtime: 'python' | 'node' | 'php';
  readonly mode: 'manifest' | 'inferred' | 'none';
  readonly manifest_path: string | null;
  readonly manifest_generated: boolean;
  readonly infer_backend: string | null;
  readonly inference_duration_ms: number | null;
  readonly inferred_imports: readonly string[];
  readonly resolved_packages: readonly string[];
  readonly unresolved_imports: readonly string[];
  readonly last_install_status: 'ok' | 'skipped' | 'error' | 'installing';
  readonly last_error: string | null;
  readonly lockfile_path: string | null;
  /** Epoch seconds. */
  readonly updated_at: number | null;
  readonly key: string | null;
  readonly log_tail: readonly string[];
}
