import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseFunctionConfig } from '../../src/functions/config.ts';
import type { FunctionDefinition } from '../../src/functions/types.ts';
import {
  addFiles,
  discoverFiles,
  discoveryOf,
  type Files,
  listProblems,
  listRoutes,
  writeTree,
} from './discovery-fixture.ts';

function parse(config: unknown) {
  return parseFunctionConfig(JSON.stringify(config));
}

function messages(config: unknown): string[] {
  return parse(config).problems.map(
    ({ severity, message, hint }) => `${severity}: ${message}${hint ? ` (${hint})` : ''}`,
  );
}

describe('validity', () => {
  test.each(['', '  \n', '\uFEFF', '{}', ' {\n} '])('F117: %j means no configuration', (text) =>
    expect(parseFunctionConfig(text)).toEqual({ config: {}, isValid: true, problems: [] }),
  );

  test.each([
    ['{"timeout_ms": 5,}', /^line 1, column 18: /],
    ['{\n  "a": tru\n}', /^line 2, column 8: /],
    ['[]', /^must hold an object$/],
    ['{"auth": {}, "auth": false}', /^line 1: the key "auth" is given twice$/],
  ])('F117: %j is invalid and the place is named', (text, message) => {
    const { isValid, problems } = parseFunctionConfig(text);
    expect(isValid).toBe(false);
    expect(problems[0]?.message).toMatch(message);
  });

  test.each([
    [{ timeout_ms: 0 }, 'timeout_ms: must be a whole number from 1 to 3600000, got 0'],
    [{ timeout_ms: 3_600_001 }, 'timeout_ms: must be a whole number from 1 to 3600000, got 3600001'],
    [{ timeout_ms: 1.5 }, 'timeout_ms: must be a whole number from 1 to 3600000, got 1.5'],
    [{ timeout_ms: 'soon' }, 'timeout_ms: must be a whole number from 1 to 3600000, got "soon"'],
    [{ max_concurrency: -1 }, 'max_concurrency: must be a whole number from 0 to 100000, got -1'],
    [{ max_body_bytes: 0 }, 'max_body_bytes: must be a whole number from 1 to 1073741824, got 0'],
    [{ name: '../x' }, 'name: must be a relative path of letters, digits, "_" and "-", got "../x"'],
    [{ name: '/x' }, 'name: must be a relative path of letters, digits, "_" and "-", got "/x"'],
    [{ runtime: 'ruby' }, 'runtime: must be one of "node", "python", "php", "lua", "go", "rust", got "ruby"'],
    [{ group: 'g'.repeat(81) }, `group: must have at most 80 characters, got "${'g'.repeat(59)}…`],
    [{ invoke: [] }, 'invoke: must be an object, got []'],
    [{ invoke: { methods: [] } }, 'invoke.methods: must have at least 1 entries, got []'],
    [{ invoke: { methods: ['FETCH'] } }, /^invoke\.methods\.0: must be one of GET, POST, .*, got "FETCH"$/],
    [{ invoke: { routes: ['x'] } }, 'invoke.routes.0: must start with "/", got "x"'],
    [{ invoke: { routes: ['/a/../b'] } }, 'invoke.routes.0: has an invalid segment "..", got "/a/../b"'],
    [{ invoke: { routes: Array(33).fill('/a') } }, /^invoke\.routes: must have at most 32 entries/],
    [{ invoke: { handler: 'a-b' } }, 'invoke.handler: must be an identifier, got "a-b"'],
    [{ invoke: { adapter: 'constructor' } }, /^invoke\.adapter: must be native/],
    [{ invoke: { adapter: 'azure' } }, 'invoke.adapter: must be native, aws-lambda or cloudflare-worker, got "azure"'],
    [{ invoke: { allow_hosts: ['http://x'] } }, /^invoke\.allow_hosts\.0: must be a host like example\.com/],
    [{ invoke: { allow_hosts: 'a.*.com' } }, /^invoke\.allow_hosts\.0: must be a host like example\.com/],
    [{ invoke: { 'force-url': 'yes' } }, 'invoke.force-url: must be a boolean, got "yes"'],
    [{ request: { body_mode: 'lazy' } }, 'request.body_mode: must be one of "buffer", "stream", got "lazy"'],
    [
      { response: { stream_idle_ms: 10 } },
      'response.stream_idle_ms: must be a whole number from 1000 to 3600000, got 10',
    ],
    [{ worker_pool: { overflow_status: 500 } }, 'worker_pool.overflow_status: must be one of 429, 503, got 500'],
    [{ worker_pool: { min_warm: 2, max_workers: 1 } }, /^worker_pool: min_warm must not exceed max_workers, got/],
    [{ rate_limit: { requests: 1 } }, 'rate_limit.window_seconds: must be a whole number of at least 1'],
    [{ rate_limit: { requests: 1, window_seconds: 1, key: 'cookie' } }, /^rate_limit\.key: must be ip, api_key/],
    [{ assets: { directory: '../x' } }, 'assets.directory: must be a relative path below this folder, got "../x"'],
    [{ cors: { origins: '*', credentials: true } }, /^cors: credentials need listed origins/],
    [{ auth: {} }, 'auth: needs api_key or jwt'],
    [{ auth: true }, 'auth: must be an object'],
    [
      { auth: { jwt: { secret_env: 'S', algorithms: ['none'] } } },
      /^auth\.jwt\.algorithms\.0: must be a signature algorithm/,
    ],
    [{ auth: { api_key: { keys: [{ id: 'x' }] } } }, 'auth.api_key.keys.0: needs either env or sha256'],
  ])('F117: %j is invalid', (config, message) => {
    const { isValid, problems } = parse(config);
    expect(isValid).toBe(false);
    expect(problems[0]?.severity).toBe('error');
    if (typeof message === 'string') expect(problems[0]?.message).toBe(message);
    else expect(problems[0]?.message).toMatch(message);
  });

  test('F117: every problem is listed, and the members that are fine are still read', () => {
    const { config, isValid, problems } = parse({
      timeout_ms: 'x',
      max_concurrency: -1,
      name: 'tool',
      invoke: { handler: '1', routes: ['/t'] },
    });
    expect(isValid).toBe(false);
    expect(problems).toHaveLength(3);
    expect(config).toMatchObject({ name: 'tool', invoke: { routes: ['/t'] } });
    const twice = parse({ invoke: { methods: ['FETCH', 5], routes: ['/t'] } });
    expect(twice.problems).toHaveLength(2);
    expect(twice.config).toEqual({ invoke: { routes: ['/t'] } });
  });

  test('F117: a numeric string is taken as a number, with a warning', () => {
    expect(parse({ timeout_ms: '500', worker_pool: { max_queue: '3' } })).toEqual({
      config: { timeout_ms: 500, worker_pool: { max_queue: 3 } },
      isValid: true,
      problems: [
        { severity: 'warning', message: 'timeout_ms: the string "500" is taken as a number' },
        { severity: 'warning', message: 'worker_pool.max_queue: the string "3" is taken as a number' },
      ],
    });
    expect(parse({ timeout_ms: '0' }).isValid).toBe(false);
  });

  test('F117: a secret in the wrong place is not repeated in the message', () => {
    const { problems } = parse({ auth: { api_key: { keys: 's3cr3t' } } });
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  });
});

