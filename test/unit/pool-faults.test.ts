import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import type { WorkerAddress } from '../../src/workers/types.ts';
import {
  fixture,
  functionRevision,
  isAlive,
  type RevisionChanges,
  type TestPool,
  type TestPoolOptions,
  testPool,
  workerPoolPolicy,
} from '../fixtures/workers/harness.ts';

const KEY = 'node/hello@default';
const TICK = { healthIntervalSeconds: 0.05 };
const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 9_000, interval: 10 });

interface Serving extends TestPool {
  readonly worker: WorkerAddress;
}

/** A pool in which the function has one worker. */
async function serving(options: TestPoolOptions = {}, revision: RevisionChanges = {}): Promise<Serving> {
  const test = testPool(options);
  await test.pool.start(['node']);
  test.pool.activate(functionRevision(revision));
  await test.pool.need(KEY);
  return { ...test, worker: test.workers()[0]! };
}

/** A data connection, so that the worker counts as in use when it is drained. */
async function openData({ socket }: WorkerAddress): Promise<Socket> {
  const data = connect(socket);
  await once(data, 'data');
  return data;
}

describe('a worker that ends', () => {
  test('P100: is announced as gone at once and replaced', async () => {
    const { worker, announcements, workers } = await serving();
    const seen = announcements.length;
    process.kill(worker.pid, 'SIGKILL');
    await until(() => expect(announcements.length).toBeGreaterThan(seen));
    expect(announcements[seen]?.workers).toEqual([]);
    await until(() => expect(workers()).toHaveLength(1));
    expect(workers()[0]?.pid).not.toBe(worker.pid);
  });

  test('P113: is in the log with how it ended and its stderr', async () => {
    const { worker, logs } = await serving();
    process.kill(worker.pid, 'SIGABRT');
    await until(() => {
      expect(logs.at(-1)).toMatchObject({
        functionKey: KEY,
        level: 'error',
        message: `worker ${worker.pid} ended by SIGABRT`,
      });
    });
  });

  test('P100: ending inside a handler never causes back-off', async () => {
    const { workers, pool } = await serving();
    for (let times = 0; times < 5; times++) {
      const [{ pid }] = await until(() => {
        expect(workers()).toHaveLength(1);
        return workers() as [WorkerAddress];
      });
      process.kill(pid, 'SIGKILL');
      await until(() => expect(workers()[0]?.pid).not.toBe(pid));
    }
    await until(() => expect(workers()).toHaveLength(1));
    expect(pool.loadError(KEY)).toBeNull();
  });

  test('P100: one of several that ends leaves the others, which are enough', async () => {
    const { pool, workers } = await serving({}, { runtime: 'php' });
    await pool.need(KEY);
    const [first, second] = workers();
    process.kill(first!.pid, 'SIGKILL');
    await until(() => expect(workers()).toEqual([second]));
    await pool.need(KEY);
    expect(workers().map(({ index }) => index)).toEqual([1, 2]);
  });

  test('a spare that ends is replaced', async () => {
    const { pool } = testPool();
    await pool.start(['node']);
    const { pid } = pool.stats().workers[0]!;
    process.kill(pid, 'SIGKILL');
    await until(() => {
      const [spare] = pool.stats().workers;
      expect(spare).toMatchObject({ state: 'spare' });
      expect(spare?.pid).not.toBe(pid);
    });
  });

  test('F104: takes with it what it had started', async () => {
    const { logs, worker } = await serving({ mains: { node: fixture('ignores-term') } });
    const child = await until(() => {
      const line = logs.find(({ message }) => message.startsWith('child '));
      expect(line).toBeDefined();
      return Number(line?.message.slice('child '.length));
    });
    process.kill(worker.pid, 'SIGKILL');
    await until(() => expect(isAlive(child)).toBe(false));
  });
});

describe('a stuck worker', () => {
  test('P101: whose I/O loop does not answer is replaced at once and killed', async () => {
    const { worker, pool, workers } = await serving();
    process.kill(worker.pid, 'SIGSTOP');
    pool.report(worker.pid, { outstanding: 5, served: 5 });
    pool.stuck(worker.pid);
    expect(workers()).toEqual([]);
    await until(() => expect(workers()).toHaveLength(1));
    await until(() => expect(isAlive(worker.pid)).toBe(false));
    await until(() => expect(pool.stats().exits).toEqual({ stuck: 1 }));
  });

  test('P101: in which nothing else runs is killed at once', async () => {
    const { worker, pool } = await serving({}, { policy: { timeoutMs: 60_000 } });
    const data = await openData(worker);
    pool.report(worker.pid, { outstanding: 1, served: 7 });
    pool.stuck(worker.pid);
    await once(data, 'close');
    await until(() => expect(pool.stats().exits).toEqual({ stuck: 1 }));
  });

  test('P101: with other requests is killed when they have ended', async () => {
    const { worker, pool, workers } = await serving({}, { policy: { timeoutMs: 60_000 } });
    const data = await openData(worker);
    pool.report(worker.pid, { outstanding: 3, served: 3 });
    pool.stuck(worker.pid);
    pool.stuck(worker.pid);
    await until(() => expect(workers()).toHaveLength(1));
    await until(() => expect(pool.stats().workers.find(({ pid }) => pid === worker.pid)?.state).toBe('draining'));
    pool.report(worker.pid, { outstanding: 2, served: 3 });
    await once(data, 'close');
    await until(() => expect(pool.stats().exits).toEqual({ stuck: 1 }));
  });

  test('P101: with other requests is killed at their deadlines at the latest', async () => {
    const { worker, pool } = await serving({}, { policy: { timeoutMs: 100 } });
    const data = await openData(worker);
    pool.report(worker.pid, { outstanding: 9, served: 9 });
    pool.stuck(worker.pid);
    await once(data, 'close');
    await until(() => expect(pool.stats().exits).toEqual({ stuck: 1 }));
  });
});

