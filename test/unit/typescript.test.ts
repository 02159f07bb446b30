import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { compileTypeScript, stopTypeScript } from '../../src/workers/typescript.ts';
import { json, loadMessage, type Peer, project, startSpare } from './node-worker-support.ts';

afterAll(stopTypeScript);

type Files = Readonly<Record<string, string>>;

/** Builds the first of `files` and serves it with a real worker. */
async function serveTypeScript(files: Files): Promise<{ peer: Peer; root: string; format: string }> {
  const root = project(files);
  const entry = String(Object.keys(files)[0]);
  const compiled = await compileTypeScript(join(root, entry), join(root, '.out'));
  const worker = await startSpare();
  const loaded = await worker.load(loadMessage(root, entry, { compiled }));
  expect(loaded.type === FrameType.LOADED ? '' : String(json(loaded).stack)).toBe('');
  return { peer: await worker.connect(), root, format: compiled.format };
}

async function bodyOf(files: Files): Promise<string> {
  return (await serveTypeScript(files)).peer.text();
}

describe('F66: a TypeScript handler', () => {
  test('runs without a type check, its helpers included', async () => {
    const files = {
      'fn/a.ts': `import { greet } from '../lib/greet'; import type { Event } from './types.ts';
        enum Kind { Short = 1 }
        export const handler = async (event: Event): Promise<string> => greet(event.env.GREETING as number, Kind.Short);`,
      'fn/types.ts': 'export interface Event { env: Record<string, string> }',
      'lib/greet.ts': 'export function greet(word: string, kind: number): string { return word.repeat(kind) + "!"; }',
    };
    expect(await bodyOf(files)).toBe('hi!');
  });

  test.each([
    ['export default', 'export default () => "ok";'],
    ['export default object', 'export default { handler: () => "ok" };'],
    ['export =', 'export = () => "ok";'],
    [
      'import of a package of Node',
      'import { basename } from "node:path"; export const handler = () => basename("/x/ok");',
    ],
    ['import of JSON', 'import data from "./data.json"; export const handler = () => data.word;'],
  ])('may use %s', async (_name, source) => {
    expect(await bodyOf({ 'a.ts': source, 'data.json': '{"word":"ok"}' })).toBe('ok');
  });

  test('finds packages from its own folder upwards', async () => {
    const files = {
      'fn/a.ts': 'import dep from "dep"; export const handler = () => dep.name;',
      'fn/node_modules/dep/index.js': 'exports.name = "near";',
    };
    expect(await bodyOf(files)).toBe('near');
  });

  test('knows its own place, and so do its helpers', async () => {
    const files = {
      'a.ts': `import { here } from './lib/b.ts'; export const handler = () => [__filename, __dirname, ...here];`,
      'lib/b.ts': `import { fileURLToPath } from 'node:url';
        export const here = [__dirname, import.meta.url, import.meta.dirname, fileURLToPath(new URL('./x', import.meta.url))];`,
    };
    const { peer, root, format } = await serveTypeScript(files);
    const lib = join(root, 'lib');
    const places = [join(root, 'a.ts'), root, lib, pathToFileURL(join(lib, 'b.ts')).href, lib, join(lib, 'x')];
    expect(JSON.parse(await peer.text())).toEqual(places);
    expect(format).toBe('cjs');
  });

  test('may declare __dirname itself', async () => {
    const source = `import { dirname } from 'node:path'; import { fileURLToPath } from 'node:url';
      const __dirname = dirname(fileURLToPath(import.meta.url)); export const handler = () => __dirname;`;
    const { peer, root } = await serveTypeScript({ 'a.ts': source });
    expect(await peer.text()).toBe(root);
  });

  test('may use top-level await; its packages are then resolved from the importing file', async () => {
    const files = {
      'a.ts':
        'import { word } from "./lib/b"; const end = await Promise.resolve("!"); export const handler = () => word + end + import.meta.filename;',
      'lib/b.ts':
        'import dep from "dep"; import { createRequire } from "node:module"; export const word: string = dep.word + typeof createRequire;',
      'lib/node_modules/dep/package.json': '{"exports":{"import":"./m.mjs","require":"./r.cjs"}}',
      'lib/node_modules/dep/m.mjs': 'export default { word: "module " };',
      'lib/node_modules/dep/r.cjs': 'exports.word = "wrong";',
    };
    const { peer, root, format } = await serveTypeScript(files);
    expect([await peer.text(), format]).toEqual([`module function!${join(root, 'a.ts')}`, 'esm']);
  });

  test.each(['', 'await Promise.resolve();'])('F100: stacks name the lines of the source (%s)', async (topLevel) => {
    const files = {
      'a.ts': `import { fail } from './b.ts';\n${topLevel}\ninterface Unused { a: 1 }\nexport const handler = () => fail();\n`,
      'b.ts': `type Unused = 1;\n\n\nexport function fail(): never {\n  throw new Error('typed');\n}\n`,
    };
    const { peer, root } = await serveTypeScript(files);
    const { stack } = (await peer.request()).head as { stack: string };
    expect(stack).toContain(`${join(root, 'b.ts')}:5:`);
    expect(stack).toContain(`${join(root, 'a.ts')}:4:`);
  });
});

