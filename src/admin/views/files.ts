import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { CONFIG_FILE, ENV_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { realInside } from '../own-files.ts';

/** What a file of a function is for (P184). */
export type FileType = 'handler' | 'config' | 'env' | 'deps' | 'lock' | 'file';

export interface FileView {
  readonly name: string;
  /** Relative to the function's folder. */
  readonly path: string;
  readonly size: number;
  readonly type: FileType;
}

const MAX_DEPTH = 3; // P184: levels of folders, the function's own counted
const MAX_FILES = 1000;
const DEPENDENCY_FOLDERS: ReadonlySet<string> = new Set(['node_modules', 'vendor', '__pycache__', 'target']);
const MANIFESTS: ReadonlySet<string> = new Set(['requirements.txt', 'package.json', 'composer.json']);
const LOCKS: ReadonlySet<string> = new Set(['package-lock.json', 'npm-shrinkwrap.json', 'composer.lock']);

/** Neither dot names nor folders of packages belong to what a function's author wrote. */
export function isShownName(name: string): boolean {
  return !name.startsWith('.') && !DEPENDENCY_FOLDERS.has(name);
}

/**
 * The files of a function, sorted by path. Those of a function folder with its subfolders; of a single file, which shares its
 * folder with others, itself and what the platform reads beside it.
 */
export async function listFiles(definition: FunctionDefinition, functionsRoot: string): Promise<readonly FileView[]> {
  const handler = posix.relative(definition.dir, definition.entry);
  const files: FileView[] = [];
  await collect('', 1);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));

  async function collect(folder: string, depth: number): Promise<void> {
    for (const entry of await entriesOf(join(definition.dir, folder))) {
      const path = posix.join(folder, entry.name);
      if (!isShownName(entry.name) || files.length >= MAX_FILES) continue;
      if (entry.isDirectory()) {
        if (definition.kind === 'folder' && depth < MAX_DEPTH) await collect(path, depth + 1);
      } else {
        await add(path);
      }
    }
  }

  async function add(path: string): Promise<void> {
    const type = typeOf(path, handler);
    if (definition.kind === 'file' && type === 'file') return;
    const real = realInside(functionsRoot, join(definition.dir, path));
    const found = real === null ? null : await stat(real).catch(() => null);
    if (found?.isFile()) files.push({ name: basename(path), path, size: found.size, type });
  }
}

function typeOf(path: string, handler: string): FileType {
  const name = basename(path);
  if (path === handler) return 'handler';
  if (name === CONFIG_FILE) return 'config';
  if (name === ENV_FILE) return 'env';
  if (MANIFESTS.has(name)) return 'deps';
  return LOCKS.has(name) ? 'lock' : 'file';
}

async function entriesOf(path: string): Promise<readonly Dirent[]> {
  return readdir(path, { withFileTypes: true }).catch(() => []);
}
