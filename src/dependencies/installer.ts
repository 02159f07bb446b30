import { join } from 'node:path';
import type { DependencyManifest } from '../functions/types.ts';
import type { InstallFailure } from './failure.ts';
import { hasOwnPackages, linkPath, pointHop, pointLink, removeOwnLinks } from './folder-link.ts';
import { install } from './install-job.ts';
import { ManifestProblem } from './manifest-problem.ts';
import { contentKey, takeSnapshot } from './snapshot.ts';
import { isInstalled, loadableSet, locateSet, type SetLocation } from './store.ts';
import type {
  DependencySet,
  Installer,
  InstallerOptions,
  InstallHandle,
  InstallResult,
  ManifestSnapshot,
  Tool,
} from './types.ts';

const RUNTIME = { pip: 'python', npm: 'node', composer: 'php' } as const satisfies Record<Tool, string>;

/** Installs function dependencies into the shared store (F150-F154). Says everything by events and results. */
export function createInstaller(options: InstallerOptions): Installer {
  return new StoreInstaller(options);
}

/** One function's wish for a set. */
interface Request {
  readonly manifest: DependencyManifest;
  readonly functionKey: string;
  readonly set: SetLocation;
}

/** An install under way, and who waits for it. */
interface Running {
  readonly waiting: Set<string>;
  readonly outcome: Promise<InstallFailure | null>;
}

class StoreInstaller implements Installer {
  readonly #options: InstallerOptions;
  readonly #stop = new AbortController();
  readonly #slots: Slots;
  readonly #running = new Map<string, Running>();
  readonly #failures = new Map<string, InstallFailure>();
  /** The key each function asked for last: an older install that ends later must not replace it. */
  readonly #wanted = new Map<string, string>();
  readonly #lastGood = new Map<string, DependencySet>();
  /** Manifest problems already told, by function. */
  readonly #problems = new Map<string, string>();

  constructor(options: InstallerOptions) {
    this.#options = options;
    this.#slots = new Slots(options.config.dependencies.concurrency);
  }

