import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { startTime } from '../process-identity.ts';

const Owner = z.object({ pid: z.number().int(), startTime: z.string() });

/**
 * Takes the lock of one set, or returns false while another living process has it. It saves double work only: two
 * owners would each work in a folder of their own, and the second to publish keeps the first one's set.
 */
export function takeLock(lockFile: string): boolean {
  const own = `${lockFile}-${process.pid}`;
  writeFileSync(own, JSON.stringify({ pid: process.pid, startTime: startTime(process.pid) }));
  try {
    return linkLock(own, lockFile) || (isStale(lockFile) && replaceLock(own, lockFile));
  } finally {
    rmSync(own, { force: true });
  }
}

export function releaseLock(lockFile: string): void {
  rmSync(lockFile, { force: true });
}

/** A hard link appears with its content, so no reader sees an empty lock. */
function linkLock(own: string, lockFile: string): boolean {
  try {
    linkSync(own, lockFile);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function replaceLock(own: string, lockFile: string): boolean {
  rmSync(lockFile, { force: true });
  return linkLock(own, lockFile);
}

function isStale(lockFile: string): boolean {
  try {
    const owner = Owner.parse(JSON.parse(readFileSync(lockFile, 'utf8')));
    return startTime(owner.pid) !== owner.startTime;
  } catch {
    return true; // gone meanwhile, or not written by us
  }
}
