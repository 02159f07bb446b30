import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestStack, until } from './support.ts';

const SECRET = 'hunter2-very-secret';

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'hello.js': '// @summary Says hello\n// @query {"name":"Ada"}\nexports.handler = () => "hello";',
    'users/[id].ts': 'export const handler = () => "user";',
    'files/[...path].lua': 'local cjson = require "cjson"\nreturn function() return "file" end',
    'report/handler.php': '<?php function handler($event) { return "report"; }',
    'report/fn.config.json': {
      timeout_ms: 1234,
      group: 'reports',
      worker_pool: { max_workers: 2, max_queue: 3 },
      auth: { api_key: { keys: [{ id: 'one', sha256: 'ab'.repeat(32) }] } },
      edge: { base_url: 'https://user:p@ss@example.com' },
    },
    'report/fn.env.json': { API_TOKEN: SECRET, GREETING: 'hi' },
    'report/lib/text.php': '<?php // text',
    'report/.hidden/x.php': '<?php // hidden',
    'report/node_modules/x/index.js': '// packages',
    'report/logo.bin': Buffer.from([0xff, 0xfe, 0x00, 0x01]),
    'report/composer.json': { name: 'a/b', 'require-dev': { 'phpunit/phpunit': '^9' } },
    'needs/handler.py': '#@requirements ./missing\ndef handler(event):\n    return "needs"\n',
    'broken.py': 'def handler(event):\n    return (\n',
    'one/get.same.js': 'exports.handler = () => 1;',
    'one/get.same.py': 'def handler(event):\n    return 1\n',
    'odd/fn.config.json': '{"timeout_ms": "soon"}',
    'odd/handler.js': 'exports.handler = () => 1;',
    'lost/fn.config.json': { entrypoint: 'gone.js', auth: { api_key: { keys: [{ sha256: 'cd'.repeat(32) }] } } },
    '.fastfn/packs/python/tools/requirements.txt': 'six\n',
    '.fastfn/packs/node/kit/package.json': {},
    '.fastfn/packs/node/kit/node_modules/kit/index.js': '',
  });
  mkdirSync(join(stack.base, 'outside'));
  writeFileSync(join(stack.base, 'outside', 'secret.txt'), SECRET);
  symlinkSync(join(stack.base, 'outside', 'secret.txt'), join(stack.dir, 'report', 'link.txt'));
  symlinkSync(join(stack.dir, 'report', 'fn.config.json'), join(stack.dir, 'report', 'config.txt'));
  symlinkSync(join(stack.dir, 'report', 'fn.env.json'), join(stack.dir, 'report', 'env.txt'));
}, 60_000);
afterAll(() => stack?.stop());

