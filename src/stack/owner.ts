import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Whom nginx's workers and function workers run as (P76). */
export interface StackUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly group: string;
}

/**
 * Root hands the stack to the owner of the functions root, so that files it writes belong to that user; a root-owned folder
 * stays with root. Anyone else runs everything as himself: null.
 */
export async function stackUser(functionsRoot: string): Promise<StackUser | null> {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = await stat(functionsRoot);
  if (uid === 0) return { uid: 0, gid: 0, name: 'root', group: 'root' };
  const [name, group] = await Promise.all([nameOf('passwd', uid), nameOf('group', gid)]);
  // nginx's `user` takes names only: an owner without an account cannot be served as.
  if (name === null || group === null) return { uid: 0, gid: 0, name: 'root', group: 'root' };
  return { uid, gid, name, group };
}

async function nameOf(database: 'passwd' | 'group', id: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('getent', [database, String(id)]);
    return stdout.split(':')[0] || null;
  } catch {
    return null;
  }
}
