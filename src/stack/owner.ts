import { execFile } from 'node:child_process';
import { lchown, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** Whom nginx's workers and function workers run as (P76). */
export interface StackUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly group: string;
}

const ROOT: StackUser = { uid: 0, gid: 0, name: 'root', group: 'root' };

/** The user, and why it is root although the folder belongs to somebody else. */
export interface StackOwner {
  /** null: the stack does not run as root, so everything runs as whoever started it. */
  readonly user: StackUser | null;
  readonly note?: string;
}

/**
 * Root hands the stack to the owner of the functions root, so that files it writes belong to that user (P76). `needed` are
 * programs and folders that user must reach: an interpreter in root's home, say, leaves everything with root, since nothing
 * may fail because the user is root.
 */
export async function stackOwner(functionsRoot: string, needed: readonly string[]): Promise<StackOwner> {
  if (process.getuid?.() !== 0) return { user: null };
  const { uid, gid } = await stat(functionsRoot);
  if (uid === 0) return { user: ROOT };
  const [name, group] = await Promise.all([nameOf('passwd', uid), nameOf('group', gid)]);
  if (name === null || group === null) {
    return { user: ROOT, note: `functions run as root: the owner of ${functionsRoot} (uid ${uid}) has no account` };
  }
  const user = { uid, gid, name, group };
  for (const path of needed) {
    const barrier = await findBarrier(path, user);
    if (barrier)
      return { user: ROOT, note: `functions run as root: ${name} may not enter ${barrier}, which ${path} needs` };
  }
  return { user };
}

/** Gives paths that the stack has made to the user it runs as, never what a link in their place points to. */
export async function giveTo(user: StackUser | null, paths: readonly string[]): Promise<void> {
  if (user === null || user.uid === process.getuid?.()) return;
  for (const path of paths) await lchown(path, user.uid, user.gid);
}

/** Whether the stack's user may enter a folder (which need not exist yet) and all above it. */
export async function canReach(path: string, user: StackUser | null): Promise<boolean> {
  return user === null || user.uid === 0 || (await findBarrier(path, user)) === null;
}

/** The first folder above `path`, or itself, that the user may not read; null when it is all open to him. */
async function findBarrier(path: string, user: StackUser): Promise<string | null> {
  for (let place = path; ; place = dirname(place)) {
    const found = await stat(place).catch(() => null);
    if (found && !mayEnter(found, user)) return place;
    if (place === dirname(place)) return null;
  }
}

function mayEnter({ uid, gid, mode }: { uid: number; gid: number; mode: number }, user: StackUser): boolean {
  const execute = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  const isFile = (mode & 0o170000) === 0o100000;
  return isFile ? (mode & (execute << 2)) !== 0 : (mode & execute) !== 0;
}

async function nameOf(database: 'passwd' | 'group', id: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('getent', [database, String(id)]);
    return stdout.split(':')[0] || null;
  } catch {
    return null;
  }
}
