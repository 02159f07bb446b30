import { join, relative, sep } from 'node:path';
import type { FunctionDefinition } from '../functions/types.ts';
import { requireInsideRoot } from './inside-root.ts';
import type { Platform } from './platform.ts';

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
