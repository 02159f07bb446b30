import { basename, relative, sep } from 'node:path';
import * as z from 'zod';
import { CONFIG_FILE, ENV_FILE, foldedName } from '../functions/platform-files.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import { type OwnFile, ownFile } from './function-paths.ts';
import type { Platform } from './platform.ts';
import { Problem } from './problem.ts';
import { isShownName } from './views/files.ts';

const MAX_PATH = 1024; // characters
/** Settings of the whole project, where the functions root is its folder. */
const PROJECT_FILE = 'fastfn.json';

/** A path below a function's folder: no way up, no absolute path, nothing that only looks like one of both. */
export const OwnPath = z
  .string({ error: 'invalid path' })
  .min(1, { error: 'invalid path' })
  .max(MAX_PATH, { error: 'invalid path' })
  .refine(isPlain, { error: 'invalid path' });

function isPlain(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\\\u0000-\u001f\u007f]/.test(path)) return false;
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** The same for writing: not what reads do not show, nor what a second decoding would turn into another path. */
export const WritablePath = OwnPath.refine((path) => !path.includes('%') && path.split('/').every(isShownName), {
  error: 'invalid path',
});

/**
 * The file that a path means. Neither it nor what a symlink makes of it may be one of those that other endpoints manage, or lie
 * where no file of a function does; `status` is that of the refusal (P186: 403, P187: 400).
 */
export function editableFile(
  platform: Platform,
  definition: FunctionDefinition,
  path: string,
  status: 403 | 400,
): OwnFile {
  const file = ownFile(platform, definition, path);
  const realSteps = relative(platform.config.functionsRoot, file.real).split(sep);
  if (!realSteps.every(isShownName)) throw new Problem(400, 'invalid path');
  for (const name of [basename(path), basename(file.real)]) refuseManaged(foldedName(name), status);
  return file;
}

function refuseManaged(name: string, status: 403 | 400): void {
  if (name === CONFIG_FILE) throw new Problem(status, 'use the config API', { detail: 'PUT /_fn/function-config' });
  if (name === ENV_FILE) throw new Problem(status, 'use the env API', { detail: 'PUT /_fn/function-env' });
  if (name === PROJECT_FILE)
    throw new Problem(status, 'managed file', { detail: 'it holds the settings of the project' });
}
