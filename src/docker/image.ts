import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { FastfnError } from '../errors.ts';
import { packArchive } from './archive.ts';
import { BuildLog } from './build-log.ts';
import { type BuildPlan, DEFAULT_BASE_IMAGE, planBuild, settingsArguments } from './context.ts';
import { type Engine, freeImageBytes } from './engine.ts';
import { readHostSettings, usesLoopback } from './host-settings.ts';

/** Repository of the images this machine builds for itself. */
const REPOSITORY = 'fastfn-stack';

/** Images that stay: the one in use and the one before it, to go back to (P59). */
const KEPT_IMAGES = 2;

/** What a build takes beside its base: all stages together, while they are made. */
const BUILD_BYTES = 1 << 30;

export interface ImageRequest {
  /** FN_DOCKER_BASE_IMAGE; null = the official Node image. */
  readonly baseImage: string | null;
  /** FN_DOCKER_IMAGE: a ready image, used as it is. */
  readonly image: string | null;
  /** `--build`: builds anew from the first step on. */
  readonly isForced: boolean;
  /** Gets all output of a build. */
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** Lines for the user while it takes time; none when the image is there. */
  readonly onProgress: (line: string) => void;
}

/** `stack` installs dependencies and serves (Docker mode); `runtime` only serves (the ground of `fastfn build`). */
export type ImageTarget = 'stack' | 'runtime';

/** The name of the image that a start would use (P26, P59). Reads the package, asks no daemon. */
export async function stackImageName(baseImage: string | null): Promise<string> {
  return nameOf(await planBuild(baseImage ?? DEFAULT_BASE_IMAGE), 'stack');
}

/**
 * Makes sure that the daemon has the image and returns its name (P59): one that is named is used, else the one whose name
 * is a hash of what it is made of; built where it is absent. Throws IMAGE_FAILED.
 */
export async function ensureImage(
  engine: Engine,
  request: ImageRequest,
  target: ImageTarget = 'stack',
): Promise<string> {
  if (request.image !== null) {
    await ensurePresent(engine, request.image, request, 'FN_DOCKER_IMAGE');
    return request.image;
  }
  const baseImage = request.baseImage ?? DEFAULT_BASE_IMAGE;
  const plan = await planBuild(baseImage);
  const name = nameOf(plan, target);
  if (!request.isForced && (await isPresent(engine, name))) return name;
  await ensurePresent(engine, baseImage, request, 'FN_DOCKER_BASE_IMAGE');
  await requireSpace(engine);
  await buildImage(engine, { plan, name, target, request });
  await removeOldImages(engine, name);
  return name;
}

function nameOf({ key }: BuildPlan, target: ImageTarget): string {
  return `${REPOSITORY}:${key}${target === 'stack' ? '' : `-${target}`}`;
}

/** Whether the daemon has an image. */
export async function isPresent(engine: Engine, name: string): Promise<boolean> {
  try {
    await engine.docker.getImage(name).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

async function ensurePresent(engine: Engine, name: string, request: ImageRequest, variable: string): Promise<void> {
  if (await isPresent(engine, name)) return;
  request.onProgress(`pulling ${name}`);
  try {
    const answer = await engine.docker.pull(name, { abortSignal: request.signal });
    await new Promise<void>((resolve, reject) => {
      engine.docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve()));
    });
  } catch (cause) {
    request.signal?.throwIfAborted();
    throw new FastfnError('IMAGE_FAILED', `the image ${name} is not here and cannot be pulled: ${reasonOf(cause)}`, {
      hint: `Connect to its registry, or let ${variable} name an image that is here; any based on Debian serves as a base.`,
      cause,
    });
  }
}

/** What the daemon says, without dockerode's prefix. */
function reasonOf(error: unknown): string {
  return (error as Error).message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

async function requireSpace(engine: Engine): Promise<void> {
  const free = await freeImageBytes(engine);
  if (free === null || free >= BUILD_BYTES) return;
  const mib = (bytes: number) => `${Math.floor(bytes / (1 << 20))} MiB`;
  throw new FastfnError(
    'IMAGE_FAILED',
    `the image needs ${mib(BUILD_BYTES)} to be built, ${mib(free)} are free where Docker keeps images`,
    {
      hint: 'Remove what is not used any more: docker system prune',
    },
  );
}

interface Build {
  readonly plan: BuildPlan;
  readonly name: string;
  readonly target: ImageTarget;
  readonly request: ImageRequest;
}

async function buildImage(engine: Engine, { plan, name, target, request }: Build): Promise<void> {
  const { env, signal, logFile, onProgress } = request;
  const settings = readHostSettings(env);
  const log = new BuildLog(logFile, onProgress);
  onProgress(`building ${name}: a first build takes a few minutes`);
  const options = {
    t: name,
    dockerfile: 'docker/Dockerfile',
    target,
    buildargs: { ...plan.args, ...(await settingsArguments(settings)) },
    rm: true,
    forcerm: true,
    nocache: request.isForced,
    networkmode: usesLoopback(settings) ? 'host' : '',
    ...(signal && { abortSignal: signal }),
  };
  try {
    const context = Readable.from([gzipSync(await packArchive(plan.entries))]);
    await log.follow(await engine.docker.buildImage(context, options));
  } catch (error) {
    signal?.throwIfAborted();
    throw log.explain(error);
  } finally {
    log.close();
  }
}

/** Removes the images of earlier versions but the newest (P59); one that a container uses stays. */
async function removeOldImages(engine: Engine, current: string): Promise<void> {
  for (const name of await findOldImages(engine, current)) await removeImage(engine, name);
}

/** Removes an image of ours unless a container uses it; whether it is gone. */
export async function removeImage({ docker }: Engine, name: string): Promise<boolean> {
  return docker
    .getImage(name)
    .remove()
    .then(
      () => true,
      () => false,
    );
}

/** Our images that no start will use any more: all but the current one, if it is there, and the newest of the others (P59). */
export async function findOldImages({ docker }: Engine, current: string): Promise<string[]> {
  const images = await docker.listImages({ filters: { reference: [REPOSITORY] } });
  const named = images.flatMap(({ Created, RepoTags }) => (RepoTags ?? []).map((name) => ({ name, Created })));
  const versions = new Map<string, { readonly names: string[]; readonly created: number }>();
  for (const { name, Created } of named) {
    const version = versionOf(name);
    const { names, created } = versions.get(version) ?? { names: [], created: 0 };
    const rank = version === versionOf(current) ? Number.POSITIVE_INFINITY : Created;
    versions.set(version, { names: [...names, name], created: Math.max(created, rank) });
  }
  const bestFirst = [...versions.values()].sort((a, b) => b.created - a.created);
  return bestFirst.slice(KEPT_IMAGES).flatMap(({ names }) => names);
}

/** Both targets of one version go together. */
function versionOf(name: string): string {
  return name.replace(/-\w+$/, '');
}
