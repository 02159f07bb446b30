import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { send, TestStack, until, writeFiles } from '../stack/support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { buildStackImage, containerOf, inDocker } from './stack-support.ts';
import { daemonEnvironment, describeWithDaemon, docker } from './support.ts';

const SECRET = `planted-${randomBytes(8).toString('hex')}`;
/** Root hands the stack to the owner of the folder. */
const UID = process.getuid?.() || 1234;
const EDITS = 20;
const run = promisify(execFile);

const FILES = {
  'js.js': `const fs = require('node:fs');
    exports.handler = (event) => ({
      ip: event.client.ip, uid: process.getuid(), root: process.env.FN_FUNCTIONS_ROOT, env: fs.readFileSync(__dirname + '/.env', 'utf8'),
    });`,
  'ts.ts': 'export const handler = (): string => "ts";',
  'py.py': 'def handler(event):\n    return "py"\n',
  'ph.php': '<?php function handler($event) { return "php"; }',
  'lu.lua': 'return function() return "lua" end',
  'secret/handler.js': 'exports.handler = (event) => event.env.TOKEN.length;',
  'secret/fn.env.json': { TOKEN: { from_env: 'UPSTREAM_TOKEN' } },
  'write/handler.js':
    "exports.handler = () => { require('node:fs').writeFileSync(__dirname + '/written.txt', 'x'); return 'ok'; };",
  'odd/handler.js': "exports.handler = () => String(require('left')());",
  'odd/package.json': { dependencies: { left: 'file:./left' } },
  'odd/left/package.json': { name: 'left', version: '1.0.0', main: 'index.js' },
  'odd/left/index.js': "module.exports = () => 'packaged';",
  'edit.js': 'exports.handler = () => "v0";',
  '.env': `HIDDEN=${SECRET}\n`,
};

