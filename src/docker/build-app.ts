import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ManifestProblem } from '../dependencies/manifest-problem.ts';
import { contentKey, takeSnapshot } from '../dependencies/snapshot.ts';
import { FastfnError } from '../errors.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { version } from '../version.ts';
import { type AppFiles, IN_IMAGE, readAppFiles } from './app-files.ts';
import { type AppImage, loadAppImage } from './app-image.ts';
import { type ArchiveEntry, packArchive } from './archive.ts';
import type { Engine } from './engine.ts';
import { readHostSettings } from './host-settings.ts';
import { ensureImage, type ImageRequest } from './image.ts';
import { digest, type Layer, layerOf } from './layer.ts';
import { installInWorkshop } from './workshop.ts';

/** Who serves in the image: no user of any host (P298). */
const USER = 10001;

const LABELS = {
  project: 'org.opencontainers.image.title',
  revision: 'org.opencontainers.image.revision',
  version: 'dev.fastfn.build.version',
  content: 'dev.fastfn.build.content',
  packages: 'dev.fastfn.build.packages',
} as const;

export interface AppBuild {
  readonly config: ProjectConfig;
  readonly functions: readonly FunctionDefinition[];
  /** Name and tag. */
  readonly tag: string;
  /** Of the project's repository; null outside one. */
  readonly revision: string | null;
  readonly request: ImageRequest;
}

export interface BuiltApp {
  /** Hash of the image's configuration: equal input, equal id. */
  readonly id: string;
  /** Variables that the image needs at run time. */
  readonly secrets: readonly string[];
}

/** Makes an image that serves the functions of a project by itself (P298): the stack, their packages, their code. */
export async function buildApp(engine: Engine, build: AppBuild): Promise<BuiltApp> {
  const { request, tag } = build;
  const files = await readAppFiles(build.config);
  const runtime = await ensureImage(engine, request, 'runtime');
  const ground = await engine.docker.getImage(runtime).inspect();
  const work = await mkdtemp(join(tmpdir(), 'fastfn-build-'));
  try {
    const code = layerOf(await packArchive([...files.entries, ...stateFolders()]));
    const packagesKey = keyOfPackages(build, ground);
    const packages = packagesKey === null ? null : await packagesOf(engine, build, files, packagesKey, work);
    const labels = {
      [LABELS.project]: tag.replace(/:[^:/]+$/, ''),
      ...(build.revision !== null && { [LABELS.revision]: build.revision }),
      [LABELS.version]: version,
      [LABELS.content]: digest(JSON.stringify([code.diffId, packagesKey, ground.RootFS.Layers])),
      ...(packagesKey !== null && { [LABELS.packages]: packagesKey }),
    };
    const config = imageConfig(ground.Config, labels, files);
    const id = await loadAppImage(engine, assemble(ground, packages, code, config), tag);
    return { id, secrets: files.secrets };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Ground = AppImage['ground'];

/** Packages as a layer that was just made, or as an image that has it on top of the same ground. */
type Packages = { readonly layer: Layer } | { readonly image: Ground };

function assemble(ground: Ground, packages: Packages | null, code: Layer, config: Record<string, unknown>): AppImage {
  const own = ground.RootFS.Layers!.length;
  if (packages === null) return { ground, groundLayers: own, layers: [code], config };
  if ('image' in packages) return { ground: packages.image, groundLayers: own + 1, layers: [code], config };
  return { ground, groundLayers: own, layers: [packages.layer, code], config };
}

/** What is asked for, and what it is installed with; null where no function needs packages. Throws INSTALL_FAILED. */
function keyOfPackages({ config, functions }: AppBuild, ground: Ground): string | null {
  const wanted = functions.flatMap(({ manifest }) => {
    if (manifest === null) return [];
    try {
      return [[relative(config.functionsRoot, manifest.dir), contentKey(takeSnapshot(manifest), undefined)]];
    } catch (error) {
      if (!(error instanceof ManifestProblem)) throw error;
      throw new FastfnError('INSTALL_FAILED', error.message, { cause: error });
    }
  });
  return wanted.length === 0
    ? null
    : createHash('sha256')
        .update(JSON.stringify([ground.RootFS.Layers, wanted]))
        .digest('hex');
}

/** An earlier image of the same packages lends its layer, so that versions stay as they were and nothing is fetched. */
async function packagesOf(
  engine: Engine,
  build: AppBuild,
  files: AppFiles,
  key: string,
  work: string,
): Promise<Packages> {
  const { request } = build;
  const [earlier] = await engine.docker.listImages({ filters: { label: [`${LABELS.packages}=${key}`] } });
  if (earlier !== undefined) return { image: await engine.docker.getImage(earlier.Id).inspect() };
  const settings = readHostSettings(request.env);
  const layer = await installInWorkshop(engine, {
    image: await ensureImage(engine, request),
    files: files.entries,
    settings: { ...settings, npmrc: settings.npmrc + files.npmrc },
    layerFile: join(work, 'packages.tar'),
    signal: request.signal,
    onProgress: request.onProgress,
  });
  return { layer };
}

/** What the image writes to, its user's own: sockets, logs and state under one volume. */
function stateFolders(): ArchiveEntry[] {
  return [{ type: 'folder', path: IN_IMAGE.state, uid: USER }];
}

function imageConfig(
  ground: Ground['Config'],
  labels: Record<string, string>,
  files: AppFiles,
): Record<string, unknown> {
  const hasSettings = files.entries.some(({ path }) => path === IN_IMAGE.settings);
  const settings = hasSettings ? ['--config', `/${IN_IMAGE.settings}`] : [];
  const environment = {
    FN_HOST: '0.0.0.0',
    FN_HOST_PORT: '8080',
    FN_STATE_DIR: `/${IN_IMAGE.state}`,
    FN_RUN_DIR: `/${IN_IMAGE.state}/run`,
    FN_STORE_DIR: `/${IN_IMAGE.store}`,
    HOME: `/${IN_IMAGE.state}`,
  };
  const kept = ground.Env.filter((entry) => !(entry.split('=', 1)[0]! in environment));
  return {
    Env: [...kept, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    Entrypoint: ground.Entrypoint,
    Cmd: ['run', '--native', ...settings, `/${IN_IMAGE.functions}`],
    Healthcheck: (ground as { Healthcheck?: unknown }).Healthcheck,
    ExposedPorts: ground.ExposedPorts,
    User: `${USER}:${USER}`,
    WorkingDir: '/app',
    Volumes: { [`/${IN_IMAGE.state}`]: {}, '/tmp': {} }, // writable on a read-only root
    Labels: labels,
  };
}
