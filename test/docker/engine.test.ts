import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findEndpoints } from '../../src/docker/endpoint.ts';
import { connectEngine, freeImageBytes } from '../../src/docker/engine.ts';
import { ensureImage } from '../../src/docker/image.ts';
import { ExitCode, type FastfnError } from '../../src/errors.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { daemonEnvironment, describeWithDaemon } from './support.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server, at: { path: string } | { port: number; host: string }): Promise<Server> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return server;
}

/** A daemon of the test's own making; returns its DOCKER_HOST. */
async function fakeDaemon(answer: RequestListener): Promise<string> {
  const path = join(temporaryFolder(), 'd.sock');
  await listen(createHttpServer(answer), { path });
  return `unix://${path}`;
}

const says =
  (body: unknown, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

async function failure(env: NodeJS.ProcessEnv, limitMs?: number): Promise<FastfnError> {
  const error = (await connectEngine(env, limitMs).catch((thrown) => thrown)) as FastfnError;
  expect(error).toMatchObject({ code: 'DOCKER_UNAVAILABLE', exitCode: ExitCode.prerequisite });
  return error;
}

test('P52: a socket that does not exist means that Docker is not installed or not running', async () => {
  const path = join(temporaryFolder(), 'none.sock');
  const { message, hint } = await failure({ DOCKER_HOST: `unix://${path}` });
  expect(message).toMatch(/^Docker is not installed or not running/);
  expect(message).toContain(path);
  expect(hint).toMatch(/start/i);
});

test('P53: a socket without a listener means that the daemon is not running', async () => {
  const path = join(temporaryFolder(), 'dead.sock');
  writeFileSync(path, '');
  const { message, hint } = await failure({ DOCKER_HOST: `unix://${path}` });
  expect(message).toMatch(/^the Docker daemon is not running/);
  expect(hint).toBeDefined();
});

test('P53: a DOCKER_HOST whose port is closed is refused at once, with its address', async () => {
  const server = await listen(createServer(), { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  const startedAt = performance.now();
  const { message } = await failure({ DOCKER_HOST: `tcp://127.0.0.1:${port}` });
  expect(message).toMatch(/^the Docker daemon is not running/);
  expect(message).toContain(`tcp://127.0.0.1:${port}`);
  expect(performance.now() - startedAt).toBeLessThan(3000);
});

test.skipIf(process.getuid?.() !== 0)(
  'P54: a socket that this user may not open is named, with the way in',
  async () => {
    const path = join(temporaryFolder(), 'closed.sock');
    await listen(createHttpServer(says({})), { path });
    chmodSync(path, 0);
    chmodSync(dirname(path), 0o755);
    process.seteuid?.(65534);
    try {
      const { message, hint } = await failure({ DOCKER_HOST: `unix://${path}` });
      expect(message).toBe(`no permission for ${path}`);
      expect(hint).toMatch(/docker group.*rootless/);
    } finally {
      process.seteuid?.(0);
    }
  },
);

test.each([
  ['never answers', () => {}],
  ['stops in the middle of its answer', (_: unknown, response: any) => response.writeHead(200).write('{"Vers')],
])('P55: a daemon that %s is given up, with its address', async (_, answer) => {
  const host = await fakeDaemon(answer as RequestListener);
  const { message } = await failure({ DOCKER_HOST: host }, 200);
  expect(message).toMatch(/^the Docker daemon does not answer/);
  expect(message).toContain(host);
});

test.each([
  ['an API that is too old', { Version: '18.09', ApiVersion: '1.39', Os: 'linux' }, /1\.39.*1\.41/],
  ['Windows containers', { Version: '28.0', ApiVersion: '1.48', Os: 'windows' }, /windows.*Linux/],
  ['something else than Docker', { hello: 'world' }, /not a Docker daemon/],
])('P56: %s is said with what was found and what is needed', async (_, version, expected) => {
  expect((await failure({ DOCKER_HOST: await fakeDaemon(says(version)) })).message).toMatch(expected);
});

test('P56: a server that knows no /version is not taken for a daemon', async () => {
  const { message } = await failure({ DOCKER_HOST: await fakeDaemon(says({ message: 'not found' }, 404)) });
  expect(message).toMatch(/not a Docker daemon \(HTTP 404\)/);
});

test('P57: a host name that does not resolve is named with the cause', async () => {
  const { message } = await failure({ DOCKER_HOST: 'tcp://no-such-host.invalid:2375' });
  expect(message).toMatch(/tcp:\/\/no-such-host\.invalid:2375 cannot be reached: .*(ENOTFOUND|EAI_AGAIN)/);
});

test('P57: TLS without certificates says which file is missing', async () => {
  const dir = temporaryFolder();
  const env = { DOCKER_HOST: 'tcp://127.0.0.1:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: dir };
  expect((await failure(env)).message).toContain(join(dir, 'ca.pem'));
});

test('P57: an address of an unknown kind is refused with the known ones', async () => {
  const { message, hint } = await failure({ DOCKER_HOST: 'ftp://somewhere' });
  expect(message).toBe('DOCKER_HOST: "ftp://somewhere" is not an address of a daemon');
  expect(hint).toContain('unix:///path');
});

test('P50: the usual sockets are tried in order: rootless, the system, Docker Desktop', () => {
  const addresses = findEndpoints({ HOME: '/home/ada', XDG_RUNTIME_DIR: '/run/user/1000' }).map(
    ({ address }) => address,
  );
  expect(addresses).toEqual([
    'unix:///run/user/1000/docker.sock',
    'unix:///var/run/docker.sock',
    'unix:///home/ada/.docker/run/docker.sock',
    'unix:///home/ada/.docker/desktop/docker.sock',
  ]);
});

function dockerConfig(files: Record<string, unknown>): string {
  const dir = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

const contextFile = (name: string) => `contexts/meta/${createHash('sha256').update(name).digest('hex')}/meta.json`;

test('P50: the current Docker context decides, DOCKER_CONTEXT before it, DOCKER_HOST before both', () => {
  const context = (host: string) => ({ Name: 'x', Endpoints: { docker: { Host: host, SkipTLSVerify: false } } });
  const DOCKER_CONFIG = dockerConfig({
    'config.json': { currentContext: 'colima' },
    [contextFile('colima')]: context('unix:///colima.sock'),
    [contextFile('far')]: context('tcp://far:2376'),
  });
  const first = (env: NodeJS.ProcessEnv) => findEndpoints({ DOCKER_CONFIG, ...env }).map(({ address }) => address);
  expect(first({})).toEqual(['unix:///colima.sock']);
  expect(first({ DOCKER_CONTEXT: 'far' })).toEqual(['tcp://far:2376']);
  expect(first({ DOCKER_CONTEXT: 'default' })).toHaveLength(3);
  expect(first({ DOCKER_CONTEXT: 'far', DOCKER_HOST: 'unix:///given.sock' })).toEqual(['unix:///given.sock']);
});

test('P50: a context that is not there, or a file that is damaged, is said instead of guessed around', async () => {
  expect((await failure({ DOCKER_CONTEXT: 'gone', DOCKER_CONFIG: temporaryFolder() })).message).toBe(
    'the Docker context "gone" does not exist',
  );
  const DOCKER_CONFIG = dockerConfig({ 'config.json': '{"currentContext": ' });
  expect((await failure({ DOCKER_CONFIG })).message).toBe(
    `${join(DOCKER_CONFIG, 'config.json')} is not what Docker writes`,
  );
});

test('P59: a disk without room for a build is said before one begins, with what is needed and what is free', async () => {
  const answers: Record<string, [number, unknown]> = {
    '/version': [200, { Version: '28.0', ApiVersion: '1.48', Os: 'linux' }],
    '/info': [200, { DockerRootDir: '/proc' }], // a file system that has no free block
    '/images/base:here/json': [200, {}],
  };
  const host = await fakeDaemon((request, response) => {
    const [status, body] = answers[request.url!] ?? [404, { message: 'not found' }];
    says(body, status)(request, response as never);
  });
  const engine = await connectEngine({ DOCKER_HOST: host });
  const logFile = join(temporaryFolder(), 'build.log');
  const request = { baseImage: 'base:here', image: null, isForced: false, logFile, env: {}, onProgress: () => {} };
  const error: FastfnError = await ensureImage(engine, request).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: 'IMAGE_FAILED',
    exitCode: 1,
    hint: expect.stringContaining('docker system prune'),
  });
  expect(error.message).toMatch(/needs 1024 MiB to be built, 0 MiB are free/);
});

describeWithDaemon('a daemon that answers', () => {
  test('P50: is found by DOCKER_HOST and says its version and free space', async () => {
    const engine = await connectEngine(daemonEnvironment);
    expect(engine).toMatchObject({ isRemote: false, address: daemonEnvironment.DOCKER_HOST });
    expect(engine.apiVersion).toMatch(/^\d+\.\d+$/);
    expect(await freeImageBytes(engine)).toBeGreaterThan(0);
  });
});
