import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { FunctionFailure, FunctionStatus, InstallReport } from '../admin/platform.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { AuthRecord } from '../auth/record.ts';
import type { Installer, InstallHandle, InstallResult } from '../dependencies/types.ts';
import { FastfnError } from '../errors.ts';
import { secretNames } from '../functions/security.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import type { Gateway } from '../gateway/gateway.ts';
import {
  compileFunction,
  executionLimit,
  type FunctionRecord,
  type LuaCode,
  type Unavailable,
} from '../gateway/route-table.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { LoadError } from '../workers/failure.ts';
import { eventContext } from '../workers/messages.ts';
import type { WorkerPool } from '../workers/pool.ts';
import type { CompiledModule, FunctionRevision, WorkerAddress } from '../workers/types.ts';
import { compileTypeScript } from '../workers/typescript.ts';
import type { StackEvent } from './events.ts';
import { describeFailure } from './load-failure.ts';
import { LoadedFiles } from './loaded-files.ts';
import { readLuaCode } from './lua-code.ts';
import type { ProblemStore } from './problems.ts';
import { hideValues } from './redaction.ts';
import { findPlace, withoutRoot } from './source-place.ts';

/** A load that failed is tried again by the first request after this time: what it needs may be back (a database, say). */
const FAILURE_LASTS_MS = 2000;

const INSTALLING: Unavailable = {
  status: 503,
  error: 'dependencies are being installed',
  retry_after: 2,
  warming: true,
};
const INSTALL_FAILED: Unavailable = { status: 503, error: 'dependency install failed', retry_after: 30 };
const INVALID_CONFIG: Unavailable = { status: 500, error: 'invalid function configuration' };

const RETRY_HINT = 'edit the file and save to retry';

/** Failures that pass by themselves: 503 instead of 500. */
const TRANSIENT = new Set(['runtime unavailable', 'overloaded', INSTALLING.error]);

/** The parts of the stack that a deployment uses, and what it tells. */
export interface DeploymentContext {
  readonly config: ProjectConfig;
  readonly pool: WorkerPool;
  readonly gateway: Gateway;
  readonly installer: Installer;
  readonly authenticator: Authenticator;
  /** Folder for built TypeScript. */
  readonly buildDir: string;
  /** Runtimes in use whose binary is missing (P41). */
  isMissing(runtime: string): boolean;
  /** Pushes the current records; resolves when every request that starts afterwards sees them. */
  publish(): Promise<void>;
  emit(event: StackEvent): void;
  /** A change does not load (P106). */
  onReloadFailed(): void;
  readonly problems: ProblemStore;
  /** Values that must not appear in this function's log lines (F107). */
  setSecrets(functionKey: string, values: readonly string[]): void;
}

/**
 * One function's way from its definition on disk to the revision that serves. A change is built and loaded beside the version
 * that serves and takes its place only when it works (P105, P106); changes that come meanwhile are gathered.
 */
export class Deployment {
  readonly #context: DeploymentContext;
  #definition: FunctionDefinition;
  #auth: AuthRecord | null;
  #active: FunctionRevision | null = null;
  #lua: LuaCode | undefined;
  #unavailable: Unavailable | undefined;
  #isStale = false;
  readonly #files = new LoadedFiles();
  #workers: readonly WorkerAddress[] = [];
  #counter = 0;
  #record: FunctionRecord | null = null;
  #running: Promise<void> | null = null;
  #secrets: readonly string[] = [];
  #again: { touchedAt: number; loads: boolean } | null = null;
  /** Its install waits for the first request (FN_PREINSTALL_* = 0). */
  #isDeferred = false;
  #isRemoved = false;
  /** Why the newest definition does not load, as the stack knows; the pool knows of loads that requests asked for. */
  #failure: unknown = null;
  #installed: InstallReport | null = null;
  /** Epoch milliseconds since when a loaded copy of it stands ready, null while there is none. */
  #warmAt: number | null = null;
  /** The failure told last: one that stays the same is told once (P106). */
  #told: string | null = null;

