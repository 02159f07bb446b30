import { basename } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { type Method, parseFolderName } from './file-names.ts';
import {
  chooseMethods,
  configPath,
  defineFunction,
  enterFolder,
  type FolderContext,
  type Identity,
  type MethodChoice,
  type Scope,
} from './folder-context.ts';
import { declaresFunction, findMainFile, type MainFile } from './main-file.ts';
import { CONFIG_FILE } from './platform-files.ts';
import { resolvePolicy, withMethodsOf } from './policy.ts';
import { parseRoutePath } from './route-paths.ts';
import type { Claim } from './routes.ts';
import { expandOptional, findPatternProblem, formatPath, isReserved, type Segment } from './segments.ts';
import { type Folder, type HandlerFile, pathIn, type SourceFile } from './tree.ts';
import type { DiscoveryProblem, FunctionDefinition, Runtime } from './types.ts';

export type DiscoverOptions = Pick<ProjectConfig, 'functionsRoot' | 'runtimes' | 'forceUrl' | 'limits' | 'workers'>;

/** A function and what it asks to answer. */
export interface Draft {
  readonly definition: FunctionDefinition;
  readonly claims: readonly Claim[];
}

/** What one folder means, without its subfolders. */
export interface FolderResult {
  readonly drafts: readonly Draft[];
  readonly problems: readonly DiscoveryProblem[];
  /** Files that do not exist for routing because their runtime is not enabled (F6). */
  readonly disabled: readonly { readonly runtime: Runtime; readonly path: string }[];
  /** What its subfolders inherit; `base` is that of this folder. */
  readonly below: Scope;
}

/** A function with what all its claims share. */
interface Claimant {
  readonly definition: FunctionDefinition;
  readonly claims: Claim[];
  readonly methods: MethodChoice;
  readonly hosts: readonly string[];
  readonly isForced: boolean;
}

/** How the files beside a folder's main file are published. */
interface FileScope {
  readonly base: readonly Segment[];
  readonly main: MainFile | undefined;
  /** Only explicit names publish (F22, F30). */
  readonly explicitOnly: boolean;
  readonly methods: readonly Method[] | null | undefined;
}

const ALL_HOSTS: readonly string[] = [];

/**
 * What a folder means, given what it inherits. Its content decides its mode: file tree, single entry, or mixed subtree
 * below one (F30).
 */
export function describeFolder(folder: Folder, scope: Scope, options: DiscoverOptions): FolderResult {
  return new FolderDescriber(folder, scope, options).describe();
}

class FolderDescriber {
  readonly #drafts: Draft[] = [];
  readonly #problems: DiscoveryProblem[];
  readonly #disabled: FolderResult['disabled'][number][] = [];
  readonly #folder: Folder;
  readonly #scope: Scope;
  readonly #options: DiscoverOptions;
  readonly #context: FolderContext;

  constructor(folder: Folder, scope: Scope, options: DiscoverOptions) {
    this.#folder = folder;
    this.#scope = scope;
    this.#options = options;
    this.#context = enterFolder(folder, scope, options);
    this.#problems = [...folder.problems];
  }

  describe(): FolderResult {
    const { config, failure, manifests } = this.#context;
    const files = this.#enabledFiles();
    const main = findMainFile(this.#folder, files, this.#options.runtimes);
    const isDeclared = main?.isDeclared ?? false;
    if (!isDeclared && declaresFunction(config)) {
      const hint = 'add handler.<ext>, or set "entrypoint"';
      this.#warn(configPath(this.#folder), 'declares a function, but the folder has no entry for it', hint);
    }
    const base = isDeclared ? this.#declaredBase() : this.#scope.base;
    const own = this.#context.overlay;
    const overlay = isDeclared ? withMethodsOf(own, this.#scope.overlay) : own;
    const isMixed = this.#scope.isMixed || (main?.makesFolder ?? false);
    if (main && isFunction(main)) this.#publishMain(main, base);
    this.#publishFiles(files, { base, main, explicitOnly: isMixed, methods: overlay.invoke.methods });
    const policy = config ? resolvePolicy(overlay, undefined, this.#options) : this.#scope.policy;
    return {
      drafts: this.#drafts,
      problems: this.#problems,
      disabled: this.#disabled,
      below: { base, overlay, policy, failure, isMixed, lender: manifests.at(-1)! },
    };
  }

  #enabledFiles(): SourceFile[] {
    return this.#folder.files.filter(({ name, runtime }) => {
      const isEnabled = this.#options.runtimes.includes(runtime);
      if (!isEnabled) this.#disabled.push({ runtime, path: pathIn(this.#folder, name) });
      return isEnabled;
    });
  }

  /** A declared function and all below it live under its name (F27, F29). */
  #declaredBase(): readonly Segment[] {
    const name = this.#context.config?.name;
    if (name) return name.split('/').map((text) => ({ kind: 'static', text }));
    if (this.#folder.segment !== null) return this.#scope.base;
    const segment = this.#rootSegment();
    if (segment) return [segment];
    this.#warn(configPath(this.#folder), 'the name of the functions folder cannot be a route', 'set "name"');
    return [];
  }

