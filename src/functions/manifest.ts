import { join } from 'node:path';
import { isObject } from './json-value.ts';
import type { DependencyManifest, Runtime } from './types.ts';

/** The manifests lying in one folder that ask for something (section 5.1): file names, null where there is none. */
export interface FolderManifests {
  readonly pip: string | null;
  readonly npm: string | null;
  readonly composer: string | null;
  /** What pins `npm` and `composer`. */
  readonly npmLock: string | null;
  readonly composerLock: string | null;
}

export interface ManifestFolder {
  /** Absolute. */
  readonly dir: string;
  readonly manifests: FolderManifests;
}

export const NO_MANIFESTS: FolderManifests = {
  pip: null,
  npm: null,
  composer: null,
  npmLock: null,
  composerLock: null,
};

const TOOLS: Readonly<Partial<Record<Runtime, DependencyManifest['tool']>>> = {
  python: 'pip',
  node: 'npm',
  php: 'composer',
};
const NPM_LOCKS = ['npm-shrinkwrap.json', 'package-lock.json']; // npm prefers the first

/** Which of a folder's files are manifests that ask for packages; `read` gives the text of one of them. */
export function readManifests(names: ReadonlySet<string>, read: (name: string) => string): FolderManifests {
  const has = (name: string) => (names.has(name) ? name : null);
  const pip = has('requirements.txt');
  const npm = has('package.json');
  const composer = has('composer.json');
  if (!pip && !npm && !composer) return NO_MANIFESTS;
  return {
    pip: pip && asksPip(read(pip)) ? pip : null,
    npm: npm && asksNpm(read(npm)) ? npm : null,
    composer,
    npmLock: NPM_LOCKS.find((name) => names.has(name)) ?? null,
    composerLock: has('composer.lock'),
  };
}

/**
 * What a function needs installed (F150): the manifest of the first of `folders` that has one for its language, and the
 * inline requirements of its entry.
 */
export function findManifest(
  runtime: Runtime,
  folders: readonly [ManifestFolder, ...ManifestFolder[]],
  inline: readonly string[],
): DependencyManifest | null {
  const tool = TOOLS[runtime];
  if (!tool) return null;
  const { dir, manifests } = folders.find((folder) => folder.manifests[tool] !== null) ?? folders[0];
  const file = manifests[tool];
  if (file === null && inline.length === 0) return null;
  const lock = file === null || tool === 'pip' ? null : manifests[`${tool}Lock`];
  return { tool, dir, file: file && join(dir, file), lockFile: lock && join(dir, lock), inline };
}

/** Whether requirements.txt has an effective line: a requirement, `-r` or `-e`, not just comments and options. */
function asksPip(text: string): boolean {
  return text.split(/\r?\n/).some((line) => /^\s*(?:[^#\s-]|-r|-e|--requirement|--editable)/.test(line));
}

/** A package.json that does not parse counts, so that npm reports what is wrong with it. */
function asksNpm(text: string): boolean {
  try {
    const manifest: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return (
      isObject(manifest) &&
      ['dependencies', 'optionalDependencies'].some((key) => Object.keys(manifest[key] ?? {}).length > 0)
    );
  } catch {
    return true;
  }
}
