import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment } from '../unit/cli-support.ts';
import { makeTempDir, TestStack } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');
const ECHO = `exports.handler = ({ method, path, query, headers, body, is_base64: isBase64, context, client }, params) => ({ seen: {
  method, path, query, params, body, isBase64, type: headers['content-type'] ?? null, x: headers['x-tag'] ?? null,
  user: context.user, ua: client.ua,
} })`;
const FILES = {
  'echo.js': `// @methods GET POST PUT\n${ECHO}`,
  'users/[id].js': ECHO,
  'files/[...rest].js': ECHO,
  'same.js': 'exports.handler = () => "from node"',
  'one/fn.config.json': { runtime: 'node', name: 'twin', invoke: { routes: ['/one'] } },
  'one/handler.js': 'exports.handler = () => "from node"',
  'other/fn.config.json': { runtime: 'python', name: 'twin', invoke: { routes: ['/other'] } },
  'other/handler.py': 'def handler(event):\n    return "from python"\n',
  'loud.js': 'exports.handler = () => { console.log("said"); console.error("warned"); return "done" }',
  'broken.js': 'exports.handler = () => { throw new Error("no") }',
  'picture.js':
    'exports.handler = () => ({ body: Buffer.from([0, 255, 1]), headers: { "content-type": "image/png" } })',
  'private/fn.config.json': {
    runtime: 'node',
    name: 'private',
    entrypoint: 'handler.js',
    auth: { api_key: { keys: [{ id: 'a', env: 'KEY' }] } },
  },
  'private/fn.env.json': { KEY: { value: 'a-long-enough-key', is_secret: true } },
  'private/handler.js': 'exports.handler = () => "let in"',
};

interface Outcome {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

let stack: TestStack;
let elsewhere: ReturnType<typeof makeTempDir>;
beforeAll(async () => {
  elsewhere = makeTempDir();
  stack = await TestStack.start(FILES);
});
afterAll(async () => {
  await stack?.stop();
  elsewhere.remove();
});

/** Runs `fastfn invoke …` beside the stack's files, with this on standard input. */
function invoke(args: readonly string[], { input = '', cwd = stack.dir } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...cleanEnvironment(elsewhere.path), FN_RUN_DIR: stack.runDir };
    const child = spawn(process.execPath, [FASTFN, 'invoke', ...args], { cwd, env });
    const [out, err]: Buffer[][] = [[], []];
    child.stdout.on('data', (chunk) => out!.push(chunk));
    child.stderr.on('data', (chunk) => err!.push(chunk));
    child.stdin.on('error', () => {}); // it may not be read
    child.stdin.end(input);
    child.on('close', (code) => {
      const bytes = Buffer.concat(out!);
      resolve({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err!).toString() });
    });
  });
}

async function echoed(args: readonly string[], options = {}) {
  const { code, stdout, stderr } = await invoke(args, options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout).seen;
}

describe('what is called', () => {
  test('P19: a path, with the query that it holds', async () => {
    expect(await echoed(['/echo?a=1'])).toMatchObject({ method: 'GET', path: '/echo', query: { a: '1' } });
  });

  test.each([['echo'], ['echo.js'], ['node/echo.js@default']])(
    'P19: the function %s by name or key',
    async (target) => {
      expect(await echoed([target])).toMatchObject({ path: '/echo' });
    },
  );

  test('P19: --runtime and a key choose among functions of one name', async () => {
    const ambiguous = await invoke(['twin']);
    expect(ambiguous).toMatchObject({ code: 1, stdout: '' });
    expect(ambiguous.stderr).toBe('error: ambiguous function\nhint: add runtime, or the name in full\n');
    expect((await invoke(['twin', '--runtime', 'python'])).stdout).toBe('from python');
    expect((await invoke(['python/twin@default'])).stdout).toBe('from python');
  });

  test('P19, P214: path parameters fill the route, segment by segment', async () => {
    expect(await echoed(['users/[id]', '-p', 'id=a/b c'])).toMatchObject({ params: { id: 'a/b c' } });
    expect(await echoed(['/files/:rest*', '-p', 'rest=a/b'])).toMatchObject({ path: '/files/a/b' });
  });

  test('P214: what a route needs is named, exit 1', async () => {
    expect(await invoke(['users/[id]'])).toMatchObject({
      code: 1,
      stderr: 'error: missing required path params\nhint: Give -p id=….\n',
    });
  });

  test('F167: authentication is for the public side', async () => {
    expect((await stack.get('/private')).status).toBe(401);
    expect((await invoke(['private'])).stdout).toBe('let in');
  });
});

