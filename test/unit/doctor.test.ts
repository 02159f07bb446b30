import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findNativePrerequisites } from '../../src/doctor/native.ts';
import { installCommand } from '../../src/doctor/packages.ts';
import { checkPort, requirePort } from '../../src/doctor/port.ts';
import { isMissing, type MissingNginx, type NativePrerequisites } from '../../src/doctor/types.ts';
import { judgeNative } from '../../src/doctor/verdict.ts';
import { isAtLeast } from '../../src/doctor/version.ts';
import type { FunctionDefinition, Runtime } from '../../src/functions/types.ts';
import { loadProject } from '../../src/project/load.ts';
import { temporaryFolder } from './config-support.ts';

let cwd: string;

beforeEach(() => {
  cwd = temporaryFolder();
});

/** A program of our own in the test's PATH. */
function program(name: string, script: string): string {
  const path = join(cwd, 'bin', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Looks with only the given PATH; the cache is the test's own. */
async function find(
  runtimes: readonly Runtime[],
  env: Record<string, string> = {},
  path = `${join(cwd, 'bin')}:/usr/bin:/bin`,
) {
  const all = { HOME: cwd, PATH: path, XDG_CACHE_HOME: join(cwd, 'cache'), ...env };
  const config = await loadProject({ command: 'dev', flags: { native: true }, env: all, cwd });
  return findNativePrerequisites(config, runtimes, { env: all });
}

describe('nginx', () => {
  test('P43: nginx with its Lua module, cjson, resty.core and semaphores is found', async () => {
    const { nginx } = await find([], {}, process.env.PATH);
    expect(nginx).toMatchObject({
      path: expect.stringMatching(/nginx|openresty/),
      luaVersion: expect.stringMatching(/^0\.10\.\d+$/),
    });
  });

  test.each([
    ['an answer that is not nginx', 'echo hello', 'it does not answer -V like nginx'],
    ['an old nginx', 'echo "nginx version: nginx/1.18.0" >&2', 'nginx 1.18.0 is too old; 1.22 is needed'],
    [
      'no Lua',
      'echo "nginx version: nginx/1.24.0" >&2; echo "configure arguments: --prefix=/nowhere" >&2',
      'Lua module',
    ],
    ['a failure', 'echo "cannot open shared library" >&2; exit 127', 'cannot open shared library'],
  ])('P43: %s is said to be the reason', async (_case, script, reason) => {
    const path = program('nginx', script);
    const { nginx } = await find([], { FN_NGINX_BIN: path });
    expect(nginx).toMatchObject({ problem: expect.stringContaining(reason), configured: true, lacksLibrary: false });
  });

  test.each([
    ["init_by_lua error: module 'cjson' not found:", 'the Lua library cjson is missing', true],
    ["[alert] 1#1: failed to load the 'resty.core' module (https://…)", 'the Lua library resty.core is missing', true],
    [
      '[emerg] 1#1: dlopen() "/m/lua.so" failed (no such file) in /x:1',
      'its module /m/lua.so does not load (no such file)',
      false,
    ],
    ['[emerg] 1#1: bind() failed (98)', 'it cannot start (bind() failed (98))', false],
  ])('P43: "%s" is put in words', async (complaint, words, lacksLibrary) => {
    const version = 'echo "nginx version: openresty/1.25.3.1" >&2; echo "--add-module=../ngx_lua-0.10.26" >&2';
    writeFileSync(join(cwd, 'complaint'), complaint);
    const path = program(
      'openresty',
      `if [ "$1" = -V ]; then ${version}; else cat ${join(cwd, 'complaint')} >&2; exit 1; fi`,
    );
    const { nginx } = await find([], { FN_OPENRESTY_BIN: path });
    expect(nginx).toMatchObject({ problem: `${path}: ${words}`, lacksLibrary });
  });

  test('FN_NGINX_BIN that does not exist is an error, not replaced by another nginx', async () => {
    const { nginx } = await find([], { FN_NGINX_BIN: '/nowhere/nginx' }, process.env.PATH);
    expect(nginx).toMatchObject({ problem: '/nowhere/nginx does not exist or is not executable', configured: true });
  });
});

describe('languages', () => {
  test('P44-P46: Node, Python and PHP of this machine are found with absolute paths', async () => {
    const found = await find(['node', 'python', 'php'], {}, process.env.PATH);
    for (const runtime of ['node', 'python', 'php'] as const) {
      expect(found[runtime]).toMatchObject({
        path: expect.stringMatching(/^\//),
        version: expect.stringMatching(/^\d+\.\d+/),
      });
    }
  });

  test('a runtime that is not asked for is not looked for', async () => {
    expect(await find(['lua'])).toMatchObject({
      node: null,
      npm: null,
      python: null,
      pip: null,
      php: null,
      composer: null,
    });
  });

  test('P45: python3 comes before python, and one that is too old gives way to the next', async () => {
    program('python3', `echo '{"path": "/old", "version": "3.8.1", "pip": null, "folders": []}'`);
    program('python', `echo '{"path": "/new", "version": "3.12.1", "pip": "24.0", "folders": []}'`);
    expect(await find(['python'])).toMatchObject({
      python: { path: '/new', version: '3.12.1' },
      pip: { version: '24.0' },
    });
  });

  test('P42: a program that fails counts as missing, with what it said', async () => {
    const path = program('php', 'echo "broken installation" >&2; exit 1');
    const { php } = await find(['php']);
    expect(php).toMatchObject({
      problem: `${path}: broken installation`,
      configured: false,
      hint: expect.stringContaining('php-cli'),
    });
  });

  test.each([
    ['FN_PHP_BIN', 'php'],
    ['FN_PYTHON_BIN', 'python'],
    ['FN_NODE_BIN', 'node'],
  ] as const)('%s that does not work is an error', async (variable, runtime) => {
    const found = await find([runtime], { [variable]: 'no-such-program' });
    expect(found[runtime]).toMatchObject({
      problem: 'no-such-program does not exist or is not executable',
      configured: true,
    });
  });

  test('npm is named with its version without being started', async () => {
    mkdirSync(join(cwd, 'bin'));
    writeFileSync(join(cwd, 'package.json'), '{"name": "npm", "version": "10.8.2"}');
    const path = program('npm', 'exit 1');
    expect((await find(['node'])).npm).toEqual({ path, version: '10.8.2' });
  });
});

describe('memory', () => {
  const answer = (version: string) =>
    `echo x >> "$0.calls"; echo '{"path": "/bin/sh", "version": "${version}", "sapi": "cli", "sockets": true}'`;
  const calls = () => readFileSync(join(cwd, 'bin/php.calls'), 'utf8').length / 2;

  test('a second start asks no program again', async () => {
    program('php', answer('8.3.1'));
    for (let start = 0; start < 3; start++) expect((await find(['php'])).php).toMatchObject({ version: '8.3.1' });
    expect(calls()).toBe(1);
  });

  test('a changed program is asked again', async () => {
    const path = program('php', answer('8.3.1'));
    await find(['php']);
    program('php', answer('8.3.2'));
    utimesSync(path, 1, 1);
    expect((await find(['php'])).php).toMatchObject({ version: '8.3.2' });
  });

  test('a launcher script is asked again when a version file appears', async () => {
    program('php', answer('8.3.1'));
    await find(['php']);
    writeFileSync(join(cwd, '.tool-versions'), 'php 8.4');
    await find(['php']);
    expect(calls()).toBe(2);
  });

  test('what is missing is looked for again', async () => {
    expect((await find(['php'], {}, join(cwd, 'bin'))).php).toMatchObject({ problem: 'PHP is not installed' });
    program('php', answer('8.3.1').replace('echo x', '/bin/echo x'));
    expect((await find(['php'], {}, `${join(cwd, 'bin')}:/bin`)).php).toMatchObject({ version: '8.3.1' });
  });

  test.each(['', 'not json', 'null', '{"format": 1}', '{"format": 99, "entries": {}}'])(
    'a damaged memory (%j) is ignored',
    async (content) => {
      program('php', answer('8.3.1'));
      mkdirSync(join(cwd, 'cache/fastfn'), { recursive: true });
      writeFileSync(join(cwd, 'cache/fastfn/probes.json'), content);
      expect((await find(['php'])).php).toMatchObject({ version: '8.3.1' });
    },
  );
});

describe('verdict', () => {
  const found = { path: '/x', version: '1' };
  const missing = (what: string, configured = false) => ({
    problem: `${what} is not installed`,
    hint: `install ${what}`,
    configured,
  });
  const nginx = { ...found, flavor: 'nginx', modules: [], luaVersion: '0.10.23' } as const;
  const noNginx: MissingNginx = { ...missing('nginx'), lacksLibrary: false };
  const all: NativePrerequisites = {
    nginx,
    node: found,
    npm: found,
    python: found,
    pip: found,
    php: found,
    composer: found,
  };
  const functions = (...runtimes: Runtime[]) =>
    runtimes.map((runtime, index) => ({ runtime, name: `f${index}` }) as FunctionDefinition);

  test.each([
    ['dev', {}, ['python'], [], []],
    ['dev', { nginx: noNginx }, ['node'], ['nginx is not installed'], []],
    ['dev', { php: missing('PHP') }, ['node'], [], []],
    ['dev', { php: missing('PHP') }, ['node', 'php'], [], ['PHP is not installed; needed by f1']],
    ['dev', { php: missing('PHP') }, ['lua', 'php'], [], ['PHP is not installed; needed by f1']],
    ['dev', { php: missing('PHP') }, ['php'], ['PHP is not installed; needed by f0'], []],
    ['run', { php: missing('PHP') }, ['node', 'php'], ['PHP is not installed; needed by f1'], []],
    ['dev', { php: missing('PHP', true) }, ['node'], ['PHP is not installed'], []],
    [
      'run',
      { nginx: noNginx, python: missing('Python') },
      ['python'],
      ['nginx is not installed', 'Python is not installed; needed by f0'],
      [],
    ],
  ] as const)('P41: %s, missing %j, in use %j', async (command, lacking, runtimes, problems, warnings) => {
    const config = await loadProject({ command, flags: {}, env: {}, cwd });
    const verdict = judgeNative(config, { ...all, ...lacking }, functions(...runtimes));
    expect(verdict.problems.map(({ problem }) => problem)).toEqual(problems);
    expect(verdict.warnings.map(({ problem }) => problem)).toEqual(warnings);
  });

  test('P41: run goes on without a runtime when it was told so', async () => {
    const config = await loadProject({ command: 'run', flags: { 'allow-missing-runtimes': true }, env: {}, cwd });
    expect(judgeNative(config, { ...all, php: missing('PHP') }, functions('php'))).toMatchObject({
      problems: [],
      warnings: [{}],
    });
  });
});

describe('ports', () => {
  let server: Server;
  let port: number;

  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => server.close());

  test('P49: a port in use names who uses it', async () => {
    await expect(requirePort('127.0.0.1', port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      exitCode: 1,
      message: expect.stringMatching(new RegExp(`^port ${port} is in use by pid ${process.pid} \\(.+\\)$`)),
      hint: expect.stringContaining('--port'),
    });
  });

  test('P49: a free port is free, and stays free', async () => {
    await new Promise((resolve) => server.close(resolve));
    await requirePort('127.0.0.1', port);
    expect(await checkPort('127.0.0.1', port)).toEqual({ state: 'free' });
  });

  test('an address of another machine is refused in words', async () => {
    expect(await checkPort('192.0.2.1', 0)).toEqual({ state: 'refused', reason: 'this machine has no such address' });
  });
});

test.each([
  ['8.1', '8.1', true],
  ['8.2.36', '8.1', true],
  ['10.0', '9.9.9', true],
  ['8.0.30', '8.1', false],
  ['3.12.0rc1', '3.10', true],
  ['1.21.4.1', '1.21.4', true],
  ['1.21', '1.21.4', false],
])('version %s is at least %s: %s', (version, minimum, expected) => {
  expect(isAtLeast(version, minimum)).toBe(expected);
});

test('P287: the command that installs what is missing names each package once', () => {
  expect(installCommand(['nginx', 'php', 'nginx'], 'linux')).toBe(
    'sudo apt-get update && sudo apt-get install -y --no-install-recommends nginx libnginx-mod-http-lua lua-cjson php-cli',
  );
  expect(installCommand(['nginx', 'python', 'pip'], 'darwin')).toBe('brew install openresty/brew/openresty python');
});

test('a program that is there is not missing', () => {
  expect(isMissing({ path: '/x', version: '1' })).toBe(false);
});
