import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createWatcher } from '../../src/stack/watcher.ts';

const limit = vi.hoisted(() => ({ watches: 3, code: 'ENOSPC' }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const watch = (path: string, listener: () => void) => {
    if (limit.watches === 0) throw Object.assign(new Error('watch failed'), { code: limit.code });
    limit.watches -= 1;
    return fs.watch(path, listener);
  };
  return { ...fs, watch };
});

test.each([
  ['ENOSPC', 'fs.inotify.max_user_watches is used up'],
  ['EMFILE', 'fs.inotify.max_user_instances is used up'],
])('P121: when the system has no more watches (%s), changes are found by looking, with a note', async (code, why) => {
  Object.assign(limit, { watches: 3, code });
  const root = mkdtempSync(join(tmpdir(), 'fastfn-watch-'));
  for (const name of ['a', 'b', 'c', 'd', 'e']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'e', 'h.js'), '1');
  const notes: string[] = [];
  const seen: string[] = [];
  const watcher = createWatcher({
    roots: [root],
    ignored: () => false,
    pollMs: null,
    debounceMs: 20,
    onChange: (paths) => seen.push(...paths),
    onNote: (message) => notes.push(message),
  });
  await watcher.ready;
  expect(notes).toEqual([`file events are not available (${why}); looking for changes every 200 ms instead`]);
  writeFileSync(join(root, 'e', 'h.js'), '2');
  await vi.waitUntil(() => seen.includes(join(root, 'e', 'h.js')), { timeout: 5000 });
  watcher.close();
  rmSync(root, { recursive: true, force: true });
});
