import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, TestStack, until } from './support.ts';

/** A handler in each language that answers with a word of its own, one of its environment, and how often it was called. */
const LANGUAGES = [
  {
    runtime: 'node',
    file: 'handler.js',
    code: 'let n = 0; exports.handler = ({ env }) => ({ body: { word: "WORD", key: env.KEY ?? null, n: ++n } });',
    broken: 'exports.handler = () => {\n  return (\n};',
    brokenLine: 3,
  },
  {
    runtime: 'python',
    file: 'handler.py',
    code: 'n = 0\ndef handler(event):\n    global n\n    n += 1\n    return {"body": {"word": "WORD", "key": event["env"].get("KEY"), "n": n}}\n',
    broken: 'def handler(event):\n    return (\n',
    brokenLine: 2,
  },
  {
    runtime: 'php',
    file: 'handler.php',
    code: '<?php\nfunction handler($event) { static $n = 0; return ["body" => ["word" => "WORD", "key" => $event["env"]["KEY"] ?? null, "n" => ++$n]]; }',
    broken: '<?php\nfunction handler($event) {\n  return [;\n}',
    brokenLine: 3,
  },
  {
    runtime: 'lua',
    file: 'handler.lua',
    code: 'local n = 0\nfunction handler(event) n = n + 1 return { body = { word = "WORD", key = event.env.KEY, n = n } } end',
    broken: 'function handler(event)\n  return (\nend',
    brokenLine: 3,
  },
] as const;

const PYTHON = 'def handler(event):\n    return event["env"].get("API_KEY", "none")\n';

