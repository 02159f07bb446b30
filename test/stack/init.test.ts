import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, runToEnd } from '../unit/cli-support.ts';
import { makeTempDir, TestStack } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');
const TEMPLATES = [
  ['node', 'node', ['fn.config.json', 'handler.js']],
  ['ts', 'node', ['fn.config.json', 'handler.ts']],
  ['python', 'python', ['fn.config.json', 'handler.py', 'requirements.txt']],
  ['php', 'php', ['fn.config.json', 'handler.php']],
  ['lua', 'lua', ['fn.config.json', 'handler.lua']],
] as const;

const folders: { remove(): void }[] = [];
function folder(): string {
  const made = makeTempDir();
  folders.push(made);
  return realpathSync(made.path);
}
afterAll(() => {
  for (const made of folders) made.remove();
});

function init(cwd: string, ...args: string[]): Promise<Result> {
  return runToEnd(FASTFN, ['init', ...args], { cwd, env: cleanEnvironment(cwd) });
}

describe('what init creates', () => {
  let stack: TestStack;
  let dir: string;

  beforeAll(async () => {
    const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
    dir = join(base, 'project');
    mkdirSync(dir);
    for (const [template] of TEMPLATES)
      expect(await init(dir, `my-${template}`, '-t', template)).toMatchObject({ code: 0 });
    expect(await init(dir, 'api/v1/hello')).toMatchObject({ code: 0 });
    stack = TestStack.over(base, dir);
    await stack.untilReady();
  });
  afterAll(() => stack?.stop());

  test.each(TEMPLATES)('P29: the template %s answers GET /NAME?name=X as it is', async (template) => {
    const answer = await stack.get(`/my-${template}?name=X`);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
    expect(answer.json()).toEqual({ message: 'Hello, X', query: { name: 'X' }, params: {}, version: 'default' });
  });

  test.each(TEMPLATES)('P17: the template %s passes fastfn check', async (template) => {
    const project = join(dir, `my-${template}`);
    const { code, stdout } = await runToEnd(FASTFN, ['check', project], { cwd: dir, env: cleanEnvironment(dir) });
    expect(stdout).toContain('[OK] project.functions');
    expect(code).toBe(0);
  });

  test.each(TEMPLATES)('P29: the template %s answers below its name too, and without a name', async (template) => {
    expect((await stack.get(`/my-${template}/a/b`)).json()).toEqual({
      message: 'Hello, world',
      query: {},
      params: { wildcard: 'a/b' },
      version: 'default',
    });
  });

  test('P29: a name of several segments is a route of several segments', async () => {
    expect((await stack.get('/api/v1/hello?name=X')).json().message).toBe('Hello, X');
  });

  test.each(TEMPLATES)(
    'P29: the template %s is the files of the rule, and no fastfn.json',
    (template, runtime, files) => {
      expect(readdirSync(join(dir, `my-${template}`)).filter((name) => !name.startsWith('.'))).toEqual(files);
      const hasTimeout = runtime === 'node' || runtime === 'python';
      expect(JSON.parse(readFileSync(join(dir, `my-${template}/fn.config.json`), 'utf8'))).toEqual({
        runtime,
        name: `my-${template}`,
        version: '1.0.0',
        entrypoint: files[1],
        ...(hasTimeout && { timeout_ms: 2500 }),
      });
      expect(stack.output).not.toContain('warning');
    },
  );
});

test('P29: the folder alone is a project that serves its function', async () => {
  const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  expect(await init(base, 'demo')).toMatchObject({ code: 0 });
  const stack = TestStack.over(base, join(base, 'demo'));
  await stack.untilReady();
  expect((await stack.get('/demo?name=X')).json().message).toBe('Hello, X');
  await stack.stop();
});

test('P29: among ES modules the template node is one', async () => {
  const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  writeFileSync(join(base, 'package.json'), '{ "type": "module" }');
  expect(await init(base, 'demo')).toMatchObject({ code: 0 });
  const stack = TestStack.over(base, join(base, 'demo'));
  await stack.untilReady();
  expect((await stack.get('/demo?name=X')).json().message).toBe('Hello, X');
  await stack.stop();
});