describe('unknown keys', () => {
  test.each([
    [{ timeut_ms: 5 }, ['warning: unknown key "timeut_ms" (did you mean "timeout_ms"?)']],
    [{ timeoutMs: 5 }, ['warning: unknown key "timeoutMs" (did you mean "timeout_ms"?)']],
    [{ banana: 5 }, ['warning: unknown key "banana"']],
    [
      { worker_pool: { maxWorkers: 1 } },
      ['warning: unknown key "worker_pool.maxWorkers" (did you mean "max_workers"?)'],
    ],
    [{ invoke: { method: 'GET' } }, ['warning: unknown key "invoke.method" (did you mean "methods"?)']],
  ])('F118: %j is a warning with the nearest known key', (config, expected) => {
    expect(parse(config).isValid).toBe(true);
    expect(messages(config)).toEqual(expected);
  });

  test.each([
    [{ Auth: false }, 'auth'],
    [{ aut: false }, 'auth'],
    [{ cros: true }, 'cors'],
    [{ invok: {} }, 'invoke'],
    [{ rate_limits: {} }, 'rate_limit'],
    [{ strictfs: true }, 'strict_fs'],
    [{ egde: {} }, 'edge'],
    [{ cors: { origin: '*' } }, 'origins'],
    [{ edge: { base_ur: 'http://x' } }, 'base_url'],
    [{ rate_limit: { requests: 1, window_seconds: 1, window_second: 2 } }, 'window_seconds'],
    [{ auth: { jwt: { secret_env: 'S', audiense: 'x' } } }, 'audience'],
    [{ auth: { api_key: { keys: [{ env: 'K', scope: 'x' }] } } }, 'scopes'],
  ])('F118: %j is an error: a misspelt guard is not a missing one', (config, offered) => {
    const { isValid, problems } = parse(config);
    expect(isValid).toBe(false);
    expect(problems.find(({ severity }) => severity === 'error')?.hint).toBe(`did you mean "${offered}"?`);
  });

  test('F118: a key that every object inherits is unknown like any other', () => {
    const { config, problems } = parseFunctionConfig('{"__proto__": {"auth": false}, "constructor": 1, "toString": 2}');
    expect(config).toEqual({});
    expect(problems.map(({ message }) => message)).toContain('unknown key "constructor"');
  });

  test('F118: notes, versions, $schema, _private and x-extensions are always allowed', () => {
    const notes = { $schema: 'x', version: 2, note: 'n', description: 'd', comment: 'c', _todo: 1, 'x-team': 'a' };
    expect(parse({ ...notes, invoke: { ...notes } })).toMatchObject({ isValid: true, problems: [] });
  });
});

