import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { FunctionRevision } from '../../src/workers/types.ts';
import {
  fixture,
  functionRevision,
  isAlive,
  socketsIn,
  temporaryRunDir,
  testPool,
  workerPoolPolicy,
} from '../fixtures/workers/harness.ts';

const KEY = 'node/hello@default';
const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 8_000, interval: 10 });
const pidsOf = (workers: readonly { pid: number }[]) => workers.map(({ pid }) => pid);

describe('start', () => {
  test('P97: resolves when every runtime has a spare that said HELLO and answered PING', async () => {
    const { pool, runDir, pids } = testPool();
    await pool.start(['node', 'python']);
    expect(
      pool
        .stats()
        .workers.map(({ runtime, state }) => [runtime, state])
        .sort(),
    ).toEqual([
      ['node', 'spare'],
      ['python', 'spare'],
    ]);
    expect(
      pids()
        .map(({ role }) => role)
        .sort(),
    ).toEqual(['node spare', 'python spare']);
    expect(socketsIn(runDir)).toHaveLength(2);
  });

  test('P97: more runtimes may be started later', async () => {
    const { pool } = testPool();
    await pool.start(['node']);
    await pool.start(['node', 'php']);
    expect(
      pool
        .stats()
        .workers.map(({ runtime }) => runtime)
        .sort(),
    ).toEqual(['node', 'php']);
  });

  test('P100: a runtime that dies at boot is tried three times, and its stderr is the reason', async () => {
    const { pool, logs } = testPool({ mains: { python: fixture('dies-at-boot') } });
    const started = pool.start(['python']);
    await expect(started).rejects.toMatchObject({
      code: 'WORKER_FAILED',
      message: 'the python worker ended with code 3 while it started: cannot find libmissing.so',
    });
    expect(pool.stats().starts).toEqual({ demand: 3 });
    expect(logs.filter(({ message }) => message.startsWith('the python worker ended'))).toHaveLength(3);
  });

  test('a runtime that is not installed, and one whose program does not exist, are named', async () => {
    const { pool } = testPool({ binaries: { node: '/nowhere/node' } });
    await expect(pool.start(['php'])).rejects.toThrow('php is not installed');
    await expect(pool.start(['node'])).rejects.toThrow('/nowhere/node cannot be started');
  });

  test('a run directory that was removed is an error like any other', async () => {
    const { pool, runDir } = testPool();
    rmSync(runDir, { recursive: true });
    pool.activate(functionRevision());
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toMatchObject({
      error: 'runtime unavailable',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('F102: a worker that never answers PING is given up after its boot time', async () => {
    const { pool } = testPool({
      mains: { node: fixture('never-answers-ping') },
      config: { workers: { bootTimeoutMs: 300 } },
    });
    await expect(pool.start(['node'])).rejects.toMatchObject({ cause: { error: 'overloaded' } });
  });

  test('a worker that does not speak the protocol is refused by name of its mistake', async () => {
    const { pool } = testPool({ mains: { node: fixture('speaks-nonsense') } });
    await expect(pool.start(['node'])).rejects.toThrow('a worker began with a frame of type 10 instead of HELLO');
  });
});

describe('load and activate', () => {
  test('P105: a loaded revision is announced only when it is activated', async () => {
    const { pool, announcements, files } = testPool();
    await pool.start(['node']);
    const revision = functionRevision();
    await expect(pool.load(revision)).resolves.toEqual({ files: ['/srv/fn/hello.js'] });
    expect(announcements).toEqual([]);
    expect(files).toEqual([['/srv/fn/hello.js']]);
    pool.activate(revision);
    expect(announcements).toEqual([
      { functionKey: KEY, revision: '1', workers: [expect.objectContaining({ index: 1, concurrency: 1024 })] },
    ]);
  });

  test('a function that nobody has called is announced without workers', () => {
    const { pool, announcements } = testPool();
    pool.activate(functionRevision());
    expect(announcements).toEqual([{ functionKey: KEY, revision: '1', workers: [] }]);
  });

  test('LOAD carries what docs/protocol.md names', async () => {
    const record = join(temporaryRunDir(), 'load.jsonl');
    const { pool } = testPool();
    const env = { GREETING: 'hi', RECORD_LOAD: record };
    await pool.load(functionRevision({ env, policy: { maxConcurrency: 7, debugHeaders: true } }));
    expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual({
      function: KEY,
      revision: '1',
      root: '/srv/fn',
      dir: '/srv/fn',
      entry: '/srv/fn/hello.js',
      compiled: null,
      handler: 'handler',
      adapter: 'native',
      env,
      paths: [],
      limits: { concurrency: 7 },
      context: {
        runtime: 'node',
        function_name: 'hello',
        version: 'default',
        timeout_ms: 2500,
        max_concurrency: 7,
        max_body_bytes: 1_048_576,
        worker_pool: {
          enabled: false,
          min_warm: 0,
          max_workers: 0,
          max_queue: 0,
          idle_ttl_seconds: 300,
          queue_timeout_ms: 0,
          queue_poll_ms: 20,
          overflow_status: 429,
        },
        debug: { enabled: true },
      },
    });
  });

  test('P106: a load that fails rejects with what the worker said, and the former revision keeps serving', async () => {
    const { pool, workers, logs } = testPool();
    const good = functionRevision();
    await pool.load(good);
    pool.activate(good);
    const broken = functionRevision({ revision: '2', env: { LOAD_ERROR: 'Unexpected token' } });
    await expect(pool.load(broken)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'Unexpected token',
      cause: { error: 'handler error', stack: 'at Unexpected token' },
    });
    expect(isAlive(workers()[0]!.pid)).toBe(true);
    expect(pool.loadError(KEY)).toBeNull();
    expect(logs).toEqual([]);
  });

  test('P105: old workers end when every nginx worker has let go, not before', async () => {
    const { pool, workers } = testPool();
    const [first, second] = [functionRevision(), functionRevision({ revision: '2' })];
    await pool.load(first);
    pool.activate(first);
    const old = workers()[0]!;
    await pool.load(second);
    pool.activate(second);
    expect(workers()[0]?.pid).not.toBe(old.pid);
    expect(isAlive(old.pid)).toBe(true);
    pool.retireOld(KEY, 1_000);
    await until(() => expect(isAlive(old.pid)).toBe(false));
    expect(isAlive(workers()[0]!.pid)).toBe(true);
    await until(() => expect(existsSync(old.socket)).toBe(false));
  });

  test('P105: retiring old revisions spares the one that is prepared next', async () => {
    const { pool, workers } = testPool();
    const [first, second, third] = ['1', '2', '3'].map((revision) => functionRevision({ revision }));
    await pool.load(first!);
    pool.activate(first!);
    await pool.load(second!);
    pool.activate(second!);
    await pool.load(third!);
    pool.retireOld(KEY, 0);
    pool.activate(third!);
    expect(workers()).toHaveLength(1);
    expect(isAlive(workers()[0]!.pid)).toBe(true);
  });

  test('P105: an old worker that is busy finishes; at the end of its time it is killed', async () => {
    const { pool, workers } = testPool();
    const [first, second] = [functionRevision(), functionRevision({ revision: '2' })];
    await pool.load(first);
    pool.activate(first);
    const old = workers()[0]!;
    const busy = connect(old.socket);
    await new Promise((resolve) => busy.once('data', resolve));
    pool.activate(second);
    pool.retireOld(KEY, 60_000);
    await until(() => expect(pool.stats().workers.find(({ pid }) => pid === old.pid)?.state).toBe('draining'));
    busy.destroy();
    await until(() => expect(isAlive(old.pid)).toBe(false));
    await until(() => expect(pool.stats().exits).toMatchObject({ retired: 1 }));
  });

  test('P124: a changed policy reaches the workers that run', async () => {
    const { pool, logs } = testPool();
    const revision = functionRevision();
    await pool.load(revision);
    pool.activate(revision);
    pool.updateContext(functionRevision({ policy: { timeoutMs: 99 } }));
    await until(() => expect(logs.at(-1)?.message).toContain('"timeout_ms":99'));
  });

  test('a deleted function leaves nothing behind', async () => {
    const { pool, workers, runDir } = testPool({ config: { workers: { spares: 0 } } });
    const revision = functionRevision();
    await pool.load(revision);
    pool.activate(revision);
    const { pid } = workers()[0]!;
    pool.remove(KEY, 1_000);
    await until(() => expect(isAlive(pid)).toBe(false));
    await until(() => expect(socketsIn(runDir)).toEqual([]));
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toBeNull();
  });
});

describe('need', () => {
  test('P108: a cold function takes the spare, and another one is booted behind it', async () => {
    const { pool, workers } = testPool();
    await pool.start(['node']);
    const [spare] = pool.stats().workers;
    pool.activate(functionRevision());
    await pool.need(KEY);
    expect(pidsOf(workers())).toEqual([spare?.pid]);
    await until(
      () =>
        expect(
          pool
            .stats()
            .workers.map(({ state }) => state)
            .sort(),
        ).toEqual(['ready', 'spare', 'spare']), // one, and another while they are in demand
    );
  });

  test('nginx workers that ask at the same time get one worker', async () => {
    const { pool, workers } = testPool();
    pool.activate(functionRevision({ policy: { workerPool: workerPoolPolicy({ maxWorkers: 0 }) }, runtime: 'php' }));
    await Promise.all([pool.need(KEY), pool.need(KEY)]);
    expect(workers()).toHaveLength(1);
  });

  test('F123, P109: a function grows to its limit and no further, its workers numbered from 1', async () => {
    const { pool, workers } = testPool({ config: { workers: { spares: 2 } } });
    pool.activate(functionRevision({ runtime: 'php', policy: { workerPool: workerPoolPolicy({ maxWorkers: 2 }) } }));
    for (let i = 0; i < 4; i++) await pool.need(KEY);
    expect(workers().map(({ index, concurrency }) => [index, concurrency])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test('a worker that takes fewer slots than it was offered is counted with those', async () => {
    const { pool, workers } = testPool();
    pool.activate(functionRevision({ runtime: 'python', env: { CONCURRENCY: '4' }, policy: { maxConcurrency: 6 } }));
    await pool.need(KEY);
    await pool.need(KEY);
    expect(workers().map(({ concurrency }) => concurrency)).toEqual([4, 2]);
  });

  test('F101: a function that does not load says why, is logged once, and is tried again when it is called', async () => {
    const { pool, logs } = testPool();
    pool.activate(functionRevision({ env: { LOAD_ERROR: 'no such module' } }));
    await pool.need(KEY);
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toEqual({
      error: 'handler error',
      message: 'no such module',
      stack: 'at no such module',
    });
    expect(logs).toEqual([
      {
        runtime: 'node',
        functionKey: KEY,
        requestId: null,
        stream: 'stderr',
        level: 'error',
        message: 'no such module',
        fields: { stack: 'at no such module' },
      },
    ]);
    await until(() => expect(pool.stats().exits.failed).toBe(2));
  });

  test('P100: three exits while loading begin a back-off; other functions never notice', async () => {
    const { pool, workers, announcements } = testPool();
    pool.activate(functionRevision({ env: { EXIT_AT_LOAD: '9' } }));
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toEqual({
      error: 'runtime unavailable',
      message: 'the node worker ended with code 9 while it loaded the function: fatal: the interpreter gave up',
    });
    const { exits } = pool.stats();
    expect(exits.exit).toBe(3);
    await pool.need(KEY);
    expect(pool.stats().exits).toEqual(exits);
    pool.activate(functionRevision({ key: 'node/other@default' }));
    await pool.need('node/other@default');
    expect(announcements.at(-1)?.functionKey).toBe('node/other@default');
    expect(workers()).toHaveLength(1);
  });

  test('F102: a load that takes too long ends as overloaded', async () => {
    const { pool } = testPool({ config: { workers: { bootTimeoutMs: 400 } } });
    pool.activate(functionRevision({ env: { LOAD_MS: '60000' } }));
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toMatchObject({
      error: 'overloaded',
      message: 'the node worker did not load within 400 ms',
    });
  });

  test('a function that loads at last has no load error any more', async () => {
    const { pool, workers } = testPool();
    pool.activate(functionRevision({ env: { LOAD_ERROR: 'not yet' } }));
    await pool.need(KEY);
    pool.activate(functionRevision({ revision: '2' }));
    await pool.need(KEY);
    expect(pool.loadError(KEY)).toBeNull();
    expect(workers()).toHaveLength(1);
  });

  test('a burst of first calls for many functions is served by spares that boot side by side', async () => {
    const { pool, announcements } = testPool({ mains: { node: fixture('boots-slowly', '300') } });
    const keys = Array.from({ length: 4 }, (_, i) => `node/f${i}@default`);
    for (const key of keys) pool.activate(functionRevision({ key }));
    const before = pool.stats().workers.length;
    const needed = Promise.all(keys.map((key) => pool.need(key)));
    await until(() => expect(pool.stats().workers.length - before).toBeGreaterThanOrEqual(2));
    await needed;
    const served = announcements.filter(({ workers }) => workers.length === 1).map(({ functionKey }) => functionKey);
    expect(served.sort()).toEqual(keys);
  });
});

describe('min_warm', () => {
  const warm = (minWarm: number): FunctionRevision => {
    return functionRevision({ runtime: 'php', policy: { workerPool: workerPoolPolicy({ minWarm, maxWorkers: 3 }) } });
  };

  test('F125: its workers are loaded without a call', async () => {
    const { pool, workers } = testPool();
    pool.activate(warm(2));
    await until(() => expect(workers()).toHaveLength(2));
  });

  test('F125: one that dies is replaced', async () => {
    const { pool, workers } = testPool();
    pool.activate(warm(2));
    await until(() => expect(workers()).toHaveLength(2));
    const [first, second] = pidsOf(workers());
    process.kill(first!, 'SIGKILL');
    await until(() => {
      expect(workers()).toHaveLength(2);
      expect(pidsOf(workers())).not.toContain(first);
    });
    expect(pidsOf(workers())).toContain(second);
  });
});

describe('stop', () => {
  test('P104: drained workers end by themselves, and nothing is left', async () => {
    const { pool, runDir, pids } = testPool();
    await pool.start(['node', 'php']);
    pool.activate(functionRevision());
    await pool.need(KEY);
    const all = pidsOf(pids());
    await pool.stop(5_000);
    expect(all.filter(isAlive)).toEqual([]);
    expect(pids()).toEqual([]);
    expect(socketsIn(runDir)).toEqual([]);
    expect(pool.stats().exits).toMatchObject({ stopped: all.length });
  });

  test('P104: what ignores DRAIN and TERM is killed with its process group', async () => {
    const { pool, logs } = testPool({ mains: { node: fixture('ignores-term') } });
    pool.activate(functionRevision());
    await pool.need(KEY);
    const child = await until(() => {
      const line = logs.find(({ message }) => message.startsWith('child '));
      expect(line).toBeDefined();
      return Number(line?.message.slice('child '.length));
    });
    await pool.stop(50);
    await until(() => expect(isAlive(child)).toBe(false));
  });

  test('is harmless twice, and while workers boot', async () => {
    const { pool, pids } = testPool({ mains: { node: fixture('boots-slowly', '60000') } });
    const started = pool.start(['node']);
    const refused = expect(started).rejects.toThrow('the worker pool was stopped');
    await until(() => expect(pids()).toHaveLength(1));
    await Promise.all([pool.stop(10_000), pool.stop(0)]);
    await refused;
    expect(pids()).toEqual([]);
  });
});

test("P39: a worker's temporary folder is its own and goes with it", async () => {
  const { pool, runDir } = testPool();
  await pool.start(['node']);
  appendFileSync(join(runDir, 'w1', 'left-by-a-handler'), 'x');
  await pool.stop(0);
  expect(existsSync(join(runDir, 'w1'))).toBe(false);
});