describe('what init says', () => {
  test('P29: it names the created paths, then how to start', async () => {
    const { code, stdout, stderr } = await init(folder(), 'api/hello', '--template', 'python');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'api/hello/fn.config.json',
      'api/hello/handler.py',
      'api/hello/requirements.txt',
      'start it with "fastfn dev --native api/hello", then ask for /api/hello?name=Ada',
      '',
    ]);
  });

  test('P1, P29: with --json it is one document', async () => {
    const cwd = folder();
    const { stdout } = await init(cwd, 'demo', '--json', '--template=ts');
    const files = ['fn.config.json', 'handler.ts'];
    expect(JSON.parse(stdout)).toEqual({ name: 'demo', runtime: 'node', dir: join(cwd, 'demo'), files });
  });

  test('P2: --cwd says where', async () => {
    const cwd = folder();
    expect(await init('/', 'demo', '--cwd', cwd)).toMatchObject({ code: 0 });
    expect(readdirSync(cwd)).toEqual(['demo']);
  });
});

describe('what init refuses', () => {
  test('P29: a folder that holds something, exit 1; --force replaces files of the template and nothing else', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'demo'));
    writeFileSync(join(cwd, 'demo/notes.txt'), 'mine');
    writeFileSync(join(cwd, 'demo/handler.js'), 'old');
    const refused = await init(cwd, 'demo');
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: the folder demo exists and is not empty\nhint: .*--force.*\n$/);
    expect(readFileSync(join(cwd, 'demo/handler.js'), 'utf8')).toBe('old');
    expect(await init(cwd, 'demo', '--force')).toMatchObject({ code: 0 });
    expect(readdirSync(join(cwd, 'demo')).sort()).toEqual(['fn.config.json', 'handler.js', 'notes.txt']);
    expect(readFileSync(join(cwd, 'demo/handler.js'), 'utf8')).toContain('exports.handler');
    expect(readFileSync(join(cwd, 'demo/notes.txt'), 'utf8')).toBe('mine');
  });

  test('P29: --force replaces a symbolic link, and leaves what it leads to', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'demo'));
    writeFileSync(join(cwd, 'shared.js'), 'shared');
    symlinkSync('../shared.js', join(cwd, 'demo/handler.js'));
    expect(await init(cwd, 'demo', '--force')).toMatchObject({ code: 0 });
    expect(readFileSync(join(cwd, 'shared.js'), 'utf8')).toBe('shared');
  });

  test('P29: an empty folder is no obstacle, a file of that name is one', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'empty'));
    writeFileSync(join(cwd, 'file'), '');
    expect(await init(cwd, 'empty')).toMatchObject({ code: 0 });
    expect(await init(cwd, 'file')).toMatchObject({
      code: 1,
      stderr: 'error: file is in the way: it is not a folder\n',
    });
  });

  test.each([
    ['../up', 'is not a name'],
    ['/tmp/x', 'is not a name'],
    ['a//b', 'is not a name'],
    ['a b', 'is not a name'],
    ['.hidden', 'is not a name'],
    ['', 'is not a name'],
    ['_private', 'would not be served'],
    ['api/src', 'would not be served'],
    ['_fn/x', 'belongs to the platform'],
    ['console', 'belongs to the platform'],
    ['a/b/c/d/e/f/g', 'is more than 6 folders deep'],
  ])('P6, P29: the name %j, exit 2, and nothing is created', async (name, why) => {
    const cwd = folder();
    const { code, stdout, stderr } = await init(cwd, name);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: .*${why}.*\\nhint: .+\\n$`));
    expect(readdirSync(cwd)).toEqual([]);
  });

  test.each([
    [['x', '-t', 'pyhton'], 'error: unknown template "pyhton" (did you mean "python"?)\n'],
    [['x', '-t', 'rust'], 'error: the template "rust" is not available in this version\n'],
    [[], 'error: missing argument <name>\n'],
  ])('P2, P6: %j, exit 2', async (args, message) => {
    const cwd = folder();
    const { code, stderr } = await init(cwd, ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(readdirSync(cwd)).toEqual([]);
  });
});
