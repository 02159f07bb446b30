import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';
import { version } from '../version.ts';

/** The answer to `fastfn version` and `--version` (P20), without a line end. */
export function describeVersion(isJson: boolean): string {
  if (!isJson) return `FastFN ${version}`;
  const platform = `${process.platform}-${process.arch}`;
  return JSON.stringify({
    version,
    commit: readCommit(join(packageRoot, '.git')),
    node: process.versions.node,
    platform,
  });
}

/** The commit that is checked out beside a .git folder; null where there is none. */
export function readCommit(git: string): string | null {
  try {
    const head = readFileSync(join(git, 'HEAD'), 'utf8').trim();
    const reference = /^ref: (.+)$/.exec(head)?.[1];
    return reference === undefined ? head : readReference(git, reference);
  } catch {
    return null;
  }
}

function readReference(git: string, reference: string): string | null {
  try {
    return readFileSync(join(git, reference), 'utf8').trim();
  } catch {
    const packed = readFileSync(join(git, 'packed-refs'), 'utf8').split('\n');
    return packed.find((line) => line.endsWith(` ${reference}`))?.split(' ', 1)[0] ?? null;
  }
}
