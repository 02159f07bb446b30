import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isAlive, TestStack, until, writeFiles } from './support.ts';

const FILES = {
  'hello.js': 'exports.handler = async () => "hello";',
  'py.py': 'def handler(event):\n    return "hello"\n',
  'busy.js': 'exports.handler = () => { for (;;); };',
  'slow.js': 'exports.handler = async () => { await new Promise((r) => setTimeout(r, 400)); return "slept"; };',
};

const started: TestStack[] = [];
afterEach(async () => {
  for (const stack of started.splice(0).reverse()) await stack.stop('SIGKILL');
});

async function start(...args: Parameters<typeof TestStack.start>): Promise<TestStack> {
  const stack = TestStack.spawn(...args);
  started.push(stack);
  await stack.untilReady();
  return stack;
}

describe('stopping', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 0],
  ] as const)(
    'P4, P8, P77: %s drains, leaves no process and no socket, and exits %i',
    async (signal, code) => {
      const stack = await start(FILES);
      await Promise.all([stack.get('/hello'), stack.get('/py')]);
      const processes = stack.processes();
      const slow = stack.get('/slow');
      await until(() => stack.workers('slow.js').length === 1, 'the slow request runs');
      stack.kill(signal);
      expect((await slow).text).toBe('slept');
      expect(await stack.exited).toEqual({ code, signal: null });
      expect(processes.filter(isAlive)).toEqual([]);
      expect(existsSync(stack.runDir)).toBe(false);
    },
    30_000,
  );

  test('P75: nothing survives kill -9 of the supervisor, not even a worker in an endless loop; the next start is clean', async () => {
    const stack = await start(FILES);
    await Promise.all([stack.get('/hello'), stack.get('/py')]);
    void stack.get('/busy').catch(() => {});
    await until(() => stack.workers('busy.js').length === 1, 'the endless loop runs');
    const processes = stack.processes();
    stack.kill('SIGKILL');
    await until(() => processes.filter(isAlive).length === 0, 'every process is gone', 4000);
    const again = TestStack.over(stack.base, stack.dir, { args: ['--port', String(stack.port)] });
    started.push(again);
    await again.untilReady();
    expect((await again.get('/hello')).text).toBe('hello');
  }, 30_000);

  test('a second signal ends at once', async () => {
    const stack = await start(FILES);
    void stack.get('/busy').catch(() => {});
    await until(() => stack.workers('busy.js').length === 1, 'the endless loop runs');
    const processes = stack.processes();
    stack.kill('SIGTERM');
    await until(() => stack.stderr.includes('stopping') || stack.stdout.includes('stopping'), 'it drains').catch(
      () => {},
    );
    stack.kill('SIGTERM');
    await stack.exited;
    await until(() => processes.filter(isAlive).length === 0, 'every process is gone', 4000);
  }, 40_000);
});

describe('ports', () => {
  test('P49: a taken port is named with its owner, exit 1', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const stack = TestStack.spawn(FILES, { args: ['--port', String(port)] });
    started.push(stack);
    expect((await stack.exited).code).toBe(1);
    expect(stack.stderr).toContain(`port ${port} is in use`);
    expect(stack.stderr).toContain(String(process.pid));
    expect(stack.stderr).toContain('--port');
    server.close();
  }, 30_000);

  test('P74: two stacks live side by side; a second one of the same folder and port is refused', async () => {
    const one = await start(FILES);
    const two = await start(FILES);
    expect(one.port).not.toBe(two.port);
    expect((await one.get('/hello')).text).toBe('hello');
    expect((await two.get('/hello')).text).toBe('hello');
    const third = TestStack.over(one.base, one.dir, { args: ['--port', String(one.port)] });
    expect((await third.exited).code).toBe(1);
    expect(third.stderr).toMatch(/already running at http:\/\/127\.0\.0\.1:\d+ \(pid \d+\)/);
    expect((await one.get('/hello')).text).toBe('hello');
  }, 30_000);
});

describe('P25, P98: the ready line', () => {
  test('comes once, on stdout, with the counts; a project without functions starts and answers 404', async () => {
    const stack = await start(FILES);
    expect(
      stack.stdout.match(/FastFN ready at http:\/\/127\.0\.0\.1:\d+ \(native, 4 functions, 4 routes, \d+\.\d+s\)\n/g),
    ).toHaveLength(1);
    const empty = await start({ 'notes.txt': 'nothing to serve' });
    expect((await empty.get('/')).status).toBe(404);
  }, 30_000);
});

test('P72: every socket of a running stack is open to its owner alone, also after nginx was started anew', async () => {
  const stack = await start({ 'hello.js': 'exports.handler = () => "hi"' });
  const open = () => {
    const found = readdirSync(stack.runDir).map((name) => ({ name, stat: lstatSync(join(stack.runDir, name)) }));
    const sockets = found.filter(({ stat }) => stat.isSocket());
    expect(sockets.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['gateway.sock', 'invoke.sock', 'supervisor.sock']),
    );
    return sockets.filter(({ stat }) => (stat.mode & 0o777) !== 0o600).map(({ name }) => name);
  };
  expect(open()).toEqual([]);
  const before = stack.runFile().children.find(({ role }) => role === 'nginx')!.pid;
  process.kill(before, 'SIGKILL');
  await until(async () => (await stack.get('/hello').catch(() => null))?.text === 'hi', 'it serves again');
  await until(() => open().length === 0, 'the new sockets are closed to others');
}, 30_000);

describe.runIf(process.getuid?.() === 0)('P76: started as root', () => {
  test('over the folder of another user, workers and nginx run as that user', async () => {
    const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
    chmodSync(base, 0o755);
    const dir = join(base, 'project');
    mkdirSync(dir);
    writeFiles(dir, {
      'who.js': 'exports.handler = () => ({ uid: process.getuid() });',
      'reach.js': `const net = require('node:net');
        const reach = (name) => new Promise((resolve) => {
          const socket = net.connect(require('node:path').join(process.env.TMPDIR, '..', name));
          socket.on('connect', () => resolve('open')).on('error', (error) => resolve(error.code));
        });
        exports.handler = async () => Promise.all(['gateway.sock', 'invoke.sock', 'operator.sock', 'control.sock'].map(reach));`,
      'who2.php':
        '<?php function handler($event) { return ["uid" => posix_getuid(), "writes" => file_put_contents(__DIR__ . "/made", "x")]; }',
    });
    chownSync(dir, 65534, 65534);
    const stack = TestStack.over(base, dir);
    started.push(stack);
    await stack.untilReady();
    expect((await stack.get('/who')).json()).toEqual({ uid: 65534 });
    expect((await stack.get('/reach')).json()).toEqual(['EACCES', 'EACCES', 'EACCES', 'EACCES']);
    expect((await stack.get('/who2')).json()).toEqual({ uid: 65534, writes: 1 });
    expect(statSync(join(dir, 'made')).uid).toBe(65534);
    const master = stack.runFile().children.find(({ role }) => role === 'nginx')?.pid;
    const [worker] = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ');
    expect(readFileSync(`/proc/${worker}/status`, 'utf8')).toMatch(/^Uid:\s+65534/m);
    expect(
      (
        await stack.get('/who', {
          method: 'POST',
          body: Buffer.alloc(200_000),
          headers: { 'transfer-encoding': 'chunked' },
        })
      ).status,
    ).toBe(405);
  }, 30_000);
});