describe('F101: a mistake is shown where it is', () => {
  async function failureOf(files: Files) {
    const root = project(files);
    const outDir = join(root, '.out');
    const error = await compileTypeScript(join(root, 'a.ts'), outDir).then(
      () => undefined,
      (reason: Error & { code: string }) => reason,
    );
    expect(error?.code).toBe('LOAD_FAILED');
    expect(existsSync(outDir)).toBe(false);
    return { message: String(error?.message), root };
  }

  test.each(['a.ts', 'lib/b.ts'])('a syntax error in %s: file, line, column and the line marked', async (name) => {
    const files = { 'a.ts': 'import "./lib/b.ts";', 'lib/b.ts': '', [name]: 'const a: number = 1;\nconst b = ;\n' };
    const { message, root } = await failureOf(files);
    expect(message).toBe(`${join(root, name)}:2:11: Unexpected ";"\n2 | const b = ;\n              ^`);
  });

  test('a helper that does not exist', async () => {
    const { message, root } = await failureOf({ 'a.ts': 'import "./nope";' });
    expect(message).toContain(`${join(root, 'a.ts')}:1:8: Could not resolve "./nope"`);
  });
});

describe('the built file', () => {
  test('is named by its content, in a folder of its owner alone', async () => {
    const root = project({ 'a.ts': 'export const handler = () => 1;', 'b.ts': 'export const b = 1;' });
    const outDir = join(root, 'deep', 'out');
    const first = await compileTypeScript(join(root, 'a.ts'), outDir);
    const again = await compileTypeScript(join(root, 'a.ts'), outDir);
    expect([first.file, first.format]).toEqual([again.file, 'cjs']);
    expect(readdirSync(outDir)).toEqual([basename(first.file)]);
    expect([statSync(outDir).mode & 0o777, statSync(first.file).mode & 0o777]).toEqual([0o700, 0o600]);
    writeFileSync(join(root, 'a.ts'), 'import { b } from "./b.ts"; export const handler = () => b;');
    const changed = await compileTypeScript(join(root, 'a.ts'), outDir);
    expect(changed.file).not.toBe(first.file);
    expect(changed.sources.toSorted()).toEqual([join(root, 'a.ts'), join(root, 'b.ts')]);
    expect(readFileSync(first.file, 'utf8')).toContain('sourceMappingURL=data:');
  });

  test('of many at once is right for each', async () => {
    const root = project(
      Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`${n}.ts`, `export const handler = () => ${n};`])),
    );
    const built = await Promise.all(
      Array.from({ length: 20 }, (_, n) => compileTypeScript(join(root, `${n}.ts`), join(root, 'out'))),
    );
    expect(new Set(built.map(({ file }) => file)).size).toBe(20);
  });
});

test('an idle stack carries no esbuild: stopping ends its process, twice is harmless, a build starts it again', async () => {
  const root = project({ 'a.ts': 'export const handler = () => 1;' });
  await compileTypeScript(join(root, 'a.ts'), join(root, 'out'));
  expect(esbuildProcesses()).toBeGreaterThan(0);
  await stopTypeScript();
  await stopTypeScript();
  await expect.poll(esbuildProcesses).toBe(0);
  expect((await compileTypeScript(join(root, 'a.ts'), join(root, 'out'))).format).toBe('cjs');
});

/** esbuild's processes that this one started. Read from /proc: a bare machine has no `ps`. */
function esbuildProcesses(): number {
  const threads = readdirSync('/proc/self/task');
  const children = threads.flatMap((id) => readFileSync(`/proc/self/task/${id}/children`, 'utf8').trim().split(' '));
  return children.filter((pid) => pid !== '' && commandOf(pid).includes('esbuild')).length;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has just ended
  }
}
