import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isInside } from '../functions/files.ts';
import { Problem } from './problem.ts';

/**
 * The real path of what lies, or would lie, at `path` (absolute): the folders that exist are resolved, the rest is kept as
 * it is. A symlink that leaves the functions root is refused with 400 (P162).
 */
export function requireInsideRoot(functionsRoot: string, path: string): string {
  const real = realPathOf(path);
  if (!isInside(real, functionsRoot)) throw new Problem(400, 'path escapes the functions root');
  return real;
}

function realPathOf(path: string): string {
  let missing = '';
  for (let place = path; ; place = dirname(place)) {
    try {
      return join(realpathSync(place), missing);
    } catch {
      if (place === dirname(place)) return path;
      missing = join(place.slice(dirname(place).length), missing);
    }
  }
}
