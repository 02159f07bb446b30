import { access } from 'node:fs/promises';
import type { AppliedChange } from '../admin/platform.ts';
import { createDiscovery, type FunctionDiscovery } from '../functions/discovery.ts';
import type { Discovery, Runtime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { forgetSecrets } from '../workers/environment.ts';
import { countDiscovered } from './discovered.ts';
import type { StackEvent } from './events.ts';
import type { Fleet, FleetChange } from './fleet.ts';
import { watchedProject } from './watch-project.ts';
import { createWatcher, type Watcher } from './watcher.ts';

const NO_CHANGE: FleetChange = { changed: [], concerned: [] };

/** The parts of the stack that a change passes through. */
export interface ReloadsOptions {
  readonly config: ProjectConfig;
  /** Who notices changes, where file events do not (P67). */
  readonly createWatcher?: typeof createWatcher | undefined;
  emit(event: StackEvent): void;
  debug(message: string): void;
  /** Null until the stack has its parts, and again while it stops: a change has nowhere to go. */
  fleet(): Fleet | null;
  /** Boots spares of runtimes that have a first function. */
  startRuntimes(runtimes: readonly Runtime[]): Promise<void>;
  /** Lets failed installs be tried again (F152). */
  retryInstalls(): void;
  /** Every nginx worker has the current table. */
  acknowledged(): Promise<void>;
  onFailed(): void;
}

/** Takes changes of the functions root, from whoever notices them, through discovery to the fleet: one after another (P120-P130). */
export class Reloads {
  readonly #options: ReloadsOptions;
  readonly #discovery: FunctionDiscovery;
  readonly #told = new Set<string>();
  #watcher: Watcher | null = null;
  #scannedAt = 0;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: ReloadsOptions) {
    this.#options = options;
    this.#discovery = createDiscovery(options.config);
  }

  /** Epoch milliseconds of the last reading of the functions root. */
  get scannedAt(): number {
    return this.#scannedAt;
  }

  get watch(): Watcher['status'] | null {
    return this.#watcher?.status ?? null;
  }

  /** The first reading. The watcher stands before it, so that no save falls between the two. */
  async begin(): Promise<Discovery> {
    const { config, emit } = this.#options;
    if (config.hotReload) {
      this.#watcher = (this.#options.createWatcher ?? createWatcher)(
        watchedProject(config, {
          onChange: (paths) => this.#changed(paths),
          onNote: (message) => emit({ type: 'note', message }),
        }),
      );
      await this.#watcher.ready;
    }
    return this.#scan(null);
  }

  /** Reads everything anew and settles; returns the keys of functions whose code or configuration is another than before. */
  async reload(): Promise<readonly string[]> {
    await access(this.#options.config.functionsRoot); // a folder that is away for a moment must not end every function
    this.#options.retryInstalls();
    const { changed } = await this.#takeTurn(null);
    await this.#options.fleet()?.settled();
    return changed;
  }

  /** Takes what the admin API writes: the watcher, if there is one, need not report it. */
  async applyWritten(write: () => Promise<readonly string[]>): Promise<AppliedChange> {
    const paths = await (this.#watcher?.adopt(write) ?? write());
    const { concerned } = await this.#takeTurn(paths);
    await this.#options.acknowledged();
    return {
      settled: async (functionKey) => {
        const fleet = this.#options.fleet();
        await fleet?.settled(concerned);
        await fleet?.prove(functionKey);
      },
    };
  }

  /** Tells what is wrong with the project, each thing once. */
  tell({ problems, functions }: Discovery): void {
    const current = new Set<string>();
    for (const problem of problems) {
      const text = JSON.stringify(problem);
      current.add(text);
      if (!this.#told.has(text)) this.#options.emit({ type: 'problem', ...problem });
    }
    for (const { file, ignoredHints = [] } of functions) {
      for (const hint of ignoredHints) {
        const text = `${file}: ${hint} does not parse and is ignored`;
        current.add(text);
        if (!this.#told.has(text)) this.#options.debug(text);
      }
    }
    this.#told.clear();
    for (const text of current) this.#told.add(text);
  }

  close(): void {
    this.#watcher?.close();
  }

  async #scan(paths: readonly string[] | null): Promise<Discovery> {
    const { config, emit } = this.#options;
    const discovery = paths === null ? await this.#discovery.scan() : await this.#discovery.rescan(paths);
    this.#scannedAt = Date.now();
    emit(countDiscovered(discovery));
    const sources = discovery.functions.flatMap(({ env }) => env.secretSources);
    forgetSecrets(process.env, sources, config.workers.envAllow);
    return discovery;
  }

  #changed(paths: readonly string[]): void {
    void this.#takeTurn(paths).catch((error) => this.#failed(error));
  }

  /** One change after another, in the order in which they were noticed. */
  #takeTurn(paths: readonly string[] | null): Promise<FleetChange> {
    const touchedAt = performance.now();
    const turn = this.#applying.then(() => this.#apply(paths, touchedAt));
    this.#applying = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  async #apply(paths: readonly string[] | null, touchedAt: number): Promise<FleetChange> {
    if (this.#options.fleet() === null) return NO_CHANGE;
    const discovery = await this.#scan(paths);
    this.tell(discovery);
    // A first function of a runtime needs spares of it; they boot while its routes are made.
    const runtimes = [...new Set(discovery.functions.map(({ runtime }) => runtime))];
    void this.#options.startRuntimes(runtimes).catch((error) => this.#failed(error));
    return (await this.#options.fleet()?.apply(discovery, paths, touchedAt)) ?? NO_CHANGE;
  }

  #failed(error: unknown): void {
    this.#options.onFailed();
    const message = error instanceof Error ? error.message : String(error);
    this.#options.emit({ type: 'problem', severity: 'error', path: '.', message: `reload failed: ${message}` });
  }
}
