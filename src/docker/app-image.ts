import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ImageInspectInfo } from 'dockerode';
import { extract, type Pack, pack } from 'tar-stream';
import { FastfnError } from '../errors.ts';
import { FIXED_TIME } from './archive.ts';
import type { Engine } from './engine.ts';
import { digest, type Layer } from './layer.ts';

/** An image to be: layers on top of those of an image that the daemon has. */
export interface AppImage {
  readonly ground: ImageInspectInfo;
  /** How many layers of the ground count. */
  readonly groundLayers: number;
  readonly layers: readonly Layer[];
  readonly config: Record<string, unknown>;
}

/** Repository and tag of the image, and its id: a hash of what it is, whenever and wherever it is built (P298). */
export async function loadAppImage(engine: Engine, image: AppImage, tag: string): Promise<string> {
  const groundIds = image.ground.RootFS.Layers!.slice(0, image.groundLayers);
  const diffIds = [...groundIds, ...image.layers.map(({ diffId }) => diffId)];
  const config = JSON.stringify({
    architecture: image.ground.Architecture,
    os: image.ground.Os,
    created: FIXED_TIME.toISOString(),
    config: image.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created: FIXED_TIME.toISOString(), created_by: 'fastfn build' })),
  });
  const out = pack();
  const loading = load(engine, out);
  const written = (async () => {
    const paths = (await keepsBlobs(engine))
      ? await copyGround(engine, image, out)
      : groundIds.map((id) => layerPath(id)); // the daemon takes layers that it has by their ids
    for (const layer of image.layers) await addLayer(out, layer);
    const configPath = `${digest(config).slice('sha256:'.length)}.json`;
    add(out, configPath, config);
    const manifest = {
      Config: configPath,
      RepoTags: [tag],
      Layers: [...paths, ...image.layers.map(({ diffId }) => layerPath(diffId))],
    };
    add(out, 'manifest.json', JSON.stringify([manifest]));
    out.finalize();
  })();
  await Promise.all([loading, written]);
  return digest(config);
}

async function load(engine: Engine, archive: Pack): Promise<void> {
  const answer = await engine.docker.loadImage(archive as unknown as NodeJS.ReadableStream, { quiet: true });
  await new Promise<void>((resolve, reject) => {
    engine.docker.modem.followProgress(answer, (error) => {
      if (error === null) resolve();
      else reject(new FastfnError('IMAGE_FAILED', `the image could not be stored: ${error.message}`, { cause: error }));
    });
  });
}

/** A daemon that keeps images in containerd's store wants every layer in the archive. */
async function keepsBlobs(engine: Engine): Promise<boolean> {
  const { DriverStatus } = (await engine.docker.info()) as { DriverStatus?: [string, string][] | null };
  return (DriverStatus ?? []).some(([name, value]) => name === 'driver-type' && value.startsWith('io.containerd'));
}

function layerPath(diffId: string): string {
  return `${diffId.slice('sha256:'.length)}/layer.tar`;
}

function add(out: Pack, name: string, content: string): void {
  out.entry({ name, mtime: FIXED_TIME }, content);
}

async function addLayer(out: Pack, { diffId, bytes, open }: Layer): Promise<void> {
  const content = open();
  const headers = { name: layerPath(diffId), type: 'file', size: bytes, mtime: FIXED_TIME };
  if (Buffer.isBuffer(content)) {
    await new Promise<void>((resolve, reject) => {
      out.entry(headers, (error) => (error ? reject(error) : resolve())).end(content);
    });
    return;
  }
  await new Promise<void>((resolve, reject) => {
    content.on('error', reject).pipe(out.entry(headers, (error) => (error ? reject(error) : resolve())));
  });
}

/** Copies the layers of the ground out of the daemon's own archive of it; returns their paths in order. */
async function copyGround(engine: Engine, { ground, groundLayers }: AppImage, out: Pack): Promise<string[]> {
  const reading = extract();
  let manifest = '';
  reading.on('entry', ({ name, type, size, linkname }, stream, next) => {
    if (name === 'manifest.json') {
      buffer(stream).then((bytes) => {
        manifest = bytes.toString();
        next();
      }, next);
    } else if (/\/layer\.tar$|^blobs\//.test(name)) {
      stream.pipe(
        out.entry({ name, type, size, linkname, mtime: FIXED_TIME }, (error) =>
          error ? reading.destroy(error) : next(),
        ),
      );
    } else {
      stream.on('end', next).resume();
    }
  });
  const saved = await engine.docker.getImage(ground.Id).get();
  await pipeline(saved, new PassThrough(), reading);
  const [{ Layers }] = JSON.parse(manifest) as [{ Layers: string[] }];
  return Layers.slice(0, groundLayers);
}
