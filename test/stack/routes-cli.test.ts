import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../../src/control/client.ts';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, runToEnd } from '../unit/cli-support.ts';
import { makeTempDir, TestStack, until, writeFiles } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');
const FILES = {
  'hello.js': 'exports.handler = () => "hello"',
  'users/get.[id].py': 'def handler(event):\n    return "x"\n',
  'users/post.index.py': 'def handler(event):\n    return "x"\n',
  'report/fn.config.json': {
    runtime: 'node',
    name: 'report',
    entrypoint: 'handler.js',
    invoke: { routes: ['/reports'], methods: ['POST', 'GET'], allow_hosts: ['api.test'] },
    auth: { api_key: { keys: [{ id: 'a', env: 'KEY' }] } },
    schedule: { enabled: true, every_seconds: 60 },
  },
  'report/fn.env.json': { KEY: { value: 'a-long-enough-key', is_secret: true } },
  'report/handler.js': 'exports.handler = () => "report"',
};

let folder: ReturnType<typeof makeTempDir>;
beforeAll(() => {
  folder = makeTempDir();
});
afterAll(() => folder.remove());

/** Runs `fastfn routes` in a folder, with the environment of a stack if there is one. */
function routes(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return runToEnd(FASTFN, ['routes', ...args], { cwd, env: { ...cleanEnvironment(folder.path), ...env } });
}

function project(name: string, files: Parameters<typeof writeFiles>[1]): string {
  const dir = join(folder.path, name);
  mkdirSync(dir);
  writeFiles(dir, files);
  return dir;
}

test('P1: the name of a file does not act on the terminal', async () => {
  const dir = project('hostile', { 'x\u001b]0;title\u0007.js': 'exports.handler = () => 1' });
  expect((await routes(dir, [])).stderr).toContain('warning: x\\x1b]0;title\\x07.js: skipped');
});

