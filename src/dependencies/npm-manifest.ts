import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { DependencyManifest } from '../functions/types.ts';
import { digestPath } from './digest.ts';
import { isRecord, parseManifest } from './json-manifest.ts';
import { ManifestProblem } from './manifest-problem.ts';
import type { ManifestSnapshot, StagedFile } from './types.ts';

const SECTIONS = ['dependencies', 'optionalDependencies', 'devDependencies', 'peerDependencies'] as const;
const INSTALLED = new Set<string>(['dependencies', 'optionalDependencies']);

/**
 * Reads package.json, its lock file and the folder's `.npmrc`. npm runs in the staging folder, so paths of local
 * packages are made absolute there.
 */
export function snapshotNpm(manifest: DependencyManifest): ManifestSnapshot {
  const text = readFileSync(manifest.file!, 'utf8');
  const { value, local, rewritten } = absoluteDependencies(parseManifest(text, 'package.json'), manifest.dir);
  const files: StagedFile[] = [{ name: 'package.json', content: rewritten ? JSON.stringify(value, null, 2) : text }];
  if (manifest.lockFile !== null) {
    const lock = readFileSync(manifest.lockFile, 'utf8');
    const content = rewritten ? absoluteLock(lock, basename(manifest.lockFile), manifest.dir) : lock;
    files.push({ name: basename(manifest.lockFile), content });
  }
  const settings = join(manifest.dir, '.npmrc');
  if (existsSync(settings)) files.push({ name: '.npmrc', content: readFileSync(settings, 'utf8'), temporary: true });
  return { tool: 'npm', files, locked: manifest.lockFile !== null, inline: [], local };
}

const LOCAL = /^(file:|\.{1,2}(\/|$)|~\/|\/)/;
const FOREIGN = /^(workspace|link|portal|catalog):/;

function absoluteDependencies(manifest: Record<string, unknown>, dir: string) {
  const value = { ...manifest };
  const local: string[] = [];
  let rewritten = false;
  for (const section of SECTIONS) {
    const packages = value[section];
    if (!isRecord(packages)) continue;
    const copy = { ...packages };
    for (const [name, spec] of Object.entries(packages)) {
      if (typeof spec !== 'string') continue;
      if (FOREIGN.test(spec)) throw new ManifestProblem(`package.json: npm does not understand "${name}": "${spec}"`);
      if (!LOCAL.test(spec)) continue;
      const path = localPath(spec, dir);
      if (INSTALLED.has(section)) local.push(`${name} ${digestPackage(path, name, spec)}`);
      copy[name] = `file:${path}`;
      rewritten = true;
    }
    value[section] = copy;
  }
  return { value, local, rewritten };
}

function localPath(spec: string, dir: string): string {
  const path = spec.replace(/^file:(\/\/(?=\/|\.))?/, '');
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(dir, path);
}

function digestPackage(path: string, name: string, spec: string): string {
  if (!existsSync(path)) throw new ManifestProblem(`package.json: "${name}": "${spec}": ${path} does not exist`);
  return digestPath(path, (entry) => entry === 'node_modules' || entry === '.git');
}

/** Lock files name local archives relative to the folder they lie in. */
function absoluteLock(text: string, file: string, dir: string): string {
  const lock = parseManifest(text, file);
  if (!isRecord(lock.packages)) return text;
  for (const entry of Object.values(lock.packages)) {
    if (!isRecord(entry) || typeof entry.resolved !== 'string' || !entry.resolved.startsWith('file:')) continue;
    entry.resolved = `file:${localPath(entry.resolved, dir)}`;
  }
  return JSON.stringify(lock, null, 2);
}
