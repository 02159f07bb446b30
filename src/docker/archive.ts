import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Headers, pack } from 'tar-stream';
import { compareText } from '../functions/compare.ts';

/** A file, folder or symbolic link of an archive; paths are relative, with `/`. */
export type ArchiveEntry =
  | { readonly type: 'file'; readonly path: string; readonly content: Buffer; readonly isExecutable: boolean }
  | { readonly type: 'folder'; readonly path: string; readonly uid?: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

/** Archives are compared by content, so every entry has the same time: the first one that zip files can hold. */
export const FIXED_TIME = new Date('1980-01-01T00:00:00Z');

/** Bytes that depend on names and contents only: sorted, one time, modes 644 and 755, everything root's but marked folders. */
export async function packArchive(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const entry of entries.toSorted((a, b) => compareText(a.path, b.path))) {
    archive.entry(headersOf(entry), entry.type === 'file' ? entry.content : '');
  }
  archive.finalize();
  return bytes;
}

function headersOf(entry: ArchiveEntry): Headers {
  const common = { name: entry.path, mtime: FIXED_TIME, uid: 0, gid: 0 };
  if (entry.type === 'link') return { ...common, type: 'symlink', linkname: entry.target, mode: 0o777 };
  if (entry.type === 'file') return { ...common, type: 'file', mode: entry.isExecutable ? 0o755 : 0o644 };
  const { uid = 0 } = entry;
  return { ...common, type: 'directory', mode: 0o755, uid, gid: uid };
}

/**
 * All that lies below a folder and passes, under `prefix`. Symbolic links stay links, so nothing outside the folder is
 * read; sockets and devices are left out.
 */
export async function readTree(
  root: string,
  prefix: string,
  isWanted: (path: string, isFolder: boolean) => boolean,
): Promise<ArchiveEntry[]> {
  const found: ArchiveEntry[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const isFolder = entry.isDirectory();
      if (isFolder) {
        if (isWanted(path, true)) found.push({ type: 'folder', path: `${prefix}${path}` });
        await visit(path);
      } else if (isWanted(path, false)) {
        if (entry.isSymbolicLink())
          found.push({ type: 'link', path: `${prefix}${path}`, target: await readlink(join(root, path)) });
        if (entry.isFile()) found.push(await readOne(join(root, path), `${prefix}${path}`));
      }
    }
  };
  await visit('');
  return found;
}

async function readOne(file: string, path: string): Promise<ArchiveEntry> {
  const [content, { mode }] = await Promise.all([readFile(file), stat(file)]);
  return { type: 'file', path, content, isExecutable: (mode & 0o100) !== 0 };
}