describe('spelling', () => {
  test.each([
    [{ force_url: true }],
    [{ forceUrl: true }],
    [{ 'force-url': true }],
    [{ invoke: { force_url: true } }],
    [{ invoke: { forceUrl: true } }],
  ])('F45: %j forces the routes', (config) => expect(parse(config).config.invoke?.['force-url']).toBe(true));

  test.each([
    [{ invoke: { route: '/x' } }, { invoke: { routes: ['/x'] } }],
    [{ invoke: { methods: 'post, get' } }, { invoke: { methods: ['GET', 'POST'] } }],
    [{ invoke: { allow_hosts: 'B.com, a.com:8080' } }, { invoke: { allow_hosts: ['a.com:8080', 'b.com'] } }],
    [{ invoke: { allow_hosts: ['*'] } }, { invoke: { allow_hosts: [] } }],
    [{ invoke: { adapter: 'Lambda' } }, { invoke: { adapter: 'aws-lambda' } }],
    [{ invoke: { adapter: 'workers' } }, { invoke: { adapter: 'cloudflare-worker' } }],
    [{ invoke: { adapter: '' } }, { invoke: { adapter: 'native' } }],
    [{ sharedDeps: 'a, b' }, { shared_deps: ['a', 'b'] }],
    [{ deps: ['a'] }, { shared_deps: ['a'] }],
    [{ include_debug_headers: true }, { response: { include_debug_headers: true } }],
    [
      { include_debug_headers: true, response: { include_debug_headers: false } },
      { response: { include_debug_headers: true } },
    ],
  ])('section 3.2: %j reads as %j', (given, expected) =>
    expect(parse(given)).toEqual({ config: expected, isValid: true, problems: [] }),
  );

  test('section 3.2: of several methods the unknown ones are left out with a warning', () => {
    expect(parse({ invoke: { methods: ['GET', 'FETCH'] } })).toMatchObject({
      config: { invoke: { methods: ['GET'] } },
      isValid: true,
      problems: [{ severity: 'warning' }],
    });
  });

  test('F135, F142, F144, F158, F126, F127: the blocks of later stages are accepted in full', () => {
    const config = {
      auth: {
        mode: 'any',
        optional: false,
        realm: 'fastfn',
        scopes: ['reports:read'],
        any_scope: { GET: ['a'], '*': ['b'] },
        api_key: { header: 'x-api-key', query: null, keys: [{ id: 'ci', env: 'API_KEY', scopes: ['a'] }] },
        jwt: {
          header: 'authorization',
          scheme: 'Bearer',
          cookie: null,
          algorithms: ['RS256'],
          jwks_url: 'https://id.example.com/jwks.json',
          jwks: null,
          secret_env: null,
          public_key_env: null,
          issuer: 'https://id.example.com/',
          audience: ['api'],
          leeway_seconds: 30,
          required_claims: { tenant: 'acme' },
          scope_claims: ['scope'],
        },
      },
      cors: { origins: ['https://*.example.com'], credentials: true, max_age_seconds: 600 },
      rate_limit: { requests: 10, window_seconds: 60, key: 'header:x-tenant' },
      edge: {
        base_url: 'https://example.com',
        allow_hosts: ['*.example.com'],
        allow_private: false,
        max_response_bytes: 0,
      },
      keep_warm: { enabled: true, min_warm: 1, ping_every_seconds: 45, idle_ttl_seconds: 300, invoke: false },
      schedule: { enabled: true, cron: '@hourly', retry: true },
      schedules: [{ every: '90s' }],
      home: { route: 'board' },
      strict_fs: true,
      isolation: 'directory',
      input: { type: 'object' },
    };
    expect(parse(config)).toMatchObject({ isValid: true, problems: [] });
    expect(parse({ auth: false, cors: true })).toMatchObject({ isValid: true, problems: [] });
  });
});

