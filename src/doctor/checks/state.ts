import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProjectConfig } from '../../project/types.ts';
import { giveTo, stackOwner } from '../../stack/owner.ts';
import { type Check, type DoctorContext, type Finding, type Project, withProject } from '../check.ts';

const SCHEDULER_FILE = 'scheduler-state.json';
const JOBS_FOLDER = 'jobs';
const MAX_JOB_FILES = 10_000; // a longer queue is judged by its first files, so that the report stays quick

/** Where the project keeps what must survive a restart (P283). */
export const stateCheck: Check = { id: 'project.state', run: withProject(checkState), fix: createStateDir };

async function checkState({ config }: Project): Promise<Finding> {
  const { stateDir, functionsRoot, settings } = config;
  const obstacle = await findObstacle(stateDir);
  if (obstacle !== null) {
    const hint = 'Set FN_STATE_DIR to a folder that can be written.';
    return { status: 'FAIL', message: `${stateDir} cannot be written: ${obstacle}`, hint };
  }
  const corrupt = await findCorrupt(config);
  if (corrupt.length > 0) {
    const hint = 'Move the files aside, or restore them from a backup.';
    const details = Object.fromEntries(corrupt.map((file) => [file, 'is not valid JSON']));
    return { status: 'FAIL', message: `${corrupt.length} damaged in ${stateDir}`, hint, details };
  }
  const usual = join(functionsRoot, '.fastfn');
  if (stateDir !== usual && settings['state-dir']?.source === 'default') {
    const hint = `Make ${usual} writable, or set FN_STATE_DIR.`;
    return { status: 'WARN', message: `${usual} cannot be written; ${stateDir} is used instead`, hint };
  }
  return { status: 'OK', message: stateDir };
}

/** Creates the folder as a start would (P287). */
async function createStateDir({ project }: DoctorContext): Promise<string | null> {
  if (project === null) return null;
  const { stateDir, functionsRoot } = project.config;
  const first = await mkdir(stateDir, { recursive: true, mode: 0o700 });
  if (first === undefined) return null;
  await giveTo((await stackOwner(functionsRoot, [])).user, [first, stateDir]);
  return `created ${stateDir}`;
}

/** Why a folder cannot be written, or made; null if it can. */
async function findObstacle(dir: string): Promise<string | null> {
  const found = await stat(dir).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) {
    if (!found.isDirectory()) return `${dir} is not a folder`;
    return access(dir, constants.W_OK | constants.X_OK).then(
      () => null,
      () => `no permission for ${dir}`,
    );
  }
  if (found.code === 'ENOENT' && dirname(dir) !== dir) return findObstacle(dirname(dir));
  return found.code === 'ENOTDIR' ? findObstacle(dirname(dir)) : `${dir}: ${found.code}`;
}

async function findCorrupt({ stateDir, settings }: ProjectConfig): Promise<string[]> {
  const chosen = (name: string, usual: string) => (settings[name]?.value as string | null) ?? join(stateDir, usual);
  const jobs = chosen('jobs-dir', JOBS_FOLDER);
  const names = (await readdir(jobs).catch(() => [])).filter((name) => name.endsWith('.json'));
  const files = [
    chosen('scheduler-state-path', SCHEDULER_FILE),
    ...names.slice(0, MAX_JOB_FILES).map((name) => join(jobs, name)),
  ];
  const corrupt: string[] = [];
  for (const file of files) if (await isCorrupt(file)) corrupt.push(file);
  return corrupt;
}

async function isCorrupt(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}
