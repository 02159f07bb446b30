import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Keyring } from '../secrets/keyring.ts';
import { isSealed, keyIdOf, openValue, sealValue } from '../secrets/seal.ts';
import { isSecretEntry } from './env.ts';
import type { Seal } from './env-file.ts';
import { isObject, type JsonObject } from './json-value.ts';
import { ENV_FILE } from './platform-files.ts';

/** Folders that hold no functions' variables: dependencies, and dot folders. */
const SKIPPED = /^\.|^(node_modules|vendor|__pycache__)$/;

/** How the value of a variable is stored. */
export type Storage = 'encrypted' | 'plain' | 'environment';

export interface StoredSecret {
  readonly name: string;
  readonly storage: Storage;
  /** Of an encrypted value. */
  readonly keyId: string | null;
  /** Why an encrypted value cannot be read, else null. */
  readonly problem: string | null;
}

/** A file's content after a change of `count` values, or the problems of those that cannot be read. */
export type Rewritten = { readonly content: JsonObject; readonly count: number } | { readonly problems: string[] };

/** Every fn.env.json below a folder, as paths relative to it, sorted. Symbolic links are not followed. */
export async function findEnvFiles(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isFile() && entry.name === ENV_FILE) found.push(relative(root, path).replaceAll(sep, '/'));
      else if (entry.isDirectory() && !SKIPPED.test(entry.name)) await visit(path);
    }
  };
  await visit(root);
  return found.sort();
}

/** What values in a folder's fn.env.json are bound to; `folder` is a real path, by whatever links a function is reached. */
export function secretFileOf(root: string, folder: string): string {
  return relative(root, join(folder, ENV_FILE)).replaceAll(sep, '/');
}

/** Encrypts values for one file with the ring's first key; undefined without a key. */
export function sealerFor(keyring: Keyring, file: string): Seal | undefined {
  const key = keyring[0];
  return key && ((name, value) => sealValue(key, { file, name }, value));
}

/** The secrets of a file and how each is stored. */
export function listSecrets(content: JsonObject, file: string, keyring: Keyring): StoredSecret[] {
  return Object.entries(content)
    .filter(([name, entry]) => isSecretEntry(name, entry) && (storedValue(entry) != null || isFromEnvironment(entry)))
    .map(([name, entry]) => describe(name, entry, file, keyring));
}

function describe(name: string, entry: unknown, file: string, keyring: Keyring): StoredSecret {
  const value = storedValue(entry);
  if (!isSealed(value))
    return { name, storage: isFromEnvironment(entry) ? 'environment' : 'plain', keyId: null, problem: null };
  const opened = openValue(keyring, { file, name }, value);
  const problem = 'problem' in opened ? opened.problem : null;
  return { name, storage: 'encrypted', keyId: keyIdOf(value) ?? null, problem };
}

/** Encrypts again with the ring's first key what another of its keys has encrypted; a second run finds nothing to do. */
export function rotateSecrets(content: JsonObject, file: string, keyring: Keyring): Rewritten {
  const current = keyring[0]?.id;
  const seal = sealerFor(keyring, file);
  return mapSealed(content, file, keyring, (name, entry, sealed, value) =>
    seal && keyIdOf(sealed) !== current ? withValue(entry, seal(name, value)) : entry,
  );
}

/** The content with every encrypted value in plain text, for an editor. */
export function openSecrets(content: JsonObject, file: string, keyring: Keyring): Rewritten {
  return mapSealed(content, file, keyring, (_, entry, __, value) => withValue(entry, value));
}

/**
 * The content of an edited file with its secrets encrypted. Those that were encrypted in `former` and keep their value keep
 * their text, so that only what was changed differs.
 */
export function sealSecrets(edited: JsonObject, former: JsonObject, file: string, keyring: Keyring): JsonObject {
  const seal = sealerFor(keyring, file);
  const entries = Object.entries(edited).map(([name, entry]) => {
    const value = storedValue(entry);
    const before = Object.hasOwn(former, name) ? storedValue(former[name]) : undefined;
    const wasSealed = isSealed(before);
    if (value == null || !seal || !(wasSealed || isSecretEntry(name, entry))) return [name, entry];
    const opened = wasSealed ? openValue(keyring, { file, name }, before) : undefined;
    const isSame = opened !== undefined && 'value' in opened && opened.value === String(value);
    return [name, withValue(entry, isSame ? before : seal(name, String(value)))];
  });
  return Object.fromEntries(entries);
}

function mapSealed(
  content: JsonObject,
  file: string,
  keyring: Keyring,
  change: (name: string, entry: unknown, sealed: string, value: string) => unknown,
): Rewritten {
  const problems: string[] = [];
  let count = 0;
  const entries = Object.entries(content).map(([name, entry]) => {
    const sealed = storedValue(entry);
    if (!isSealed(sealed)) return [name, entry];
    const opened = openValue(keyring, { file, name }, sealed);
    if ('problem' in opened) {
      problems.push(`${name} ${opened.problem}`);
      return [name, entry];
    }
    const changed = change(name, entry, sealed, opened.value);
    if (changed !== entry) count += 1;
    return [name, changed];
  });
  return problems.length > 0 ? { problems } : { content: Object.fromEntries(entries), count };
}

function storedValue(entry: unknown): unknown {
  return isObject(entry) ? entry.value : entry;
}

function isFromEnvironment(entry: unknown): boolean {
  return isObject(entry) && typeof entry.from_env === 'string';
}

function withValue(entry: unknown, value: unknown): unknown {
  return isObject(entry) ? { ...entry, value } : value;
}