describe('health', () => {
  test('P99: a worker that answers no PING and has no request is replaced', async () => {
    const { worker, workers, logs, pool } = await serving({ config: { healthIntervalSeconds: 1 } });
    process.kill(worker.pid, 'SIGSTOP');
    await until(() => expect(workers()[0]?.pid ?? worker.pid).not.toBe(worker.pid));
    expect(logs.map(({ message }) => message)).toContain(`worker ${worker.pid} did not answer and was replaced`);
    await until(() => expect(pool.stats().exits).toEqual({ unresponsive: 1 }));
  }, 15_000);

  test('P99: a busy one is left to its deadlines', async () => {
    const { worker, pool } = await serving({ config: { healthIntervalSeconds: 1 } });
    process.kill(worker.pid, 'SIGSTOP');
    pool.report(worker.pid, { outstanding: 1, served: 1 });
    const spare = await until(() => {
      const found = pool.stats().workers.find(({ state }) => state === 'spare');
      expect(found).toBeDefined();
      return found!;
    });
    process.kill(spare.pid, 'SIGSTOP');
    await until(() => expect(isAlive(spare.pid)).toBe(false));
    expect(isAlive(worker.pid)).toBe(true);
  }, 15_000);
});

describe('recycling', () => {
  test('P111: a worker that nobody uses ends after its time to live', async () => {
    const policy = { workerPool: workerPoolPolicy({ idleTtlSeconds: 1 }) };
    const { worker, workers, pool } = await serving({ config: TICK }, { policy });
    await until(() => expect(workers()).toEqual([]));
    await until(() => expect(isAlive(worker.pid)).toBe(false));
    await until(() => expect(pool.stats().exits).toEqual({ idle: 1 }));
    await pool.need(KEY);
    expect(workers()).toHaveLength(1);
  });

  test('P111: one that is in use stays, and min_warm are never ended', async () => {
    const policy = { workerPool: workerPoolPolicy({ idleTtlSeconds: 1, minWarm: 1, maxWorkers: 3 }) };
    const { pool, workers } = await serving(
      { config: { ...TICK, workers: { spares: 2 } } },
      { runtime: 'php', policy },
    );
    await pool.need(KEY);
    await pool.need(KEY);
    const [first, , third] = workers();
    pool.report(third!.pid, { outstanding: 1, served: 1 });
    await until(() => expect(workers()).toHaveLength(1));
    expect(workers()).toEqual([third]);
    await until(() => expect(pool.stats().exits).toEqual({ idle: 2 }));
    expect(isAlive(first!.pid)).toBe(false);
  });

  test('P112: after its number of requests a successor is there before it goes', async () => {
    const { worker, pool, announcements, workers } = await serving({
      config: { ...TICK, workers: { maxRequests: 10 } },
    });
    const data = await openData(worker);
    pool.report(worker.pid, { outstanding: 0, served: 9 });
    pool.report(worker.pid, { outstanding: 1, served: 10 });
    await until(() => expect(workers()[0]?.pid).not.toBe(worker.pid));
    expect(announcements.every(({ workers: listed }, at) => at === 0 || listed.length === 1)).toBe(true);
    expect(workers()[0]?.index).toBe(worker.index);
    expect(isAlive(worker.pid)).toBe(true);
    data.destroy();
    await until(() => expect(pool.stats().exits).toEqual({ recycled: 1 }));
  });

  test('P112: the memory of its child processes counts', async () => {
    const config = { ...TICK, workers: { maxRssMb: 150 } };
    const { worker, pool, logs } = await serving({ config }, { env: { HOARD_MB: '80' } });
    await until(() => expect(pool.stats().exits).toMatchObject({ recycled: expect.any(Number) }));
    expect(isAlive(worker.pid)).toBe(false);
    expect(logs[0]).toMatchObject({
      functionKey: KEY,
      level: 'warn',
      message: expect.stringContaining('the limit is 150'),
    });
  });

  test('P112: at 1.5 times the limit it is killed at once', async () => {
    const config = { ...TICK, workers: { maxRssMb: 200 } };
    const { worker, announcements } = await serving({ config }, { env: { HOARD_MB: '300' } });
    await until(() => expect(announcements.at(2)?.workers).toEqual([]));
    await until(() => expect(isAlive(worker.pid)).toBe(false));
  });
});

test('P116: a flood on stdout is split into marked lines and does no harm', async () => {
  const { logs, pool } = testPool({ mains: { node: fixture('floods-stdout') } });
  await pool.start(['node']);
  await until(() => expect(logs.filter(({ fields }) => fields?.continued === true)).toHaveLength(63));
  await pool.stop(0);
  const stdout = logs.filter(({ stream }) => stream === 'stdout');
  expect(stdout.map(({ message }) => message).join('')).toBe(`${'é'.repeat(524_288)}unfinished`);
  expect(logs.find(({ stream }) => stream === 'stderr')).toMatchObject({
    message: 'f\ufffd',
    level: 'error',
    functionKey: null,
  });
});
