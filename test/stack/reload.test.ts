import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestStack, until } from './support.ts';

const FILES = {
  'js.js': 'exports.handler = () => "one";',
  'ts.ts': 'export const handler = (): string => "one";',
  'py.py': 'def handler(event):\n    return "one"\n',
  'php.php': '<?php function handler($event) { return "one"; }',
  'lua.lua': 'function handler(event) return "one" end',
  'uses/handler.js': 'const { word } = require("./words.js"); exports.handler = () => word;',
  'uses/words.js': 'exports.word = "one";',
  'shared.py': 'from _lib.words import word\ndef handler(event):\n    return word\n',
  '_lib/words.py': 'word = "one"\n',
  'sharedlua.lua': 'local words = require("_lib.words") function handler(event) return words.word end',
  '_lib/words.lua': 'return { word = "one" }',
  'env/handler.js': 'exports.handler = (event) => ({ word: event.env.WORD, process: process.env.WORD });',
  'env/fn.env.json': { WORD: 'one' },
  'policy/handler.js':
    'let n = 0; exports.handler = async () => { n++; await new Promise((r) => setTimeout(r, 150)); return { n }; };',
  'policy/fn.config.json': { timeout_ms: 2000 },
  'counter.js': 'let n = 0; exports.handler = () => ({ n: ++n });',
};

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(FILES);
}, 60_000);
afterAll(() => stack?.stop());

const text = async (path: string) => (await stack.get(path)).text;

async function untilText(path: string, expected: string): Promise<void> {
  let last = '';
  await until(async () => (last = await text(path)) === expected, `${path} answers ${expected}, last: ${last}`, 8000);
}

const LANGUAGES = [
  ['js', 'js.js', 'exports.handler = () => "WORD";'],
  ['ts', 'ts.ts', 'export const handler = (): string => "WORD";'],
  ['py', 'py.py', 'def handler(event):\n    return "WORD"\n'],
  ['php', 'php.php', '<?php function handler($event) { return "WORD"; }'],
  ['lua', 'lua.lua', 'function handler(event) return "WORD" end'],
] as const;

describe('F65: a save changes the next answer', () => {
  test.each(LANGUAGES)('%s: and no request gets the old answer after one has got the new', async (name, file, code) => {
    expect(await text(`/${name}`)).not.toBe('');
    for (const word of ['two', 'three']) {
      stack.write({ [file]: code.replace('WORD', word) });
      await untilText(`/${name}`, word);
      const after = await Promise.all(Array.from({ length: 40 }, () => text(`/${name}`)));
      expect(new Set(after)).toEqual(new Set([word]));
    }
  });

  test.each(LANGUAGES)(
    'P120: %s: content decides: same size and same mtime are seen, equal bytes reload nothing',
    async (name, file, code) => {
      const path = join(stack.dir, file);
      stack.write({ [file]: code.replace('WORD', 'aaaa') });
      await untilText(`/${name}`, 'aaaa');
      const when = new Date(1_700_000_000_000);
      utimesSync(path, when, when);
      writeFileSync(path, code.replace('WORD', 'bbbb'));
      utimesSync(path, when, when);
      await untilText(`/${name}`, 'bbbb');
    },
  );

  test('P120: a save of equal bytes keeps the worker and its state', async () => {
    const before = (await stack.get('/counter')).json().n;
    writeFileSync(join(stack.dir, 'counter.js'), FILES['counter.js']);
    const temporary = join(stack.dir, 'counter.js.tmp~');
    writeFileSync(temporary, FILES['counter.js']);
    renameSync(temporary, join(stack.dir, 'counter.js'));
    stack.write({ 'js.js': 'exports.handler = () => "after";' });
    await untilText('/js', 'after'); // the watcher has worked off what came before
    expect((await stack.get('/counter')).json().n).toBe(before + 1);
  });

  test.each(LANGUAGES)('%s: an editor that replaces the file by renaming is seen', async (name, file, code) => {
    const temporary = join(stack.dir, `.${file}.swp`);
    writeFileSync(temporary, code.replace('WORD', 'renamed'));
    renameSync(temporary, join(stack.dir, file));
    await untilText(`/${name}`, 'renamed');
  });

  test('a burst of 100 saves ends with the last one', async () => {
    for (let i = 1; i <= 100; i++) writeFileSync(join(stack.dir, 'js.js'), `exports.handler = () => "burst ${i}";`);
    await untilText('/js', 'burst 100');
    for (let i = 1; i <= 100; i++) {
      writeFileSync(join(stack.dir, 'py.py'), `def handler(event):\n    return "burst ${i}"\n`);
      if (i % 10 === 0) await text('/py');
    }
    await untilText('/py', 'burst 100');
  });
});

