import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { DependencyManifest } from '../functions/types.ts';
import { digestPath } from './digest.ts';
import { isRecord, parseManifest } from './json-manifest.ts';
import { ManifestProblem } from './manifest-problem.ts';
import type { ManifestSnapshot, StagedFile } from './types.ts';

/**
 * Reads composer.json and its lock. Composer runs in the staging folder and writes an autoloader there, so the folder's
 * own autoload rules and local repositories are made absolute; the key then belongs to this folder alone.
 */
export function snapshotComposer(manifest: DependencyManifest): ManifestSnapshot {
  const text = readFileSync(manifest.file!, 'utf8');
  const value = parseManifest(text, 'composer.json');
  const local: string[] = [];
  const rewritten = {
    ...value,
    ...(isRecord(value.autoload) && { autoload: absoluteAutoload(value.autoload, manifest.dir) }),
    ...(value.repositories !== undefined && {
      repositories: absoluteRepositories(value.repositories, manifest.dir, local),
    }),
  };
  const files: StagedFile[] = [{ name: 'composer.json', content: JSON.stringify(rewritten, null, 2) }];
  if (manifest.lockFile !== null)
    files.push({ name: 'composer.lock', content: absoluteLock(manifest.lockFile, manifest.dir) });
  return { tool: 'composer', files, locked: manifest.lockFile !== null, inline: [], local };
}

/** Turns every path of `psr-4`, `psr-0`, `classmap` and `files` (strings at any depth) into an absolute one. */
function absoluteAutoload(rules: Record<string, unknown>, dir: string): Record<string, unknown> {
  const absolute = (value: unknown): unknown => {
    if (typeof value === 'string')
      return isAbsolute(value) ? value : resolve(dir, value) + (value.endsWith('/') ? '/' : '');
    if (Array.isArray(value)) return value.map(absolute);
    if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, path]) => [name, absolute(path)]));
    return value;
  };
  return absolute(rules) as Record<string, unknown>;
}

function absoluteRepositories(repositories: unknown, dir: string, local: string[]): unknown {
  const absolute = (repository: unknown): unknown => {
    if (!isRecord(repository) || repository.type !== 'path' || typeof repository.url !== 'string') return repository;
    const url = resolve(dir, repository.url);
    const packages = url.replace(/\/[^/]*[*?[{].*$/, ''); // "../packages/*": what lies before the pattern
    if (!existsSync(packages)) throw new ManifestProblem(`composer.json: repository ${repository.url} does not exist`);
    local.push(`${url} ${digestPath(packages, (name) => name === 'vendor' || name === '.git')}`);
    // A link into the store would follow later edits of the package; a copy is what the key says.
    return { ...repository, url, options: { ...(repository.options as object | undefined), symlink: false } };
  };
  if (Array.isArray(repositories)) return repositories.map(absolute);
  if (!isRecord(repositories)) return repositories;
  return Object.fromEntries(Object.entries(repositories).map(([name, repository]) => [name, absolute(repository)]));
}

/** A lock file names the folders of local packages as they were given, relative to where it lies. */
function absoluteLock(file: string, dir: string): string {
  const text = readFileSync(file, 'utf8');
  const lock = parseManifest(text, 'composer.lock');
  let rewritten = false;
  for (const entry of Array.isArray(lock.packages) ? lock.packages : []) {
    const dist: unknown = isRecord(entry) ? entry.dist : undefined;
    if (!isRecord(dist) || dist.type !== 'path' || typeof dist.url !== 'string') continue;
    dist.url = resolve(dir, dist.url);
    rewritten = true;
  }
  return rewritten ? JSON.stringify(lock, null, 2) : text;
}