  ensure(manifest: DependencyManifest, functionKey: string, { demanded = false } = {}): InstallHandle {
    this.#wanted.delete(functionKey);
    if (hasOwnPackages(manifest.dir, manifest.tool)) return settled(this.#result(functionKey, 'none', null));
    const snapshot = this.#snapshot(manifest, functionKey);
    if (typeof snapshot === 'string') return this.#refused(manifest.tool, functionKey, snapshot);
    const key = contentKey(snapshot, this.#options.runtimeVersions[RUNTIME[manifest.tool]]);
    const set = locateSet(this.#options.config.storeDir, manifest.tool, key);
    const request: Request = { manifest, functionKey, set };
    this.#wanted.set(functionKey, key);
    if (isInstalled(set)) return settled(this.#adopt(request));
    const failure = this.#failures.get(key);
    if (failure !== undefined) return settled(this.#failed(request, failure));
    if (!this.#isEnabled(manifest.tool)) return settled(this.#result(functionKey, 'none', key));
    if (!demanded && !this.#isPreinstalled(manifest.tool)) return settled(this.#result(functionKey, 'deferred', key));
    return this.#start(request, snapshot);
  }

  retryFailed(): void {
    this.#failures.clear();
    this.#problems.clear();
  }

  removeLinks(dir: string): void {
    removeOwnLinks(dir);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#running.values()].map((running) => running.outcome));
  }

  #snapshot(manifest: DependencyManifest, functionKey: string): ManifestSnapshot | string {
    try {
      const snapshot = takeSnapshot(manifest);
      this.#problems.delete(functionKey);
      return snapshot;
    } catch (error) {
      if (error instanceof ManifestProblem) return error.message;
      const { code, path } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      return `${path ?? manifest.file} cannot be read (${code})`; // removed or locked between discovery and now
    }
  }

  #refused(tool: Tool, functionKey: string, reason: string): InstallHandle {
    if (this.#problems.get(functionKey) !== reason) {
      this.#problems.set(functionKey, reason);
      const lastGood = this.#lastGood.has(functionKey);
      this.#options.onEvent({ type: 'install', state: 'failed', tool, functions: [functionKey], reason, lastGood });
    }
    return settled({ ...this.#result(functionKey, 'failed', null), reason });
  }

  #start(request: Request, snapshot: ManifestSnapshot): InstallHandle {
    const { set, functionKey } = request;
    const running = this.#running.get(set.key) ?? this.#launch(request, snapshot);
    running.waiting.add(functionKey);
    const done = running.outcome.then((failure) =>
      failure === null ? this.#adopt(request) : this.#failed(request, failure),
    );
    return { result: this.#result(functionKey, 'installing', set.key), done };
  }

  #launch(request: Request, snapshot: ManifestSnapshot): Running {
    const waiting = new Set<string>();
    const running: Running = { waiting, outcome: this.#run(request, snapshot, waiting) };
    this.#running.set(request.set.key, running);
    return running;
  }

  async #run({ set, manifest }: Request, snapshot: ManifestSnapshot, waiting: ReadonlySet<string>) {
    const { config, binaries, onEvent } = this.#options;
    const release = await this.#slots.take();
    const { tool, key } = set;
    const logFile = this.#logFile(key);
    const startedAt = performance.now();
    try {
      onEvent({ type: 'install', state: 'started', tool, functions: [...waiting], logFile });
      const { timeoutSeconds } = config.dependencies;
      const job = { set, snapshot, dir: manifest.dir, logFile, timeoutSeconds, binaries, stop: this.#stop.signal };
      const failure = await install(job).catch(storeFailure);
      if (failure !== null && !this.#stop.signal.aborted) this.#failures.set(key, failure);
      const ms = Math.round(performance.now() - startedAt);
      this.#report(tool, [...waiting], ms, logFile, failure);
      return failure;
    } finally {
      this.#running.delete(key);
      release();
    }
  }

  #report(tool: Tool, functions: readonly string[], ms: number, logFile: string, failure: InstallFailure | null): void {
    if (this.#stop.signal.aborted) return;
    const lastGood = functions.every((key) => this.#lastGood.has(key));
    const event = { type: 'install', tool, functions, ms, logFile } as const;
    this.#options.onEvent(
      failure === null ? { ...event, state: 'done' } : { ...event, ...failure, lastGood, state: 'failed' },
    );
  }

  /** Makes an installed set the one this function is served with. */
  #adopt(request: Request): InstallResult {
    const { functionKey, manifest, set } = request;
    const loadable = loadableSet(set);
    if (this.#wanted.get(functionKey) === set.key) {
      const problem = this.#link(manifest, set);
      if (problem !== null) return this.#failed(request, { reason: problem, tail: [] });
      this.#lastGood.set(functionKey, loadable);
    }
    return { ...this.#result(functionKey, 'ready', set.key), paths: loadable.paths };
  }

  /**
   * Node finds the set by its paths too, so a folder that cannot be written costs nothing; a PHP handler requires
   * `vendor/autoload.php` itself and has nothing else. In a container Node has to do without: there the link would lead to
   * nowhere on the host, where editors follow it and a stack in native mode has one of its own (F151).
   */
  #link(manifest: DependencyManifest, set: SetLocation): string | null {
    const path = linkPath(manifest.dir, manifest.tool);
    const { hopsDir } = this.#options.config;
    if (path === null || (manifest.tool === 'npm' && hopsDir !== null)) return null;
    if (hasOwnPackages(manifest.dir, manifest.tool)) return null;
    try {
      pointLink(path, hopsDir === null ? set.packages : pointHop(hopsDir, manifest.dir, set.packages));
      return null;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return manifest.tool === 'composer' ? `the link ${path} cannot be made (${code})` : null;
    }
  }

  #failed(request: Request, { reason, tail }: InstallFailure): InstallResult {
    const result = this.#result(request.functionKey, 'failed', request.set.key);
    return { ...result, reason, tail, logFile: this.#logFile(request.set.key) };
  }

  #result(functionKey: string, state: InstallResult['state'], key: string | null): InstallResult {
    return { state, key, paths: [], lastGood: this.#lastGood.get(functionKey) ?? null };
  }

  #logFile(key: string): string {
    return join(this.#options.config.logs.dir, `install-${key.slice(0, 8)}.log`);
  }

  #isEnabled(tool: Tool): boolean {
    const { autoPython, autoNode, autoPhp } = this.#options.config.dependencies;
    return { pip: autoPython, npm: autoNode, composer: autoPhp }[tool];
  }

  #isPreinstalled(tool: Tool): boolean {
    const { preinstallPython, preinstallNode } = this.#options.config.dependencies;
    return { pip: preinstallPython, npm: preinstallNode, composer: true }[tool];
  }
}

function settled(result: InstallResult): InstallHandle {
  return { result, done: Promise.resolve(result) };
}

/** The store itself failed: a full disk, or a folder of somebody else. */
function storeFailure(error: unknown): InstallFailure {
  return { reason: `the dependency store cannot be used: ${(error as Error).message}`, tail: [] };
}

/** At most `count` at once, first come first served. */
class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with the function that gives the slot back. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    return () => {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
