import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, Running, runToEnd } from '../unit/cli-support.ts';
import { makeTempDir, until, writeFiles } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');
const FILES = {
  'hello/fn.config.json': {
    runtime: 'node',
    name: 'hello',
    entrypoint: 'handler.js',
    auth: { api_key: { keys: [{ env: 'K' }] } },
  },
  'hello/fn.env.json': { K: { value: 'a-long-enough-key', is_secret: true } },
  'hello/handler.js': `exports.handler = ({ query, body, context }) => {
    console.log('greeting');
    return { message: 'Hello, ' + (query.name ?? 'world'), sent: JSON.parse(body ?? 'null'), user: context.user };
  }`,
  'users/[id].py':
    'def handler(event, id):\n    return {"status": 201, "headers": {"X-Id": id}, "body": {"id": id, "age": 41}}\n',
  'users/all.py': 'def handler(event):\n    return "all"\n',
};
const PASSING = {
  'hello/fn.test_events.json': [
    {
      name: 'greets',
      query: { name: 'Ada' },
      expect: { status: 200, body: { message: 'Hello, Ada', sent: null, user: null } },
    },
    {
      name: 'takes a body',
      method: 'GET',
      body: { a: 1 },
      context: { id: 7 },
      expect: { schema: { type: 'object', required: ['sent'] } },
    },
    { name: 'takes GET only', method: 'DELETE', expect: { status: 405 } },
    { name: 'answers' },
  ],
  'users/fn.test_events.json': [
    {
      name: 'has an id',
      route: '/users/:id',
      params: { id: '5' },
      expect: { status: 201, headers: { 'X-Id': '5' }, body: { id: '5', age: 41 } },
    },
    { name: 'has text', route: '/users/all', expect: { body: 'all' } },
  ],
};

let folder: ReturnType<typeof makeTempDir>;
let base: string;
beforeAll(() => {
  folder = makeTempDir();
  base = realpathSync(folder.path);
  mkdirSync(join(base, 'tmp'));
});
afterAll(() => folder.remove());

function project(name: string, files: Parameters<typeof writeFiles>[1]): string {
  const dir = join(base, name);
  mkdirSync(dir);
  writeFiles(dir, files);
  return dir;
}

function settings(cwd: string) {
  return { cwd, env: { ...cleanEnvironment(base), TMPDIR: join(base, 'tmp') } };
}

function run(dir: string, ...args: string[]): Promise<Result> {
  return runToEnd(FASTFN, ['test', ...args], settings(dir));
}

describe('what passes', () => {
  let dir: string;
  beforeAll(() => {
    dir = project('passing', { ...FILES, ...PASSING });
  });

  test('P300: the events of every function are sent, and one line each says how that went', async () => {
    const { code, stdout, stderr } = await run(dir);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replace(/\(\d+ms\)/g, '(ms)').split('\n')).toEqual([
      'ok      hello/fn.test_events.json: greets (ms)',
      'ok      hello/fn.test_events.json: takes a body (ms)',
      'ok      hello/fn.test_events.json: takes GET only (ms)',
      'ok      hello/fn.test_events.json: answers (ms)',
      'ok      users/fn.test_events.json: has an id (ms)',
      'ok      users/fn.test_events.json: has text (ms)',
      '6 passed, 0 failed',
      '',
    ]);
  });

  test('P300: it leaves nothing behind, neither in the folder nor outside', async () => {
    const before = readdirSync(dir, { recursive: true });
    await run(dir, '--json');
    expect(readdirSync(dir, { recursive: true })).toEqual(before);
    expect(readdirSync(join(base, 'tmp')).filter((name) => name.startsWith('fastfn-tests-'))).toEqual([]);
  });

  test('P1, P300: --json is one document', async () => {
    const { stdout } = await run(dir, '--json');
    const { passed, failed, tests } = JSON.parse(stdout);
    expect({ passed, failed }).toEqual({ passed: 6, failed: 0 });
    expect(tests[0]).toMatchObject({
      name: 'greets',
      file: 'hello/fn.test_events.json',
      function: 'node/hello@default',
      status: 'passed',
      failures: [],
      output: 'greeting\n',
    });
  });
});

