import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { version } from '../../src/version.ts';
import { cleanEnvironment, Running, runToEnd } from '../unit/cli-support.ts';
import { makeTempDir, send } from './support.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 }); // npm fetches packages where its cache lacks them

const run = promisify(execFile);
const MAX_TARBALL_BYTES = 3 * 1024 * 1024;
const NO_REGISTRY = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT/;

let folder: ReturnType<typeof makeTempDir>;
let base: string;
let pack: { readonly filename: string; readonly size: number; readonly files: readonly { readonly path: string }[] };

beforeAll(async () => {
  folder = makeTempDir();
  base = realpathSync(folder.path);
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', base]; // dist/ is built, and others use it now
  const { stdout } = await run('npm', args, { cwd: packageRoot });
  pack = JSON.parse(stdout)[0];
});
afterAll(() => folder.remove());

describe('the package', () => {
  test('is below 3 MiB', () => {
    expect(pack.size).toBeLessThan(MAX_TARBALL_BYTES);
  });

  test('holds what runs, its pages and its examples, and nothing that a stack or the build has left', () => {
    const paths = pack.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'bin/fastfn.js',
        'dist/cli/main.js',
        'openresty/gateway.lua',
        'runtimes/python/main.py',
        'templates/init/ts/handler.ts',
        'docs/reference/fastfn.1',
        'docs/cli.md',
        'examples/hello/hello.py',
        'LICENSE',
      ]),
    );
    expect(paths.filter((path) => /(^|\/)(\.fastfn|\.setup-stamp|node_modules|test)(\/|$)/.test(path))).toEqual([]);
  });

  test('every link of its README leads into it', () => {
    const paths = new Set(pack.files.map(({ path }) => path));
    const text = readFileSync(join(packageRoot, 'README.md'), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target!);
    const isThere = (link: string) => paths.has(link) || [...paths].some((path) => path.startsWith(`${link}/`));
    expect(links.filter((link) => !isThere(link))).toEqual(['CONTRIBUTING.md']);
  });

  test('its man page is one that man takes without a warning', (context) => {
    const groff = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z', join(packageRoot, 'docs/reference/fastfn.1')]);
    if (groff.error) return context.skip('groff is not installed');
    expect([groff.status, groff.stderr.toString()]).toEqual([0, '']);
  });
});

/** README's block that begins with `npm pack`, line by line. */
function installingLines(): string[] {
  const text = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  return /^```sh\n(npm pack\n[\s\S]*?)^```/m.exec(text)![1]!.trim().split('\n');
}

test('README: a newcomer installs the package, and has a function that answers', async (context) => {
  const [, install, ...commands] = installingLines();
  expect(install).toBe(`npm install -g ./fastfn-${version}.tgz`);
  const prefix = join(base, 'prefix');
  const args = ['install', '-g', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', pack.filename];
  try {
    await run('npm', args, { cwd: base });
  } catch (error) {
    const { stderr } = error as { stderr: string };
    if (NO_REGISTRY.test(stderr)) return context.skip('there is no registry to fetch dependencies from');
    throw error;
  }
  expect(existsSync(join(prefix, 'share/man/man1/fastfn.1'))).toBe(true);

  const program = join(prefix, 'bin/fastfn');
  const cwd = join(base, 'empty');
  mkdirSync(cwd);
  const env = cleanEnvironment(base);
  const [init, dev] = commands.map((command) => command.split(' ').slice(1));
  expect(await runToEnd(program, init!, { cwd, env })).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(cwd)).toEqual(['demo']);
  const running = new Running(program, [...dev!, '--port', '0'], { cwd, env });
  await running.said('FastFN ready at http://127.0.0.1:');
  const answer = await send(/http:\S+/.exec(running.stdout)![0], '/demo?name=Ada');
  expect(answer.json()).toMatchObject({ message: 'Hello, Ada' });
  running.child.kill('SIGTERM');
  expect(await running.ended()).toBe(0);
});