async function functionsOf(files: Files): Promise<Record<string, FunctionDefinition>> {
  const { functions } = await discoverFiles(files);
  return Object.fromEntries(functions.map((definition) => [definition.name, definition]));
}

describe('policy', () => {
  test('F119: without configuration the defaults of the platform hold', async () => {
    const { 'x.js': x } = await functionsOf({ 'x.js': '' });
    expect(x?.policy).toEqual({
      timeoutMs: 2500,
      maxConcurrency: null,
      maxBodyBytes: 1_048_576,
      workerPool: null,
      handler: 'handler',
      adapter: 'native',
      debugHeaders: false,
      streamIdleMs: 30_000,
      bodyMode: 'buffer',
      rateLimit: null,
      auth: null,
      cors: null,
    });
  });

  test('F120: the nearest value wins per key, objects are replaced whole, response merges per key', async () => {
    const functions = await functionsOf({
      'fn.config.json': {
        timeout_ms: 100,
        max_body_bytes: 10,
        worker_pool: { max_workers: 3, max_queue: 5 },
        response: { stream_idle_ms: 2000, include_debug_headers: true },
      },
      'a/fn.config.json': { timeout_ms: 200, worker_pool: { max_workers: 1 }, response: { stream_idle_ms: 3000 } },
      'a/b/handler.js': '',
      'c.js': '',
    });
    expect(functions['a/b']?.policy).toMatchObject({
      timeoutMs: 200,
      maxBodyBytes: 10,
      workerPool: { maxWorkers: 1, maxQueue: 0, queueTimeoutMs: 0 },
      debugHeaders: true,
      streamIdleMs: 3000,
    });
    expect(functions['c.js']?.policy).toMatchObject({
      timeoutMs: 100,
      workerPool: { maxWorkers: 3, maxQueue: 5, queueTimeoutMs: 100 },
      streamIdleMs: 2000,
    });
  });

  test('F120: handler, adapter and body mode hold for the entries of their folder only', async () => {
    const functions = await functionsOf({
      'a/fn.config.json': { invoke: { handler: 'run', adapter: 'lambda' }, request: { body_mode: 'stream' } },
      'a/x.js': '',
      'a/b/y.js': '',
    });
    expect(functions['a/x.js']?.policy).toMatchObject({ handler: 'run', adapter: 'aws-lambda', bodyMode: 'stream' });
    expect(functions['a/b/y.js']?.policy).toMatchObject({ handler: 'handler', adapter: 'native', bodyMode: 'buffer' });
  });

  test('F122: worker_pool has the defaults of the table', async () => {
    const { 'x.js': x } = await functionsOf({ 'fn.config.json': { worker_pool: {} }, 'x.js': '' });
    expect(x?.policy.workerPool).toEqual({
      enabled: true,
      minWarm: 0,
      maxWorkers: 0,
      maxQueue: 0,
      idleTtlSeconds: 300,
      queueTimeoutMs: 0,
      queuePollMs: 20,
      overflowStatus: 429,
    });
  });

  test('F122: an explicit queue timeout of 0 never waits', async () => {
    const { 'x.js': x } = await functionsOf({
      'fn.config.json': { worker_pool: { max_queue: 2, queue_timeout_ms: 0 } },
      'x.js': '',
    });
    expect(x?.policy.workerPool?.queueTimeoutMs).toBe(0);
  });

  test('F144: rate_limit bursts to its requests and counts per ip by default', async () => {
    const { 'x.js': x } = await functionsOf({
      'fn.config.json': { rate_limit: { requests: 5, window_seconds: 60 } },
      'x.js': '',
    });
    expect(x?.policy.rateLimit).toEqual({ requests: 5, windowSeconds: 60, burst: 5, key: 'ip' });
  });

  test('F53, F120: allow_hosts holds for everything below', async () => {
    const files = { 'fn.config.json': { invoke: { allow_hosts: ['a.com'] } }, 'x/y.js': '' };
    expect(listRoutes(await discoverFiles(files))).toEqual(['GET /x/y @a.com < x/y.js']);
  });

  test('F109, F66: what a language cannot do makes its function invalid, not its neighbours', async () => {
    const files = {
      'a/fn.config.json': { invoke: { adapter: 'lambda' } },
      'a/x.js': '',
      'a/y.php': '',
      'b/fn.config.json': { invoke: { handler: '$run' } },
      'b/x.js': '',
      'b/y.py': '',
    };
    const functions = await functionsOf(files);
    expect(functions['a/x.js']?.configProblem).toBeNull();
    expect(functions['a/y.php']?.configProblem).toMatch(
      /^a\/fn\.config\.json: invoke\.adapter "aws-lambda" is for node and python/,
    );
    expect(functions['b/x.js']?.configProblem).toBeNull();
    expect(functions['b/y.py']?.configProblem).toMatch(/invoke\.handler "\$run" is no python identifier$/);
    expect(listProblems(await discoverFiles(files)).filter((line) => line.startsWith('error'))).toHaveLength(2);
  });
});