describe('of a folder', () => {
  test('P18, P31: --json is one document: routes by path and method, with file, hosts, schedule and auth', async () => {
    const dir = project('json', FILES);
    const { code, stdout, stderr } = await routes(dir, ['--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const plain = { source: 'file', hosts: [], schedule: false, auth: 'none' };
    expect(JSON.parse(stdout)).toEqual({
      functions_root: dir,
      routes: [
        { path: '/hello', methods: ['GET'], function: 'node/hello.js@default', file: 'hello.js', ...plain },
        {
          path: '/reports',
          methods: ['GET', 'POST'],
          function: 'node/report@default',
          file: 'report/handler.js',
          source: 'config',
          hosts: ['api.test'],
          schedule: true,
          auth: 'api_key',
        },
        {
          path: '/users',
          methods: ['POST'],
          function: 'python/users/post.index.py@default',
          file: 'users/post.index.py',
          ...plain,
        },
        {
          path: '/users/:id',
          methods: ['GET'],
          function: 'python/users/get.[id].py@default',
          file: 'users/get.[id].py',
          ...plain,
        },
      ],
      conflicts: [],
      skipped: [],
    });
  });

  test('P18: without --json it is a table', async () => {
    const dir = project('table', FILES);
    expect((await routes(folder.path, [dir])).stdout.split('\n')).toEqual([
      'METHODS   PATH        FUNCTION                            FILE                 NOTES',
      'GET       /hello      node/hello.js@default               hello.js',
      'GET,POST  /reports    node/report@default                 report/handler.js    api_key; hosts: api.test; scheduled',
      'POST      /users      python/users/post.index.py@default  users/post.index.py',
      'GET       /users/:id  python/users/get.[id].py@default    users/get.[id].py',
      '',
    ]);
  });

  test('P5, P31: conflicts are listed with their claims, exit 1; --conflicts shows nothing else', async () => {
    const dir = project('conflict', { ...FILES, 'twice.js': '', 'twice.py': '', 'not a route!.js': '' });
    const full = await routes(dir, ['--json']);
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/^error: 1 route is claimed more than once\nhint: .+\n$/);
    const { routes: found, conflicts, skipped } = JSON.parse(full.stdout);
    expect(found).toHaveLength(4);
    const claims = ['node/twice.js@default', 'python/twice.py@default'];
    const reason = 'claimed by twice.js and twice.py; answers 409';
    expect(conflicts).toEqual([{ path: '/twice', methods: ['GET'], claims, reason }]);
    expect(skipped).toEqual([{ path: 'not a route!.js', reason: expect.any(String) }]);
    const brief = await routes(dir, ['--conflicts']);
    expect(brief.code).toBe(1);
    expect(brief.stdout).toBe(
      'CONFLICT  PATH    CLAIMS\nGET       /twice  node/twice.js@default python/twice.py@default\n',
    );
    expect(JSON.parse((await routes(dir, ['--conflicts', '--json'])).stdout)).toMatchObject({ routes: [], conflicts });
  });

  test('P6: a folder that is not there, exit 2', async () => {
    expect(await routes(folder.path, ['missing'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('an empty folder is no failure, and says so', async () => {
    const dir = project('empty', {});
    expect(await routes(dir, [])).toEqual({ code: 0, stdout: '', stderr: `no functions in ${dir}\n` });
    expect(await routes(dir, ['--conflicts'])).toEqual({ code: 0, stdout: '', stderr: 'no conflicts\n' });
  });

  test('P18: 5,000 functions are listed', async () => {
    const names = Array.from({ length: 5000 }, (_, index) => [`d${index % 50}/f${index}.js`, '']);
    const dir = project('many', Object.fromEntries(names));
    expect(JSON.parse((await routes(dir, ['--json'])).stdout).routes).toHaveLength(5000);
  });
});

describe('of a running stack', () => {
  let stack: TestStack;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    stack = await TestStack.start(FILES, { env: { FN_ADMIN_API_ENABLED: '0' } });
    env = { FN_RUN_DIR: stack.runDir, FN_STATE_DIR: join(stack.base, 'state') };
  });
  afterAll(() => stack?.stop());

  test('P133: the socket of its operator is closed to everybody else', () => {
    expect(statSync(join(stack.runDir, 'operator.sock')).mode & 0o777).toBe(0o600);
  });

  test('P18, P133: --live is the answer of the stack, although its admin API is off', async () => {
    expect((await stack.get('/_fn/catalog')).status).toBe(404);
    const live = await routes(stack.dir, ['--live', '--json'], env);
    expect(live).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(live.stdout)).toEqual(JSON.parse((await routes(stack.dir, ['--json'])).stdout));
  });

  test('P133, P215: what the operator changes holds for everybody, and needs neither a token nor the write flag', async () => {
    const operator = { operatorSocket: join(stack.runDir, 'operator.sock'), url: stack.url, pid: stack.pid };
    const body = { ui_enabled: true };
    expect((await stack.get('/console/')).status).toBe(404);
    expect(await ask(operator, { method: 'POST', path: '/_fn/ui-state', body })).toMatchObject({ status: 200 });
    expect((await stack.get('/console/')).status).toBe(200);
  });

  test('P133: what only the operator may ask is not there for others', async () => {
    expect((await stack.get('/_fn/routes')).status).toBe(404);
  });

  test('P18: --live shows what is served, also where a configuration on disk cannot be read', async () => {
    writeFileSync(join(stack.dir, 'report/fn.config.json'), '{"invoke": {"routes": [');
    await until(() => stack.output.includes('fn.config.json'), 'the stack has seen it');
    const { stdout } = await routes(stack.dir, ['--live', '--json'], env);
    expect(JSON.parse(stdout).routes).toContainEqual(expect.objectContaining({ path: '/reports', source: 'config' }));
    stack.write(FILES);
  });

  test('P24: a folder above or below the served one will do where none is named, and a named one must be it', async () => {
    mkdirSync(join(stack.dir, 'below'), { recursive: true });
    for (const cwd of [stack.base, join(stack.dir, 'below')]) {
      expect(await routes(cwd, ['--live'], env)).toMatchObject({ code: 0, stdout: expect.stringContaining('/hello') });
    }
    expect(await routes(stack.base, ['--live', '.'], env)).toMatchObject({ code: 1, stdout: '' });
    rmSync(join(stack.dir, 'below'), { recursive: true });
  });

  test('P5: without a running stack --live exits with 1 and says how to start one', async () => {
    const dir = project('idle', FILES);
    const { code, stdout, stderr } = await routes(dir, ['--live']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(`error: no stack of ${dir} is running\nhint: Start one with "fastfn dev --native".\n`);
  });
});
