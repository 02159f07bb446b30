import { expect, test, vi } from 'vitest';
import type { WorkerAddress } from '../../src/workers/types.ts';
import {
  functionRevision,
  isAlive,
  socketsIn,
  type TestPool,
  testPool,
  workerPoolPolicy,
} from '../fixtures/workers/harness.ts';

const KEYS = ['node/a@default', 'node/b@default', 'node/c@default'];
const LIMIT = 3;
const STEPS = 60;

/** mulberry32: the same steps in every run of a seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What the gateway knows: the last announcement of each function. */
function announced({ announcements }: TestPool): ReadonlyMap<string, readonly WorkerAddress[]> {
  return new Map(announcements.map(({ functionKey, workers }) => [functionKey, workers]));
}

const revisionOf = (key: string, revision: number) => {
  const policy = { workerPool: workerPoolPolicy({ maxWorkers: LIMIT }) };
  return functionRevision({ key, revision: String(revision), runtime: 'php', policy });
};

test.each([1, 2, 3])(
  'whatever happens to the workers, in the end those that serve live, and nothing else is left (seed %i)',
  async (seed) => {
    const pooled = testPool({ config: { workers: { spares: 2 } } });
    const { pool, announcements, runDir } = pooled;
    const random = randomFrom(seed);
    let revision = 1;
    for (const key of KEYS) pool.activate(revisionOf(key, revision));
    const steps: ((key: string, workers: readonly WorkerAddress[]) => unknown)[] = [
      (key) => pool.need(key),
      (key) => void pool.need(key),
      (_key, [worker]) => worker && isAlive(worker.pid) && process.kill(worker.pid, 'SIGKILL'),
      (_key, [worker]) => worker && pool.stuck(worker.pid),
      async (key) => {
        const next = revisionOf(key, ++revision);
        await pool.load(next);
        pool.activate(next);
      },
      (key) => pool.activate(revisionOf(key, ++revision)),
      (key) => pool.retireOld(key, 100),
      (_key, workers) => workers.at(-1) && pool.report(workers.at(-1)!.pid, { outstanding: 1, served: revision }),
    ];
    for (let step = 0; step < STEPS; step++) {
      const key = KEYS[random(KEYS.length)]!;
      await steps[random(steps.length)]!(key, announced(pooled).get(key) ?? []);
    }
    for (const { workers } of announcements) {
      expect(workers.reduce((sum, { concurrency }) => sum + concurrency, 0)).toBeLessThanOrEqual(LIMIT);
      expect(new Set(workers.map(({ index }) => index)).size).toBe(workers.length);
    }
    for (const key of KEYS) {
      pool.retireOld(key, 0);
      await pool.need(key);
    }
    await vi.waitFor(
      () => {
        const serving = [...announced(pooled).values()].flat().map(({ pid }) => pid);
        const { workers } = pool.stats();
        expect(serving.every(isAlive)).toBe(true);
        expect(
          workers
            .filter(({ state }) => state === 'ready' || state === 'busy')
            .map(({ pid }) => pid)
            .sort(),
        ).toEqual(serving.sort());
        const spares = workers.filter(({ state }) => state === 'spare');
        expect(spares.length).toBeGreaterThanOrEqual(2);
        expect(spares.length).toBeLessThanOrEqual(2 * 3); // two runtimes: one each, two more while they are in demand
        expect(workers).toHaveLength(serving.length + spares.length);
        expect(socketsIn(runDir)).toHaveLength(workers.length);
      },
      { timeout: 8_000, interval: 20 },
    );
    await pool.stop(1_000);
    expect(pool.stats().workers).toEqual([]);
    expect(socketsIn(runDir)).toEqual([]);
  },
  30_000,
);
