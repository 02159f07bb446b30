import { basename, posix } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { Catalog } from './catalog.ts';
import { type Method, parseFolderName } from './file-names.ts';
import {
  configPath,
  defineFunction,
  enterFolder,
  type FolderContext,
  type HandlerFile,
  type Identity,
  resolveMethods,
  type Scope,
} from './folder-context.ts';
import { declaresFunction, findMainFile, type MainFile } from './main-file.ts';
import { NOTHING_INHERITED, withMethodsOf } from './policy.ts';
import { parseRoutePath } from './route-paths.ts';
import type { Claim } from './routes.ts';
import { expandOptional, type Segment } from './segments.ts';
import type { Folder, SourceFile } from './tree.ts';
import type { Discovery, FunctionDefinition } from './types.ts';

export type DiscoverOptions = Pick<ProjectConfig, 'functionsRoot' | 'runtimes' | 'forceUrl' | 'limits' | 'workers'>;

type PlacelessClaim = Omit<Claim, 'segments' | 'defaults'>;

const FILE_CLAIM = { rank: 1, source: 'file', isForced: false } as const; // F43

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
  discoverer.visit(tree, { base: [], overlay: NOTHING_INHERITED, failure: null, isMixed: false, lender: null });
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
    const context = enterFolder(folder, scope, this.#options.functionsRoot, this.#options);
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
    const below = { overlay, failure: context.failure, isMixed, lender: context.manifests.at(-1)! };
    for (const child of folder.folders) this.visit(child, { ...below, base: [...base, child.segment!] });
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
    const { folder, config } = context;
    const name = config?.name || folder.path || basename(this.#options.functionsRoot) || 'root';
    const definition = this.#addFunction(context, main, { name, kind: 'folder', problem: main.problem });
    const methods = resolveMethods(null, context.overlay.invoke.methods, main);
    const claim: PlacelessClaim = { ...methods, ...this.#nameClaim(definition, context) };
    if (main.isDeclared) {
      this.#claimDeclared(base, claim, context);
    } else {
      this.#claim(base, { ...claim, ...FILE_CLAIM });
      const segment = folder.segment === null ? this.#rootSegment() : undefined;
      if (segment) this.#claim([segment], claim); // F29: the root's entry answers / and /<name of the root>
    }
  }

  /** `invoke.routes` if given, else `/<name>` and `/<name>/*` (F27). */
  #claimDeclared(base: readonly Segment[], claim: PlacelessClaim, { config, folder }: FolderContext): void {
    const routes = config?.invoke?.routes ?? [];
    for (const route of routes) {
      const parsed = parseRoutePath(route);
      if ('segments' in parsed) this.#claim(parsed.segments, { ...claim, isName: false }, configPath(folder));
    }
    if (routes.length > 0 || base.length === 0) return;
    this.#claim(base, claim);
    const isOpen = base.at(-1)!.kind === 'static' || base.at(-1)!.kind === 'param';
    if (isOpen) this.#claim([...base, { kind: 'wildcard' }], claim);
  }

  #publishFiles(files: readonly SourceFile[], scope: FileScope, context: FolderContext): void {
    const { main } = scope;
    for (const file of files) {
      const path = posix.join(context.folder.path, file.name);
      if (main && file.name === main.name) {
        if (!isFunction(main)) this.#publishFile(file, path, scope, context);
      } else if (main && file.entryWord !== null) {
        this.catalog.warn(path, `is ignored: ${main.name} is the entry of this folder`);
      } else if (!scope.explicitOnly || file.isExplicit) {
        this.#publishFile(file, path, scope, context);
      } else if (main?.makesFolder && file.problem === null) {
        this.catalog.warn(path, `is private beside ${main.name}`, `rename it to get.${file.name} to publish it`);
      }
    }
  }

  #publishFile(file: SourceFile, path: string, scope: FileScope, context: FolderContext): void {
    if (file.problem !== null) {
      this.catalog.warn(path, `is skipped: its name ${file.problem}`);
      return;
    }
    const segments = [...scope.base, ...file.segments];
    if (!this.catalog.isServable(segments, path)) return;
    const definition = this.#addFunction(context, file, { name: path, kind: 'file', problem: null });
    const methods = resolveMethods(file.method, scope.methods, file);
    this.#claim(segments, { ...this.#nameClaim(definition, context), ...methods, ...FILE_CLAIM });
  }

  #addFunction(context: FolderContext, file: HandlerFile, identity: Identity): FunctionDefinition {
    const definition = this.catalog.addFunction(defineFunction(context, file, identity));
    const isOwnProblem = definition.configProblem !== null && context.failure === null;
    if (isOwnProblem) this.catalog.fail(definition.file, definition.configProblem!);
    return definition;
  }

  #nameClaim(definition: FunctionDefinition, { overlay, config }: FolderContext) {
    return {
      hosts: overlay.invoke.allow_hosts ?? [],
      functionKey: definition.key,
      rank: 3,
      source: 'config',
      isForced: this.#options.forceUrl || (config?.invoke?.['force-url'] ?? false),
      isName: true,
      file: definition.file,
    } as const;
  }

  #claim(segments: readonly Segment[], claim: PlacelessClaim, path = claim.file): void {
    if (!this.catalog.isServable(segments, path)) return;
    for (const pattern of expandOptional(segments)) this.catalog.addClaim({ ...claim, ...pattern });
  }
}

/** Whether the main file is a function of its own, not just one of the folder's files. */
function isFunction(main: MainFile): boolean {
  return main.isDeclared || main.makesFolder;
}
