import { open, readlink, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { isAlive, startTime } from '../process-identity.ts';

/** A process of the stack, named so that a reused pid is never mistaken for it (P73). */
export interface ChildProcessRecord {
  readonly pid: number;
  /** Start time in clock ticks since boot, from /proc; 0 where that is not known. */
  readonly pid_start: number;
  readonly role: string;
}

const Child = z.object({ pid: z.number().int(), pid_start: z.number(), role: z.string() });
const RunFile = z.object({
  pid: z.number().int(),
  pid_start: z.number(),
  mode: z.enum(['native', 'docker']),
  url: z.string(),
  port: z.number().int(),
  functions_root: z.string(),
  project_id: z.string(),
  started_at: z.string(),
  version: z.string(),
  control_socket: z.string(),
  log_dir: z.string(),
  children: z.array(Child),
});
/** `run.json` (P73). */
export type RunFile = z.infer<typeof RunFile>;

/** Role of the helper that ends the others when the supervisor is gone. */
export const WATCHDOG = 'watchdog';

const SURVIVOR_GRACE_MS = 1000;
const POLL_MS = 20;

/** Writes run.json atomically, mode 0600. */
export async function writeRunFile(runDir: string, content: RunFile): Promise<void> {
  const temporary = join(runDir, `run.json.${process.pid}`);
  await rm(temporary, { force: true });
  await writeFile(temporary, `${JSON.stringify(content, null, 1)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(temporary, join(runDir, 'run.json'));
}

/**
 * What a former stack left in this run directory; null when there is nothing readable. The directory belongs to the user whom
 * root runs a stack for, so a file that root did not write names processes of its writer only.
 */
export async function readRunFile(runDir: string): Promise<RunFile | null> {
  try {
    await using file = await open(join(runDir, 'run.json'));
    const { uid } = await file.stat();
    const found = RunFile.parse(JSON.parse(await file.readFile('utf8')));
    return uid === 0 ? found : { ...found, children: await ownedBy(uid, found.children) };
  } catch {
    return null;
  }
}

async function ownedBy(uid: number, children: readonly ChildProcessRecord[]): Promise<RunFile['children']> {
  const owners = await Promise.all(children.map(({ pid }) => stat(`/proc/${pid}`).catch(() => null)));
  return children.filter((_, index) => owners[index]?.uid === uid);
}

/** Whether the supervisor that wrote the file still runs, and no other process has its pid (P73). */
export function isRunning({ pid, pid_start: start }: Pick<RunFile, 'pid' | 'pid_start'>): boolean {
  return isAlive(pid) && (start === 0 || startTicks(pid) === start);
}

/**
 * Ends what survived a supervisor that was killed: TERM, a second, KILL. Only processes whose start time matches and that run
 * a program, never a stranger that got the same pid (P75).
 */
export async function endSurvivors(children: readonly ChildProcessRecord[]): Promise<void> {
  const ours: number[] = [];
  for (const child of children) if (await isSame(child)) ours.push(child.pid);
  // A watchdog that is still at it would remove the run directory, which is the new stack's by now; what it was about to end is
  // ended here.
  for (const { pid, role } of children) if (role === WATCHDOG && ours.includes(pid)) signalGroup(pid, 'SIGKILL');
  for (const pid of ours) signalGroup(pid, 'SIGTERM');
  const deadline = performance.now() + SURVIVOR_GRACE_MS;
  while (performance.now() < deadline && ours.some(isAlive)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  for (const child of children)
    if (ours.includes(child.pid) && (await isSame(child))) signalGroup(child.pid, 'SIGKILL');
}

async function isSame(child: ChildProcessRecord): Promise<boolean> {
  if (child.pid_start === 0 || startTicks(child.pid) !== child.pid_start) return false;
  try {
    await readlink(`/proc/${child.pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

/** Start time of a process in clock ticks since boot (P73); 0 where it is not known. */
export function startTicks(pid: number): number {
  return Number(startTime(pid)) || 0;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
    } catch {
      // gone, or not the leader of a group
    }
  }
}
