import { lstat, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { fitted, isShortened, OPERATOR_SOCKET, runDirParents } from '../stack/run-dir.ts';
import { isRunning, type RunFile, readRunFile } from '../stack/run-file.ts';

/** A stack that runs on this machine, as its run.json describes it (P73). */
export interface FoundStack {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Clock ticks: another process may get the pid, but not both (P73). */
  readonly pidStart: number;
  readonly mode: RunFile['mode'];
  readonly functionsRoot: string;
  readonly logDir: string;
  /** Where its operator is answered (P133). */
  readonly operatorSocket: string;
}

export interface StackQuery {
  readonly config: Pick<ProjectConfig, 'functionsRoot' | 'runDir' | 'port'>;
  /** The folder was named, so that no other will do. */
  readonly isExact: boolean;
  /** Only a stack on this port. */
  readonly port?: number | undefined;
  /** Only a stack of this mode. */
  readonly mode?: FoundStack['mode'] | undefined;
}

/**
 * The running stack that a command is about: that of the functions root; where the user named no folder, also one above or
 * below it, or the one on the port that he named. Of several a native one (P30), on the configured port, else the youngest.
 */
export async function findStack({ config, isExact, port, mode }: StackQuery): Promise<FoundStack | null> {
  const running = await runningStacks(config);
  const candidates = running.filter(
    ({ file }) => (port === undefined || file.port === port) && (mode === undefined || file.mode === mode),
  );
  const own = candidates.filter(({ file }) => file.functions_root === config.functionsRoot);
  const related = isExact ? [] : candidates.filter(({ file }) => areNested(file.functions_root, config.functionsRoot));
  const named = isExact || port === undefined ? [] : candidates;
  const group = [own, related, named].find(({ length }) => length > 0) ?? [];
  const [chosen] = group.toSorted(
    (a, b) =>
      Number(b.file.mode === 'native') - Number(a.file.mode === 'native') ||
      Number(b.file.port === config.port) - Number(a.file.port === config.port) ||
      Date.parse(b.file.started_at) - Date.parse(a.file.started_at),
  );
  return chosen === undefined ? null : describe(chosen);
}

/** Whether a stack that was found has not ended since. */
export function isStillRunning({ pid, pidStart }: FoundStack): boolean {
  return isRunning({ pid, pid_start: pidStart });
}

interface RunningStack {
  readonly runDir: string;
  readonly file: RunFile;
}

function describe({ runDir, file }: RunningStack): FoundStack {
  return {
    url: file.url,
    port: file.port,
    pid: file.pid,
    pidStart: file.pid_start,
    mode: file.mode,
    functionsRoot: file.functions_root,
    logDir: file.log_dir,
    operatorSocket: join(runDir, OPERATOR_SOCKET),
  };
}

async function runningStacks(config: StackQuery['config']): Promise<readonly RunningStack[]> {
  const owners = await possibleOwners(config.functionsRoot);
  const found = await Promise.all((await runDirs(config, owners)).map((runDir) => readStack(runDir, owners)));
  return found.filter((stack) => stack !== null);
}

/** Whoever asks; and for root, who hands a stack over to the owner of its functions, that user too (P76). */
async function possibleOwners(functionsRoot: string): Promise<readonly number[]> {
  const self = process.getuid?.() ?? 0;
  return self === 0 ? [...new Set([0, (await stat(functionsRoot)).uid])] : [self];
}

async function runDirs(config: StackQuery['config'], owners: readonly number[]): Promise<readonly string[]> {
  const parents = owners.flatMap(runDirParents);
  const listed = await Promise.all(parents.map((parent) => list(parent)));
  const short = (await list(tmpdir())).filter(isShortened);
  return [...new Set([...(config.runDir === null ? [] : [fitted(config.runDir)]), ...listed.flat(), ...short])];
}

async function list(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.map((name) => join(folder, name));
}

/** Null for what is not there, ended, or open to somebody who could speak in the stack's name. */
async function readStack(runDir: string, owners: readonly number[]): Promise<RunningStack | null> {
  const found = await lstat(runDir).catch(() => null);
  if (!found?.isDirectory() || !owners.includes(found.uid) || (found.mode & 0o077) !== 0) return null;
  const file = await readRunFile(runDir);
  return file !== null && isRunning(file) ? { runDir, file } : null;
}

function areNested(a: string, b: string): boolean {
  return a.startsWith(b + sep) || b.startsWith(a + sep);
}
