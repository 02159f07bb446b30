import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, runToEnd } from '../unit/cli-support.ts';
import { freePort, makeTempDir, send, TestStack, until } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');

let folder: ReturnType<typeof makeTempDir>;
let base: string;
beforeAll(() => {
  folder = makeTempDir();
  base = realpathSync(folder.path);
});
afterAll(() => folder.remove());

function has(program: string): boolean {
  return spawnSync(program, ['--version']).error === undefined;
}

function deploy(cwd: string, ...args: string[]): Promise<Result> {
  return runToEnd(FASTFN, ['deploy', ...args], { cwd, env: cleanEnvironment(base) });
}

/** The lines of a unit by their key. */
function settingsOf(unit: string): Record<string, string> {
  const lines = unit.split('\n').filter((line) => line.includes('=') && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

describe('the unit', () => {
  let dir: string;
  beforeAll(() => {
    dir = join(base, 'my shop 100%');
    mkdirSync(dir);
    writeFileSync(join(dir, 'hello.js'), 'exports.handler = () => "hello"');
    writeFileSync(join(dir, 'fastfn.json'), '{"port": 80}');
  });

  test('P302: it serves the folder, restarts after failures, drains, and has a user and folders of its own', async () => {
    const { code, stdout, stderr } = await deploy(dir, 'systemd', '--user', 'shop');
    expect(code).toBe(0);
    expect(stderr).toContain('/etc/systemd/system/fastfn-my-shop-100-.service');
    const escaped = dir.replaceAll('%', '%%');
    expect(settingsOf(stdout)).toMatchObject({
      Type: 'notify',
      NotifyAccess: 'all',
      ExecStart: `${process.execPath} ${FASTFN} run --native "${escaped}"`,
      WorkingDirectory: escaped,
      Restart: 'on-failure',
      RestartSec: '2',
      RestartPreventExitStatus: '2 3',
      KillMode: 'mixed',
      TimeoutStopSec: '25',
      User: 'shop',
      RuntimeDirectory: 'fastfn-my-shop-100-',
      StateDirectory: 'fastfn-my-shop-100-',
      ReadWritePaths: `"${escaped}"`,
      AmbientCapabilities: 'CAP_NET_BIND_SERVICE',
    });
  });

  test('P302: files that the command line names are named in the unit', async () => {
    writeFileSync(join(dir, 'other.json'), '{"port": 8080}');
    writeFileSync(join(dir, 'more.env'), '');
    const { stdout } = await deploy(dir, 'systemd', '--config', 'other.json', '--env-file', 'more.env');
    const unit = settingsOf(stdout);
    expect(unit.ExecStart).toContain(` --config "${join(dir, 'other.json').replaceAll('%', '%%')}"`);
    expect(unit.ExecStart).toContain(` --env-file "${join(dir, 'more.env').replaceAll('%', '%%')}"`);
    expect(unit.AmbientCapabilities).toBe('');
  });

  test.skipIf(!has('systemd-analyze'))('P302: systemd finds no mistake in it, and its exposure is OK', async () => {
    const file = join(base, 'fastfn-my-shop-100-.service');
    writeFileSync(file, (await deploy(dir, 'systemd')).stdout);
    const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect([verified.status, verified.stderr]).toEqual([0, '']);
    const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=35', file], {
      encoding: 'utf8',
    });
    expect(judged.stdout).toMatch(/Overall exposure level for \S+: [0-3]\.\d OK/);
    expect(judged.status).toBe(0);
  });

  test.each([
    [[], 'missing argument <systemd|kubernetes>'],
    [['swarm'], '"fastfn deploy swarm" is not available in this version'],
    [['systemd', 'missing'], 'missing does not exist'],
    [['systemd', '--user', 'a b'], '--user: "a b" is no user name'],
  ])('P6: deploy %j, exit 2', async (args, message) => {
    const { code, stdout, stderr } = await deploy(dir, ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${message}`);
  });
});

test.skipIf(!has('systemd-notify'))('P302: a service manager hears when it is ready, and when it stops', async () => {
  const socket = join(base, 'notify.sock');
  const listener = spawn('python3', ['-u', '-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let heard = '';
  listener.stdout.on('data', (chunk) => {
    heard += chunk;
  });
  await until(() => heard.includes('listening'), 'the socket is there');
  const env = { NOTIFY_SOCKET: socket };
  const stack = await TestStack.start({ 'hello.js': 'exports.handler = () => "hello"' }, { command: 'run', env });
  await until(() => heard.includes('READY=1'), 'it is told to be ready');
  expect(heard).not.toContain('STOPPING=1');
  expect(await stack.stop()).toMatchObject({ code: 0 });
  await until(() => heard.includes('STOPPING=1'), 'it is told to stop');
  listener.kill();
});

test('docs/deploy.md: behind the proxy that it shows, handlers see the real client and administration stays inside', async () => {
  const page = readFileSync(join(packageRoot, 'docs/deploy.md'), 'utf8');
  const server = /^```nginx\n([\s\S]*?)^```/m.exec(page)![1]!;
  const stack = await TestStack.start(
    { 'who.js': 'exports.handler = ({ client, headers }) => ({ ip: client.ip, host: headers.host })' },
    { env: { FN_TRUSTED_PROXY_CIDRS: /FN_TRUSTED_PROXY_CIDRS=(\S+?)`/.exec(page)![1]! } },
  );
  const port = await freePort();
  const shown = server
    .replace('listen 443 ssl', `listen 127.0.0.1:${port}`)
    .replace('http://127.0.0.1:8080', stack.url);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${base}/${name};`,
  );
  writeFileSync(
    join(base, 'proxy.conf'),
    `daemon off; pid ${base}/proxy.pid; error_log stderr; events {} http { access_log off; ${paths.join(' ')} ${shown} }`,
  );
  const proxy = spawn('nginx', ['-p', base, '-c', join(base, 'proxy.conf')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  const headers = { host: 'api.example.com', 'x-forwarded-for': '203.0.113.7' };
  await until(() => send(url, '/who').catch(() => null), 'the proxy answers');
  expect((await send(url, '/who', { headers })).json()).toEqual({ ip: '203.0.113.7', host: 'api.example.com' });
  for (const path of ['/_fn/health', '/_fn', '/console', '/console/'])
    expect((await send(url, path, { headers })).headers['content-type']).toBe('text/html');
  expect((await stack.get('/_fn/ready')).status).toBe(200);
  proxy.kill();
  await stack.stop();
});

/** Prints what is sent to a Unix datagram socket, which Node cannot open. */
const LISTENER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
print("listening")
while True:
    print(server.recv(4096).decode())
`;
