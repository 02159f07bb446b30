import { existsSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { errorCode, readText } from '../functions/files.ts';
import { type JsonObject, readJsonObject } from '../functions/json-value.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import { requireInsideRoot } from './inside-root.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';

/** A file below the functions root under the name that a function has for it and under its real one. */
export interface OwnFile {
  /** Absolute, perhaps through symlinks: what discovery calls it. */
  readonly path: string;
  /** Where a write goes: a symlink inside the root stays one. */
  readonly real: string;
  /** Relative to the functions root, with `/` (P163). */
  readonly shown: string;
}

/** A file of the function's folder, which single-file functions share (F145). Symlinks out of the root are 400 (P162). */
export function ownFile({ config }: Platform, { dir }: Pick<FunctionDefinition, 'dir'>, name: string): OwnFile {
  const path = join(dir, name);
  return {
    path,
    real: requireInsideRoot(config.functionsRoot, path),
    shown: relativePath(config.functionsRoot, path),
  };
}

/**
 * The object that one of the platform's files holds; an empty one where there is no file. One that is broken on disk is 409: a
 * change would lose what it holds.
 */
export function readOwnJson({ real, shown }: OwnFile): JsonObject {
  const json = readJsonObject(readIfThere(real));
  if ('value' in json) return json.value;
  throw new Problem(409, `invalid ${basename(shown)}`, { detail: `${shown}: ${json.problem}; correct it on disk` });
}

function readIfThere(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Refuses a file that is not there any more, although discovery knows it still. */
export function requireExisting({ real }: OwnFile): void {
  if (!existsSync(real)) throw new Problem(404, 'function not found');
}

/** The names under which a written file counts as changed. */
export function namesOf({ path, real }: OwnFile): readonly string[] {
  return path === real ? [path] : [path, real];
}

export function relativePath(functionsRoot: string, path: string): string {
  return relative(functionsRoot, path).replaceAll(sep, '/');
}

/** The members with which every answer about a function begins. */
export function identityOf({ config }: Platform, { runtime, name, version, dir }: FunctionDefinition) {
  return { runtime, name, version, function_dir: relativePath(config.functionsRoot, dir) };
}
