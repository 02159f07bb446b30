import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAlive } from '../process-identity.ts';
import type { DependencySet, ManifestSnapshot, Tool } from './types.ts';

const MARKER = '.fastfn-installed';

/** Folder of each tool's packages inside a set. */
const PACKAGES: Readonly<Record<Tool, string>> = { pip: 'site-packages', npm: 'node_modules', composer: 'vendor' };

/** Where one set of the shared store lies (F151): `<store>/<tool>/<key>`. */
export interface SetLocation {
  readonly tool: Tool;
  readonly key: string;
  readonly dir: string;
  readonly packages: string;
  readonly lockFile: string;
}

export function locateSet(storeDir: string, tool: Tool, key: string): SetLocation {
  const dir = join(storeDir, tool, key);
  return { tool, key, dir, packages: join(dir, PACKAGES[tool]), lockFile: `${dir}.lock` };
}

/** One stat: a set is published whole or not at all, and its marker is the last thing written before that. */
export function isInstalled(set: SetLocation): boolean {
  return statSync(join(set.dir, MARKER), { throwIfNoEntry: false })?.isFile() === true;
}

export function loadableSet(set: SetLocation): DependencySet {
  return { key: set.key, paths: set.tool === 'composer' ? [] : [set.packages] };
}

/** Folder an install works in, beside the final one so that publishing is a rename on the same file system. */
export interface Staging {
  readonly dir: string;
  readonly packages: string;
}

/** Writes the snapshot into an empty staging folder; those that dead processes left for this key are removed. */
export async function openStaging(set: SetLocation, snapshot: ManifestSnapshot): Promise<Staging> {
  const dir = `${set.dir}.tmp-${process.pid}`;
  await removeAbandoned(set);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  for (const file of snapshot.files) {
    await writeFile(join(dir, file.name), file.content, { mode: file.temporary ? 0o600 : 0o644 });
  }
  return { dir, packages: join(dir, PACKAGES[set.tool]) };
}

async function removeAbandoned(set: SetLocation): Promise<void> {
  const folder = dirname(set.dir);
  mkdirSync(folder, { recursive: true });
  const prefix = `${set.key}.tmp-`;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length)))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Makes a finished staging folder the set, atomically; a set that another stack published meanwhile is kept. */
export async function publish(staging: Staging, set: SetLocation, snapshot: ManifestSnapshot): Promise<void> {
  for (const file of snapshot.files) {
    if (file.temporary) await rm(join(staging.dir, file.name), { force: true });
  }
  await mkdir(staging.packages, { recursive: true }); // tools create none for manifests that need nothing here
  await writeFile(join(staging.dir, MARKER), '');
  if (existsSync(set.dir) && !isInstalled(set)) await rm(set.dir, { recursive: true, force: true });
  try {
    await rename(staging.dir, set.dir);
  } catch (error) {
    if (!isInstalled(set)) throw error;
    await discard(staging);
  }
}

export async function discard(staging: Staging): Promise<void> {
  await rm(staging.dir, { recursive: true, force: true });
}
