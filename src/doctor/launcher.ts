import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { homeOf } from '../home.ts';

/** Files by which version managers (pyenv, asdf, mise, phpenv) choose what their launchers start. */
const SELECTORS = ['.python-version', '.php-version', '.tool-versions', 'mise.toml'];

/**
 * What decides which program a launcher script starts: itself, and the selector files of every folder from the project
 * upwards and at home, whether they exist or not. A binary depends on itself only.
 */
export async function selectorsOf(path: string, projectDir: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  if (!(await isScript(path))) return [path];
  const home = homeOf(env);
  const folders = [...ancestors(projectDir), home];
  const pyenv = join(env.PYENV_ROOT || join(home, '.pyenv'), 'version');
  return [path, pyenv, ...folders.flatMap((folder) => SELECTORS.map((name) => join(folder, name)))];
}

function ancestors(dir: string): string[] {
  return dirname(dir) === dir ? [dir] : [dir, ...ancestors(dirname(dir))];
}

async function isScript(path: string): Promise<boolean> {
  const file = await open(path).catch(() => null);
  if (file === null) return false;
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.toString('latin1') === '#!';
  } finally {
    await file.close();
  }
}
