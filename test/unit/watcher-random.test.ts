import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createIgnore } from '../../src/stack/watch-rules.ts';
import { createWatcher } from '../../src/stack/watcher.ts';

const NAMES = ['a', 'b', 'a/c', 'a/c/d', 'e'];
const place = fc.constantFrom(...NAMES);
const file = fc.tuple(place, fc.constantFrom('x.js', 'y.js')).map(([dir, name]) => `${dir}/${name}`);
const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), at: file, content: fc.constantFrom('', '1', '2') }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.oneof(file, place) }),
  fc.record({ kind: fc.constant('move' as const), at: fc.oneof(file, place), to: fc.oneof(file, place) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 30 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function perform(root: string, action: Step): Promise<void> {
  if (action.kind === 'wait') return delay(action.ms);
  const path = join(root, action.at);
  try {
    if (action.kind === 'remove') return rmSync(path, { recursive: true });
    if (action.kind === 'move') return renameSync(path, join(root, action.to));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, action.content);
  } catch {
    // not possible in this state of the tree
  }
}

function contents(root: string): Map<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]));
}

test.each([
  ['file events', null],
  ['polling', 20],
])(
  'P120, P123: whatever is done to a tree, every file that is another one afterwards is reported (%s)',
  async (_name, pollMs) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const root = mkdtempSync(join(tmpdir(), 'fastfn-watch-'));
        for (const name of NAMES) {
          mkdirSync(join(root, name), { recursive: true });
          for (const base of ['x.js', 'y.js']) writeFileSync(join(root, name, base), name);
        }
        const reported = new Set<string>();
        const ignored = createIgnore({ functionsRoot: root, projectDir: root, ownDirs: [] });
        const onChange = (paths: readonly string[]) => {
          for (const path of paths) reported.add(path);
        };
        const watcher = createWatcher({ roots: [root], ignored, pollMs, debounceMs: 20, onChange, onNote: () => {} });
        try {
          await watcher.ready;
          const before = contents(root);
          for (const action of steps) await perform(root, action);
          const after = contents(root);
          const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
            (path) => before.get(path) !== after.get(path),
          );
          const missing = () => differing.filter((path) => !reported.has(path));
          await expect.poll(missing, { timeout: 3000, interval: 5 }).toEqual([]);
        } finally {
          watcher.close();
          rmSync(root, { recursive: true, force: true });
        }
      }),
      { numRuns: 30, endOnFailure: true },
    );
  },
);
