import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import { FIXED_TIME } from './archive.ts';

/** A layer of an image, as a tar. */
export interface Layer {
  /** `sha256:…` of the tar. */
  readonly diffId: string;
  readonly bytes: number;
  open(): Readable | Buffer;
}

export function layerOf(archive: Buffer): Layer {
  return { diffId: digest(archive), bytes: archive.length, open: () => archive };
}

export function digest(content: Buffer | string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/**
 * Writes a layer into a file: the entries of `first`, then those of a daemon's archive under new names, with one owner and
 * one time. A daemon walks folders in the order of names, so equal trees give equal bytes. null leaves an entry out.
 */
export async function writeLayer(
  file: string,
  first: Buffer,
  archive: NodeJS.ReadableStream,
  rename: (name: string) => string | null,
): Promise<Layer> {
  const out = pack();
  const written = pipeline(out, createWriteStream(file));
  await copyEntries(Readable.from([first]), out, (name) => name);
  await copyEntries(archive, out, rename);
  out.finalize();
  await written;
  return { diffId: await digestOf(file), bytes: (await stat(file)).size, open: () => createReadStream(file) };
}

async function copyEntries(
  source: NodeJS.ReadableStream,
  out: Pack,
  rename: (name: string) => string | null,
): Promise<void> {
  const reading = extract();
  reading.on('entry', ({ name: given, type, size, mode, linkname }, stream, next) => {
    const name = rename(given);
    if (name === null) {
      stream.on('end', next).resume();
      return;
    }
    const target = type === 'link' && linkname !== null ? rename(linkname) : linkname;
    const headers = { name, type, size, mode, linkname: target, mtime: FIXED_TIME, uid: 0, gid: 0 };
    const entry = out.entry(headers, (error) => (error ? reading.destroy(error) : next()));
    stream.pipe(entry);
  });
  await pipeline(source, reading);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  const stream = createReadStream(file);
  stream.on('data', (chunk) => hash.update(chunk));
  await once(stream, 'end');
  return `sha256:${hash.digest('hex')}`;
}