describe('what is sent', () => {
  test('P19: query, headers, method and context', async () => {
    const flags = ['-q', 'a=1', '-q', 'a=2=3', '--query=b=', '-H', 'X-Tag: t', '-X', 'put', '--context', '{"id":7}'];
    expect(await echoed(['/echo', ...flags])).toEqual({
      method: 'PUT',
      path: '/echo',
      query: { a: ['1', '2=3'], b: '' },
      params: {},
      body: null,
      isBase64: false,
      type: null,
      x: 't',
      user: { id: 7 },
      ua: 'fastfn-console-invoke',
    });
  });

  test('P19: -d is a POST, and JSON is sent as JSON', async () => {
    expect(await echoed(['/echo', '-d', '{"a": 1}'])).toMatchObject({
      method: 'POST',
      body: '{"a": 1}',
      type: 'application/json',
    });
    expect(await echoed(['/echo', '-d', 'plain'])).toMatchObject({ method: 'POST', body: 'plain', type: null });
    const typed = ['/echo', '-d', '[1]', '-H', 'content-type: text/x-list'];
    expect(await echoed(typed)).toMatchObject({ type: 'text/x-list' });
  });

  test('P19: -d @FILE and -d - read the body, whatever its bytes', async () => {
    writeFileSync(join(elsewhere.path, 'body.txt'), 'from a file');
    expect(await echoed(['/echo', '-d', `@${join(elsewhere.path, 'body.txt')}`])).toMatchObject({
      body: 'from a file',
    });
    expect(await echoed(['/echo', '-d', '-'], { input: 'from a pipe' })).toMatchObject({ body: 'from a pipe' });
    writeFileSync(join(elsewhere.path, 'bytes'), Buffer.from([0, 255]));
    const sent = await echoed(['/echo', '-d', `@${join(elsewhere.path, 'bytes')}`]);
    expect(sent).toMatchObject({ body: 'AP8=', isBase64: true });
  });
});

test('P214: a method that may carry a body needs none', async () => {
  expect(await echoed(['/echo', '-X', 'PUT'])).toMatchObject({ method: 'PUT', body: null });
});

describe('what is shown', () => {
  test('P19: the body alone on standard output, byte for byte', async () => {
    expect((await invoke(['same.js'])).stdout).toBe('from node');
    expect([...(await invoke(['picture'])).bytes]).toEqual([0, 255, 1]);
  });

  test('P19: what the handler printed goes to standard error', async () => {
    const { stdout, stderr } = await invoke(['loud']);
    expect({ stdout, stderr }).toEqual({ stdout: 'done', stderr: 'said\nwarned\n' });
  });

  test('P19: -i adds status and headers', async () => {
    const [head, body] = (await invoke(['-i', 'same.js'])).stdout.split('\n\n');
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\n/);
    expect(head).toMatch(/^content-type: text\/plain; charset=utf-8$/m);
    expect(body).toBe('from node');
  });

  test('P1, P214: --json is the envelope', async () => {
    expect(JSON.parse((await invoke(['loud', '--json'])).stdout)).toMatchObject({
      status: 200,
      route: '/loud',
      body: 'done',
      stdout: expect.stringContaining('said'),
      stderr: expect.stringContaining('warned'),
      function: 'node/loud.js@default',
      latency_ms: expect.any(Number),
      request_id: expect.any(String),
    });
  });
});

describe('what fails', () => {
  test('P5: an answer of 400 or more, exit 1, with its body', async () => {
    const { code, stdout, stderr } = await invoke(['broken']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toBe('handler error');
    expect(stderr).toContain('error: node/broken.js@default answered 500\n');
  });

  test('P5: no such function or method, exit 1; --json is the problem', async () => {
    expect(await invoke(['nothing'])).toMatchObject({ code: 1, stdout: '', stderr: 'error: function not found\n' });
    const { code, stdout, stderr } = await invoke(['same.js', '-X', 'DELETE', '--json']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: method not allowed\nhint: Allowed: GET.\n' });
    expect(JSON.parse(stdout)).toMatchObject({ status: 405, allowed_methods: ['GET'] });
  });

  test.each([
    [['/echo', '-q', 'x'], 'error: --query: "x" is not name=value\n'],
    [['/echo', '-H', 'x=1'], 'error: --header: "x=1" is not name:value\n'],
    [['/echo', '--context', '[1]'], 'error: --context: [1] is not a JSON object\n'],
    [['/echo', '-d', '@missing'], 'error: --data: missing cannot be read\n'],
    [['echo', '--runtime', 'pyton'], 'error: unknown runtime "pyton" (did you mean "python"?)\n'],
    [['/echo', '--runtime', 'node'], 'error: --runtime and --fn-version choose'],
    [['/echo', '--qeury', 'a=b'], 'error: unknown flag "--qeury" (did you mean "--query"?)\n'],
    [[], 'error: missing argument <target>\n'],
  ])('P6: %j, exit 2', async (args, message) => {
    const { code, stdout, stderr } = await invoke(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('P19: without a running stack, exit 1 and how to start one', async () => {
    const { code, stderr } = await invoke(['/echo'], { cwd: elsewhere.path });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: no stack of .+ is running\nhint: Start one with "fastfn dev --native"\.\n$/);
    expect((await invoke(['/echo', '--port', '1'])).stderr).toContain('is running on port 1\n');
  });

  test('P19: --port alone says which stack, wherever the command is started', async () => {
    const flags = ['/same', '--port', String(stack.port)];
    expect((await invoke(flags, { cwd: elsewhere.path })).stdout).toBe('from node');
  });
});
