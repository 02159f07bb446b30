// What goes and what stays when a function is removed (P211).
import { readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, isInside } from '../functions/files.ts';
import { CONFIG_FILE, ENV_FILE } from '../functions/platform-files.ts';
import type { FunctionDefinition, Runtime } from '../functions/types.ts';
import { removeFolder } from '../staged-folder.ts';
import { relativePath } from './function-paths.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';

/** Paths relative to the functions root. */
export interface Removal {
  readonly removed: readonly string[];
  /** What else lies in the function's folder. */
  readonly kept: readonly string[];
}

const PLATFORM_FILE = /^fn\.[^/]+\.json$/;
/** What an installer or compiler reads and makes beside a handler, by language. */
const DEPENDENCY_FILES: Readonly<Record<Runtime, readonly string[]>> = {
  node: ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'node_modules'],
  python: ['requirements.txt', '__pycache__'],
  php: ['composer.json', 'composer.lock', 'vendor'],
  lua: [],
  go: ['go.mod', 'go.sum'],
  rust: ['Cargo.toml', 'Cargo.lock', 'target'],
};

/** Removes a function; every request that starts afterwards finds its routes gone. With `all` its whole folder goes. */
export async function removeFunction(
  platform: Platform,
  definition: FunctionDefinition,
  all: boolean,
): Promise<Removal> {
  const { functionsRoot } = platform.config;
  const shown = (path: string) => relativePath(functionsRoot, path);
  const { dir, entry, kind } = definition;
  if (all && kind === 'folder') {
    if (dir === functionsRoot) throw new Problem(400, 'the functions root cannot be removed');
    await platform.applyFiles(() => removeFolder(dir).then(() => [dir]));
    return { removed: [shown(dir)], kept: [] };
  }
  const own = kind === 'file' ? [entry] : [entry, ...(await ownFiles(platform, definition))];
  const isEmptied = await applyRemoval(platform, own, kind === 'folder' && dir !== functionsRoot ? dir : null);
  const kept = isEmptied ? [] : await keptIn(platform, definition);
  return { removed: [...own, ...(isEmptied ? [dir] : [])].map(shown), kept };
}

/** The handler goes first: without its configuration it would answer by other rules for a moment. */
async function applyRemoval(platform: Platform, paths: readonly string[], folder: string | null): Promise<boolean> {
  let isEmptied = false;
  await platform.applyFiles(async () => {
    const [handler, ...others] = paths as [string, ...string[]];
    await unlink(handler).catch((error) => {
      throw errorCode(error) === 'ENOENT' ? new Problem(404, 'function not found') : error;
    });
    for (const path of others) await rm(path, { recursive: true, force: true });
    isEmptied =
      folder !== null &&
      (await rmdir(folder).then(
        () => true,
        () => false,
      ));
    return folder !== null ? [...paths, folder] : paths;
  });
  return isEmptied;
}

/** The files of the function's folder that no other function needs. */
async function ownFiles({ discovery }: Platform, { key, dir, entry, runtime }: FunctionDefinition): Promise<string[]> {
  const others = discovery.functions.filter((other) => other.key !== key);
  const isGoverning = others.some((other) => isInside(other.dir, dir)); // F120
  const isShared = others.some((other) => other.dir === dir);
  const isLending = isShared || others.some(({ manifest }) => manifest?.dir === dir); // F150
  const isOwn = (name: string) => {
    if (name === CONFIG_FILE) return !isGoverning;
    if (PLATFORM_FILE.test(name)) return name === ENV_FILE ? !isShared : !isGoverning;
    return DEPENDENCY_FILES[runtime].includes(name) && !isLending;
  };
  const names = await readdir(dir);
  return names.filter((name) => isOwn(name) && join(dir, name) !== entry).map((name) => join(dir, name));
}

/** Of a single file the shared files, of a folder all that is left in it. */
async function keptIn({ config }: Platform, { dir, kind }: FunctionDefinition): Promise<string[]> {
  const entries = (await readdir(dir)).filter((name) => !name.startsWith('.')).sort();
  const names = kind === 'file' ? entries.filter((name) => PLATFORM_FILE.test(name)) : entries;
  return names.map((name) => relativePath(config.functionsRoot, join(dir, name)));
}
