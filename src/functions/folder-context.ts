import { join, posix } from 'node:path';
import type { FunctionConfig } from './config-schema.ts';
import { METHODS, type Method } from './file-names.ts';
import { findManifest, type ManifestFolder } from './manifest.ts';
import { CONFIG_FILE } from './platform-files.ts';
import { inherit, type Overlay, type PolicyDefaults, resolvePolicy } from './policy.ts';
import type { Claim } from './routes.ts';
import type { Segment } from './segments.ts';
import type { FileComments, Folder } from './tree.ts';
import type { FunctionDefinition, FunctionExamples, FunctionPolicy, Runtime } from './types.ts';

/** What a folder has from those above it. */
export interface Scope {
  /** Route of the folder. */
  readonly base: readonly Segment[];
  readonly overlay: Overlay;
  /** Why a configuration above is invalid, else null: it governs everything below (F117). */
  readonly failure: string | null;
  /** Below a function folder only explicit files publish (F30). */
  readonly isMixed: boolean;
  /** The folder whose manifest serves functions in dynamic folders (F150); null above the root. */
  readonly lender: ManifestFolder | null;
}

/** What holds for the functions in one folder. */
export interface FolderContext {
  readonly folder: Folder;
  /** Absolute. */
  readonly dir: string;
  /** What its own fn.config.json says. */
  readonly config: FunctionConfig | undefined;
  readonly overlay: Overlay;
  readonly policy: FunctionPolicy;
  readonly failure: string | null;
  /** Whose manifests count, the folder's own first. */
  readonly manifests: readonly [ManifestFolder, ...ManifestFolder[]];
}

/** A handler, relative to its folder. */
export interface HandlerFile extends FileComments {
  readonly name: string;
  readonly runtime: Runtime;
}

export interface Identity {
  readonly name: string;
  readonly kind: FunctionDefinition['kind'];
  /** Why its own configuration is invalid, else null. */
  readonly problem: string | null;
}

const ADAPTED_RUNTIMES: readonly Runtime[] = ['node', 'python']; // F109

export function enterFolder(folder: Folder, scope: Scope, root: string, defaults: PolicyDefaults): FolderContext {
  const config = folder.config?.config;
  const overlay = inherit(scope.overlay, config);
  const dir = join(root, folder.path);
  const own: ManifestFolder = { dir, manifests: folder.manifests };
  const isDynamic = folder.segment !== null && folder.segment.kind !== 'static';
  return {
    folder,
    dir,
    config,
    overlay,
    policy: resolvePolicy(overlay, config, defaults),
    failure: scope.failure ?? describeFailure(folder),
    manifests: isDynamic && scope.lender ? [own, scope.lender] : [own],
  };
}

/** A function of the folder, still without its key. */
export function defineFunction(
  context: FolderContext,
  file: HandlerFile,
  identity: Identity,
): Omit<FunctionDefinition, 'key' | 'version'> {
  const { folder, dir, policy, config } = context;
  const problem = identity.problem ?? findMismatch(policy, file.runtime);
  const examples = collectExamples(file, config);
  return {
    runtime: file.runtime,
    name: identity.name,
    kind: identity.kind,
    dir,
    entry: join(dir, file.name),
    file: posix.join(folder.path, file.name),
    policy,
    env: folder.env,
    manifest: findManifest(file.runtime, context.manifests, file.requirements),
    configProblem: context.failure ?? (problem && `${configPath(folder)}: ${problem}`),
    ...(examples && { examples }),
  };
}

/** The methods of a file: its prefix, else the nearest `invoke.methods`, its hint, or GET (F16). */
export function resolveMethods(
  prefix: Method | null,
  configured: readonly Method[] | null | undefined,
  { hints }: FileComments,
): Pick<Claim, 'methods' | 'methodsFrom'> {
  if (prefix) return { methods: [prefix], methodsFrom: 'name' };
  if (configured) return { methods: configured, methodsFrom: 'config' };
  if (hints.methods) return { methods: hints.methods, methodsFrom: 'hint' };
  return { methods: [METHODS[0]], methodsFrom: 'default' };
}

export function configPath(folder: Folder): string {
  return posix.join(folder.path, CONFIG_FILE);
}

function describeFailure(folder: Folder): string | null {
  const failure = folder.config?.failure ?? null;
  return failure && `${configPath(folder)}: ${failure}`;
}

/** What a valid configuration asks that the language cannot do (F66, F109). */
function findMismatch({ adapter, handler }: FunctionPolicy, runtime: Runtime): string | null {
  if (adapter !== 'native' && !ADAPTED_RUNTIMES.includes(runtime)) {
    return `invoke.adapter "${adapter}" is for ${ADAPTED_RUNTIMES.join(' and ')}, not ${runtime}`;
  }
  return handler.includes('$') && runtime !== 'node' ? `invoke.handler "${handler}" is no ${runtime} identifier` : null;
}

/** Examples of the configuration over those of the hints (F130). */
function collectExamples({ hints }: FileComments, config: FunctionConfig | undefined): FunctionExamples | undefined {
  const { methods: _, ...hinted } = hints;
  const { summary, query, body, content_type: contentType } = config?.invoke ?? {};
  const configured = Object.entries({ summary, query, body, contentType }).filter(([, value]) => value != null);
  const examples = { ...hinted, ...Object.fromEntries(configured) };
  return Object.keys(examples).length > 0 ? examples : undefined;
}
