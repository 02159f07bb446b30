import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { giveTo, type StackUser } from './owner.ts';

/** Room for `/supervisor.sock` below the 107 bytes that sun_path holds (unix(7)); P72 speaks of 100 for the whole path. */
const MAX_RUN_DIR_BYTES = 80;
const SHORT_PREFIX = 'ffn-';

/** In the run directory: the admin API for whoever started the stack (P133). */
export const OPERATOR_SOCKET = 'operator.sock';

/** Where the sockets and the pid file of a stack that runs as `user` lie (P72). Pure. */
export function chooseRunDir(
  config: Pick<ProjectConfig, 'runDir' | 'projectId'>,
  port: number,
  user: StackUser | null,
): string {
  const uid = user?.uid ?? ownUid();
  return fitted(config.runDir ?? join(baseDir(uid), `fastfn-${uid}`, `${config.projectId}-${port}`));
}

/** The folder itself, or a shorter one where the paths of its sockets would be too long (P72). */
export function fitted(wanted: string): string {
  if (Buffer.byteLength(wanted) <= MAX_RUN_DIR_BYTES) return wanted;
  return join(tmpdir(), `${SHORT_PREFIX}${createHash('sha256').update(wanted).digest('hex').slice(0, 8)}`);
}

/** Whether a path is one that `fitted` gives. */
export function isShortened(path: string): boolean {
  return basename(path).startsWith(SHORT_PREFIX);
}

/** Folders whose subfolders are the run directories that `uid` gets without FN_RUN_DIR. */
export function runDirParents(uid: number): readonly string[] {
  return [...new Set([process.env.XDG_RUNTIME_DIR || tmpdir(), tmpdir()])].map((base) => join(base, `fastfn-${uid}`));
}

/** Root's own runtime folder is closed to the user that root runs a stack for. */
function baseDir(uid: number): string {
  return (uid === ownUid() && process.env.XDG_RUNTIME_DIR) || tmpdir();
}

/** A process in a container may run under a number that has no account. */
function ownUid(): number {
  return process.getuid?.() ?? 0;
}

/** Creates the run directory: mode 0700, the stack's user's, not a link, and not in a folder of a stranger (P72, P76). */
export async function createRunDir(path: string, user: StackUser | null): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first !== undefined) await giveTo(user, pathsBetween(first, path));
  const found = await lstat(path);
  if (found.isSymbolicLink() || !found.isDirectory()) throw unsafe(path, 'is not a plain directory');
  const owners = [user?.uid, process.getuid?.()];
  await requireSafeParent(path, [...owners, 0]);
  if (process.getuid && !owners.includes(found.uid)) throw unsafe(path, `belongs to uid ${found.uid}`);
  if ((found.mode & 0o077) !== 0) {
    if (first === undefined) throw unsafe(path, `is open to others (mode ${(found.mode & 0o777).toString(8)})`);
    await chmod(path, 0o700); // a umask cannot open what mkdir closed, an inherited ACL can
  }
  await giveTo(user, [path]);
}

/**
 * Whoever owns the folder above could put another directory in this one's place, with an nginx.conf of his own. In a shared folder
 * like /tmp the sticky bit is against that, but anybody may have made `fastfn-<uid>` there first.
 */
async function requireSafeParent(path: string, owners: readonly (number | undefined)[]): Promise<void> {
  if (!process.getuid) return;
  const parent = dirname(path);
  for (const { uid, mode } of [await lstat(parent), await stat(parent)]) {
    if (!owners.includes(uid) && (mode & 0o1000) === 0) throw unsafe(path, `lies in a folder of uid ${uid}`);
  }
}

/** `/a/b` and `/a/b/c/d` -> `/a/b`, `/a/b/c`, `/a/b/c/d`. */
function pathsBetween(first: string, last: string): string[] {
  return first === last || last.length <= first.length ? [last] : [...pathsBetween(first, dirname(last)), last];
}

/** Removes what a stack that was killed has left in the run directory, except what its new owner has made: `kept`. */
export async function clearRunDir(path: string, kept: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (name !== kept) await rm(join(path, name), { recursive: true, force: true });
  }
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
