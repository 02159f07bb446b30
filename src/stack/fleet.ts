import type { FunctionStatus } from '../admin/platform.ts';
import type { Discovery, FunctionDefinition } from '../functions/types.ts';
import { compileEntries, type RouteEntry, type TableSettings } from '../gateway/route-table.ts';
import type { WorkerAddress } from '../workers/types.ts';
import { Deployment, type DeploymentContext, drainMs } from './deployment.ts';

/** A save of more functions than this at once (a branch switched, say) loads only those that somebody has called. */
const EAGER_LOADS = 4;
/** Functions whose files are read in one turn of the event loop: about a millisecond. */
const LEARNED_PER_TURN = 16;

/** What became of a change, by function keys. */
export interface FleetChange {
  /** Functions that came, went, or are not what they were. */
  readonly changed: readonly string[];
  /** Those that it concerns, or that are still busy with one before it. */
  readonly concerned: readonly string[];
}

/** All functions of a stack: what discovery found, what serves, and the route table that follows from both. */
export class Fleet {
  readonly #context: DeploymentContext;
  readonly #deployments = new Map<string, Deployment>();
  #discovery: Discovery = { functions: [], routes: [], conflicts: [], problems: [] };
  #entries: ReadonlyMap<string, readonly RouteEntry[]> = new Map();
  #publishing: Promise<void> | null = null;
  #isDirty = false;

  constructor(context: Omit<DeploymentContext, 'publish'>) {
    this.#context = { ...context, publish: () => this.publish() };
  }

  get discovery(): Discovery {
    return this.#discovery;
  }

  /** Every function and how far its newest definition got. */
  get functions(): readonly FunctionStatus[] {
    return [...this.#deployments.values()].map((deployment) => deployment.status);
  }

  /** Takes the first discovery; resolves when every function has a record (installs go on in the background). */
  async begin(discovery: Discovery): Promise<void> {
    this.#adopt(discovery);
    await Promise.all(discovery.functions.map((definition) => this.#add(definition).begin()));
  }

  /**
   * Takes a new discovery after `changed` files (null: everything may have changed). What that needs goes on in the
   * background.
   */
  async apply(discovery: Discovery, changed: readonly string[] | null, touchedAt: number): Promise<FleetChange> {
    const former = this.#discovery;
    this.#adopt(discovery);
    const touched = changed === null ? null : new Set(changed);
    const added: FunctionDefinition[] = [];
    const updated: string[] = [];
    const concerned: string[] = [];
    const gone = new Map(this.#deployments);
    const loads = (changed?.length ?? Number.POSITIVE_INFINITY) <= EAGER_LOADS;
    for (const definition of discovery.functions) {
      const deployment = this.#deployments.get(definition.key);
      gone.delete(definition.key);
      if (!deployment) {
        added.push(definition);
        continue;
      }
      const isEager = loads && updated.length < EAGER_LOADS; // one configuration may govern thousands
      const hasChanged = deployment.update(definition, touched, { touchedAt, loads: isEager });
      if (hasChanged) updated.push(definition.key);
      if (hasChanged || deployment.isBusy) concerned.push(definition.key);
    }
    await Promise.all(added.map((definition) => this.#add(definition).begin()));
    for (const key of gone.keys()) this.#deployments.delete(key);
    const addedKeys = added.map(({ key }) => key);
    const cameAndWent = [...addedKeys, ...gone.keys()];
    if (discovery !== former || gone.size > 0) await this.publish();
    if (cameAndWent.length > 0) await this.#retire(gone, cameAndWent, touchedAt);
    return { changed: [...updated, ...cameAndWent], concerned: [...concerned, ...addedKeys] };
  }

  async #retire(gone: ReadonlyMap<string, Deployment>, functions: readonly string[], touchedAt: number): Promise<void> {
    await this.#context.gateway.acknowledged();
    for (const deployment of gone.values()) deployment.remove(drainMs(deployment.definition));
    this.#context.emit({ type: 'reloaded', functions, ms: performance.now() - touchedAt });
  }

  /** Reads what the functions were loaded from, a few at a time (Deployment.learnFiles). */
  async learnFiles(): Promise<void> {
    let left = LEARNED_PER_TURN;
    for (const deployment of [...this.#deployments.values()]) {
      deployment.learnFiles();
      left -= 1;
      if (left > 0) continue;
      left = LEARNED_PER_TURN;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #adopt(discovery: Discovery): void {
    this.#context.problems.discovered(discovery);
    if (discovery.routes !== this.#discovery.routes) this.#entries = compileEntries(discovery.routes);
    this.#discovery = discovery;
  }

  #add(definition: FunctionDefinition): Deployment {
    const deployment = new Deployment(definition, this.#context);
    this.#deployments.set(definition.key, deployment);
    return deployment;
  }

  /** Pushes the table as it is now; calls that come while one is under way share the next. */
  publish(): Promise<void> {
    this.#isDirty = true;
    this.#publishing ??= this.#push().finally(() => {
      this.#publishing = null;
    });
    return this.#publishing;
  }

  async #push(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false;
      await this.#context.gateway.push({
        settings: this.#settings(),
        functions: new Map([...this.#deployments].map(([key, deployment]) => [key, deployment.record])),
        routes: this.#entries,
      });
    }
  }

  #settings(): TableSettings {
    const { config } = this.#context;
    return {
      max_headers: config.limits.maxHeaders,
      max_query_args: config.limits.maxQueryArgs,
      trusts_proxies: config.trustedProxies.length > 0,
      dev_errors: config.devErrors,
    };
  }

  need(functionKey: string): void {
    this.#deployments
      .get(functionKey)
      ?.need()
      .catch((error: Error) => {
        this.#context.emit({ type: 'problem', severity: 'error', path: functionKey, message: error.message });
      });
  }

  announce(functionKey: string, revision: string, workers: readonly WorkerAddress[]): void {
    this.#deployments.get(functionKey)?.announce(revision, workers);
  }

  addFiles(functionKey: string, revision: string, files: readonly string[]): void {
    this.#deployments.get(functionKey)?.addFiles(revision, files);
  }

  loadedLua(functionKey: string, revision: string, error: string | undefined): void {
    this.#deployments.get(functionKey)?.loadedLua(revision, error);
  }

  /** Keys of functions for which an install, build or load is under way. */
  get busy(): readonly string[] {
    return [...this.#deployments].filter(([, deployment]) => deployment.isBusy).map(([key]) => key);
  }

  /** Resolves when no install, build or load is under way, of these functions or of any. */
  async settled(keys: Iterable<string> = this.#deployments.keys()): Promise<void> {
    await Promise.all([...keys].map((key) => this.#deployments.get(key)?.settled()));
  }

  /** Loads a function's code although nobody has called it yet; what is wrong with it is in its status then. */
  async prove(functionKey: string): Promise<void> {
    await this.#deployments.get(functionKey)?.prove();
  }

  /** The longest deadline of a Lua function: how long an nginx worker may be silent. */
  get longestLuaTimeoutMs(): number {
    const timeouts = this.#discovery.functions
      .filter(({ runtime }) => runtime === 'lua')
      .map(({ policy }) => policy.timeoutMs);
    return Math.max(0, ...timeouts);
  }
}
