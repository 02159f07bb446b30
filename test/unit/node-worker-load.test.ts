import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { type Json, json, loadMessage, project, startSpare, startWorker } from './node-worker-support.ts';

type Files = Readonly<Record<string, string>>;

async function bodyOf(files: Files, overrides: Json = {}): Promise<string> {
  const worker = await startWorker(files, overrides);
  return (await worker.connect()).text();
}

/** The ERROR that answers the LOAD of the first file. */
async function failureOf(files: Files, overrides: Json = {}) {
  const worker = await startSpare();
  const root = project(files);
  const frame = await worker.load(loadMessage(root, String(Object.keys(files)[0]), overrides));
  expect(frame.type).toBe(FrameType.ERROR);
  expect(await worker.exit).toEqual([1, null]);
  return { ...(json(frame) as { kind: string; error: string; message: string; stack: string }), root };
}

const MODULE_PACKAGE = { 'package.json': '{"type":"module"}' };

describe('F66: the callable', () => {
  test.each<[string, Files, Json]>([
    ['exports.handler', { 'a.js': 'exports.handler = () => "ok";' }, {}],
    [
      'a name of its own',
      { 'a.js': 'exports.$main_1 = () => "ok"; exports.handler = () => "no";' },
      { handler: '$main_1' },
    ],
    ['a blank name', { 'a.js': 'exports.handler = () => "ok";' }, { handler: '' }],
    ['default.handler', { 'a.js': 'exports.default = { handler: () => "ok" };' }, {}],
    ['default', { 'a.js': 'exports.default = () => "ok";' }, {}],
    ['module.exports', { 'a.js': 'module.exports = () => "ok";' }, {}],
    ['a method with its object', { 'a.js': 'module.exports = { word: "ok", handler() { return this.word; } };' }, {}],
    ['.cjs', { 'a.cjs': 'exports.handler = () => "ok";', ...MODULE_PACKAGE }, {}],
    ['.mjs', { 'a.mjs': 'export const handler = () => "ok";' }, {}],
    ['.mjs default', { 'a.mjs': 'export default () => "ok";' }, {}],
    ['.mjs default object', { 'a.mjs': 'export default { handler: () => "ok" };' }, {}],
    [
      'the nearest package.json of type module',
      { 'a.js': 'export const handler = () => "ok";', ...MODULE_PACKAGE },
      {},
    ],
    [
      'top-level await',
      { 'a.mjs': 'const word = await Promise.resolve("ok"); export const handler = () => word;' },
      {},
    ],
    ['an async function', { 'a.js': 'exports.handler = async () => "ok";' }, {}],
    ['a thenable', { 'a.js': 'exports.handler = () => ({ then: (resolve) => setTimeout(resolve, 1, "ok") });' }, {}],
  ])('%s', async (_name, files, overrides) => {
    expect(await bodyOf(files, overrides)).toBe('ok');
  });

  test('F66: a package.json without type is CommonJS, whatever lies above it', async () => {
    const files = { 'fn/a.js': 'exports.handler = () => "ok";', 'fn/package.json': '{}', ...MODULE_PACKAGE };
    expect(await bodyOf(files)).toBe('ok');
  });
});

describe('a function that cannot be loaded ends its worker, and says why', () => {
  test('F67: no handler: the file and the names that were tried', async () => {
    const failure = await failureOf({ 'a.js': 'exports.other = () => 1;' }, { handler: 'main' });
    expect(failure).toMatchObject({ kind: 'load', error: 'handler not found' });
    expect(failure.message).toContain(join(failure.root, 'a.js'));
    expect(failure.message).toMatch(/"main".*"default\.main".*module\.exports/);
  });

  test('F101: a syntax error: file, line and the text there', async () => {
    const failure = await failureOf({ 'a.js': 'const a = 1;\nconst = 2;\n' });
    expect(failure).toMatchObject({ kind: 'load', error: 'handler error' });
    expect(failure.stack).toMatch(/^.*\/a\.js:2\nconst = 2;/);
    expect(failure.stack).not.toContain('node:internal');
  });

  test.each(['a.mjs', 'lib/b.mjs'])('F101: a syntax error in the ES module %s', async (name) => {
    const bad = 'export const a = 1;\nexport function b( { return 1 }\n';
    const files = name === 'a.mjs' ? { [name]: bad } : { 'a.mjs': 'import "./lib/b.mjs";', [name]: bad };
    const failure = await failureOf(files);
    expect(failure.stack).toContain(`${join(failure.root, name)}:2\nexport function b( {`);
    expect(failure.stack).toContain('SyntaxError');
  });

  test('F101: an exception while it loads: the stack begins in the file of the user', async () => {
    const { stack, message } = await failureOf({ 'a.js': 'function f() { throw new Error("no database"); }\nf();' });
    expect(message).toBe('no database');
    const frames = stack.split('\n').filter((line) => line.trim().startsWith('at '));
    expect(frames[0]).toMatch(/at f \(.*\/a\.js:1:\d+\)/);
    expect(frames.every((line) => line.includes('/a.js'))).toBe(true);
  });

  test('F101: a missing package', async () => {
    expect((await failureOf({ 'a.js': 'require("left-pad-nope");' })).message).toContain(
      "Cannot find module 'left-pad-nope'",
    );
    expect((await failureOf({ 'a.mjs': 'import "left-pad-nope";' })).message).toContain(
      "Cannot find package 'left-pad-nope'",
    );
  });

  test('F101: something that is not an Error', async () => {
    expect(await failureOf({ 'a.js': 'throw { code: 7 };' })).toMatchObject({
      error: 'handler error',
      message: '{ code: 7 }',
    });
  });
});

