import { readFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Check } from '../check.ts';
import { MINIMUM_NODE } from '../interpreters.ts';
import { isAtLeast } from '../version.ts';

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const MINIMUM_FILES = 4096; // P51
const MINIMUM_WATCHES = 8192; // the kernel's old default; a project of 4,000 folders needs as many
const MINIMUM_TEMPORARY_MB = 200;

export const systemChecks: readonly Check[] = [
  {
    id: 'system.platform',
    run() {
      const name = `${process.platform}-${process.arch}`;
      if (SUPPORTED.includes(name)) return { status: 'OK', message: name };
      return { status: 'WARN', message: `${name} is not tested`, hint: `Supported: ${SUPPORTED.join(', ')}.` };
    },
  },
  {
    id: 'system.node',
    run() {
      const { node } = process.versions;
      if (isAtLeast(node, MINIMUM_NODE))
        return { status: 'OK', message: `Node ${node}`, details: { path: process.execPath } };
      const hint = 'Install a maintained release from https://nodejs.org/.';
      return { status: 'FAIL', message: `Node ${node} is too old; ${MINIMUM_NODE} is needed`, hint };
    },
  },
  {
    id: 'system.limits',
    async run() {
      const [files, watches, temporaryMb] = await Promise.all([openFiles(), inotifyWatches(), freeTemporaryMb()]);
      const low = [
        files < MINIMUM_FILES && `${files} open files, ${MINIMUM_FILES} needed (ulimit -n ${MINIMUM_FILES})`,
        watches < MINIMUM_WATCHES && `${watches} inotify watches (sysctl fs.inotify.max_user_watches=524288)`,
        temporaryMb < MINIMUM_TEMPORARY_MB && `${temporaryMb} MB free in ${tmpdir()}, ${MINIMUM_TEMPORARY_MB} needed`,
      ].filter((text) => text !== false);
      const details = {
        open_files: String(files),
        inotify_watches: String(watches),
        temporary_mb: String(temporaryMb),
      };
      if (low.length === 0)
        return { status: 'OK', message: 'open files, file watches and temporary space are enough', details };
      return { status: 'WARN', message: low.join('; '), hint: 'Raise the limits named above.', details };
    },
  },
];

/** Infinity where the platform does not say. */
async function openFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = /Max open files\s+(\d+)/.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

async function inotifyWatches(): Promise<number> {
  const value = await readFile('/proc/sys/fs/inotify/max_user_watches', 'utf8').catch(() => '');
  return value === '' ? Number.POSITIVE_INFINITY : Number(value);
}

async function freeTemporaryMb(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return Math.floor((bavail * bsize) / 1_048_576);
}
