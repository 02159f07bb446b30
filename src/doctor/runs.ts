import { lstat, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { askStack } from '../stack/control-socket.ts';
import { stackOwner } from '../stack/owner.ts';
import { fitted, isShortened, removeRunDir, runDirParents } from '../stack/run-dir.ts';
import { endSurvivors, isRunning, type RunFile, readRunFile } from '../stack/run-file.ts';

/** The run directory of one stack, living or dead (P72, P73). */
export interface Run {
  readonly dir: string;
  /** run.json; null where the stack ended before it wrote one. */
  readonly file: RunFile | null;
  readonly isAlive: boolean;
}

/** Finds the run directories of this user's stacks, and of the user for whom root would run this project's. */
export async function findRuns(config: ProjectConfig | null): Promise<Run[]> {
  const uid = process.getuid?.();
  if (uid === undefined) return [];
  const owner = config === null ? null : (await stackOwner(config.functionsRoot, [])).user;
  const uids = new Set([uid, ...(owner === null ? [] : [owner.uid])]);
  const listed = await Promise.all([...uids].flatMap(runDirParents).map(list));
  const candidates = [
    ...(config?.runDir ? [fitted(config.runDir)] : []),
    ...listed.flat(),
    ...(await list(tmpdir())).filter(isShortened),
  ];
  const runs = await Promise.all([...new Set(candidates)].map((dir) => readRun(dir, uids)));
  return runs.filter((run) => run !== null);
}

/** Ends what a dead stack left running and removes its run directory (P75, P287). */
export async function removeDeadRun({ dir, file }: Run): Promise<void> {
  if (file !== null) await endSurvivors(file.children);
  await removeRunDir(dir);
}

async function list(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.map((name) => join(parent, name));
}

/** null: nothing of ours, or of somebody else. */
async function readRun(dir: string, uids: ReadonlySet<number>): Promise<Run | null> {
  const found = await lstat(dir).catch(() => null);
  if (!found?.isDirectory() || !uids.has(found.uid)) return null;
  const file = await readRunFile(dir);
  if (file !== null) return { dir, file, isAlive: isRunning(file) };
  const socket = join(dir, 'control.sock');
  const hasSocket = (await lstat(socket).catch(() => null))?.isSocket() ?? false;
  return hasSocket ? { dir, file, isAlive: (await askStack(socket)) !== null } : null;
}
