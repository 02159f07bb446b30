import { readFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Check, DoctorContext, Finding } from '../check.ts';
import { MINIMUM_NODE } from '../interpreters.ts';
import { isAtLeast } from '../version.ts';

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const MINIMUM_FILES = 4096; // P51
const WATCHES_PER_FILE = 2; // P51
const MINIMUM_TEMPORARY_MB = 200; // P268

export const systemChecks: readonly Check[] = [
  { id: 'system.platform', run: () => judgePlatform(`${process.platform}-${process.arch}`) },
  { id: 'system.node', run: () => judgeNode(process.versions.node, process.execPath) },
  { id: 'system.limits', run: async (context) => judgeLimits(await readLimits(context)) },
];

export function judgePlatform(name: string): Finding {
  if (SUPPORTED.includes(name)) return { status: 'OK', message: name };
  return { status: 'WARN', message: `${name} is not tested`, hint: `Supported: ${SUPPORTED.join(', ')}.` };
}

export function judgeNode(version: string, path: string): Finding {
  if (isAtLeast(version, MINIMUM_NODE)) return { status: 'OK', message: `Node ${version}`, details: { path } };
  const hint = 'Install a maintained release: https://nodejs.org/en/download';
  return { status: 'FAIL', message: `Node ${version} is too old; ${MINIMUM_NODE} is needed`, hint };
}

/** What the system allows; null where it does not say. */
export interface Limits {
  readonly openFiles: number | null;
  readonly inotifyWatches: number | null;
  readonly temporaryMb: number | null;
  /** How many files there are to watch; 0 without a project. */
  readonly watchedFiles: number;
}

interface Limit {
  readonly name: string;
  readonly value: number | null;
  readonly needed: number;
  readonly words: string;
  /** The line that raises it. */
  readonly hint: string;
}

export function judgeLimits({ openFiles, inotifyWatches, temporaryMb, watchedFiles }: Limits): Finding {
  const watches = WATCHES_PER_FILE * watchedFiles;
  const limits: Limit[] = [
    {
      name: 'open_files',
      value: openFiles,
      needed: MINIMUM_FILES,
      words: 'open files',
      hint: `ulimit -n ${MINIMUM_FILES}`,
    },
    {
      name: 'inotify_watches',
      value: inotifyWatches,
      needed: watches,
      words: 'inotify watches',
      hint: `sudo sysctl fs.inotify.max_user_watches=${Math.max(524_288, watches)} (until then changes are found by polling)`,
    },
    {
      name: 'temporary_mb',
      value: temporaryMb,
      needed: MINIMUM_TEMPORARY_MB,
      words: `MB free in ${tmpdir()}`,
      hint: `free space in ${tmpdir()}, or set TMPDIR to another folder`,
    },
  ];
  const known = limits.filter(({ value }) => value !== null);
  const details = Object.fromEntries(known.map(({ name, value }) => [name, String(value)]));
  const low = known.filter(({ value, needed }) => value! < needed);
  if (low.length === 0)
    return { status: 'OK', message: 'open files, file watches and temporary space are enough', details };
  const message = low.map(({ value, words, needed }) => `${value} ${words}, ${needed} needed`).join('; ');
  return { status: 'WARN', message, hint: low.map(({ hint }) => hint).join('; '), details };
}

async function readLimits({ project }: DoctorContext): Promise<Limits> {
  const [openFiles, inotifyWatches, temporaryMb, files] = await Promise.all([
    readOpenFiles(),
    readInotifyWatches(),
    readTemporaryMb(),
    project?.files,
  ]);
  return { openFiles, inotifyWatches, temporaryMb, watchedFiles: files?.count ?? 0 };
}

async function readOpenFiles(): Promise<number | null> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = /Max open files\s+(\d+)/.exec(limits)?.[1];
  return soft === undefined ? null : Number(soft);
}

async function readInotifyWatches(): Promise<number | null> {
  const value = await readFile('/proc/sys/fs/inotify/max_user_watches', 'utf8').catch(() => '');
  return value === '' ? null : Number(value);
}

async function readTemporaryMb(): Promise<number | null> {
  const found = await statfs(tmpdir()).catch(() => null);
  return found && Math.floor((found.bavail * found.bsize) / 1_048_576);
}