  /** The functions root's own name as a route. */
  #rootSegment(): Segment | undefined {
    const segment = parseFolderName(basename(this.#options.functionsRoot));
    return segment?.kind === 'static' ? segment : undefined;
  }

  #publishMain(main: MainFile, base: readonly Segment[]): void {
    const { config, overlay } = this.#context;
    const name = config?.name || this.#folder.path || basename(this.#options.functionsRoot) || 'root';
    const methods = chooseMethods(null, overlay.invoke.methods, main.file.comments);
    const claimant = this.#addFunction(main.file, { name, kind: 'folder', problem: main.problem }, methods);
    if (main.isDeclared) {
      this.#claimDeclared(base, claimant);
    } else {
      this.#claim(base, claimant, 1);
      const segment = this.#folder.segment === null ? this.#rootSegment() : undefined;
      if (segment) this.#claim([segment], claimant, 3); // F29: the root's entry answers / and /<name of the root>
    }
  }

  /** `invoke.routes` if given, else `/<name>` and `/<name>/*` (F27). */
  #claimDeclared(base: readonly Segment[], claimant: Claimant): void {
    const routes = this.#context.config?.invoke?.routes ?? [];
    for (const route of routes) {
      const parsed = parseRoutePath(route);
      if ('problem' in parsed || !this.#isServable(parsed.segments, configPath(this.#folder))) continue;
      addClaims(parsed.segments, claimant, 3, false);
    }
    if (routes.length > 0 || base.length === 0) return;
    this.#claim(base, claimant, 3);
    const isOpen = base.at(-1)!.kind === 'static' || base.at(-1)!.kind === 'param';
    if (isOpen) this.#claim([...base, { kind: 'wildcard' }], claimant, 3);
  }

  #publishFiles(files: readonly SourceFile[], scope: FileScope): void {
    const { main } = scope;
    for (const file of files) {
      const path = pathIn(this.#folder, file.name);
      if (main && file.name === main.file.name) {
        if (!isFunction(main)) this.#publishFile(file, path, scope);
      } else if (main && file.handler.entryWord !== null) {
        this.#warn(path, `is ignored: ${main.file.name} is the entry of this folder`);
      } else if (!scope.explicitOnly || file.handler.isExplicit) {
        this.#publishFile(file, path, scope);
      } else if (main?.makesFolder && file.handler.problem === null) {
        this.#warn(path, `is private beside ${main.file.name}`, `rename it to get.${file.name} to publish it`);
      }
    }
  }

  #publishFile(file: SourceFile, path: string, scope: FileScope): void {
    const { handler, comments } = file;
    if (handler.problem !== null) {
      this.#warn(path, `is skipped: its name ${handler.problem}`);
      return;
    }
    const segments = [...scope.base, ...handler.segments];
    if (!this.#isServable(segments, path)) return;
    const methods = chooseMethods(handler.method, scope.methods, comments);
    addClaims(segments, this.#addFunction(file, { name: path, kind: 'file', problem: null }, methods), 1, true);
  }

  #addFunction(file: HandlerFile, identity: Identity, methods: MethodChoice): Claimant {
    const { failure, overlay, config } = this.#context;
    const definition = defineFunction(this.#context, file, identity);
    const claims: Claim[] = [];
    this.#drafts.push({ definition, claims });
    const isReported = failure !== null || definition.configProblem === this.#folder.envFailure;
    if (definition.configProblem !== null && !isReported) {
      this.#problems.push({
        severity: 'error',
        kind: 'config',
        path: definition.file,
        message: definition.configProblem,
      });
    }
    const isForced = this.#options.forceUrl || (config?.invoke?.['force-url'] ?? false);
    return { definition, claims, methods, hosts: overlay.invoke.allow_hosts ?? ALL_HOSTS, isForced };
  }

  /** Claims a route that is a name as written (F8). */
  #claim(segments: readonly Segment[], claimant: Claimant, rank: 1 | 3): void {
    if (this.#isServable(segments, claimant.definition.file)) addClaims(segments, claimant, rank, true);
  }

  /** Whether the platform and the matcher can serve the route; if not, says why (F10, F13). */
  #isServable(segments: readonly Segment[], path: string): boolean {
    const problem = isReserved(segments)
      ? 'belongs to the platform, like all of /_fn and /console'
      : findPatternProblem(segments);
    if (problem !== undefined) this.#warn(path, `the route ${formatPath(segments)} is skipped: it ${problem}`);
    return problem === undefined;
  }

  #warn(path: string, message: string, hint?: string): void {
    const kind = basename(path) === CONFIG_FILE ? 'config' : 'discovery';
    this.#problems.push({ severity: 'warning', kind, path, message, ...(hint !== undefined && { hint }) });
  }
}

function addClaims(segments: readonly Segment[], claimant: Claimant, rank: 1 | 3, isName: boolean): void {
  const { definition, methods, hosts, isForced, claims } = claimant;
  for (const pattern of expandOptional(segments)) {
    claims.push({
      segments: pattern.segments,
      defaults: pattern.defaults,
      methods: methods.methods,
      methodsFrom: methods.methodsFrom,
      hosts,
      functionKey: definition.key,
      rank,
      isForced: rank === 3 && isForced,
      isName,
      file: definition.file,
    });
  }
}

/** Whether the main file is a function of its own, not just one of the folder's files. */
function isFunction(main: MainFile): boolean {
  return main.isDeclared || main.makesFolder;
}