async function read(path: string): Promise<any> {
  const answer = await stack.get(path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json();
}

const keys = (value: object) => Object.keys(value).sort();

describe('P207: detailed health', () => {
  test('has all of its parts', async () => {
    await stack.get('/hello');
    const health = await read('/_fn/health');
    expect(keys(health)).toEqual(
      [
        ...['status', 'version', 'mode', 'uptime_s', 'config_loaded_at', 'functions_root', 'defaults', 'runtime_order'],
        ...['hot_reload', 'routing', 'functions', 'runtimes'],
      ].sort(),
    );
    expect(health).toMatchObject({ status: 'ok', mode: 'native', functions_root: stack.dir });
    expect(keys(health.defaults)).toEqual(['max_body_bytes', 'max_concurrency', 'timeout_ms']);
    expect(health.hot_reload).toMatchObject({
      enabled: true,
      last_catalog_scan_at: expect.any(Number),
      watchdog: { enabled: true, active: true, last_scan_at: expect.any(Number), error: null },
    });
    expect(health.routing.mapped_route_conflicts).toBe(1);
    expect(health.functions.summary).toMatchObject({ total: 10, pool_enabled: 1, installing: 0 });
    const { total, warm, stale, cold } = health.functions.summary;
    expect(warm + stale + cold).toBe(total);
  });

  test('says of each language whether it is up, with its workers', async () => {
    await stack.get('/hello');
    const { runtimes, runtime_order } = await read('/_fn/health');
    expect(runtime_order).toEqual(['node', 'python', 'php', 'lua']);
    for (const runtime of ['node', 'python', 'php']) {
      expect(keys(runtimes[runtime])).toEqual(['binary', 'health', 'routing', 'sockets', 'timeout_ms', 'version']);
      expect(runtimes[runtime].health).toMatchObject({ up: true, reason: 'ok', ts: expect.any(Number) });
      expect(runtimes[runtime].sockets[0]).toMatchObject({ index: 1, uri: expect.stringMatching(/^unix:w\d+\.sock$/) });
    }
    expect(runtimes.lua).toMatchObject({
      routing: 'in_process',
      health: { up: true, reason: 'in_process' },
      sockets: [],
    });
  });

  test('tells warm functions from cold ones, in every language', async () => {
    const paths = { 'node/hello.js': '/hello', 'lua/files/[...path].lua': '/files/a' };
    for (const path of Object.values(paths)) await stack.get(path);
    for (const name of Object.keys(paths)) {
      await until(async () => {
        const { functions } = await read('/_fn/health');
        const state = functions.states.find(({ key }: { key: string }) => key === `${name}@default`);
        return state.state === 'warm' && typeof state.warm_at === 'number' && state.worker_pool.queue_drops.total === 0;
      }, `${name} is warm`);
    }
    const { functions } = await read('/_fn/health');
    const report = functions.states.find(({ key }: { key: string }) => key === 'php/report@default');
    expect(report).toMatchObject({
      state: 'cold',
      warm_at: null,
      worker_pool: { enabled: true, max_workers: 2, active: 0 },
    });
  });
});

describe('P208, P173: the catalog', () => {
  test('lists routes, conflicts and functions by language', async () => {
    const catalog = await read('/_fn/catalog');
    expect(keys(catalog)).toEqual(
      [
        ...['generated_at', 'functions_root', 'defaults', 'runtime_order', 'mapped_routes', 'mapped_route_conflicts'],
        'runtimes',
      ].sort(),
    );
    expect(catalog.mapped_routes['/users/:id']).toEqual([
      {
        runtime: 'node',
        fn_name: 'users/[id].ts',
        version: 'default',
        methods: ['GET'],
        source_rank: 1,
        force_url: false,
      },
    ]);
    expect(catalog.mapped_route_conflicts).toEqual({ '/one/same': true });
    expect(catalog.mapped_routes).not.toHaveProperty('/one/same');
    const [report] = catalog.runtimes.php.functions;
    expect(keys(report)).toEqual(
      ['name', 'has_default', 'versions', 'policy', 'versions_policy', 'default_state', 'versions_state'].sort(),
    );
    expect(report).toMatchObject({ name: 'report', has_default: true, versions: [], policy: { timeout_ms: 1234 } });
    expect(keys(report.default_state)).toEqual(
      [
        ...['key', 'state', 'warm_at', 'keep_warm', 'keep_warm_next', 'keep_warm_last', 'keep_warm_last_status'],
        'keep_warm_last_error',
      ].sort(),
    );
    expect(JSON.stringify(catalog)).not.toContain('lib/text');
  });

  test('is a list too, each entry with its language', async () => {
    const list = await read('/_fn/api/functions');
    expect(list.map(({ runtime, name }: any) => `${runtime}/${name}`)).toContain('python/broken.py');
    expect(list).toHaveLength(10);
  });
});

describe('P174: problems', () => {
  test('has one of each kind, with file, line and time, and forgets what is mended', async () => {
    expect((await stack.get('/broken')).status).toBe(500);
    const { problems } = await read('/_fn/problems');
    const find = (kind: string, file: string) => problems.find((one: any) => one.kind === kind && one.file === file);
    expect(find('load', 'broken.py')).toMatchObject({
      severity: 'error',
      function: 'python/broken.py@default',
      line: 2,
      since: expect.any(Number),
    });
    expect(find('conflict', 'one/get.same.js')).toMatchObject({ severity: 'warning' });
    expect(find('config', 'odd/fn.config.json')).toMatchObject({ severity: 'error' });
    expect(find('install', 'needs/handler.py')).toMatchObject({ function: 'python/needs@default' });
    expect(JSON.stringify(problems)).not.toContain(stack.dir);

    stack.write({ 'broken.py': 'def handler(event):\n    return "mended"\n' });
    await until(async () => (await stack.get('/broken')).text === 'mended', 'broken.py is mended');
    const after = await read('/_fn/problems');
    expect(after.problems.filter(({ file }: any) => file === 'broken.py')).toEqual([]);
  });
});

describe('P209, P179: one function', () => {
  test('shows policy, environment and packages without secrets', async () => {
    const detail = await read('/_fn/function?name=report');
    expect(keys(detail)).toEqual(
      [
        ...['runtime', 'name', 'version', 'function_dir', 'file_path', 'config_path', 'policy', 'fn_env', 'metadata'],
        ...['runtime_health', 'workers', 'etag', 'code', 'code_truncated'],
      ].sort(),
    );
    expect(detail).toMatchObject({
      runtime: 'php',
      function_dir: 'report',
      file_path: 'report/handler.php',
      config_path: 'report/fn.config.json',
      policy: { timeout_ms: 1234, group: 'reports', auth: { api_key: { keys: [{ id: 'one', sha256: '<hidden>' }] } } },
      fn_env: { API_TOKEN: { value: '<hidden>', is_secret: true }, GREETING: { value: 'hi', is_secret: false } },
      code_truncated: false,
    });
    expect(detail.code).toContain('function handler');
    const all = JSON.stringify(detail);
    for (const hidden of [SECRET, 'ab'.repeat(32), 'user:p', 'ss@example', stack.dir])
      expect(all).not.toContain(hidden);
  });

  test('has all metadata', async () => {
    const { metadata } = await read('/_fn/function?name=hello&runtime=node');
    expect(keys(metadata)).toEqual(
      [
        ...[
          'handler_file',
          'response',
          'schedule',
          'env',
          'shared_deps',
          'group',
          'dependency_resolution',
          'endpoints',
        ],
        ...['invoke', 'node'],
      ].sort(),
    );
    expect(metadata.invoke).toMatchObject({
      summary: 'Says hello',
      methods: ['GET'],
      query_example: { name: 'Ada' },
      full_route_example: `${stack.url}/hello?name=Ada`,
    });
    expect(metadata.endpoints.public_urls).toEqual([`${stack.url}/hello`]);
    expect(await read(metadata.endpoints.function_detail_api)).toMatchObject({ name: 'hello.js' });
    expect(metadata.dependency_resolution).toMatchObject({ mode: 'none', last_install_status: 'skipped' });
  });

  test.each([
    ['needs', 'python', { requirements: { inline: ['./missing'], file_exists: false } }],
    ['report', 'php', { composer_json_exists: true, dev_dependencies: { 'phpunit/phpunit': '^9' } }],
    ['files/[...path].lua', 'lua', { sandbox: true, requires: ['cjson'] }],
  ])('describes the packages of %s in the terms of %s', async (name, block, expected) => {
    const { metadata } = await read(`/_fn/function?name=${encodeURIComponent(name)}`);
    expect(metadata[block]).toMatchObject(expected);
  });

  test('F155: a failed install is told with its reason', async () => {
    const { metadata } = await read('/_fn/function?name=needs');
    expect(metadata.dependency_resolution).toMatchObject({
      runtime: 'python',
      mode: 'manifest',
      last_install_status: 'error',
      last_error: expect.stringContaining('missing'),
    });
  });

  test('P163: a function without its entry shows no configuration in place of code', async () => {
    const detail = await read('/_fn/function?name=lost');
    expect(detail.code).toBeNull();
    expect(JSON.stringify(detail)).not.toContain('cd'.repeat(32));
  });

  test('leaves the code out where it is not asked for', async () => {
    expect(await read('/_fn/function?name=report&include_code=0')).not.toHaveProperty('code');
  });

  test('P179: its own configuration, credentials hidden', async () => {
    const shown = await read('/_fn/function-config?name=report');
    expect(keys(shown)).toEqual(
      [
        ...['runtime', 'name', 'version', 'policy', 'fn_env', 'metadata', 'file_path', 'function_dir', 'config'],
        'etag',
      ].sort(),
    );
    expect(shown.config).toMatchObject({
      timeout_ms: 1234,
      auth: { api_key: { keys: [{ sha256: '<hidden>' }] } },
      edge: { base_url: 'https://<hidden>@example.com' },
    });
  });
});

describe('P184, P185: files', () => {
  test('lists what the author wrote, with what each file is for', async () => {
    const { files, function_dir, versions } = await read('/_fn/function-files?name=report');
    expect(function_dir).toBe('report');
    expect(versions).toEqual([]);
    expect(Object.fromEntries(files.map(({ path, type }: any) => [path, type]))).toEqual({
      'composer.json': 'deps',
      'config.txt': 'file',
      'env.txt': 'file',
      'fn.config.json': 'config',
      'fn.env.json': 'env',
      'handler.php': 'handler',
      'lib/text.php': 'file',
      'logo.bin': 'file',
    });
  });

  test('P184: a single file shares its folder, and lists itself only', async () => {
    const { files } = await read('/_fn/function-files?name=hello.js');
    expect(files.map(({ path }: any) => path)).toEqual(['hello.js']);
  });

  test('shows text as text and bytes as base64', async () => {
    const content = (path: string) => read(`/_fn/function-file-content?name=report&path=${path}`);
    expect(await content('lib/text.php')).toMatchObject({
      content: '<?php // text',
      is_base64: false,
      truncated: false,
    });
    expect(await content('logo.bin')).toMatchObject({ content: '//4AAQ==', is_base64: true });
  });

  test('P163: shows a configuration without key material and credentials, under its own name and as a link', async () => {
    for (const path of ['fn.config.json', 'config.txt']) {
      const { content } = await read(`/_fn/function-file-content?name=report&path=${path}`);
      expect(JSON.parse(content)).toMatchObject({
        auth: { api_key: { keys: [{ id: 'one', sha256: '<hidden>' }] } },
        edge: { base_url: 'https://<hidden>@example.com' },
      });
    }
  });

  test('P165: a tag that covers secrets is no hash to try guesses against', async () => {
    const { etag } = await read('/_fn/function-env?name=report');
    const plain = createHash('sha256')
      .update(readFileSync(join(stack.dir, 'report/fn.env.json')))
      .digest('hex');
    expect(plain).not.toContain(etag);
  });

  test.each([
    ['fn.env.json', 403, 'use the env API'],
    ['env.txt', 403, 'use the env API'],
    ['FN.ENV.json', 403, 'use the env API'],
    ['fn.env.j\u017fon', 403, 'use the env API'],
    ['link.txt', 400, 'path escapes the functions root'],
    ['../hello.js', 400, 'invalid path'],
    ['lib/../../hello.js', 400, 'invalid path'],
    ['%2e%2e/hello.js', 404, 'file not found'],
    ['/etc/passwd', 400, 'invalid path'],
    ['..\\hello.js', 400, 'invalid path'],
    ['lib//text.php', 400, 'invalid path'],
    ['a\0b', 400, 'invalid path'],
    ['.hidden/x.php', 404, 'file not found'],
    ['node_modules/x/index.js', 404, 'file not found'],
    ['lib', 404, 'file not found'],
    ['nothing.php', 404, 'file not found'],
    ['x'.repeat(1000), 404, 'file not found'],
    ['x'.repeat(2000), 400, 'invalid path'],
  ])('P185: the path %j is refused', async (path, status, error) => {
    const answer = await stack.get(`/_fn/function-file-content?name=report&path=${encodeURIComponent(path)}`);
    expect(answer.json()).toMatchObject({ status, error });
    expect(answer.text).not.toContain(stack.dir);
  });
});

test.each([
  ['/_fn/function', 400, 'invalid function'],
  ['/_fn/function?name=', 400, 'invalid function'],
  ['/_fn/function?name=nobody', 404, 'function not found'],
  ['/_fn/function?name=hello&name=report', 400, 'invalid function'],
  ['/_fn/function?name=hello&runtime=ruby', 400, 'invalid runtime'],
  ['/_fn/function?name=hello&version=%2e%2e', 400, 'invalid version'],
  ['/_fn/function?name=%2e%2e%2fhello', 400, 'invalid function'],
  ['/_fn/function?name=..%5chello', 400, 'invalid function'],
  ['/_fn/function?name=%252e%252e', 400, 'invalid function'],
  ['/_fn/function?name=h%00llo', 400, 'invalid function'],
  [`/_fn/function?name=${'x'.repeat(1000)}`, 400, 'invalid function'],
  ['/_fn/function?name=hello&include_code=yes', 400, 'invalid include_code'],
  ['/_fn/function-config?name=nobody', 404, 'function not found'],
  ['/_fn/function-files?name=nobody', 404, 'function not found'],
  ['/_fn/function-file-content?name=report', 400, 'invalid path'],
])('P161, P162: %s is refused', async (path, status, error) => {
  const answer = await stack.get(path);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.json()).toMatchObject({ status, error });
});

