import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { homeOf } from '../home.ts';
import type { SettingValues } from './settings.ts';

export interface Places {
  readonly stateDir: string;
  readonly storeDir: string;
  readonly logDir: string;
  /** null: chosen once the port is known (P72). */
  readonly runDir: string | null;
}

/** Where state, logs, dependencies and sockets go. Nothing is created here. */
export async function findPlaces(
  values: SettingValues,
  project: {
    readonly functionsRoot: string;
    readonly projectId: string;
    readonly cwd: string;
    readonly env: NodeJS.ProcessEnv;
  },
): Promise<Places> {
  const { cwd, env } = project;
  const given = (path: string | null) => (path === null ? null : resolve(cwd, path));
  const stateDir = given(values['state-dir']) ?? (await defaultStateDir(project));
  return {
    stateDir,
    storeDir: given(values['store-dir']) ?? (await defaultStoreDir(env, stateDir)),
    logDir: given(values['log-dir']) ?? join(stateDir, 'logs'),
    runDir: given(values['run-dir']) ?? runDirBelow(given(values['socket-base-dir']), project.projectId, values.port),
  };
}

/** `$XDG_CACHE_HOME/fastfn`, or the platform's usual place for it. */
export function cacheDir(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CACHE_HOME || join(homeOf(env), '.cache'), 'fastfn');
}

async function defaultStateDir({
  functionsRoot,
  projectId,
  env,
}: {
  functionsRoot: string;
  projectId: string;
  env: NodeJS.ProcessEnv;
}): Promise<string> {
  const inside = join(functionsRoot, '.fastfn');
  if (await canWriteBelow(inside)) return inside;
  return join(env.XDG_STATE_HOME || join(homeOf(env), '.local', 'state'), 'fastfn', projectId);
}

async function defaultStoreDir(env: NodeJS.ProcessEnv, stateDir: string): Promise<string> {
  const cache = cacheDir(env);
  return (await canWriteBelow(cache)) ? cache : join(stateDir, 'store');
}

/** The parent was named by an older setup; a port that is not known yet is replaced by our process id. */
function runDirBelow(parent: string | null, projectId: string, port: number): string | null {
  return parent === null ? null : join(parent, `${projectId}-${port === 0 ? process.pid : port}`);
}

/** Whether a folder is writable, or its nearest existing ancestor, where it would be made. */
async function canWriteBelow(dir: string): Promise<boolean> {
  try {
    await access(dir, constants.W_OK);
    return true;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing && dirname(dir) !== dir && canWriteBelow(dirname(dir));
  }
}
