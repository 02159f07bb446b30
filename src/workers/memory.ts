import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';

const AT_PAGESZ = 6n; // <linux/auxvec.h>
const RESIDENT_FIELD = 1; // of /proc/<pid>/statm, in pages (proc(5))

const buffer = Buffer.allocUnsafe(16_384); // a statm line, or the pids of some 2,000 children

let cachedPageBytes: number | undefined;

/** Resident memory of a process and its descendants in bytes (P112); null when it is gone or there is no /proc. */
export function residentBytes(pid: number): number | null {
  const own = ownResidentBytes(pid);
  if (own === null) return null;
  return children(pid).reduce((sum, child) => sum + (residentBytes(child) ?? 0), own);
}

function ownResidentBytes(pid: number): number | null {
  const pages = read(`/proc/${pid}/statm`)?.split(' ')[RESIDENT_FIELD];
  return pages === undefined ? null : Number(pages) * pageBytes();
}

/** Each thread has its own list: a process belongs to the thread that forked it. */
function children(pid: number): number[] {
  return threads(pid).flatMap((tid) => {
    const list = read(`/proc/${pid}/task/${tid}/children`)?.trim() ?? '';
    return list === '' ? [] : list.split(' ').map(Number);
  });
}

function threads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Half the time of readFileSync, which asks each file for its size: there is one file per thread of every worker. */
function read(path: string): string | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      return buffer.toString('latin1', 0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined; // the thread or process has ended
  }
}

/** From the auxiliary vector: pairs of native words, so 16 bytes each on the 64-bit systems that have large pages. */
function pageBytes(): number {
  cachedPageBytes ??= pageBytesOf(readFileSync('/proc/self/auxv'));
  return cachedPageBytes;
}

function pageBytesOf(auxv: Buffer): number {
  for (let at = 0; at + 16 <= auxv.length; at += 16) {
    if (auxv.readBigUInt64LE(at) === AT_PAGESZ) return Number(auxv.readBigUInt64LE(at + 8));
  }
  return 4096;
}
