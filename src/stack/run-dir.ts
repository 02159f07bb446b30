import { createHash } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';

/** Room for `/supervisor.sock` below the 107 bytes that sun_path holds (unix(7)); P72 speaks of 100 for the whole path. */
const MAX_RUN_DIR_BYTES = 80;

/** Where the sockets and the pid file of this stack lie (P72). Pure. */
export function chooseRunDir(config: Pick<ProjectConfig, 'runDir' | 'projectId'>, port: number): string {
  const wanted = config.runDir ?? join(baseDir(), `fastfn-${userInfo().uid}`, `${config.projectId}-${port}`);
  if (Buffer.byteLength(wanted) <= MAX_RUN_DIR_BYTES) return wanted;
  return join(tmpdir(), `ffn-${createHash('sha256').update(wanted).digest('hex').slice(0, 8)}`);
}

function baseDir(): string {
  return process.env['XDG_RUNTIME_DIR'] || tmpdir();
}

/** Creates the run directory: mode 0700, ours, not a link (P72). */
export async function createRunDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found = await lstat(path);
  if (found.isSymbolicLink() || !found.isDirectory()) throw unsafe(path, 'is not a plain directory');
  if (process.getuid && found.uid !== process.getuid()) throw unsafe(path, `belongs to uid ${found.uid}`);
  if ((found.mode & 0o077) !== 0) throw unsafe(path, `is open to others (mode ${(found.mode & 0o777).toString(8)})`);
}

/** Removes the run directory with everything in it. */
export async function removeRunDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

function unsafe(path: string, why: string): FastfnError {
  return new FastfnError('CONFIG_INVALID', `the run directory ${path} ${why}`, {
    hint: 'remove it, or set FN_RUN_DIR to a folder of your own',
  });
}
