import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProcessRuntime } from '../../src/functions/types.ts';
import { slotRules, slotsForNext } from '../../src/workers/slots.ts';
import { functionRevision, projectConfig, workerPoolPolicy } from '../fixtures/workers/harness.ts';

interface Limits {
  readonly maxConcurrency?: number | null;
  readonly maxWorkers?: number;
  readonly minWarm?: number;
  readonly daemons?: number;
}

function rules(runtime: ProcessRuntime, { maxConcurrency = null, maxWorkers, minWarm = 0, daemons }: Limits) {
  const workerPool = maxWorkers === undefined ? null : workerPoolPolicy({ maxWorkers, minWarm });
  const { policy } = functionRevision({ policy: { maxConcurrency, workerPool } }).definition;
  return slotRules(runtime, policy, projectConfig(daemons === undefined ? {} : { daemons: { [runtime]: daemons } }));
}

/** Slots of each worker when the function grows as far as it may. */
function grown(runtime: ProcessRuntime, limits: Limits): number[] {
  const granted: number[] = [];
  for (let slots = 1; slots > 0; granted.push(slots)) {
    slots = slotsForNext(rules(runtime, limits), granted);
    if (slots === 0) break;
  }
  return granted;
}

test.each<[string, ProcessRuntime, Limits, number[]]>([
  ['F123a: without limits a Node worker takes all 1,024', 'node', {}, [1024]],
  ['F123a: a Python worker takes 32, and there are four of them', 'python', {}, [32, 32, 32, 32]],
  ['F124: a PHP worker takes one at a time', 'php', {}, [1, 1, 1, 1]],
  ['F124: a limit of 1 is one process', 'node', { maxConcurrency: 1 }, [1]],
  ['F124: a limit of 1 is one process for Python too', 'python', { maxConcurrency: 1 }, [1]],
  ['F124: a limit of 1 is one process for PHP too', 'php', { maxConcurrency: 1 }, [1]],
  ['F123: the smallest limit counts', 'node', { maxConcurrency: 100, maxWorkers: 3 }, [3]],
  ['F123: max_workers of 0 is no limit', 'python', { maxConcurrency: 40, maxWorkers: 0 }, [32, 8]],
  ['P109: max_workers counts processes', 'php', { maxWorkers: 6 }, [1, 1, 1, 1, 1, 1]],
  ['F124: what is within the limit does not wait in one small worker', 'python', { maxWorkers: 3 }, [3]],
  ['P109: FN_RUNTIME_DAEMONS shares the limit', 'node', { daemons: 2 }, [512, 512]],
  ['F120: 0 is unlimited', 'node', { maxConcurrency: 0 }, [1024]],
  ['F120: 0 is unlimited in each of two processes', 'node', { maxConcurrency: 0, daemons: 2 }, [1024, 1024]],
  ['F120: a Node worker has no bound of its own', 'node', { maxConcurrency: 5000 }, [5000]],
])('%s', (_name, runtime, limits, expected) => {
  expect(grown(runtime, limits)).toEqual(expected);
});

test('F122: min_warm is at most max_workers and the limit', () => {
  expect(rules('php', { maxWorkers: 2, minWarm: 5 }).minWarm).toBe(2);
  expect(rules('php', { maxWorkers: 2, minWarm: 2, maxConcurrency: 1 }).minWarm).toBe(1);
});

test('F123: whatever the limits, the slots granted never exceed them, and there is at least one', () => {
  const limit = fc.integer({ min: 0, max: 200 });
  fc.assert(
    fc.property(
      fc.constantFrom<ProcessRuntime>('node', 'python', 'php'),
      limit,
      limit,
      fc.integer({ min: 1, max: 6 }),
      (runtime, maxConcurrency, maxWorkers, daemons) => {
        const limits = { maxConcurrency, maxWorkers, daemons };
        const granted = grown(runtime, limits);
        const sum = granted.reduce((total, slots) => total + slots, 0);
        expect(granted.length).toBeGreaterThan(0);
        expect(sum).toBeLessThanOrEqual(rules(runtime, limits).limit);
        expect(granted.length).toBeLessThanOrEqual(rules(runtime, limits).maxWorkers);
      },
    ),
  );
});