describe('P122: helpers that a function has loaded', () => {
  test.each([
    ['/uses', 'uses/words.js', 'exports.word = "WORD";'],
    ['/shared', '_lib/words.py', 'word = "WORD"\n'],
    ['/sharedlua', '_lib/words.lua', 'return { word = "WORD" }'],
  ])('%s changes with %s', async (path, file, code) => {
    expect(await text(path)).toBe('one');
    stack.write({ [file]: code.replace('WORD', 'two') });
    await untilText(path, 'two');
  });

  test('a missing helper that appears mends the function', async () => {
    stack.write({ 'late.js': 'const { word } = require("./_late.js"); exports.handler = () => word;' });
    await until(async () => (await stack.get('/late')).status === 500, 'it fails without the helper');
    stack.write({ '_late.js': 'exports.word = "there";' });
    await untilText('/late', 'there');
  });
});

describe('P123: files that come and go', () => {
  test('new, renamed and deleted files, and whole folders', async () => {
    stack.write({
      'fresh.js': 'exports.handler = () => "fresh";',
      'folder/deep/[id].py': 'def handler(event, id):\n    return id\n',
    });
    await untilText('/fresh', 'fresh');
    await untilText('/folder/deep/7', '7');
    renameSync(join(stack.dir, 'fresh.js'), join(stack.dir, 'renamed.js'));
    await untilText('/renamed', 'fresh');
    expect((await stack.get('/fresh')).status).toBe(404);
    renameSync(join(stack.dir, 'folder'), join(stack.dir, 'moved'));
    await untilText('/moved/deep/8', '8');
    expect((await stack.get('/folder/deep/7')).status).toBe(404);
    rmSync(join(stack.dir, 'moved'), { recursive: true });
    rmSync(join(stack.dir, 'renamed.js'));
    await until(async () => (await stack.get('/renamed')).status === 404, 'the deleted file is gone');
    await until(async () => (await stack.get('/moved/deep/8')).status === 404, 'the deleted folder is gone');
    await until(() => stack.workers('renamed.js').length === 0, 'its worker has ended');
  });

  test('F47: a second file that claims a route makes it 409, its removal mends it', async () => {
    stack.write({ 'clash.js': 'exports.handler = () => "js";' });
    await untilText('/clash', 'js');
    stack.write({ 'clash.py': 'def handler(event):\n    return "py"\n' });
    await until(async () => (await stack.get('/clash')).status === 409, 'the conflict is seen');
    rmSync(join(stack.dir, 'clash.js'));
    await untilText('/clash', 'py');
  });

  test('a function folder that is created file by file', async () => {
    mkdirSync(join(stack.dir, 'grown'));
    stack.write({ 'grown/handler.php': '<?php function handler($e) { return require __DIR__ . "/_word.php"; }' });
    stack.write({ 'grown/_word.php': '<?php return "grown";' });
    await untilText('/grown', 'grown');
  });
});