describe('F113: packages', () => {
  const PACKAGE = {
    'store/node_modules/dep/package.json': '{"main":"i.js"}',
    'store/node_modules/dep/i.js': 'exports.name = "store";',
  };

  test('are found above the entry first, then in the dependency folders', async () => {
    const near = { 'fn/node_modules/dep/index.js': 'exports.name = "near";' };
    const entry = { 'fn/a.js': 'const dep = require("dep"); exports.handler = () => dep.name;' };
    const root = project({ ...entry, ...PACKAGE });
    const worker = await startSpare();
    const loaded = await worker.load(loadMessage(root, 'fn/a.js', { paths: [join(root, 'store/node_modules')] }));
    expect(loaded.type).toBe(FrameType.LOADED);
    expect(await (await worker.connect()).text()).toBe('store');
    expect(await bodyOf({ ...entry, ...near, ...PACKAGE })).toBe('near');
  });

  test('are found in the dependency folders by import, too', async () => {
    const root = project({ 'a.mjs': 'import dep from "dep"; export const handler = () => dep.name;', ...PACKAGE });
    const worker = await startSpare();
    const loaded = await worker.load(loadMessage(root, 'a.mjs', { paths: [join(root, 'store/node_modules')] }));
    expect([loaded.type, await (await worker.connect()).text()]).toEqual([FrameType.LOADED, 'store']);
  });

  test('leave NODE_PATH to the function', async () => {
    expect(
      await bodyOf({ 'a.js': 'exports.handler = () => String(process.env.NODE_PATH);' }, { paths: ['/none'] }),
    ).toBe('undefined');
  });
});

describe('LOADED names the files a save is compared with', () => {
  async function filesOf(files: Files, overrides: Json = {}) {
    const root = project(files);
    const worker = await startSpare();
    const entry = String(Object.keys(files)[0]);
    const loaded = await worker.load(loadMessage(root, entry, overrides));
    const relative = (value: unknown) => (value as string[]).map((file) => file.slice(root.length + 1)).sort();
    return { worker, root, relative, files: relative(json(loaded).files), loaded: json(loaded) };
  }

  test('entry and helpers, no packages', async () => {
    const { files, loaded } = await filesOf({
      'fn/a.js': 'require("../lib/b"); require("dep"); exports.handler = () => 1;',
      'lib/b.js': 'require("./c.json");',
      'lib/c.json': '{}',
      'fn/node_modules/dep/index.js': '',
      'unused.js': '',
    });
    expect(files).toEqual(['fn/a.js', 'lib/b.js', 'lib/c.json']);
    expect(loaded).toMatchObject({ revision: '7', concurrency: 1024, head: 'raw' });
  });

  test('ES modules, and what they may import later', async () => {
    const { files } = await filesOf({
      'a.mjs':
        'import { b } from "./b.mjs";\nexport * from "./c.mjs";\nexport const handler = () => import("./later.mjs");',
      'b.mjs': 'import d from "./d.cjs"; export const b = d;',
      'c.mjs': 'export const c = 1;',
      'd.cjs': 'module.exports = 1;',
      'later.mjs': '',
      'unused.mjs': '',
    });
    expect(files).toEqual(['a.mjs', 'b.mjs', 'c.mjs', 'd.cjs', 'later.mjs']);
  });

  test('and again when a handler requires more', async () => {
    const { worker, relative } = await filesOf({
      'a.js': 'exports.handler = () => require("./late.js");',
      'late.js': 'module.exports = "late";',
    });
    expect(await (await worker.connect()).text()).toBe('late');
    const again = await worker.control.next(
      (frame) => frame.type === FrameType.LOADED && frame.payload.includes('late.js'),
    );
    expect(relative(json(again).files)).toEqual(['a.js', 'late.js']);
  });

  test('by the names of the root it was given, if that is a link', async () => {
    const real = project({ 'fn/a.js': 'require("./b"); exports.handler = () => 1;', 'fn/b.js': '' });
    const link = join(project({}), 'link');
    symlinkSync(real, link);
    const worker = await startSpare();
    const loaded = await worker.load(loadMessage(link, 'fn/a.js'));
    expect((json(loaded).files as string[]).sort()).toEqual([join(link, 'fn/a.js'), join(link, 'fn/b.js')]);
  });
});

describe('a compiled module runs as if it were its entry', () => {
  test('F66: with the paths and the stack lines of the source', async () => {
    const root = project({ 'fn/a.ts': '', 'fn/helper.js': 'exports.word = "helped";', 'lib/b.ts': '' });
    const file = join(root, 'built.cjs');
    writeFileSync(file, 'exports.handler = () => require("./helper.js").word + " " + __filename;');
    const worker = await startSpare();
    const compiled = { file, format: 'cjs', sources: [join(root, 'fn/a.ts'), join(root, 'lib/b.ts')] };
    const loaded = json(await worker.load(loadMessage(root, 'fn/a.ts', { compiled })));
    expect((loaded.files as string[]).sort()).toEqual([join(root, 'fn/a.ts'), join(root, 'lib/b.ts')]);
    expect(await (await worker.connect()).text()).toBe(`helped ${join(root, 'fn/a.ts')}`);
  });
});

test('F115: the working directory is the function folder', async () => {
  const root = project({ 'fn/a.js': 'exports.handler = () => process.cwd();' });
  const worker = await startSpare();
  await worker.load(loadMessage(root, 'fn/a.js', { dir: join(root, 'fn') }));
  expect(await (await worker.connect()).text()).toBe(join(root, 'fn'));
});

test('the socket belongs to its owner alone', async () => {
  const worker = await startSpare();
  expect(statSync(worker.socketPath).mode & 0o777).toBe(0o600);
});
