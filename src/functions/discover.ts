import { basename, posix } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { Catalog } from './catalog.ts';
import { type Method, parseFolderName } from './file-names.ts';
import {
  chooseMethods,
  configPath,
  defineFunction,
  enterFolder,
  type FolderContext,
  type MethodChoice,
  type Scope,
} from './folder-context.ts';
import { declaresFunction, findMainFile, type MainFile } from './main-file.ts';
import { NOTHING_INHERITED, resolvePolicy, withMethodsOf } from './policy.ts';
import { parseRoutePath } from './route-paths.ts';
import { expandOptional, type Segment } from './segments.ts';
import type { Folder, HandlerFile, SourceFile } from './tree.ts';
import type { Discovery, FunctionDefinition } from './types.ts';

export type DiscoverOptions = Pick<ProjectConfig, 'functionsRoot' | 'runtimes' | 'forceUrl' | 'limits' | 'workers'>;

const ALL_HOSTS: readonly string[] = [];

/** A function with what all its claims share. */
interface Claimant {
  readonly definition: FunctionDefinition;
  readonly methods: MethodChoice;
  readonly hosts: readonly string[];
  readonly isForced: boolean;
  /** Its routes are names as written (F8). */
  readonly isName: boolean;
}

/** How the files beside a folder's main file are published. */
interface FileScope {
  readonly base: readonly Segment[];
  readonly main: MainFile | undefined;
  /** Only explicit names publish (F22, F30). */
  readonly explicitOnly: boolean;
  readonly methods: readonly Method[] | null | undefined;
}

/**
 * What a tree means: its functions, routes, conflicts and problems. Pure and deterministic (F4). A folder's content
 * decides its mode: file tree, single entry, or mixed subtree below one (F30).
 */
export function discover(tree: Folder, options: DiscoverOptions): Discovery {
  const discoverer = new Discoverer(options);
  const overlay = NOTHING_INHERITED;
  const policy = resolvePolicy(overlay, undefined, options);
  discoverer.visit(tree, { base: [], overlay, policy, failure: null, isMixed: false, lender: null });
  return discoverer.catalog.finish();
}

class Discoverer {
  readonly catalog = new Catalog();
  readonly #options: DiscoverOptions;

  constructor(options: DiscoverOptions) {
    this.#options = options;
  }

  visit(folder: Folder, scope: Scope): void {
    this.catalog.addProblems(folder.problems);
    const context = enterFolder(folder, scope, this.#options);
    const files = this.#enabledFiles(folder);
    const main = findMainFile(folder, files, this.#options.runtimes);
    const isDeclared = main?.isDeclared ?? false;
    if (!isDeclared && declaresFunction(context.config)) {
      const hint = 'add handler.<ext>, or set "entrypoint"';
      this.catalog.warn(configPath(folder), 'declares a function, but the folder has no entry for it', hint);
    }
    const base = isDeclared ? this.#declaredBase(folder, scope) : scope.base;
    const overlay = isDeclared ? withMethodsOf(context.overlay, scope.overlay) : context.overlay;
    const isMixed = scope.isMixed || (main?.makesFolder ?? false);
    if (main && isFunction(main)) this.#publishMain(main, base, context);
    this.#publishFiles(files, { base, main, explicitOnly: isMixed, methods: overlay.invoke.methods }, context);
    if (folder.folders.length === 0) return;
    const policy = context.config ? resolvePolicy(overlay, undefined, this.#options) : scope.policy;
    const { failure, manifests } = context;
    for (const child of folder.folders) {
      this.visit(child, {
        base: [...base, child.segment!],
        overlay,
        policy,
        failure,
        isMixed,
        lender: manifests.at(-1)!,
      });
    }
  }

  /** Files of runtimes that are not enabled do not exist for routing (F6). */
  #enabledFiles(folder: Folder): SourceFile[] {
    const { runtimes } = this.#options;
    return folder.files.filter(({ name, runtime }) => {
      const isEnabled = runtimes.includes(runtime);
      if (!isEnabled) this.catalog.addDisabled(runtime, posix.join(folder.path, name));
      return isEnabled;
    });
  }

  /** A declared function and all below it live under its name (F27, F29). */
  #declaredBase(folder: Folder, scope: Scope): readonly Segment[] {
    const name = folder.config?.config.name;
    if (name) return name.split('/').map((text) => ({ kind: 'static', text }));
    if (folder.segment !== null) return scope.base;
    const segment = this.#rootSegment();
    if (segment) return [segment];
    this.catalog.warn(configPath(folder), 'the name of the functions folder cannot be a route', 'set "name"');
    return [];
  }

  /** The functions root's own name as a route. */
  #rootSegment(): Segment | undefined {
    const segment = parseFolderName(basename(this.#options.functionsRoot));
    return segment?.kind === 'static' ? segment : undefined;
  }

  #publishMain(main: MainFile, base: readonly Segment[], context: FolderContext): void {
    const { folder, config, overlay } = context;
    const name = config?.name || folder.path || basename(this.#options.functionsRoot) || 'root';
    const definition = this.#addFunction(context, main.file, name, 'folder', main.problem);
    const claimant = this.#claimant(
      definition,
      context,
      chooseMethods(null, overlay.invoke.methods, main.file.comments),
    );
    if (main.isDeclared) {
      this.#claimDeclared(base, claimant, context);
    } else {
      this.#claim(base, claimant, 1);
      const segment = folder.segment === null ? this.#rootSegment() : undefined;
      if (segment) this.#claim([segment], claimant, 3); // F29: the root's entry answers / and /<name of the root>
    }
  }

  /** `invoke.routes` if given, else `/<name>` and `/<name>/*` (F27). */
  #claimDeclared(base: readonly Segment[], claimant: Claimant, { config, folder }: FolderContext): void {
    const routes = config?.invoke?.routes ?? [];
    for (const route of routes) {
      const parsed = parseRoutePath(route);
      const path = configPath(folder);
      if ('segments' in parsed) this.#claim(parsed.segments, { ...claimant, isName: false }, 3, path);
    }
    if (routes.length > 0 || base.length === 0) return;
    this.#claim(base, claimant, 3);
    const isOpen = base.at(-1)!.kind === 'static' || base.at(-1)!.kind === 'param';
    if (isOpen) this.#claim([...base, { kind: 'wildcard' }], claimant, 3);
  }

