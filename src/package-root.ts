import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of the installed package: where templates/, openresty/ and runtimes/ lie. Found by walking up from this
 * module, so that it is right from src/ (tests) and from the bundle in dist/ alike.
 */
export const packageRoot: string = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

function findPackageRoot(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'openresty')) && existsSync(join(dir, 'package.json'))) return dir;
    if (dir === dirname(dir)) throw new Error(`the fastfn package is incomplete: no openresty/ above ${from}`);
  }
}
