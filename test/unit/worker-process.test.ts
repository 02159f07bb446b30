import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { workerEnvironment } from '../../src/workers/environment.ts';
import { type OutputLine, type SpawnOptions, spawnWorker, type WorkerProcess } from '../../src/workers/process.ts';
import { fixture, isAlive, temporaryRunDir } from '../fixtures/workers/harness.ts';

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 5_000, interval: 10 });

interface Started {
  readonly process: WorkerProcess;
  readonly lines: OutputLine[];
  readonly options: SpawnOptions;
}

async function start(args: readonly string[], changes: Partial<SpawnOptions> = {}): Promise<Started> {
  const tempDir = join(temporaryRunDir(), 'w1');
  const lines: OutputLine[] = [];
  const options = {
    command: process.execPath,
    args,
    socket: `${tempDir}.sock`,
    tempDir,
    env: {},
    onLine: (line: OutputLine) => lines.push(line),
    ...changes,
  };
  const spawned = await spawnWorker(options);
  onTestFinished(() => spawned.kill('SIGKILL'));
  return { process: spawned, lines, options };
}

/** Runs a line of JavaScript as a worker; the socket path that follows it is ignored. */
const script = (code: string) => start(['-e', code]);

describe('a worker process', () => {
  test('is listening when it says so on descriptor 3', async () => {
    const { process: worker, options } = await start(fixture('well-behaved'));
    await worker.listening;
    expect(existsSync(options.socket)).toBe(true);
  });

  test('that ends before it listens says how', async () => {
    const { process: worker } = await start(fixture('dies-at-boot'));
    await expect(worker.listening).rejects.toMatchObject({
      code: 'WORKER_FAILED',
      message: 'it ended with code 3 before it listened',
    });
    expect(worker.stderrTail()).toBe('cannot find libmissing.so');
  });

  test('leads a process group of its own, which ends with it', async () => {
    const { process: worker, lines } = await start(fixture('ignores-term'));
    await worker.listening;
    const child = await until(() => {
      expect(lines).not.toEqual([]);
      return Number(lines[0]?.message.slice('child '.length));
    });
    process.kill(worker.pid, 'SIGKILL');
    await expect(worker.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' });
    await until(() => expect(isAlive(child)).toBe(false));
  });

  test('leaves neither its socket nor its temporary files', async () => {
    const { process: worker, options } = await start(fixture('well-behaved'));
    await worker.listening;
    mkdirSync(join(options.tempDir, 'cache'));
    worker.kill('SIGKILL');
    await worker.cleared;
    expect(existsSync(options.socket)).toBe(false);
    expect(existsSync(options.tempDir)).toBe(false);
  });

  test('P116: has each line of its output told, the unfinished one at its end', async () => {
    const { process: worker, lines } = await script("console.log('one\\ntwo'); process.stderr.write('three')");
    await worker.cleared;
    expect(lines.filter(({ stream }) => stream === 'stdout').map(({ message }) => message)).toEqual(['one', 'two']);
    expect(lines.filter(({ stream }) => stream === 'stderr').map(({ message }) => message)).toEqual(['three']);
  });

  test('P113: is remembered by its last 20 lines on stderr', async () => {
    const { process: worker } = await script('for (let i = 1; i <= 30; i++) console.error(i)');
    await worker.cleared;
    expect(worker.stderrTail().split('\n')).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 11)));
  });

  test('is cleared although a process that left the group holds its output open', async () => {
    const { process: worker, lines } = await script(
      "const c = require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { detached: true, stdio: 'inherit' }); console.log(c.pid); c.unref()",
    );
    await worker.cleared;
    const escaped = Number(lines[0]?.message);
    expect(isAlive(escaped)).toBe(true);
    process.kill(escaped, 'SIGKILL');
  });

  test('is not signalled any more once it is gone', async () => {
    const { process: worker } = await script('');
    await worker.exited;
    expect(() => worker.kill('SIGTERM')).not.toThrow();
  });

  test('that cannot be executed is an error with its name', async () => {
    await expect(start([], { command: '/nowhere/php' })).rejects.toMatchObject({
      code: 'WORKER_FAILED',
      message: expect.stringContaining('/nowhere/php cannot be started'),
    });
  });

  test.runIf(process.getuid?.() === 0)('P76: runs as the user it is told, in a folder of that user', async () => {
    const { process: worker, lines } = await start(
      ['-e', "console.log(process.getuid(), process.getgid(), require('node:fs').statSync('.').uid)"],
      { user: { uid: 65_534, gid: 65_534 }, tempDir: join('/tmp', `ffn-user-${process.pid}`) },
    );
    await worker.cleared;
    expect(lines[0]?.message).toBe('65534 65534 65534');
  });
});

describe('the environment of a worker', () => {
  const worker = {
    allow: ['MY_PROXY'],
    functionsRoot: '/srv/fn',
    internalBase: 'http://127.0.0.1:8080',
    tempDir: '/run/ffn/w1',
    isOtherUser: false,
  };
  const host = {
    PATH: '/usr/bin',
    HOME: '/home/ada',
    LC_ALL: 'de_DE.UTF-8',
    TMPDIR: '/tmp',
    MY_PROXY: 'http://proxy',
    AWS_SECRET_ACCESS_KEY: 'secret',
    FN_ADMIN_TOKEN: 'secret',
    FASTFN_INTERNAL_BASE: 'http://elsewhere',
    NODE_OPTIONS: '--inspect',
  };

  test('F132, P39: is the allow-list, our own two names, and folders of its own', () => {
    expect(workerEnvironment(host, worker)).toEqual({
      PATH: '/usr/bin',
      HOME: '/home/ada',
      LC_ALL: 'de_DE.UTF-8',
      MY_PROXY: 'http://proxy',
      TMPDIR: '/run/ffn/w1',
      XDG_CACHE_HOME: '/run/ffn/w1',
      FN_FUNCTIONS_ROOT: '/srv/fn',
      FASTFN_INTERNAL_BASE: 'http://127.0.0.1:8080',
    });
  });

  test('P76: another user does not get a home it cannot read', () => {
    expect(workerEnvironment(host, { ...worker, isOtherUser: true }).HOME).toBe('/run/ffn/w1');
  });

  test('F132: platform secrets cannot be allowed', () => {
    const allow = ['FN_ADMIN_TOKEN', 'FN_CONSOLE_SESSION_SECRET', 'FN_TRUSTED_PROXY_CIDRS', 'AWS_SECRET_ACCESS_KEY'];
    const env = workerEnvironment(
      { ...host, FN_CONSOLE_SESSION_SECRET: 'secret', FN_TRUSTED_PROXY_CIDRS: 'x' },
      { ...worker, allow },
    );
    expect(env).toHaveProperty('AWS_SECRET_ACCESS_KEY');
    expect(Object.keys(env).filter((name) => name.startsWith('FN_'))).toEqual(['FN_FUNCTIONS_ROOT']);
  });
});
