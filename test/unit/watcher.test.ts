import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createIgnore } from '../../src/stack/watch-rules.ts';
import { createWatcher, type Watcher, type WatcherOptions } from '../../src/stack/watcher.ts';

interface Scene {
  readonly root: string;
  /** Paths per call of onChange, relative to the root, sorted. */
  readonly calls: string[][];
  readonly notes: string[];
  write(name: string, content: string): void;
  at(name: string): string;
  /** Tells the watcher to take these files as they are now; returns their names, absolute. */
  know(...names: string[]): Promise<readonly string[]>;
  readonly watcher: Watcher;
  /** Resolves when this path was reported. */
  reported(name: string): Promise<void>;
  /** Saves a file that must be reported: everything before it has been looked at by then. */
  barrier(): Promise<string[]>;
}

async function scene(files: Record<string, string> = {}, options: Partial<WatcherOptions> = {}): Promise<Scene> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'fastfn-watch-')));
  const at = (name: string) => join(root, name);
  const write = (name: string, content: string) => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), content);
  };
  for (const [name, content] of Object.entries(files)) write(name, content);
  const calls: string[][] = [];
  const notes: string[] = [];
  const watcher = createWatcher({
    roots: [root],
    ignored: createIgnore({ functionsRoot: root, projectDir: root, ownDirs: [at('state')] }),
    pollMs: null,
    debounceMs: 20,
    onChange: (paths) => calls.push(paths.map((path) => path.slice(root.length + 1)).sort()),
    onNote: (message) => notes.push(message),
    ...options,
  });
  onTestFinished(() => {
    watcher.close();
    rmSync(root, { recursive: true, force: true });
  });
  await watcher.ready;
  const reported = (name: string) => vi.waitUntil(() => calls.flat().includes(name), { timeout: 5000, interval: 2 });
  const know = (...names: string[]) => watcher.adopt(async () => names.map(at));
  let barriers = 0;
  const barrier = async () => {
    barriers += 1;
    const name = `barrier-${barriers}.js`;
    write(name, `${barriers}`);
    await reported(name);
    return [...new Set(calls.flat())].filter((path) => !path.startsWith('barrier-')).sort();
  };
  return {
    root,
    calls,
    notes,
    watcher,
    write,
    at,
    know,
    reported: async (name) => void (await reported(name)),
    barrier,
  };
}

