import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ManifestProblem } from './manifest-problem.ts';

const MAX_LOCAL_FILES = 5000; // hashing is synchronous: about 0.3 s at this number

/** Digest of a file, or of all files below a folder whose names pass; throws ManifestProblem past 5,000 files. */
export function digestPath(path: string, isIgnored: (name: string) => boolean): string {
  const hash = createHash('sha256');
  let count = 0;
  const add = (file: string, label: string): void => {
    const stat = lstatSync(file);
    if (stat.isDirectory()) {
      for (const name of readdirSync(file).sort()) {
        if (!isIgnored(name)) add(join(file, name), `${label}/${name}`);
      }
      return;
    }
    count += 1;
    if (count > MAX_LOCAL_FILES) throw new ManifestProblem(`${path} holds more than ${MAX_LOCAL_FILES} files`);
    const content = stat.isSymbolicLink() ? readlinkSync(file) : stat.isFile() ? readFileSync(file) : '';
    hash.update(`${label}\0${content.length}\0`).update(content);
  };
  add(path, '');
  return hash.digest('hex');
}
