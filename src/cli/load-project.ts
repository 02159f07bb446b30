import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FastfnError } from '../errors.ts';
import { loadProject } from '../project/load.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** Reads the configuration that a command line asks for. */
export async function loadInvokedProject(
  command: 'dev' | 'run',
  invocation: Invocation,
  terminal: Terminal,
): Promise<ProjectConfig> {
  const { flags, args, settings } = invocation;
  return loadProject({
    command,
    dir: args[0],
    configFile: flags.config as string | undefined,
    envFiles: flags['env-file'] as readonly string[] | undefined,
    flags: settings,
    env: terminal.env,
    cwd: await workingDirectory(flags.cwd as string | undefined, terminal.cwd),
    isTerminal: terminal.err.isTerminal,
  });
}

/** `--cwd`, which must exist. */
export async function workingDirectory(given: string | undefined, cwd: string): Promise<string> {
  if (given === undefined) return cwd;
  const found = await stat(resolve(cwd, given)).catch(() => null);
  if (found?.isDirectory()) return resolve(cwd, given);
  throw new FastfnError('DIRECTORY_MISSING', `--cwd: ${given} ${found ? 'is not a directory' : 'does not exist'}`);
}