test('P198: packs and what each holds, by language', async () => {
  const packs = await read('/_fn/packs');
  expect(packs).toMatchObject({ generated_at: expect.any(Number), packs_root: '.fastfn/packs' });
  const dir = '.fastfn/packs';
  expect(packs.runtimes).toEqual({
    python: {
      packs: [
        {
          name: 'tools',
          dir: `${dir}/python/tools`,
          requirements_txt: `${dir}/python/tools/requirements.txt`,
          deps_dir: null,
        },
      ],
    },
    node: {
      packs: [
        {
          name: 'kit',
          dir: `${dir}/node/kit`,
          package_json: `${dir}/node/kit/package.json`,
          lock_file: null,
          node_modules: `${dir}/node/kit/node_modules`,
        },
      ],
    },
  });
});

describe('P120, P130, P175: a reload', () => {
  const reload = async () => (await stack.get('/_fn/reload', { method: 'POST' })).json();

  test('keeps the workers of functions that did not change, and lists none of them', async () => {
    await stack.get('/hello');
    await stack.get('/users/1');
    const workers = await until(
      () => stack.workers('hello.js').length > 0 && stack.workers('hello.js'),
      'hello.js has a worker',
    );
    const now = new Date();
    utimesSync(join(stack.dir, 'hello.js'), now, now);
    expect(await reload()).toMatchObject({ ok: true, changed: [], problems: expect.any(Number) });
    expect((await stack.get('/hello')).headers['x-fastfn-function-state']).toBe('warm');
    expect(stack.workers('hello.js')).toEqual(workers);
  });
});

describe('P232: the page at /', () => {
  test('links what there is; only local clients see the routes (F58)', async () => {
    const page = await stack.get('/');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('/_fn/health');
    expect(page.text).toContain('/users/:id');
    const stranger = await stack.get('/', { headers: { host: 'fn.example.com' } });
    expect(stranger.status).toBe(200);
    expect(stranger.text).not.toContain('/users');
  });
});