  constructor(definition: FunctionDefinition, context: DeploymentContext) {
    this.#definition = definition;
    this.#context = context;
    this.#auth = this.#guard();
  }

  /** Policy and secrets hold from the moment they are known, whatever becomes of the code beside them. */
  #guard(): AuthRecord | null {
    const { key, env } = this.#definition;
    const names = new Set(secretNames(this.#definition));
    const visible = new Set(Object.keys(env.values).flatMap((name) => (names.has(name) ? [] : env.values[name]!)));
    const former = this.#secrets.filter((value) => !visible.has(value));
    this.#secrets = [...names].map((name) => env.values[name] ?? '');
    // Workers that still finish what they have know the former values.
    this.#context.setSecrets(key, [...this.#secrets, ...former]);
    return this.#context.authenticator.adopt(this.#definition);
  }

  get definition(): FunctionDefinition {
    return this.#definition;
  }

  /** Something of this function is being built, installed or loaded. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** Settles when nothing of this function is being built, installed or loaded. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** How far its newest definition got. */
  get status(): FunctionStatus {
    return {
      definition: this.#definition,
      revision: this.#active?.revision ?? null,
      unavailable: this.#unavailable ?? null,
      isStale: this.#isStale,
      failure: this.#describeFailure(),
      isBusy: this.isBusy,
      warmAt: this.#warmAt,
      install: this.#installed,
    };
  }

  #describeFailure(): FunctionFailure | null {
    const failure = this.#failure ?? (this.#isStale ? null : this.#poolError());
    if (failure === null) return null;
    return describeFailure(failure, this.#secrets, this.#context.config.functionsRoot);
  }

  /** What the route table says of this function. */
  get record(): FunctionRecord {
    this.#record ??= compileFunction(
      this.#definition,
      {
        revision: this.#active?.revision ?? '0',
        unavailable: this.#unavailable,
        stale: this.#isStale || undefined,
        lua: this.#lua,
        auth: this.#auth,
        secrets: this.#secrets,
      },
      this.#context.config,
      eventContext(this.#definition, this.#context.config),
    );
    return this.#record;
  }

  /** First appearance: nothing is loaded before somebody calls, but dependencies are installed at once (F151). */
  async begin(): Promise<void> {
    const install = this.#install();
    this.#noteInstall(install?.result ?? null);
    if (install?.result.state === 'installing') {
      this.#set({ unavailable: INSTALLING });
      this.#schedule(performance.now(), false);
      return;
    }
    await this.#deploy(install?.result ?? null, { loads: false, touchedAt: null });
  }

  /**
   * The function as discovery sees it now, after `changed` files (null: unknown, everything counts). With `loads` the new code
   * is loaded although nobody has called the function yet, so that the author of a save learns at once what is wrong with it.
   * Returns whether its code or its configuration is another than before: what did not change keeps its workers.
   */
  update(
    definition: FunctionDefinition,
    changed: ReadonlySet<string> | null,
    { touchedAt, loads }: { touchedAt: number; loads: boolean },
  ): boolean {
    const former = this.#definition;
    const isSame = former === definition || isDeepStrictEqual(former, definition);
    this.#definition = definition;
    const touched = changed ?? this.#findChanges();
    const hasChanged = !isSame || this.#concerns(touched);
    if (isSame && !hasChanged && !this.#mayMend()) return false;
    if (!loads && this.#concerns(touched)) this.#context.problems.mend(definition.key, 'load'); // that was other code
    this.#record = null;
    this.#auth = this.#guard();
    if (former.manifest && !definition.manifest) this.#context.installer.removeLinks(former.manifest.dir);
    if (this.#active && !needsNewWorker(former, definition) && !this.#concerns(touched) && !this.#mayMend()) {
      this.#active = { ...this.#active, definition };
      this.#context.pool.updateContext(this.#active);
      if ((former.configProblem === null) !== (definition.configProblem === null)) this.#schedule(touchedAt, loads);
      return hasChanged;
    }
    this.#schedule(touchedAt, loads);
    return hasChanged;
  }

  /** What it was loaded from or installed by, where that is another now. */
  #findChanges(): ReadonlySet<string> {
    const { manifest } = this.#definition;
    const changed = new Set(this.#files.changed());
    if (manifest && this.#install()?.result.key !== this.#installed?.result.key) {
      changed.add(manifest.file ?? this.#definition.entry);
    }
    return changed;
  }

  /** It does not run as it is on disk, so any change may be the one that mends it. */
  #mayMend(): boolean {
    return this.#isStale || this.#unavailable !== undefined || this.#loadFailed();
  }

  /** Whether a changed file is one that it has loaded, or by which its packages are installed. */
  #concerns(changed: ReadonlySet<string>): boolean {
    const { manifest, entry } = this.#definition;
    for (const path of changed) {
      if (path === entry || this.#files.has(path)) return true;
      if (manifest && dirname(path) === manifest.dir && isManifestFile(path, this.#definition)) return true;
    }
    return false;
  }

  #loadFailed(): boolean {
    return this.#failure !== null || this.#poolError() !== null;
  }

  #poolError(): LoadError | null {
    return this.#definition.runtime === 'lua' ? null : this.#context.pool.loadError(this.#definition.key);
  }

  /** Loads code that nobody has called yet, so that its author learns at once what is wrong with it. */
  async prove(): Promise<void> {
    if (this.#unavailable || this.#isStale || this.#loadFailed() || this.isBusy) return;
    if (this.#definition.runtime !== 'lua') return this.#workers.length > 0 ? undefined : this.need();
    const verdict = await this.#checkLua(this.#lua as LuaCode, this.#definition);
    if (verdict === null) return;
    this.#failure = verdict;
    this.#context.problems.report(this.#definition, 'load', verdict);
  }

  /** The gateway wants a worker (or one more). */
  async need(): Promise<void> {
    const { pool } = this.#context;
    const active = this.#active;
    if (!active || this.#definition.runtime === 'lua') return;
    if (this.#isDeferred) return this.#installNow();
    try {
      if (active.compiled === null && isTypeScript(active.definition)) {
        const compiled = await this.#compile(active.definition);
        if (this.#active !== active) return;
        this.#active = { ...active, compiled };
        this.#files.add([active.definition.entry, ...(compiled?.sources ?? [])]);
        pool.activate(this.#active);
      }
    } catch (error) {
      this.#failure = error;
      this.#tell(error, RETRY_HINT);
      this.#context.problems.report(this.#definition, 'load', error);
      return this.#announceFailure({ error: 'handler error' });
    }
    await pool.need(this.#definition.key);
    const failure = pool.loadError(this.#definition.key);
    if (!failure || this.#workers.length > 0) return;
    this.#context.problems.report(this.#definition, 'load', failure);
    this.#announceFailure(failure);
  }

  async #installNow(): Promise<void> {
    const { manifest, key } = this.#definition;
    this.#isDeferred = false;
    if (manifest) this.#context.installer.ensure(manifest, key, { demanded: true });
    this.#set({ unavailable: INSTALLING });
    this.#announceFailure(INSTALLING);
    this.#schedule(performance.now(), false);
    await this.#context.publish();
  }

  #announceFailure(failure: { error: string; stack?: string | undefined }): void {
    const revision = this.#active?.revision;
    if (revision === undefined) return;
    const { gateway } = this.#context;
    const functionKey = this.#definition.key;
    const isTransient = TRANSIENT.has(failure.error);
    gateway.announce({
      functionKey,
      revision,
      workers: [],
      failure: {
        status: isTransient ? 503 : 500,
        error: failure.error,
        ...(isTransient && { retry_after: 1 }),
        ...(this.#context.config.devErrors && failure.stack !== undefined && { stack: failure.stack }),
      },
    });
    setTimeout(() => {
      if (this.#active?.revision === revision && this.#workers.length === 0) {
        gateway.announce({ functionKey, revision, workers: [] });
      }
    }, FAILURE_LASTS_MS).unref();
  }

  /** The pool's word on this function's workers, passed on to every nginx worker. */
  announce(revision: string, workers: readonly WorkerAddress[]): void {
    this.#workers = workers;
    if (workers.length > 0 && !this.#isStale) this.#failure = null;
    this.#setWarm(workers.length > 0);
    if (workers.length > 0 && !this.#isStale) this.#context.problems.mend(this.#definition.key, 'load');
    this.#context.gateway.announce({ functionKey: this.#definition.key, revision, workers });
  }

  /** Files that a worker of this function has loaded. */
  addFiles(revision: string, files: readonly string[]): void {
    if (revision !== this.#active?.revision) return;
    this.#files.add(files);
    setImmediate(() => this.learnFiles());
  }

  /** Reads what it was loaded from, so that a reload can tell an equal save from a change (P120, P130). */
  learnFiles(): void {
    this.#files.learn();
  }

  /** An nginx worker has loaded this Lua function, or could not. */
  loadedLua(revision: string, error: string | undefined): void {
    if (revision !== this.#active?.revision) return;
    const { problems } = this.#context;
    if (error !== undefined) {
      problems.report(this.#definition, 'load', { message: error });
      return;
    }
    this.#setWarm(true);
    if (!this.#isStale) problems.mend(this.#definition.key, 'load');
  }

  #setWarm(isWarm: boolean): void {
    this.#warmAt = isWarm ? (this.#warmAt ?? Date.now()) : null;
  }

  /** The function is gone from disk; called once no request can reach it any more. */
  remove(graceMs: number): void {
    this.#isRemoved = true;
    this.#context.pool.remove(this.#definition.key, graceMs);
    this.#context.gateway.forget(this.#definition.key);
    this.#context.authenticator.forget(this.#definition.key);
    this.#context.problems.forget(this.#definition.key);
  }

  #schedule(touchedAt: number, loads: boolean): void {
    this.#again = { touchedAt, loads };
    if (this.#running) return;
    this.#running = this.#work()
      .catch((error) => this.#tell(error, RETRY_HINT))
      .finally(() => {
        this.#running = null;
      });
  }

  async #work(): Promise<void> {
    for (let turn = this.#again; turn && !this.#isRemoved; turn = this.#again) {
      this.#again = null;
      const installed = await this.#awaitInstall();
      if (this.#again || installed === 'failed') continue;
      await this.#deploy(installed, turn);
    }
  }

  #install(): InstallHandle | null {
    const { manifest, key } = this.#definition;
    return manifest === null ? null : this.#context.installer.ensure(manifest, key);
  }

  /** Keeps what became of its install, for whoever asks (F155, P174). */
  #noteInstall(result: InstallResult | null): void {
    const former = this.#installed;
    const isOther = former?.result.state !== result?.state || former?.result.key !== result?.key;
    if (isOther) this.#installed = result && { result, at: Date.now() };
    const { problems } = this.#context;
    if (result?.state === 'failed') {
      const reason = result.reason ?? 'see its log';
      problems.report(this.#definition, 'install', `dependencies failed to install: ${reason}`);
    } else if (result?.state !== 'installing') {
      problems.mend(this.#definition.key, 'install');
    }
  }

  /** Waits for the dependencies of the newest definition; null when it has none, `failed` when that has been answered for. */
  async #awaitInstall(): Promise<InstallResult | 'failed' | null> {
    const install = this.#install();
    this.#noteInstall(install?.result ?? null);
    if (install === null) return null;
    const result = install.result.state === 'installing' ? await install.done : install.result;
    this.#noteInstall(result);
    if (result.state !== 'failed') return result;
    if (this.#active) this.#set({ isStale: true });
    else this.#set({ unavailable: INSTALL_FAILED });
    this.#failure = installFailure(result);
    await this.#context.publish();
    return 'failed';
  }

  /** Builds the newest definition and puts it in the place of what serves. With `loads` it must load first. */
  async #deploy(
    installed: InstallResult | null,
    { loads, touchedAt }: { loads: boolean; touchedAt: number | null },
  ): Promise<void> {
    const definition = this.#definition;
    const isFirst = this.#active === null;
    const blocked = this.#blocked(definition);
    if (blocked) {
      this.#set({ unavailable: blocked });
      this.#active ??= this.#next(definition, [], null);
      if (touchedAt !== null) await this.#context.publish();
      return;
    }
    if (installed?.state === 'failed' && isFirst) {
      this.#set({ unavailable: INSTALL_FAILED });
      this.#failure = installFailure(installed);
      return;
    }
    this.#isDeferred = installed?.state === 'deferred';
    try {
      if (definition.runtime === 'lua') await this.#deployLua(definition, loads);
      else await this.#deployWorker(definition, installed?.paths ?? [], loads);
    } catch (error) {
      if (touchedAt !== null) this.#context.onReloadFailed();
      return this.#keepLastGood(definition, error);
    }
    if (touchedAt === null) return;
    await this.#context.publish();
    await this.#context.gateway.acknowledged();
    this.#context.pool.retireOld(definition.key, drainMs(definition));
    this.learnFiles();
    if (!isFirst)
      this.#context.emit({ type: 'reloaded', functions: [definition.key], ms: performance.now() - touchedAt });
  }

  #blocked(definition: FunctionDefinition): Unavailable | null {
    if (definition.configProblem !== null) return INVALID_CONFIG;
    const { problems } = this.#context;
    if (this.#context.isMissing(definition.runtime)) {
      problems.report(definition, 'runtime', `the runtime ${definition.runtime} is not available`);
      return { status: 503, error: 'runtime unavailable', detail: definition.runtime, retry_after: 30 };
    }
    problems.mend(definition.key, 'runtime');
    return null;
  }

  async #deployWorker(definition: FunctionDefinition, paths: readonly string[], loads: boolean): Promise<void> {
    const { pool } = this.#context;
    const mustLoad = this.#workers.length > 0 || loads;
    const before = LoadedFiles.lookBefore([definition.entry, ...this.#files.paths]);
    const startedAt = Date.now();
    const compiled = mustLoad && isTypeScript(definition) ? await this.#compile(definition) : null;
    const next = this.#next(definition, paths, compiled);
    let files: readonly string[] = [definition.entry];
    if (mustLoad) files = (await pool.load(next)).files;
    this.#active = next;
    this.#files.set([definition.entry, ...files, ...(compiled?.sources ?? [])], before, startedAt);
    this.#set({});
    this.#workers = [];
    this.#setWarm(false);
    if (mustLoad) this.#context.problems.mend(definition.key, 'load');
    pool.activate(next);
  }

  async #deployLua(definition: FunctionDefinition, checks: boolean): Promise<void> {
    const before = LoadedFiles.lookBefore([definition.entry, ...this.#files.paths]);
    const startedAt = Date.now();
    const { code, files } = await readLuaCode(definition, this.#context.config.functionsRoot);
    const failure = checks ? await this.#checkLua(code, definition) : null;
    if (failure !== null && this.#active) throw failure;
    this.#active = this.#next(definition, [], null);
    this.#lua = code;
    this.#files.set(files, before, startedAt);
    this.#set({});
    this.#setWarm(false);
    this.#failure = failure;
    if (failure !== null) this.#context.problems.report(definition, 'load', failure);
    else if (checks) this.#context.problems.mend(definition.key, 'load');
  }

  async #checkLua(lua: LuaCode, { env }: FunctionDefinition): Promise<FastfnError | null> {
    const verdict = await this.#context.gateway.checkLua({ lua, env: env.values });
    return verdict.ok
      ? null
      : new FastfnError('LOAD_FAILED', verdict.message ?? verdict.error ?? 'the code does not load');
  }

  #next(definition: FunctionDefinition, paths: readonly string[], compiled: CompiledModule | null): FunctionRevision {
    this.#counter += 1;
    return { definition, revision: String(this.#counter), paths, compiled };
  }

  #compile(definition: FunctionDefinition): Promise<CompiledModule | null> {
    return compileTypeScript(definition.entry, this.#context.buildDir);
  }

  /** A change that does not load: the last good version serves; without one the next request says why (P106). */
  async #keepLastGood(definition: FunctionDefinition, error: unknown): Promise<void> {
    this.#context.problems.report(definition, 'load', error);
    const hasGood = this.#workers.length > 0 || (definition.runtime === 'lua' && this.#active !== null);
    this.#tell(error, hasGood ? 'the last good version keeps serving; edit the file and save to retry' : RETRY_HINT);
    if (hasGood) {
      this.#set({ isStale: true });
    } else {
      this.#active = this.#next(definition, this.#active?.paths ?? [], null);
      this.#set({});
      this.#context.pool.activate(this.#active);
    }
    this.#failure = error;
    await this.#context.publish();
  }

  #set(state: { unavailable?: Unavailable; isStale?: boolean }): void {
    this.#failure = null;
    this.#unavailable = state.unavailable;
    this.#isStale = state.isStale ?? false;
    if (!this.#isStale) this.#told = null;
    this.#record = null;
  }

  #tell(error: unknown, hint: string): void {
    const { functionsRoot } = this.#context.config;
    const message = withoutRoot(hideValues(describe(error), this.#secrets), functionsRoot);
    if (message === this.#told) return;
    this.#told = message;
    const place = findPlace(message, functionsRoot);
    const problem = { severity: 'error', path: this.#definition.file, message, hint, ...(place && { place }) } as const;
    this.#context.emit({ type: 'problem', ...problem });
  }
}

function installFailure({ reason }: InstallResult): FastfnError {
  return new FastfnError('INSTALL_FAILED', reason ?? INSTALL_FAILED.error);
}

/** How long a replaced worker may finish what it has: a request until its deadline, a stream until it falls silent. */
export function drainMs({ policy }: FunctionDefinition): number {
  return Math.max(policy.timeoutMs, policy.streamIdleMs);
}

function isTypeScript({ runtime, entry }: FunctionDefinition): boolean {
  return runtime === 'node' && /\.[cm]?ts$/.test(entry);
}

/** Changes of the definition that the running worker cannot take over (P124, P125). */
function needsNewWorker(from: FunctionDefinition, to: FunctionDefinition): boolean {
  const relevant = (definition: FunctionDefinition) => {
    const { policy } = definition;
    return JSON.stringify([
      definition.entry,
      definition.dir,
      definition.env,
      definition.manifest,
      policy.handler,
      policy.adapter,
      policy.workerPool,
      policy.bodyMode,
      executionLimit(definition),
    ]);
  };
  return relevant(from) !== relevant(to);
}

function isManifestFile(path: string, { manifest }: FunctionDefinition): boolean {
  return (
    path === manifest?.file ||
    path === manifest?.lockFile ||
    /\/(requirements[^/]*\.txt|package(-lock)?\.json|npm-shrinkwrap\.json|composer\.(json|lock)|\.npmrc)$/.test(path)
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as { stack?: unknown } | undefined;
  const text =
    typeof cause?.stack === 'string' && cause.stack.length > error.message.length ? cause.stack : error.message;
  return text.replace(/\n\s*\n/g, '\n').trim();
}