describe('fail closed', () => {
  test('F117: an invalid config that never was valid fails everything it governs, and nothing else', async () => {
    const functions = await functionsOf({
      'a/fn.config.json': '{ "auth": ',
      'a/x.js': '',
      'a/b/handler.js': '',
      'c.js': '',
    });
    expect(functions['a/x.js']?.configProblem).toMatch(/^a\/fn\.config\.json: line 1, column/);
    expect(functions['a/b']?.configProblem).toBe(functions['a/x.js']?.configProblem);
    expect(functions['c.js']?.configProblem).toBeNull();
  });

  test('F117: the last good config of this run stays while the file is broken, also after it was gone', async () => {
    const root = await writeTree({ 'x/fn.config.json': { timeout_ms: 100 }, 'x/handler.js': '' });
    const discovery = discoveryOf(root);
    const timeoutOf = ({ functions }: { functions: readonly FunctionDefinition[] }) => functions[0]?.policy.timeoutMs;
    expect(timeoutOf(await discovery.scan())).toBe(100);

    const config = join(root, 'x/fn.config.json');
    await addFiles(root, { 'x/fn.config.json': '{"timeout_ms": -1}' });
    const broken = await discovery.rescan([config]);
    expect(timeoutOf(broken)).toBe(100);
    expect(broken.functions[0]?.configProblem).toBeNull();
    expect(broken.problems).toEqual([
      {
        kind: 'config',
        severity: 'error',
        path: 'x/fn.config.json',
        message: 'timeout_ms: must be a whole number from 1 to 3600000, got -1',
        hint: 'the last good version stays in force; correct the file and save',
      },
    ]);

    await rm(config);
    expect(timeoutOf(await discovery.rescan([config]))).toBe(2500);
    await addFiles(root, { 'x/fn.config.json': '{"timeout_ms": -1}' });
    expect(timeoutOf(await discovery.scan())).toBe(100);
    await addFiles(root, { 'x/fn.config.json': { timeout_ms: 300 } });
    expect(timeoutOf(await discovery.scan())).toBe(300);
  });

  test('F117: a folder in the place of the config is none', async () => {
    const root = await writeTree({ 'x/handler.js': '' });
    await mkdir(join(root, 'x/fn.config.json'));
    const { functions } = await discoveryOf(root).scan();
    expect(functions[0]?.configProblem).toBeNull();
  });
});