describe('P106: a broken save', () => {
  const BROKEN = [
    ['js', 'js.js', 'exports.handler = (', 'exports.handler = () => "mended";'],
    ['ts', 'ts.ts', 'export const handler = (: =>', 'export const handler = () => "mended";'],
    ['py', 'py.py', 'def handler(event:\n', 'def handler(event):\n    return "mended"\n'],
    ['php', 'php.php', '<?php function handler( {', '<?php function handler($e) { return "mended"; }'],
    ['lua', 'lua.lua', 'function handler(event return end', 'function handler(event) return "mended" end'],
  ] as const;

  test.each(BROKEN)(
    '%s: the last good version serves with x-fn-stale, the error is told once, the next save mends it',
    async (name, file, broken, mended) => {
      const good = await text(`/${name}`);
      const before = stack.output.length;
      stack.write({ [file]: broken });
      await until(
        async () => (await stack.get(`/${name}`)).headers['x-fn-stale'] === 'error',
        'the answer is marked stale',
        8000,
      );
      expect(await text(`/${name}`)).toBe(good);
      stack.write({ 'unrelated.js': `exports.handler = () => "${name}";` });
      await untilText('/unrelated', name);
      const told = stack.output.slice(before).match(new RegExp(`error: ${file.replace('.', '\\.')}`, 'g'));
      expect(told).toHaveLength(1);
      stack.write({ [file]: mended });
      await untilText(`/${name}`, 'mended');
      expect((await stack.get(`/${name}`)).headers['x-fn-stale']).toBeUndefined();
    },
  );

  test('F101: code that never loaded answers 500 until it is mended', async () => {
    stack.write({ 'never.py': 'import nothing_of_that_name\ndef handler(event):\n    return 1\n' });
    await until(async () => (await stack.get('/never')).status === 500, 'it fails');
    expect((await stack.get('/never')).json().error).toBe('handler error');
    stack.write({ 'never.py': 'def handler(event):\n    return "mended"\n' });
    await untilText('/never', 'mended');
  });
});

describe('P124, P125: configuration', () => {
  test('fn.env.json: the next answer has the new values', async () => {
    expect((await stack.get('/env')).json()).toEqual({ word: 'one', process: 'one' });
    stack.write({ 'env/fn.env.json': { WORD: 'two' } });
    await until(async () => (await stack.get('/env')).json().word === 'two', 'the new value arrives');
    expect((await stack.get('/env')).json()).toEqual({ word: 'two', process: 'two' });
  });

  test('a policy applies without restarting the worker', async () => {
    const { n } = (await stack.get('/policy')).json();
    stack.write({ 'policy/fn.config.json': { timeout_ms: 50 } });
    await until(async () => (await stack.get('/policy')).status === 504, 'the shorter deadline applies');
    stack.write({ 'policy/fn.config.json': { timeout_ms: 2000 } });
    let answer = await stack.get('/policy');
    await until(async () => (answer = await stack.get('/policy')).status === 200, 'the longer deadline applies');
    expect(answer.json().n).toBeGreaterThan(n + 1);
  });

  test('F117: an invalid configuration keeps the last good one and says so', async () => {
    expect((await stack.get('/policy')).status).toBe(200);
    const before = stack.output.length;
    writeFileSync(join(stack.dir, 'policy/fn.config.json'), '{"timeout_ms": "soon"}');
    await until(() => stack.output.slice(before).includes('fn.config.json'), 'the problem is told');
    expect((await stack.get('/policy')).status).toBe(200);
    stack.write({ 'policy/fn.config.json': { timeout_ms: 2000 } });
  });
});

test('a save under load loses no request', async () => {
  stack.write({ 'load.js': 'exports.handler = () => "0";' });
  await untilText('/load', '0');
  let saving = true;
  const statuses = new Map<number, number>();
  const clients = Array.from({ length: 4 }, async () => {
    while (saving) {
      const { status } = await stack.get('/load');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  for (let i = 1; i <= 10; i++) {
    stack.write({ 'load.js': `exports.handler = () => "${i}";` });
    await untilText('/load', String(i));
  }
  saving = false;
  await Promise.all(clients);
  expect([...statuses.keys()]).toEqual([200]);
});

test('F155: no state, cache or lock file is written into the folder of functions', () => {
  const names = readdirSync(stack.dir);
  expect(names).not.toContain('__pycache__');
});

test('F140: a saved auth policy holds from the next answer on, and `auth: false` opens again', async () => {
  stack.write({ 'guarded/handler.js': 'exports.handler = () => "open";' });
  await untilText('/guarded', 'open');
  stack.write({ 'guarded/fn.config.json': { auth: { api_key: { keys: [{ id: 'a', env: 'K' }] } } } });
  const answer = await until(async () => {
    const last = await stack.get('/guarded', { headers: { 'x-api-key': '' } });
    return last.status === 401 && last;
  }, 'it refuses');
  expect(answer.json().error).toBe('unauthorized');
  expect(stack.output).toContain('K is not set in fn.env.json');
  stack.write({ 'guarded/fn.config.json': { auth: false } });
  await untilText('/guarded', 'open');
});