describe.each([
  ['file events', {}],
  ['polling', { pollMs: 20 }],
])('%s', (_name, options) => {
  test('P120: a save is reported once', async () => {
    const s = await scene({ 'a.js': '1' }, options);
    s.write('a.js', '2');
    await s.reported('a.js');
    await s.barrier();
    expect(s.calls.flat().filter((path) => path === 'a.js')).toEqual(['a.js']);
  });

  test('P120: equal bytes, a touch and an atomic save of equal bytes report nothing', async () => {
    const s = await scene({ 'a.js': 'same', 'b.js': 'same', 'c.js': 'same' }, options);
    await s.know('a.js', 'b.js', 'c.js');
    s.write('a.js', 'same');
    utimesSync(s.at('b.js'), 1, 1);
    s.write('c.js.tmp', 'same');
    renameSync(s.at('c.js.tmp'), s.at('c.js'));
    expect(await s.barrier()).toEqual([]);
  });

  test('P120: what was adopted is not reported, a save of another content after that is', async () => {
    const s = await scene({ 'a.js': '1', 'gone.js': '1' }, options);
    s.write('a.js', '2');
    s.write('new/deep/b.js', '1');
    unlinkSync(s.at('gone.js'));
    const names = ['a.js', 'new', 'new/deep', 'new/deep/b.js', 'gone.js'];
    expect(await s.know(...names)).toEqual(names.map(s.at));
    expect(await s.barrier()).toEqual([]);
    s.write('new/deep/b.js', '2');
    await s.reported('new/deep/b.js');
  });

  test('P120: a write of our own that takes long is not reported either', async () => {
    const s = await scene({ 'a.js': '1' }, options);
    await s.watcher.adopt(async () => {
      s.write('a.js', '2');
      s.write('b.js', '2');
      await delay(100); // longer than the quiet time after which a save is reported
      return [s.at('a.js')];
    });
    expect(await s.barrier()).toEqual(['b.js']);
  });

  test('P120: a save after the watcher is ready counts, even before its content was known', async () => {
    const s = await scene(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}.js`, '1'])), options);
    s.write('f299.js', '2');
    await s.reported('f299.js');
  });

  test('P123: new, renamed and removed files are reported', async () => {
    const s = await scene({ 'a.js': '1', 'b.js': '1' }, options);
    s.write('new.js', '1');
    renameSync(s.at('a.js'), s.at('renamed.js'));
    unlinkSync(s.at('b.js'));
    expect(await s.barrier()).toEqual(['a.js', 'b.js', 'new.js', 'renamed.js']);
  });

  test('P123: a folder moved in or out is reported with all its files, at any depth', async () => {
    const s = await scene({ 'x/deep/er/h.js': '1', 'x/y.js': '1' }, options);
    const outside = mkdtempSync(join(tmpdir(), 'fastfn-watch-out-'));
    onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
    renameSync(s.at('x'), join(outside, 'x'));
    expect(await s.barrier()).toEqual(['x/deep/er/h.js', 'x/y.js']);
    s.calls.length = 0;
    renameSync(join(outside, 'x'), s.at('moved'));
    expect(await s.barrier()).toEqual(['moved/deep/er/h.js', 'moved/y.js']);
    s.calls.length = 0;
    s.write('moved/deep/er/h.js', '2');
    await s.reported('moved/deep/er/h.js');
  });

  test('P123: a folder replaced by another one reports only the files that differ, and stays watched', async () => {
    const s = await scene({ 'x/same.js': '1', 'x/other.js': '1', 'x/gone.js': '1' }, options);
    await s.know('x/same.js', 'x/other.js', 'x/gone.js');
    s.write('next/same.js', '1');
    s.write('next/other.js', '2');
    await s.barrier();
    s.calls.length = 0;
    rmSync(s.at('x'), { recursive: true });
    renameSync(s.at('next'), s.at('x'));
    expect(await s.barrier()).toEqual(['next/other.js', 'next/same.js', 'x/gone.js', 'x/other.js']);
    s.write('x/same.js', '3');
    await s.reported('x/same.js');
  });

  test('P121: dot-files, generated folders, editor files and the state folder are ignored; .env and packs are not', async () => {
    const s = await scene({ '.fastfn/packs/node/p/package.json': '{}' }, options);
    for (const name of [
      '.hidden',
      '.git/HEAD',
      'node_modules/a.js',
      'x/vendor/a.php',
      '__pycache__/a.pyc',
      '.deps/a',
      'target/a',
    ]) {
      s.write(name, '1');
    }
    for (const name of ['a.js~', '.a.js.swp', '4913', 'state/run.json', '.fastfn/other/x', 'x/.env'])
      s.write(name, '1');
    s.write('.env.local', '1');
    s.write('.fastfn/packs/node/p/package.json', '{"a":1}');
    expect(await s.barrier()).toEqual(['.env.local', '.fastfn/packs/node/p/package.json']);
  });

  test('F21: a change behind a symbolic link is reported under both names', async () => {
    const s = await scene({ '_shared/lib.js': '1' }, options);
    symlinkSync('_shared', s.at('linked'));
    symlinkSync('_shared/lib.js', s.at('one.js'));
    await s.barrier();
    s.calls.length = 0;
    s.write('_shared/lib.js', '2');
    expect(await s.barrier()).toEqual(['_shared/lib.js', 'linked/lib.js', 'one.js']);
  });
});

test('P120: one hundred saves of many files are few calls, and the last content wins', async () => {
  const s = await scene();
  for (let i = 0; i < 100; i += 1) s.write(`f${i % 10}.js`, String(i));
  const names = await s.barrier();
  expect(names).toEqual(Array.from({ length: 10 }, (_, i) => `f${i}.js`));
  expect(s.calls.length).toBeLessThanOrEqual(3);
});

test('P120: a file that is emptied and written again with the same bytes is no change', async () => {
  const s = await scene({ 'a.js': 'same' }, { debounceMs: 500 });
  await s.know('a.js');
  s.write('a.js', '');
  await delay(20); // longer than an isolated save needs, well below the quiet time
  s.write('a.js', 'same');
  expect(await s.barrier()).toEqual([]);
});

test('P120: content is known before the first save: a touch of a file never saved reports nothing', async () => {
  const s = await scene(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}.js`, '1'])));
  let next = 0;
  const touchIsSilent = async () => {
    const name = `f${next}.js`;
    next += 1;
    utimesSync(s.at(name), 1, 1);
    return !(await s.barrier()).includes(name);
  };
  await vi.waitUntil(touchIsSilent, { timeout: 10_000, interval: 10 });
});

test('P120: a file that is written to all the time does not put off the others', async () => {
  const s = await scene({ 'a.js': '1' });
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    s.write('log.txt', String(count));
  }, 3);
  onTestFinished(() => clearInterval(timer));
  s.write('a.js', '2');
  await s.reported('a.js');
});

test('P120: an isolated save does not wait for the quiet time', async () => {
  const s = await scene({ 'a.js': '1' }, { debounceMs: 60_000 });
  s.write('a.js', '2');
  await s.reported('a.js');
});

test('P129: of the project folder only settings count, and what lies in other folders does not', async () => {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'fastfn-watch-')));
  onTestFinished(() => rmSync(project, { recursive: true, force: true }));
  mkdirSync(join(project, 'functions'));
  const functionsRoot = join(project, 'functions');
  const seen: string[] = [];
  const watcher = createWatcher({
    roots: [functionsRoot],
    flat: [project],
    ignored: createIgnore({ functionsRoot, projectDir: project, ownDirs: [] }),
    pollMs: null,
    debounceMs: 20,
    onChange: (paths) => seen.push(...paths.map((path) => path.slice(project.length + 1))),
    onNote: () => {},
  });
  onTestFinished(() => watcher.close());
  await watcher.ready;
  for (const name of ['README.md', '.env', 'fastfn.json', 'functions/a.js']) writeFileSync(join(project, name), '1');
  await vi.waitUntil(() => seen.includes('functions/a.js'), { timeout: 5000 });
  expect(seen.sort()).toEqual(['.env', 'fastfn.json', 'functions/a.js']);
});

test('P121: a root that is removed and made again is watched again, with a note', async () => {
  const s = await scene({ 'a.js': '1' });
  rmSync(s.root, { recursive: true });
  await s.reported('a.js');
  expect(s.notes).toEqual(['a watched folder was removed; looking for changes every 200 ms instead']);
  s.write('b.js', '1');
  await s.reported('b.js');
});