describe('what fails', () => {
  test('P5, P300: each difference is told, with what the handler printed, exit 1', async () => {
    const dir = project('failing', {
      ...FILES,
      'hello/fn.test_events.json': [
        { name: 'bad status & <more>', expect: { status: 201 } },
        { name: 'bad body', expect: { body: 'Hello' } },
        { name: 'bad header', expect: { headers: { 'x-none': 'a' } } },
        { name: 'bad shape', expect: { schema: { type: 'object', properties: { message: { type: 'number' } } } } },
      ],
    });
    const { code, stdout, stderr } = await run(dir);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: 4 of 4 tests failed\n' });
    for (const text of [
      'status is 200, not 201: ',
      'body is "{',
      'header x-none is nothing, not "a"',
      'body.message: ',
      '| greeting',
    ])
      expect(stdout).toContain(text);
    expect(stdout).toMatch(/\n0 passed, 4 failed\n$/);
    const junit = await run(dir, '--format', 'junit');
    expect(junit.code).toBe(1);
    expect(junit.stdout).toMatch(
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites tests="4" failures="4" time="\d+\.\d{3}">\n/,
    );
    expect(junit.stdout).toContain('name="bad status &amp; &lt;more&gt;"');
    expect(junit.stdout).toContain('<system-out>greeting\n</system-out>');
    expect(junit.stdout).toMatch(/<\/testsuites>\n$/);
  });

  test('P300: a handler that throws fails its test only', async () => {
    const dir = project('throwing', {
      'a.js': 'exports.handler = () => { throw new Error("broken") }',
      'b.js': 'exports.handler = () => "fine"',
      'fn.test_events.json': [
        { name: 'a', route: '/a' },
        { name: 'b', route: '/b' },
      ],
    });
    const { tests } = JSON.parse((await run(dir, '--json')).stdout);
    expect(tests.map(({ status }: { status: string }) => status)).toEqual(['failed', 'passed']);
  });
});

describe('what is refused', () => {
  test('P6: every mistake in a file is told, exit 2', async () => {
    const dir = project('mistaken', {
      ...FILES,
      'hello/fn.test_events.json': [{ name: 'a', expct: {} }, { method: 'GET' }, { name: 'c', expect: { stats: 200 } }],
      'users/fn.test_events.json': [{ name: 'd' }],
    });
    const { code, stdout, stderr } = await run(dir);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('error: hello/fn.test_events.json: [0]: unknown key "expct" (did you mean "expect"?)\n');
    expect(stderr).toContain('error: hello/fn.test_events.json: [1].name: ');
    expect(stderr).toContain(
      'error: hello/fn.test_events.json: [2].expect: unknown key "stats" (did you mean "status"?)\n',
    );
    expect(stderr).toContain('error: users/fn.test_events.json: [0]: needs a "route": 2 functions lie beside it\n');
  });

  test('P6: JSON that does not parse, with its place, and a file that holds no list', async () => {
    const dir = project('unreadable', {
      ...FILES,
      'hello/fn.test_events.json': '[{]',
      'users/fn.test_events.json': '{}',
    });
    const { code, stderr } = await run(dir);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: hello\/fn\.test_events\.json: line 1, column 3: /m);
    expect(stderr).toContain('error: users/fn.test_events.json: must hold a list, not {}\n');
  });

  test('P6: a folder without test events, and a form that is unknown', async () => {
    const dir = project('untested', FILES);
    expect(await run(dir)).toMatchObject({
      code: 2,
      stderr: `error: no function of ${dir} has a fn.test_events.json\n`,
    });
    expect((await run(dir, '--format', 'jnuit')).stderr).toContain('(did you mean "junit"?)');
  });
});

test('P8: Ctrl+C ends the tests and their stack, exit 130', async () => {
  const dir = project('waiting', {
    'slow.js': 'exports.handler = () => new Promise((resolve) => setTimeout(() => resolve("late"), 60_000))',
    'fn.config.json': { timeout_ms: 120_000 },
    'fn.test_events.json': [{ name: 'waits', route: '/slow' }],
  });
  const running = new Running(FASTFN, ['test'], settings(dir));
  const stacks = () => readdirSync(join(base, 'tmp')).filter((name) => name.startsWith('fastfn-tests-'));
  await until(() => stacks().length === 1, 'the stack starts');
  running.child.kill('SIGINT');
  expect(await running.ended()).toBe(130);
  expect(stacks()).toEqual([]);
  expect(running.stdout).toBe('');
});
