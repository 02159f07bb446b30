import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runtimeOf } from './file-names.ts';
import { isInside, readComments } from './files.ts';
import { show } from './json-value.ts';
import type { Entrypoint } from './tree.ts';

/** Resolves `entrypoint` inside its folder; ignored folders count too, links out of the folder do not (F20, F24). */
export function readEntrypoint(dir: string, entrypoint: string): Entrypoint {
  const shown = `entrypoint ${show(entrypoint)}`;
  const runtime = runtimeOf(entrypoint);
  if (entrypoint.startsWith('/') || entrypoint.split(/[/\\]/).includes('..')) {
    return { problem: `${shown} must be a path inside the folder` };
  }
  if (!runtime) return { problem: `${shown} has no extension of a known language` };
  try {
    const file = realpathSync(join(dir, entrypoint));
    if (!isInside(file, realpathSync(dir))) return { problem: `${shown} leads out of the folder` };
    if (!statSync(file).isFile()) return { problem: `${shown} is not a file` };
    return { name: join(entrypoint), runtime, comments: readComments(file, runtime) };
  } catch {
    return { problem: `${shown} does not exist or cannot be read` };
  }
}