let stack: TestStack;
beforeAll(async () => {
  const files = LANGUAGES.map(({ runtime, file, code }) => [`${runtime}-fn/${file}`, code]);
  stack = await TestStack.start(
    { ...Object.fromEntries(files), 'hello/handler.py': PYTHON, 'single/hi.py': PYTHON, 'single/ho.py': PYTHON },
    { env: { FN_CONSOLE_WRITE_ENABLED: '1' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

const JSON_TYPE = { 'content-type': 'application/json' };

function admin(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return stack.get(`/_fn/${path}`, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** The line of the documentation, literally. */
function curl(name: string, value: string): unknown {
  const line = `curl -sS 'http://127.0.0.1:8080/_fn/function-env?runtime=python&name=${name}' -X PUT -H 'Content-Type: application/json' --data '{"API_KEY":{"value":"${value}","is_secret":true}}'`;
  return JSON.parse(execFileSync('bash', ['-c', line.replace('8080', String(stack.port))], { encoding: 'utf8' }));
}

describe('P182, F149: variables', () => {
  test.each([
    ['a folder', 'hello', '/hello', 'hello/fn.env.json'],
    ['a single file', 'single/hi', '/single/hi', 'single/fn.env.json'],
  ])(
    'P156: the curl line of the documentation works for %s, and the next request sees the value',
    async (_, name, path, file) => {
      expect((await stack.get(path)).text).toBe('none');
      for (const value of ['hello-secret', 'another-secret']) {
        expect(curl(name, value)).toMatchObject({
          runtime: 'python',
          version: 'default',
          fn_env: { API_KEY: { value: '<hidden>', is_secret: true } },
          file_path: file,
          load: { status: 'ok' },
        });
        expect((await stack.get(path)).text).toBe(value);
      }
      expect(statSync(join(stack.dir, file)).mode & 0o777).toBe(0o600);
    },
  );

  test('F145: single-file functions share the variables of their folder', async () => {
    expect((await stack.get('/single/ho')).text).toBe('another-secret');
  });

  test('P165: variables that several writers set at once all stay', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `V${n}`);
    await Promise.all(names.map((name) => admin('PUT', 'function-env?name=single/hi', { [name]: name })));
    expect(Object.keys((await admin('GET', 'function-env?name=single/hi')).json().fn_env)).toEqual(
      expect.arrayContaining(names),
    );
  });

  test.each([
    [{}, 'names no variable'],
    [{ 'A-B': 1 }, '"A-B" is not a variable name'],
    [{ A: { valeu: 1 } }, 'A: unknown member "valeu" (did you mean "value"?)'],
    [{ A: { value: [] } }, 'A.value: must be a string, number, boolean or null'],
    [[], 'must be an object of variables'],
  ])('P213, P161: %j is 400, and nothing is written', async (sent, detail) => {
    const before = onDisk('hello/fn.env.json');
    const answer = await refusal('PUT', 'function-env?name=hello', sent);
    expect(answer).toMatchObject({ status: 400, error: 'invalid environment', detail });
    expect(onDisk('hello/fn.env.json')).toBe(before);
  });

  test('P165: a tag of a read that is no longer true is 412', async () => {
    const { etag } = (await admin('GET', 'function-env?name=hello')).json();
    expect((await admin('PUT', 'function-env?name=hello', { B: 1 }, { 'if-match': etag })).status).toBe(200);
    expect((await refusal('PUT', 'function-env?name=hello', { B: 2 }, { 'if-match': etag })).status).toBe(412);
    expect((await admin('GET', 'function-env?name=hello')).json().fn_env.B.value).toBe(1);
  });

  test.each(LANGUAGES)('F149: $runtime: the very next request sees a changed value', async ({ runtime }) => {
    const target = `function-env?name=${runtime}-fn`;
    for (const value of ['one', 'two']) {
      const answer = await admin('PUT', target, { KEY: value });
      expect(answer.json()).toMatchObject({ fn_env: { KEY: { value, is_secret: false } }, load: { status: 'ok' } });
      expect((await stack.get(`/${runtime}-fn`)).json()).toMatchObject({ key: value, n: 1 });
    }
    await admin('PUT', target, { KEY: null });
    expect((await stack.get(`/${runtime}-fn`)).json().key ?? null).toBeNull();
  });
});

const exists = (name: string) => existsSync(join(stack.dir, name));
const onDisk = (name: string) => readFileSync(join(stack.dir, name), 'utf8');
const body = async (path: string) => (await stack.get(path)).json();

/** Status and short text of a refusal. */
async function refusal(method: string, path: string, sent?: unknown, headers?: Record<string, string>) {
  const answer = await admin(method, path, sent, headers);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  return { status: answer.status, ...answer.json() };
}

describe('P183: code', () => {
  test.each(LANGUAGES)('P164: $runtime: the very next request runs the new code', async ({ runtime, file, code }) => {
    for (const word of ['second', 'third']) {
      const answer = await admin('PUT', `function-code?name=${runtime}-fn`, { code: code.replace('WORD', word) });
      expect(answer.status).toBe(200);
      expect(answer.json()).toMatchObject({
        runtime,
        name: `${runtime}-fn`,
        version: 'default',
        file_path: `${runtime}-fn/${file}`,
        function_dir: `${runtime}-fn`,
        code: code.replace('WORD', word),
        code_truncated: false,
        load: { status: 'ok', table_version: expect.any(Number) },
      });
      expect(await body(`/${runtime}-fn`)).toMatchObject({ word, n: 1 });
    }
  });

  test.each(LANGUAGES)('P120: $runtime: the watcher does not load the same code again', async ({ runtime, code }) => {
    await admin('PUT', `function-code?name=${runtime}-fn`, { code: code.replace('WORD', 'once') });
    await body(`/${runtime}-fn`);
    stack.write({ 'barrier.js': `exports.handler = () => '${runtime}';` });
    await until(
      async () => (await stack.get('/barrier')).text === runtime,
      'the watcher has worked off what came before',
    );
    expect(await body(`/${runtime}-fn`)).toMatchObject({ word: 'once', n: 2 });
  });

  test.each(LANGUAGES)(
    'P106, P164: $runtime: broken code is reported with file and line, and the last good version serves',
    async ({ runtime, file, code, broken, brokenLine }) => {
      const answer = await admin('PUT', `function-code?name=${runtime}-fn`, { code: broken });
      expect(answer.status).toBe(200);
      expect(answer.json().load).toMatchObject({
        status: 'error',
        error: expect.any(String),
        file: `${runtime}-fn/${file}`,
      });
      expect(answer.json().load.line).toBe(brokenLine);
      expect(answer.text).not.toContain(stack.dir);
      expect((await body(`/${runtime}-fn`)).word).toBe('once');
      await admin('PUT', `function-code?name=${runtime}-fn`, { code: code.replace('WORD', 'mended') });
      expect((await body(`/${runtime}-fn`)).word).toBe('mended');
    },
  );

  test('P165: of two writers with the same tag one wins, the other gets 412; without a tag the last one wins', async () => {
    const path = 'function-code?name=node-fn';
    const { code } = LANGUAGES[0];
    const { etag } = (await admin('PUT', path, { code })).json();
    const [one, other] = await Promise.all(
      ['A', 'B'].map((word) => admin('PUT', path, { code: code.replace('WORD', word) }, { 'if-match': `"${etag}"` })),
    );
    expect([one!.status, other!.status].sort()).toEqual([200, 412]);
    expect((await body('/node-fn')).word).toBe(one!.status === 200 ? 'A' : 'B');
    expect((await admin('PUT', path, { code: code.replace('WORD', 'C') })).status).toBe(200);
    expect((await body('/node-fn')).word).toBe('C');
  });

  test('P183: more than 2 MiB are 413, and nothing is written', async () => {
    const before = onDisk('node-fn/handler.js');
    for (const size of [2 * 1_048_576 + 1, 10 * 1_048_576]) {
      const { status } = await refusal('PUT', 'function-code?name=node-fn', { code: 'x'.repeat(size) });
      expect(status).toBe(413);
    }
    expect(onDisk('node-fn/handler.js')).toBe(before);
  });

  test('a symlinked handler stays one: what it leads to is written', async () => {
    mkdirSync(join(stack.dir, '_real'));
    stack.write({ '_real/target.js': 'exports.handler = () => "one";' });
    symlinkSync('_real/target.js', join(stack.dir, 'linked.js'));
    await until(async () => (await stack.get('/linked')).text === 'one', 'the link is served');
    await admin('PUT', 'function-code?name=linked.js', { code: 'exports.handler = () => "two";' });
    expect((await stack.get('/linked')).text).toBe('two');
    expect(onDisk('_real/target.js')).toContain('two');
  });
});

describe('P180, P212: configuration', () => {
  test.each(LANGUAGES)('F121: $runtime: the very next request obeys it', async ({ runtime }) => {
    const target = `function-config?runtime=${runtime}&name=${runtime}-fn`;
    const routes = [`/routed-${runtime}`, `/routed-${runtime}/:id`];
    const answer = await admin('PUT', target, { methods: ['GET', 'PUT'], routes, timeout_ms: 1500, note: 'kept' });
    expect(answer.json()).toMatchObject({
      runtime,
      config_path: `${runtime}-fn/fn.config.json`,
      load: { status: 'ok' },
    });
    expect((await stack.get(`/routed-${runtime}/1`, { method: 'PUT' })).status).toBe(200);
    await admin('PUT', target, { invoke: { methods: ['POST'], summary: 'S' }, methods: ['GET'] });
    expect((await stack.get(`/routed-${runtime}`)).status).toBe(405);
    expect((await stack.get(`/routed-${runtime}`, { method: 'POST' })).status).toBe(200);
    await admin('PUT', target, { invoke: { routes: null, methods: null, summary: null }, timeout_ms: null });
    expect((await stack.get(`/routed-${runtime}`)).status).toBe(404);
    expect((await stack.get(`/${runtime}-fn`)).status).toBe(200);
    expect(JSON.parse(onDisk(`${runtime}-fn/fn.config.json`))).toEqual({ note: 'kept', invoke: {} });
  });

  test.each([
    [{ timeout_ms: 0 }, 'invalid timeout_ms', 'timeout_ms'],
    [{ timeout_ms: 'soon' }, 'invalid timeout_ms', 'timeout_ms'],
    [{ group: 'g'.repeat(81) }, 'invalid group', 'group'],
    [{ invoke: { handler: 'a-b' } }, 'invalid invoke.handler', 'invoke.handler'],
    [{ methods: ['FETCH'] }, undefined, 'invoke.methods'],
    [{ methods: ['GET', 'FETCH'] }, 'invalid invoke.methods', 'invoke.methods'],
    [{ routes: ['relative'] }, 'invalid invoke.routes.0', 'invoke.routes.0'],
    [{ routes: ['/a/../b'] }, 'invalid invoke.routes.0', 'invoke.routes.0'],
    [{ routes: ['/fine', '/_fn/x'] }, 'invalid invoke.routes.1', 'invoke.routes.1'],
    [{ routes: ['/console'] }, 'invalid invoke.routes.0', 'invoke.routes.0'],
    [{ routes: Array.from({ length: 33 }, (_, i) => `/r${i}`) }, 'invalid invoke.routes', 'invoke.routes'],
    [{ invoke: { allow_hosts: ['bad host'] } }, undefined, 'invoke.allow_hosts'],
    [{ timout_ms: 5 }, 'unknown key "timout_ms"', 'timout_ms'],
    [{ timout_ms: null }, 'unknown key "timout_ms"', 'timout_ms'],
    [{ invoke: { metods: ['GET'] } }, 'unknown key "invoke.metods"', 'invoke.metods'],
    [{ rate_limit: { requests: 1, window: 1 } }, undefined, 'rate_limit'],
    [{ entrypoint: 'missing.js' }, 'invalid entrypoint', 'entrypoint'],
    [{ entrypoint: '../../x.js' }, 'invalid entrypoint', 'entrypoint'],
    [{ runtime: 'python' }, 'invalid runtime', 'runtime'],
    [[], 'invalid request', undefined],
    ['"text"', 'invalid request', undefined],
    ['', 'invalid request', undefined],
  ])('P180: %j is 400 with the path of the bad key, and nothing is written', async (change, error, path) => {
    const before = onDisk('node-fn/fn.config.json');
    const answer = await refusal('PUT', 'function-config?name=node-fn', change);
    expect(answer.status).toBe(400);
    if (error !== undefined) expect(answer.error).toBe(error);
    if (path !== undefined) expect(answer.path.startsWith(path)).toBe(true);
    expect(onDisk('node-fn/fn.config.json')).toBe(before);
  });

  test('P161: an unknown key is named with the nearest known one', async () => {
    const answer = await refusal('PUT', 'function-config?name=node-fn', { timeout_sm: 5 });
    expect(answer.detail).toBe('did you mean "timeout_ms"?');
  });

  test('F109: what the language cannot do is refused', async () => {
    const answer = await refusal('PUT', 'function-config?name=php-fn', { invoke: { adapter: 'aws-lambda' } });
    expect(answer).toMatchObject({ status: 400, error: 'invalid invoke.adapter' });
  });

  test('a route of another function is 409, and nothing is written', async () => {
    const answer = await refusal('PUT', 'function-config?name=node-fn', { routes: ['/hello'] });
    expect(answer).toMatchObject({ status: 409, error: 'route already mapped', route: '/hello' });
    expect((await stack.get('/hello')).status).toBe(200);
  });

  test('F145: of a single file it is the configuration of the folder', async () => {
    const answer = await admin('PUT', 'function-config?name=single/hi', { methods: ['POST'] });
    expect(answer.json().config_path).toBe('single/fn.config.json');
    expect((await stack.get('/single/ho')).status).toBe(405);
    await admin('PUT', 'function-config?name=single/hi', { methods: null });
    expect((await stack.get('/single/ho')).status).toBe(200);
  });

  test('a file that is broken on disk is not replaced', async () => {
    stack.write({ 'odd/handler.js': 'exports.handler = () => 1;', 'odd/fn.config.json': '{ "timeout_ms": ' });
    await until(async () => (await stack.get('/odd')).status === 500, 'the broken configuration is seen');
    const answer = await refusal('PUT', 'function-config?name=odd', { timeout_ms: 5 });
    expect(answer).toMatchObject({ status: 409, error: 'invalid fn.config.json' });
    expect(onDisk('odd/fn.config.json')).toBe('{ "timeout_ms": ');
  });
});

describe('P186, P187: files', () => {
  const file = 'function-file-content?name=node-fn';

  test('P186: a module is written, and the next request uses it', async () => {
    await admin('PUT', 'function-code?name=node-fn', {
      code: 'const { word } = require("./lib/word.js"); exports.handler = () => ({ word });',
    });
    for (const word of ['one', 'two']) {
      const sent = { path: 'lib/word.js', content: `exports.word = "${word}";` };
      const answer = await admin('PUT', file, sent);
      expect(answer.json()).toMatchObject({ ok: true, path: 'lib/word.js', load: { status: 'ok' } });
      expect((await body('/node-fn')).word).toBe(word);
    }
    expect(statSync(join(stack.dir, 'node-fn/lib/word.js')).mode & 0o777).toBe(0o644);
  });

  test('P186: bytes come as base64', async () => {
    const bytes = Buffer.from([0, 255, 10, 128]);
    await admin('PUT', file, { path: 'data.bin', content: bytes.toString('base64'), is_base64: true });
    expect(readFileSync(join(stack.dir, 'node-fn/data.bin'))).toEqual(bytes);
  });

  test('P187: a file is removed; the second time it is 404', async () => {
    expect((await admin('DELETE', `${file}&path=data.bin`)).json()).toMatchObject({ ok: true, path: 'data.bin' });
    expect(exists('node-fn/data.bin')).toBe(false);
    expect((await refusal('DELETE', `${file}&path=data.bin`)).status).toBe(404);
  });

  test.each([
    ['../escape.js', 400, 'invalid path'],
    ['..', 400, 'invalid path'],
    ['/etc/passwd', 400, 'invalid path'],
    ['lib//x.js', 400, 'invalid path'],
    ['lib/../../x.js', 400, 'invalid path'],
    ['..%2fx.js', 400, 'invalid path'],
    ['%2e%2e/x.js', 400, 'invalid path'],
    ['lib\\..\\x.js', 400, 'invalid path'],
    ['a\u0000b', 400, 'invalid path'],
    ['', 400, 'invalid path'],
    ['.env', 400, 'invalid path'],
    ['.git/config', 400, 'invalid path'],
    ['node_modules/x/index.js', 400, 'invalid path'],
    ['x'.repeat(1000), 400, 'invalid path'],
    ['lib', 400, 'not a file'],
    ['handler.js/x.js', 400, 'invalid path'],
    ['outside/x.js', 400, 'path escapes the functions root'],
    ['fn.config.json', 403, 'use the config API'],
    ['lib/fn.config.json', 403, 'use the config API'],
    ['fn.env.json', 403, 'use the env API'],
    ['FN.ENV.JSON', 403, 'use the env API'],
    ['alias.txt', 403, 'use the env API'],
    ['fastfn.json', 403, 'managed file'],
    [5, 400, 'invalid path'],
  ])('P186: writing %s is refused with %i %s', async (path, status, error) => {
    const links = { outside: '/tmp', 'alias.txt': 'fn.env.json' };
    for (const [name, target] of Object.entries(links)) {
      if (!readdirSync(join(stack.dir, 'node-fn')).includes(name))
        symlinkSync(target, join(stack.dir, 'node-fn', name));
    }
    expect(await refusal('PUT', file, { path, content: 'x' })).toMatchObject({ status, error });
  });

  test.each([
    ['handler.js', 'the handler cannot be removed'],
    ['fn.config.json', 'use the config API'],
    ['fn.env.json', 'use the env API'],
    ['..%2f..%2fetc%2fpasswd', 'invalid path'],
    ['%252e%252e%252fx', 'invalid path'],
    ['lib', 'not a file'],
  ])('P187: removing %s is 400 %s', async (path, error) => {
    expect(await refusal('DELETE', `${file}&path=${path}`)).toMatchObject({ status: 400, error });
  });

  test.each([
    ['no content', { path: 'a.txt' }, 400, 'content must be a string'],
    ['content of another type', { path: 'a.txt', content: {} }, 400, 'content must be a string'],
    ['what is no base64', { path: 'a.txt', content: '!', is_base64: true }, 400, 'invalid content'],
    ['a flag of another type', { path: 'a.txt', content: 'x', is_base64: 'yes' }, 400, 'is_base64 must be boolean'],
    ['1 MiB and a byte', { path: 'a.txt', content: 'x'.repeat(1_048_577) }, 413, 'payload too large'],
    ['10 MiB', { path: 'a.txt', content: 'x'.repeat(10 * 1_048_576) }, 413, 'payload too large'],
    ['deep nesting', `{"path":"a.txt","content":${'['.repeat(100_000)}`, 400, 'invalid json'],
    ['half a document', '{"path":"a.txt",', 400, 'invalid json'],
  ])('P186: %s is refused', async (_, sent, status, error) => {
    expect(await refusal('PUT', file, sent)).toMatchObject({ status, error });
    expect(exists('node-fn/a.txt')).toBe(false);
  });
});

describe('P177, P178: creating and removing', () => {
  test.each(LANGUAGES)(
    'P210: $runtime: a new function answers the next request, a removed one is gone',
    async ({ runtime }) => {
      const target = `function?runtime=${runtime}&name=made/${runtime}`;
      const answer = await admin('POST', target, { summary: 'S', env: { API_KEY: 'k' }, config: { timeout_ms: 1000 } });
      expect(answer.status).toBe(201);
      expect(answer.json()).toMatchObject({
        runtime,
        name: `made/${runtime}`,
        function_dir: `made/${runtime}`,
        load: { status: 'ok' },
      });
      expect((await body(`/made/${runtime}`)).message).toBe('Hello');
      expect(JSON.parse(onDisk(`made/${runtime}/fn.config.json`))).toEqual({
        invoke: { methods: ['GET'], summary: 'S' },
        timeout_ms: 1000,
      });
      expect(statSync(join(stack.dir, `made/${runtime}/fn.env.json`)).mode & 0o777).toBe(0o600);
      expect(await refusal('POST', target)).toMatchObject({ status: 409, error: 'function already exists' });
      const removed = (await admin('DELETE', target)).json();
      expect(removed).toMatchObject({ ok: true, runtime, name: `made/${runtime}`, version: 'default', kept: [] });
      expect(removed.removed).toContain(`made/${runtime}/fn.env.json`);
      expect((await stack.get(`/made/${runtime}`)).status).toBe(404);
      expect(exists(`made/${runtime}`)).toBe(false);
      expect(await refusal('DELETE', target)).toMatchObject({ status: 404, error: 'function not found' });
    },
  );

  test('P177: of two that create the same function at once one gets 201, the other 409', async () => {
    const answers = await Promise.all([1, 2].map(() => admin('POST', 'function?runtime=lua&name=twin')));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('P210: where a folder for the language exists, the function lies there and is called by its name', async () => {
    mkdirSync(join(stack.dir, 'php'), { recursive: true });
    const answer = await admin('POST', 'function?runtime=php&name=card', {
      route: '/card/:id',
      methods: ['GET', 'POST'],
    });
    expect(answer.json()).toMatchObject({ name: 'card', function_dir: 'php/card' });
    expect((await stack.get('/card/5', { method: 'POST' })).status).toBe(200);
    await admin('DELETE', 'function?runtime=php&name=card&all=1');
    expect(exists('php/card')).toBe(false);
    expect((await stack.get('/card/5')).status).toBe(404);
  });

  test('P164: code that does not load is reported; the function exists', async () => {
    const { runtime, broken, brokenLine } = LANGUAGES[1];
    const answer = await admin('POST', `function?runtime=${runtime}&name=wrong`, { code: broken });
    expect(answer.status).toBe(201);
    expect(answer.json().load).toMatchObject({ status: 'error', file: 'wrong/handler.py', line: brokenLine });
    expect((await stack.get('/wrong')).status).toBe(500);
  });

  test.each([
    ['name=new', {}, 400, 'invalid runtime'],
    ['runtime=perl&name=new', {}, 400, 'invalid runtime'],
    ['runtime=go&name=new', {}, 400, 'invalid runtime'],
    ['runtime=node&name=..', {}, 400, 'invalid function'],
    ['runtime=node&name=..%2f..%2fnew', {}, 400, 'invalid function'],
    ['runtime=node&name=new.js', {}, 400, 'invalid function'],
    ['runtime=node&name=_new', {}, 400, 'invalid function'],
    ['runtime=node&name=node_modules/new', {}, 400, 'invalid function'],
    [`runtime=node&name=${'x'.repeat(1000)}`, {}, 400, 'invalid function'],
    ['runtime=node&name=new/a/b/c/d/e/f', {}, 400, 'invalid function'],
    ['runtime=node&name=new&version=..', {}, 400, 'invalid version'],
    ['runtime=node&name=new', { filename: 'other.js' }, 400, 'invalid filename'],
    ['runtime=node&name=new', { filename: 'handler.py' }, 400, 'invalid filename'],
    ['runtime=node&name=new', { filename: '../handler.js' }, 400, 'invalid filename'],
    ['runtime=node&name=new', { code: 5 }, 400, 'code must be a string'],
    ['runtime=node&name=new', { methods: ['FETCH'] }, 400, undefined],
    ['runtime=node&name=new', { route: '/_fn/new' }, 400, 'invalid invoke.routes.0'],
    ['runtime=node&name=console', {}, 400, undefined],
    ['runtime=node&name=new', { config: { timeout_ms: -1 } }, 400, 'invalid timeout_ms'],
    ['runtime=node&name=new', { config: { entrypoint: 'x.js' } }, 400, 'invalid entrypoint'],
    ['runtime=node&name=new', { config: { runtime: 'python' } }, 400, 'invalid runtime'],
    ['runtime=node&name=new', { env: { 'A-B': 1 } }, 400, 'invalid environment'],
    ['runtime=node&name=new', { route: '/hello' }, 409, 'route already mapped'],
    ['runtime=node&name=hello', {}, 409, undefined],
    ['runtime=python&name=single/hi', {}, 409, 'function already exists'],
    ['runtime=node&name=single/hi', {}, 409, 'route already mapped'],
    ['runtime=node&name=new', { code: 'x'.repeat(4 * 1_048_576) }, 413, 'payload too large'],
    ['runtime=node&name=escape/new', {}, 400, 'path escapes the functions root'],
  ])('P210: creating is refused without a trace (%#: %s)', async (query, sent, status, error) => {
    if (!exists('escape')) symlinkSync('/tmp', join(stack.dir, 'escape'));
    const before = readdirSync(stack.dir).sort();
    const answer = await refusal('POST', `function?${query}`, sent);
    expect(answer).toMatchObject({ status, ...(error !== undefined && { error }) });
    expect(readdirSync(stack.dir).sort()).toEqual(before);
    expect(exists('new')).toBe(false);
  });

  test('P211: other files stay, and shared ones are listed', async () => {
    await admin('POST', 'function?runtime=node&name=part');
    stack.write({ 'part/data.csv': 'a', 'part/sub/get.x.js': 'exports.handler = () => "x";' });
    await until(async () => (await stack.get('/part/sub/x')).status === 200, 'the nested function is served');
    const answer = (await admin('DELETE', 'function?name=part')).json();
    expect(answer.removed).toEqual(['part/handler.js']);
    expect(answer.kept).toEqual(['part/data.csv', 'part/fn.config.json', 'part/sub']);
    expect((await stack.get('/part')).status).toBe(404);
    expect((await stack.get('/part/sub/x')).status).toBe(200);
  });

  test('P211: of a single file only that file goes', async () => {
    const answer = (await admin('DELETE', 'function?name=single/ho.py')).json();
    expect(answer).toMatchObject({ removed: ['single/ho.py'], kept: ['single/fn.config.json', 'single/fn.env.json'] });
    expect((await stack.get('/single/ho')).status).toBe(404);
    expect((await stack.get('/single/hi')).status).toBe(200);
  });
});

describe('P162: every write needs a function that exists and a name that can be one', () => {
  const writes = [
    ['PUT', 'function-env', { A: 1 }],
    ['PUT', 'function-config', { timeout_ms: 5 }],
    ['PUT', 'function-code', { code: '' }],
    ['PUT', 'function-file-content', { path: 'a', content: '' }],
    ['DELETE', 'function-file-content?path=a', undefined],
    ['DELETE', 'function', undefined],
  ] as const;
  test.each(writes)('%s %s', async (method, path, sent) => {
    const ask = (query: string) => refusal(method, `${path}${path.includes('?') ? '&' : '?'}${query}`, sent);
    expect(await ask('name=nobody')).toMatchObject({ status: 404, error: 'function not found' });
    for (const name of ['', '../x', '%2e%2e%2fx', '/etc', 'a//b', 'x'.repeat(1000), 'a%00b']) {
      expect(await ask(`name=${name}`)).toMatchObject({ status: 400, error: 'invalid function' });
    }
    expect(await ask('name=hello&runtime=cobol')).toMatchObject({ status: 400, error: 'invalid runtime' });
    expect(await ask('name=hello&version=a/b')).toMatchObject({ status: 400, error: 'invalid version' });
  });
});