describeWithDaemon('a folder served from a container', () => {
  let stack: TestStack;

  beforeAll(async () => {
    await buildStackImage();
    const base = temporaryFolder();
    const dir = join(base, 'project');
    mkdirSync(dir);
    writeFiles(dir, FILES);
    if (process.getuid?.() === 0) await run('chown', ['-R', `${UID}:${UID}`, dir]);
    stack = TestStack.over(
      base,
      dir,
      inDocker({ env: { UPSTREAM_TOKEN: SECRET, FN_ADMIN_TOKEN: SECRET, FN_CONSOLE_WRITE_ENABLED: '1' } }),
    );
    await stack.untilReady();
  });
  afterAll(() => stack?.stop());

  test('P25: the ready line names Docker and the port of this machine', () => {
    expect(stack.stdout).toMatch(
      /^FastFN ready at http:\/\/127\.0\.0\.1:\d+ \(docker, 10 functions, 10 routes, [\d.]+s\)\n$/,
    );
  });

  test.each(['ts', 'py', 'ph', 'lu'])('P10: a function answers: %s', async (name) => {
    const { status, text } = await stack.get(`/${name}`);
    expect([status, text]).toEqual([200, name === 'ph' ? 'php' : name === 'lu' ? 'lua' : name]);
  });

  test('P62, P63, P66: handlers see the path, the user and the client that they would see without Docker, and no .env', async () => {
    expect((await stack.get('/js')).json()).toEqual({ ip: '127.0.0.1', uid: UID, root: stack.dir, env: '' });
  });

  test('P65: a secret reaches its function and is neither in what the daemon knows nor in the log', async () => {
    expect((await stack.get('/secret')).text).toBe(String(SECRET.length));
    const container = await containerOf(stack);
    expect(JSON.stringify(container)).not.toContain(SECRET);
    const logs = readFileSync(join(stack.base, 'state/logs/runtime.log'), { encoding: 'utf8', flag: 'a+' });
    expect(logs + stack.output).not.toContain(SECRET);
    expect(JSON.stringify(await docker.getContainer(container.Id).top())).not.toContain(SECRET);
  });

  test('P61: what runs has no capability, may gain none, and cannot write outside its folders', async () => {
    const { HostConfig, Config } = await containerOf(stack);
    expect(HostConfig).toMatchObject({ CapDrop: ['ALL'], ReadonlyRootfs: true, PidsLimit: 4096, AutoRemove: true });
    expect(Config.User).toBe(`${UID}:${UID}`);
    const { text } = await stack.get('/_fn/health', { headers: { 'x-fn-admin-token': SECRET } });
    expect(JSON.parse(text)).toMatchObject({ mode: 'docker', functions_root: stack.dir });
  });

  test('P63: what the stack and its handlers write belongs to the owner of the folder', async () => {
    expect((await stack.get('/write')).text).toBe('ok');
    for (const file of ['state/logs/access.log', 'project/write/written.txt']) {
      const { uid } = lstatSync(join(stack.base, file));
      expect([file, uid]).toEqual([file, UID]);
    }
  });

  test('P63: what the admin API writes is live at once and belongs to the owner of the folder', async () => {
    const written = await stack.get('/_fn/function-code?name=write', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: "exports.handler = () => 'rewritten';" }),
    });
    expect([written.status, written.text]).toEqual([200, expect.any(String)]);
    expect((await stack.get('/write')).text).toBe('rewritten');
    expect(lstatSync(join(stack.dir, 'write/handler.js')).uid).toBe(UID);
  });

  test('F151: packages are installed inside; the folder on the host gets no link that leads to nowhere', async () => {
    const answer = await until(async () => {
      const found = await stack.get('/odd');
      return found.status === 200 && found;
    }, 'the packages are installed');
    expect(answer.text).toBe('packaged');
    expect(existsSync(join(stack.dir, 'odd/node_modules'))).toBe(false);
  });

  test('P67, P120: a save is answered by the new code; half of 20 within 150 ms', async () => {
    await stack.get('/edit');
    const times: number[] = [];
    for (let version = 1; version <= EDITS; version++) {
      stack.write({ 'edit.js': `exports.handler = () => "v${version}";` });
      const savedAt = performance.now();
      await until(async () => (await stack.get('/edit')).text === `v${version}`, `v${version} answers`);
      times.push(performance.now() - savedAt);
    }
    expect(times.sort((a, b) => a - b)[EDITS / 2]).toBeLessThan(150);
  });

  test('P123: new files and folders, and their removal, are noticed too', async () => {
    stack.write({ 'fresh/deep/page.js': 'exports.handler = () => "fresh";' });
    await until(async () => (await stack.get('/fresh/deep/page')).text === 'fresh', 'the new function answers');
    await run('rm', ['-r', join(stack.dir, 'fresh')]);
    await until(async () => (await stack.get('/fresh/deep/page')).status === 404, 'it is gone');
  });

  test('P65: other commands reach the stack as they reach one without Docker', async () => {
    const { stdout } = await run(process.execPath, [join(packageRoot, 'bin/fastfn.js'), 'routes', '--live', '--json'], {
      cwd: stack.dir,
      env: { ...process.env, FN_RUN_DIR: stack.runDir },
    });
    expect(JSON.parse(stdout).routes.map(({ path }: { path: string }) => path)).toContain('/js');
  });

  test('P66, P131: a request through the port is local; one from another container is not', async () => {
    const invoke = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"lu"}' };
    expect((await stack.get('/_fn/invoke', invoke)).status).toBe(200);
    const { NetworkSettings } = await containerOf(stack);
    const [name, network] = Object.entries(NetworkSettings.Networks)[0]!;
    const script = `exec 3<>/dev/tcp/${network.IPAddress}/8080; printf 'GET /_fn/functions HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3`;
    const [status] = await outputOf(['bash', '-c', script], name);
    expect(status).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('P69: a second stack of the folder is refused with the address and the pid of the first', async () => {
    const second = inDocker({ args: ['--port', '0'] });
    const { code, stderr } = await run(process.execPath, [join(packageRoot, 'bin/fastfn.js'), 'dev', '--port', '0'], {
      cwd: stack.dir,
      env: { ...process.env, ...second.env },
    }).then(
      () => ({ code: 0, stderr: '' }),
      (error) => error,
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`error: already running at ${stack.url} (pid ${stack.pid})`);
    expect((await send(stack.url, '/lu')).text).toBe('lua');
  });
});

/** Lines that a command prints in a container of its own on a network. */
async function outputOf(command: string[], network: string): Promise<string[]> {
  const container = await docker.createContainer({
    Image: BASE_IMAGE,
    Cmd: command,
    Tty: true,
    HostConfig: { NetworkMode: network },
  });
  try {
    await container.start();
    await container.wait();
    return (await container.logs({ stdout: true, stderr: true })).toString().split(/\r?\n/);
  } finally {
    await container.remove({ force: true });
  }
}

test('P52: without a daemon the command says so, exits 3, and creates nothing', async () => {
  const { code, stderr } = await run(process.execPath, [join(packageRoot, 'bin/fastfn.js'), 'dev'], {
    cwd: packageRoot,
    env: { ...process.env, ...daemonEnvironment, DOCKER_HOST: 'tcp://127.0.0.1:1' },
  }).then(
    () => ({ code: 0, stderr: '' }),
    (error) => error,
  );
  expect(code).toBe(3);
  expect(stderr).toContain('the Docker daemon is not running');
});
