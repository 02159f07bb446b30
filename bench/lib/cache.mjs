import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../.cache', import.meta.url));

/** Folder with uvicorn, uvloop and httptools, installed once. */
export async function uvicornPackages() {
  const dir = join(CACHE, 'uvicorn');
  if (!existsSync(join(dir, 'uvicorn'))) {
    const packages = ['uvicorn', 'uvloop', 'httptools'];
    await run('python3', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--target',
      dir,
      ...packages,
    ]);
  }
  return dir;
}

/** Path of php-fpm: the system's, or Debian's package unpacked here, so that no service is set up. */
export async function phpFpm() {
  const { stdout } = await run('php', ['-r', 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;']);
  const name = `php-fpm${stdout}`;
  if (existsSync(`/usr/sbin/${name}`)) return `/usr/sbin/${name}`;
  const dir = join(CACHE, name);
  const binary = join(dir, 'usr/sbin', name);
  if (!existsSync(binary)) {
    mkdirSync(dir, { recursive: true });
    await run('apt-get', ['download', `php${stdout}-fpm`], { cwd: dir });
    const archive = readdirSync(dir).find((file) => file.endsWith('.deb'));
    await run('dpkg', ['-x', archive, '.'], { cwd: dir });
  }
  return binary;
}
