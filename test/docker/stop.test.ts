import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { isAlive, TestStack, until } from '../stack/support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { buildStackImage, containerOf, inDocker, remainsOf, startInDocker, untilNoContainer } from './stack-support.ts';
import { daemonEnvironment, describeWithDaemon, docker, socketPath } from './support.ts';

const SLOW = `const fs = require('node:fs');
exports.handler = async () => {
  fs.writeFileSync(__dirname + '/.begun', '');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return 'finished';
};`;
const FILES = { 'slow.js': SLOW, 'hello.js': 'exports.handler = () => "hello";' };

const stacks: TestStack[] = [];
afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.stop();
});

async function start(options = {}, files: object = FILES): Promise<{ stack: TestStack; project: string }> {
  const stack = await startInDocker(files as typeof FILES, options);
  stacks.push(stack);
  const { Config } = await containerOf(stack);
  return { stack, project: Config.Labels['dev.fastfn.project']! };
}

describeWithDaemon('the end of a stack in Docker', () => {
  beforeAll(buildStackImage);

  test('P69, P104: Ctrl+C lets running requests finish; container and network are gone when the command returns', async () => {
    const { stack, project } = await start();
    const answer = stack.get('/slow');
    await until(() => existsSync(join(stack.dir, '.begun')), 'the handler runs');
    stack.kill('SIGINT');
    expect((await answer).text).toBe('finished');
    expect((await stack.exited).code).toBe(130);
    expect(await remainsOf(project)).toEqual([]);
    expect(existsSync(stack.runDir)).toBe(false);
  });

  test('P9: a second Ctrl+C ends at once', async () => {
    const { stack, project } = await start(
      { env: { FN_DRAIN_TIMEOUT_S: '60' } },
      {
        ...FILES,
        'slow.js': SLOW.replace('1000', '60_000'),
        'fn.config.json': { timeout_ms: 60_000 },
      },
    );
    const answer = stack.get('/slow').catch(() => 'cut');
    await until(() => existsSync(join(stack.dir, '.begun')), 'the handler runs');
    stack.kill('SIGINT');
    await until(() => stack.stderr.includes('stopping'), 'it drains');
    stack.kill('SIGINT');
    expect((await stack.exited).code).toBe(130);
    expect(await answer).toBe('cut');
    expect(await remainsOf(project)).toEqual([]);
  });

  test('P65, P69: after kill -9 of the command the container ends by itself, and the next start removes what is left', async () => {
    const { stack, project } = await start();
    stack.kill('SIGKILL');
    await stack.exited;
    await untilNoContainer(project);
    const next = TestStack.over(stack.base, stack.dir, inDocker());
    stacks.push(next);
    await next.untilReady();
    expect((await next.get('/hello')).text).toBe('hello');
    next.kill('SIGTERM');
    expect((await next.exited).code).toBe(0);
    expect(await remainsOf(project)).toEqual([]);
  });

  test('P69: a start right after kill -9 takes the place of the container that still drains, and no other is touched', async () => {
    const { stack, project } = await start();
    const foreign = await docker.createContainer({
      Image: BASE_IMAGE,
      Cmd: ['sleep', '600'],
      Labels: { 'dev.fastfn.project': 'another', 'dev.fastfn.owner': '1 0 ' },
    });
    try {
      await foreign.start();
      stack.kill('SIGKILL');
      await stack.exited;
      const next = TestStack.over(stack.base, stack.dir, inDocker());
      stacks.push(next);
      await next.untilReady();
      expect((await next.get('/hello')).text).toBe('hello');
      expect((await foreign.inspect()).State.Running).toBe(true);
      expect(await remainsOf(project)).toHaveLength(2);
      next.kill('SIGTERM');
      expect((await next.exited).code).toBe(0);
    } finally {
      await foreign.remove({ force: true });
    }
  });

  test('two projects run side by side; the end of one is not that of the other', async () => {
    const [{ stack: one }, { stack: other }] = await Promise.all([start(), start()]);
    expect([(await one.get('/hello')).text, (await other.get('/hello')).text]).toEqual(['hello', 'hello']);
    one.kill('SIGTERM');
    expect((await one.exited).code).toBe(0);
    expect((await other.get('/hello')).text).toBe('hello');
  });

  test('P71: a container that somebody else ends is reported with its exit code, exit 1', async () => {
    const { stack, project } = await start();
    await docker.getContainer((await containerOf(stack)).Id).kill();
    expect((await stack.exited).code).toBe(1);
    expect(stack.stderr).toContain('error: the container ended unexpectedly: exit code 137');
    expect(await remainsOf(project)).toEqual([]);
  });

  test('P71: a container without enough memory is named as such, exit 1', async () => {
    const stack = TestStack.spawn({ ...FILES, 'fastfn.json': { docker: { memory: '40m' } } }, inDocker());
    stacks.push(stack);
    expect((await stack.exited).code).toBe(1);
    expect(stack.stderr).toContain('it was out of memory');
    expect(stack.stderr).toContain('docker.memory');
  });

  test('P71: a worker that used up the memory costs its own request only, and the reason is shown', async () => {
    const { stack } = await start(
      {},
      {
        ...FILES,
        'greedy.js': 'exports.handler = () => { const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1)); };',
        'fastfn.json': { docker: { memory: '400m' } },
      },
    );
    expect((await stack.get('/greedy')).status).toBe(502);
    await until(() => stack.stderr.includes('the memory of the container is used up'), 'it is said');
    expect((await stack.get('/hello')).text).toBe('hello');
  });

  test('P49: a taken port is named before anything is created, exit 1', async () => {
    const { stack } = await start();
    const second = TestStack.spawn(FILES, inDocker({ args: ['--port', String(stack.port)] }));
    stacks.push(second);
    expect((await second.exited).code).toBe(1);
    expect(second.stderr).toContain(`error: port ${stack.port} is in use`);
  });

  test('P70: when the daemon goes away the command says so, exit 1, and the container does not stay', async () => {
    const path = join(temporaryFolder(), 'docker.sock');
    const daemon = await listenBefore(path);
    const { stack, project } = await start({ env: { ...daemonEnvironment, DOCKER_HOST: `unix://${path}` } });
    daemon.end();
    expect((await stack.exited).code).toBe(1);
    expect(stack.stderr).toContain('error: the Docker daemon went away');
    expect(isAlive(stack.pid)).toBe(false);
    await untilNoContainer(project);
  });
});

/** A socket that leads to the daemon until it ends: to whoever uses it the daemon itself seems to. */
async function listenBefore(path: string): Promise<{ end(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const onward = connect(socketPath);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    end: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