  #publishFiles(files: readonly SourceFile[], scope: FileScope, context: FolderContext): void {
    const { main } = scope;
    for (const file of files) {
      const path = posix.join(context.folder.path, file.name);
      if (main && file.name === main.file.name) {
        if (!isFunction(main)) this.#publishFile(file, path, scope, context);
      } else if (main && file.handler.entryWord !== null) {
        this.catalog.warn(path, `is ignored: ${main.file.name} is the entry of this folder`);
      } else if (!scope.explicitOnly || file.handler.isExplicit) {
        this.#publishFile(file, path, scope, context);
      } else if (main?.makesFolder && file.handler.problem === null) {
        this.catalog.warn(path, `is private beside ${main.file.name}`, `rename it to get.${file.name} to publish it`);
      }
    }
  }

  #publishFile(file: SourceFile, path: string, scope: FileScope, context: FolderContext): void {
    const { handler, comments } = file;
    if (handler.problem !== null) {
      this.catalog.warn(path, `is skipped: its name ${handler.problem}`);
      return;
    }
    const segments = [...scope.base, ...handler.segments];
    if (!this.catalog.isServable(segments, path)) return;
    const definition = this.#addFunction(context, file, path, 'file', null);
    const methods = chooseMethods(handler.method, scope.methods, comments);
    this.#claimPatterns(segments, this.#claimant(definition, context, methods), 1);
  }

  #addFunction(
    context: FolderContext,
    file: HandlerFile,
    name: string,
    kind: FunctionDefinition['kind'],
    problem: string | null,
  ): FunctionDefinition {
    const path = posix.join(context.folder.path, file.name);
    const identity = this.catalog.identify(file.runtime, name, kind, path);
    const definition = defineFunction(context, file, identity, problem);
    this.catalog.addFunction(definition);
    const isOwnProblem = definition.configProblem !== null && context.failure === null;
    if (isOwnProblem) this.catalog.fail(definition.file, definition.configProblem!);
    return definition;
  }

  #claimant(definition: FunctionDefinition, { overlay, config }: FolderContext, methods: MethodChoice): Claimant {
    return {
      definition,
      methods,
      hosts: overlay.invoke.allow_hosts ?? ALL_HOSTS,
      isForced: this.#options.forceUrl || (config?.invoke?.['force-url'] ?? false),
      isName: true,
    };
  }

  /** Claims a route, if it can be served; `path` is the file to name if it cannot. */
  #claim(segments: readonly Segment[], claimant: Claimant, rank: 1 | 3, path = claimant.definition.file): void {
    if (this.catalog.isServable(segments, path)) this.#claimPatterns(segments, claimant, rank);
  }

  #claimPatterns(segments: readonly Segment[], claimant: Claimant, rank: 1 | 3): void {
    for (const pattern of expandOptional(segments)) {
      this.catalog.addClaim({
        segments: pattern.segments,
        defaults: pattern.defaults,
        methods: claimant.methods.methods,
        methodsFrom: claimant.methods.methodsFrom,
        hosts: claimant.hosts,
        functionKey: claimant.definition.key,
        rank,
        isForced: rank === 3 && claimant.isForced,
        isName: claimant.isName,
        file: claimant.definition.file,
      });
    }
  }
}

/** Whether the main file is a function of its own, not just one of the folder's files. */
function isFunction(main: MainFile): boolean {
  return main.isDeclared || main.makesFolder;
}
