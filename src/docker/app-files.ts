import { readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { isOwnLink } from '../dependencies/folder-link.ts';
import { FastfnError } from '../errors.ts';
import { isSecretEntry } from '../functions/env.ts';
import { readJsonObject } from '../functions/json-value.ts';
import { ENV_FILE } from '../functions/platform-files.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type ArchiveEntry, readTree } from './archive.ts';

/** Where an image of `fastfn build` keeps what; functions are root's, so that no handler changes its own code. */
export const IN_IMAGE = {
  functions: 'app/functions',
  settings: 'app/fastfn.json',
  store: 'opt/fastfn-store',
  state: 'var/lib/fastfn',
} as const;

/** What goes into an image, and what installs need beside it. */
export interface AppFiles {
  readonly entries: readonly ArchiveEntry[];
  /** Credentials of the functions' .npmrc files, which stay out of the image. */
  readonly npmrc: string;
  /** Names of variables that the image takes from its environment instead of holding their secret values. */
  readonly secrets: readonly string[];
}

/** Reads the functions as the image holds them (P298): without what .dockerignore names, `.env*`, and secrets. */
export async function readAppFiles(config: ProjectConfig): Promise<AppFiles> {
  const { functionsRoot: root, stateDir } = config;
  const isIgnored = ignoreRules(config);
  const own = relative(root, stateDir).replaceAll(sep, '/');
  const isWanted = (path: string, isFolder: boolean) =>
    !isNever(path, own) && !isOwnLink(join(root, path)) && !isIgnored(isFolder ? `${path}/` : path);
  const found = await readTree(root, `${IN_IMAGE.functions}/`, isWanted);
  const credentials: string[] = [];
  const secrets = new Set<string>();
  const entries = found.map((entry) => {
    if (entry.type !== 'file') return entry;
    if (basename(entry.path) === ENV_FILE) return withoutSecrets(entry, secrets);
    return basename(entry.path) === '.npmrc' ? withoutCredentials(entry, credentials) : entry;
  });
  return { entries: [...entries, ...settingsFile(config)], npmrc: credentials.join(''), secrets: [...secrets].sort() };
}

/** Whatever .dockerignore says: variables of this machine, version control, and our own state. */
function isNever(path: string, stateDir: string): boolean {
  const parts = path.split('/');
  if (parts.some((part) => part === '.git' || part === '.fastfn' || part.startsWith('.env'))) return true;
  return path === stateDir || path.startsWith(`${stateDir}/`) || path === 'fastfn.json' || path === '.dockerignore';
}

/** A CommonJS function, which its types call an ES module's default. */
const createIgnore = dockerignore as unknown as typeof dockerignore.default;

/** The .dockerignore files of the project and of the functions' folder; each counts from where it lies. */
function ignoreRules({ projectDir, functionsRoot }: ProjectConfig): (path: string) => boolean {
  const prefix = relative(projectDir, functionsRoot).replaceAll(sep, '/');
  const isInside = prefix !== '' && !prefix.startsWith('..');
  const own = readIgnore(functionsRoot);
  const project = isInside ? readIgnore(projectDir) : null;
  return (path) => (own?.ignores(path) ?? false) || (project?.ignores(`${prefix}/${path}`) ?? false);
}

function readIgnore(folder: string) {
  try {
    return createIgnore({ ignorecase: false }).add(readFileSync(join(folder, '.dockerignore'), 'utf8'));
  } catch {
    return null;
  }
}

type File = Extract<ArchiveEntry, { type: 'file' }>;

/** Each secret value gives way to a reference to the variable of the same name (P298). */
function withoutSecrets(entry: File, secrets: Set<string>): File {
  const json = readJsonObject(entry.content.toString());
  if ('problem' in json) {
    throw new FastfnError('FUNCTION_CONFIG_INVALID', `${relative(IN_IMAGE.functions, entry.path)}: ${json.problem}`);
  }
  const entries = Object.entries(json.value).map(([name, given]) => {
    if (!isSecretEntry(name, given)) return [name, given];
    const source = (given as { from_env?: unknown } | null)?.from_env ?? name;
    secrets.add(String(source));
    return [name, { from_env: source, is_secret: true }];
  });
  return { ...entry, content: Buffer.from(`${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`) };
}

/** Registries stay, since a set of packages is known by them; what `//host/:…` lines hold does not. */
function withoutCredentials(entry: File, credentials: string[]): File {
  const lines = entry.content.toString().split(/\r?\n/);
  const isCredential = (line: string) => /^\s*(?:\/\/|_auth|_password|username|email)/.test(line);
  credentials.push(...lines.filter(isCredential).map((line) => `${line}\n`));
  return { ...entry, content: Buffer.from(lines.filter((line) => !isCredential(line)).join('\n')) };
}

/** Settings about this machine, which the image answers otherwise. */
const MACHINE_KEYS = new Set(['functionsdir', 'host', 'port', 'docker', 'runtimebinaries', '$schema']);

function settingsFile({ projectDir }: ProjectConfig): ArchiveEntry[] {
  let text: string;
  try {
    text = readFileSync(join(projectDir, 'fastfn.json'), 'utf8');
  } catch {
    return [];
  }
  const given = Object.entries(JSON.parse(text) as object);
  const kept = given.filter(([key]) => !MACHINE_KEYS.has(key.replace(/[_-]/g, '').toLowerCase()));
  const content = Buffer.from(`${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
  return [{ type: 'file', path: IN_IMAGE.settings, content, isExecutable: false }];
}
