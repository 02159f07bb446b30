import type { FunctionConfig } from './config-schema.ts';
import { METHODS, type Method } from './file-names.ts';
import { type FileComments, NO_COMMENTS } from './hints.ts';
import { findManifest, type ManifestFolder } from './manifest.ts';
import { CONFIG_FILE } from './platform-files.ts';
import { inherit, type Overlay, type PolicyDefaults, resolvePolicy } from './policy.ts';
import type { Claim } from './routes.ts';
import type { Segment } from './segments.ts';
import { type Folder, type HandlerFile, pathIn } from './tree.ts';
import type { FunctionDefinition, FunctionExamples, FunctionPolicy, Runtime } from './types.ts';

/** What a folder has from those above it. */
export interface Scope {
  /** Route of the folder. */
  readonly base: readonly Segment[];
  readonly overlay: Overlay;
  /** What `overlay` means for folders without a configuration. */
  readonly policy: FunctionPolicy;
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
  /** What its own fn.config.json says. */
  readonly config: FunctionConfig | undefined;
  readonly overlay: Overlay;
  readonly policy: FunctionPolicy;
  readonly failure: string | null;
  /** Whose manifests count, the folder's own first. */
  readonly manifests: readonly [ManifestFolder, ...ManifestFolder[]];
}

/** Who a function is. */
export interface Identity {
  readonly name: string;
  readonly kind: FunctionDefinition['kind'];
  /** Why its own configuration is invalid, else null. */
  readonly problem: string | null;
}

export type MethodChoice = Pick<Claim, 'methods' | 'methodsFrom'>;

const DEFAULT_VERSION = 'default';
const ADAPTED_RUNTIMES: readonly Runtime[] = ['node', 'python']; // F109
const PREFIX_CHOICES = new Map(METHODS.map((method) => [method, choice([method], 'name')]));
const DEFAULT_CHOICE = choice(['GET'], 'default');

/** Applies a folder's own configuration to what it inherits (F120). */
export function enterFolder(folder: Folder, scope: Scope, defaults: PolicyDefaults): FolderContext {
  const config = folder.config?.config;
  const overlay = inherit(scope.overlay, config);
  const isDynamic = folder.segment !== null && folder.segment.kind !== 'static';
  return {
    folder,
    config,
    overlay,
    policy: config ? resolvePolicy(overlay, config, defaults) : scope.policy,
    failure: scope.failure ?? describeFailure(folder),
    manifests: isDynamic && scope.lender ? [folder, scope.lender] : [folder],
  };
}

/** A function of the folder. */
export function defineFunction(context: FolderContext, file: HandlerFile, identity: Identity): FunctionDefinition {
  const { folder, overlay, policy, failure } = context;
  const problem = identity.problem ?? findMismatch(policy, file.runtime);
  const examples = collectExamples(file.comments, context.config);
  return {
    key: functionKey(file.runtime, identity.name, DEFAULT_VERSION),
    runtime: file.runtime,
    name: identity.name,
    version: DEFAULT_VERSION,
    kind: identity.kind,
    dir: folder.dir,
    entry: `${folder.dir}/${file.name}`,
    file: pathIn(folder, file.name),
    policy,
    env: folder.env,
    manifest: findManifest(file.runtime, context.manifests, file.comments.requirements),
    configProblem: failure ?? (problem ? `${configPath(folder)}: ${problem}` : folder.envFailure),
    ...(overlay.group && { group: overlay.group }),
    ...(examples && { examples }),
    ...(isScheduled(context.config) && { isScheduled: true }),
    ...(file.comments.hints.ignored && { ignoredHints: file.comments.hints.ignored }),
  };
}

/** `<runtime>/<name>@<version>`: unique among all functions. */
export function functionKey(runtime: Runtime, name: string, version: string): string {
  return `${runtime}/${name}@${version}`;
}

/** The methods of a file: its prefix, else the nearest `invoke.methods`, its hint, or GET (F16). */
export function chooseMethods(
  prefix: Method | null,
  configured: readonly Method[] | null | undefined,
  { hints }: FileComments,
): MethodChoice {
  if (prefix) return PREFIX_CHOICES.get(prefix)!;
  if (configured) return choice(configured, 'config');
  return hints.methods ? choice(hints.methods, 'hint') : DEFAULT_CHOICE;
}

export function configPath(folder: Folder): string {
  return pathIn(folder, CONFIG_FILE);
}

function choice(methods: readonly Method[], methodsFrom: Claim['methodsFrom']): MethodChoice {
  return { methods, methodsFrom };
}

function describeFailure(folder: Folder): string | null {
  const failure = folder.config?.failure ?? null;
  return failure && `${configPath(folder)}: ${failure}`;
}

/** What a valid configuration asks that the language cannot do (F66, F109). */
export function findMismatch(
  { adapter, handler }: Pick<FunctionPolicy, 'adapter' | 'handler'>,
  runtime: Runtime,
): string | null {
  if (adapter !== 'native' && !ADAPTED_RUNTIMES.includes(runtime)) {
    return `invoke.adapter "${adapter}" is for ${ADAPTED_RUNTIMES.join(' and ')}, not ${runtime}`;
  }
  return handler.includes('$') && runtime !== 'node' ? `invoke.handler "${handler}" is no ${runtime} identifier` : null;
}

/** A schedule counts when it says that it is enabled (F127). */
function isScheduled(config: FunctionConfig | undefined): boolean {
  return [config?.schedule, ...(config?.schedules ?? [])].some((schedule) => schedule?.enabled === true);
}

/** Examples of the configuration over those of the hints (F130). */
function collectExamples(comments: FileComments, config: FunctionConfig | undefined): FunctionExamples | undefined {
  if (comments === NO_COMMENTS && !config?.invoke) return undefined;
  const { methods: _, ignored: __, ...hinted } = comments.hints;
  const { summary, query, body, content_type: contentType } = config?.invoke ?? {};
  const configured = Object.entries({ summary, query, body, contentType }).filter(([, value]) => value != null);
  const examples = { ...hinted, ...Object.fromEntries(configured) };
  return Object.keys(examples).length > 0 ? examples : undefined;
}
