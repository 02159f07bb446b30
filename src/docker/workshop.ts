import { PassThrough } from 'node:stream';
import * as z from 'zod';
import { FastfnError } from '../errors.ts';
import { IN_IMAGE } from './app-files.ts';
import { type ArchiveEntry, packArchive } from './archive.ts';
import type { Engine } from './engine.ts';
import { type HostSettings, usesLoopback } from './host-settings.ts';
import { type Layer, writeLayer } from './layer.ts';

export interface Workshop {
  /** The stack image. */
  readonly image: string;
  readonly files: readonly ArchiveEntry[];
  readonly settings: HostSettings;
  /** Where the layer's bytes go. */
  readonly layerFile: string;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (line: string) => void;
}

/** What `fastfn install-packages` prints: links that function folders need, by path. */
export const InstalledLinks = z.record(z.string(), z.string());

/** What builds packages puts this time into them instead of now (reproducible-builds.org). */
const SOURCE_DATE_EPOCH = '315532800';

/**
 * Installs the packages of functions with the real installers, in a container of the stack image that is thrown away, and
 * returns them as a layer. Settings of this machine reach it over its standard input only, and into memory only.
 */
export async function installInWorkshop(engine: Engine, workshop: Workshop): Promise<Layer> {
  const { image, files, settings, signal, onProgress } = workshop;
  const container = await engine.docker.createContainer({
    Image: image,
    Cmd: ['install-packages', `/${IN_IMAGE.functions}`],
    Env: [
      `FN_STORE_DIR=/${IN_IMAGE.store}`,
      'FN_STATE_DIR=/tmp/state',
      `SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}`,
      'PYTHONHASHSEED=0',
    ],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    Labels: { 'dev.fastfn.workshop': '' },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: usesLoopback(settings) ? 'host' : 'default',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
    },
  });
  const end = () => void container.remove({ force: true }).catch(() => {});
  signal?.addEventListener('abort', end);
  try {
    await container.putArchive(await packArchive(files), { path: '/' });
    const links = await runInstaller(engine, container, settings, onProgress);
    const first = await packArchive(linkEntries(links));
    const store = await container.getArchive({ path: `/${IN_IMAGE.store}` });
    return await writeLayer(workshop.layerFile, first, store, placeInStore);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    await container.remove({ force: true, v: true }).catch(() => {}); // ended by the signal
  }
}

type Container = ReturnType<Engine['docker']['getContainer']>;

async function runInstaller(
  engine: Engine,
  container: Container,
  settings: HostSettings,
  onProgress: (line: string) => void,
): Promise<Record<string, string>> {
  const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
  const [out, err] = [new PassThrough(), new PassThrough()];
  engine.docker.modem.demuxStream(stream, out, err);
  const said = collect(out);
  const complaints = collect(err, onProgress);
  const ended = new Promise<void>((resolve) => stream.once('end', resolve).once('close', resolve));
  await container.start();
  stream.end(JSON.stringify(settings));
  const { StatusCode: code } = await container.wait();
  await ended;
  out.end();
  err.end();
  const [text, problems] = await Promise.all([said, complaints]);
  if (code === 0) return InstalledLinks.parse(JSON.parse(text));
  const reason = /^error: (.*)$/m.exec(problems)?.[1] ?? `the installer ended with ${code}`;
  throw new FastfnError('INSTALL_FAILED', reason, { hint: 'Correct the manifest and build again.' });
}

/** All text of a stream; its lines as they come. */
async function collect(stream: PassThrough, onLine?: (line: string) => void): Promise<string> {
  let text = '';
  let rest = '';
  for await (const chunk of stream) {
    text += chunk;
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (!/^\s*(error|hint|log): /.test(line)) onLine?.(line);
  }
  return text;
}

/** The links with every folder above them. */
function linkEntries(links: Record<string, string>): ArchiveEntry[] {
  const folders = new Set<string>();
  for (const path of Object.keys(links)) {
    const parts = path.slice(1).split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  return [
    ...[...folders].map((path): ArchiveEntry => ({ type: 'folder', path })),
    ...Object.entries(links).map(([path, target]): ArchiveEntry => ({ type: 'link', path: path.slice(1), target })),
  ];
}

/** npm writes the name of the folder it worked in there, another one each time; nothing that serves reads it. */
const NPM_RECORD = /^npm\/[^/]+\/(?:node_modules\/\.)?package-lock\.json$/;

/** A daemon names entries from the folder itself on. What installers need among themselves stays out. */
function placeInStore(name: string): string | null {
  const [, ...below] = name.split('/');
  const path = below.join('/');
  if (/^[^/]+\/[^/]+\.(lock|tmp-\d+)(\/|$)/.test(path) || NPM_RECORD.test(path)) return null;
  return `${IN_IMAGE.store}/${path}`;
}
