import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DependencyManifest } from '../functions/types.ts';
import { digestPath } from './digest.ts';
import { ManifestProblem } from './manifest-problem.ts';
import type { ManifestSnapshot, StagedFile } from './types.ts';

/**
 * Reads requirements.txt and the files it includes. Includes and find-links are resolved against the file that names
 * them and package paths against the folder pip runs in (pip's own rules), so the staged copies keep their meaning.
 */
export function snapshotPip(manifest: DependencyManifest): ManifestSnapshot {
  for (const requirement of manifest.inline) {
    if (requirement.startsWith('-'))
      throw new ManifestProblem(`#@requirements takes packages, not options: ${requirement}`);
  }
  const reading: Reading = { dir: manifest.dir, files: [], names: new Map(), local: [] };
  if (manifest.file !== null) stage(manifest.file, reading);
  for (const requirement of manifest.inline) digestIfLocal(requirement, 'inline', reading);
  return { tool: 'pip', files: reading.files, locked: false, inline: manifest.inline, local: reading.local };
}

interface Reading {
  readonly dir: string;
  readonly files: StagedFile[];
  /** Staged name per absolute path; a file included twice is staged once. */
  readonly names: Map<string, string>;
  readonly local: string[];
}

function stage(file: string, reading: Reading): string {
  const known = reading.names.get(file);
  if (known !== undefined) return known;
  const name = reading.names.size === 0 ? 'requirements.txt' : `requirements-${reading.names.size}.txt`;
  reading.names.set(file, name);
  const lines = readFileSync(file, 'utf8').split(/\r?\n/);
  const content = lines
    .map((line, index) => stageLine(line, `${basename(file)}:${index + 1}`, file, reading))
    .join('\n');
  reading.files.push({ name, content });
  return name;
}

const INCLUDE = /^\s*(-r|--requirement|-c|--constraint)(?:\s*=?\s*)(.+)$/;
const FIND_LINKS = /^\s*(-f|--find-links)(?:\s*=?\s*)(.+)$/;
const EDITABLE = /^\s*(-e|--editable)\b(?:\s*=?\s*)(.*)$/;
const SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i;

function stageLine(line: string, where: string, file: string, reading: Reading): string {
  const text = line.replace(/(^|\s)#.*$/, '').trimEnd();
  const editable = EDITABLE.exec(text);
  if (editable) {
    throw new ManifestProblem(
      `${where}: an editable install cannot be isolated; write "${editable[2]}" without ${editable[1]}`,
    );
  }
  const include = INCLUDE.exec(text);
  if (include) return stageInclude(include[1]!, include[2]!.trim(), where, file, reading);
  const links = FIND_LINKS.exec(text);
  if (links && !SCHEME.test(links[2]!)) {
    const target = resolve(dirname(file), links[2]!.trim());
    digestLocal(target, where, reading);
    return `--find-links ${target}`;
  }
  digestIfLocal(text, where, reading);
  return line;
}

function stageInclude(option: string, target: string, where: string, file: string, reading: Reading): string {
  if (SCHEME.test(target)) return `${option} ${target}`;
  const path = resolve(dirname(file), target);
  if (!existsSync(path)) throw new ManifestProblem(`${where}: ${target} does not exist`);
  return `${option} ${stage(path, reading)}`;
}

const ARCHIVE = /\.(whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz|tar)$/i;

/** Digests what pip would take from disk: a path, an archive's name or a file: URL, with or without `name @`. */
function digestIfLocal(text: string, where: string, reading: Reading): void {
  const source = text.trim().replace(/^[A-Za-z0-9._-]+(\[[^\]]*\])?\s*@\s*/, '');
  const target = source.split(/\s+(?:;|--)|;\s/)[0]!.replace(/\[[^\]]*\]$/, '');
  if (target.startsWith('file:')) {
    digestLocal(localPath(target, reading.dir), where, reading);
  } else if (!target.startsWith('-') && !SCHEME.test(target) && (/^\.|\//.test(target) || ARCHIVE.test(target))) {
    digestLocal(resolve(reading.dir, target), where, reading);
  }
}

function localPath(url: string, dir: string): string {
  const path = url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length);
  return isAbsolute(path) ? path : resolve(dir, path);
}

function digestLocal(path: string, where: string, reading: Reading): void {
  if (!existsSync(path)) throw new ManifestProblem(`${where}: ${path} does not exist`);
  reading.local.push(`${path} ${digestPath(path, isBuildProduct)}`);
}

/** What building a package leaves beside its sources: it must not make the set look changed. */
function isBuildProduct(name: string): boolean {
  return (
    name === 'build' || name === 'dist' || name === '__pycache__' || name.startsWith('.') || name.endsWith('.egg-info')
  );
}
