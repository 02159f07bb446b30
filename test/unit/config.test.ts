import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { FastfnError } from '../../src/errors.ts';
import { loadProject, type ProjectInput } from '../../src/project/load.ts';
import { temporaryFolder } from './config-support.ts';

let cwd: string;

beforeEach(() => {
  cwd = temporaryFolder();
});

function write(name: string, content: string | object): void {
  const path = join(cwd, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

function load(input: Partial<ProjectInput> = {}) {
  return loadProject({ command: 'dev', flags: {}, env: {}, cwd, ...input });
}

async function problemsOf(input: Partial<ProjectInput> = {}): Promise<string[]> {
  const error = await load(input).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(FastfnError);
  expect(error.exitCode).toBe(2);
  return error.message.split('\n');
}

describe('sources', () => {
  test('P32: a flag wins over a variable, that over .env, that over fastfn.json, that over the default', async () => {
    const port = async (input: Partial<ProjectInput> = {}) => {
      const config = await load(input);
      return [config.port, config.settings.port?.source];
    };
    expect(await port()).toEqual([8080, 'default']);
    write('fastfn.json', { port: 1001 });
    expect(await port()).toEqual([1001, 'fastfn.json']);
    write('.env', 'FN_PORT=1002');
    expect(await port()).toEqual([1002, 'env-file']);
    expect(await port({ env: { FN_PORT: '1003' } })).toEqual([1003, 'environment']);
    expect(await port({ env: { FN_PORT: '1003' }, flags: { port: '1004' } })).toEqual([1004, 'flag']);
  });

  test('FN_HOST_PORT wins over FN_PORT, and an empty variable counts as not set (P34)', async () => {
    expect((await load({ env: { FN_PORT: '1', FN_HOST_PORT: '2' } })).port).toBe(2);
    expect((await load({ env: { FN_PORT: '1', FN_HOST_PORT: '' } })).port).toBe(1);
  });

  test('P33: .env.local wins over .env in dev, is not read by run, and --env-file wins over both', async () => {
    write('.env', 'FN_PORT=1\nA=env');
    write('.env.local', 'FN_PORT=2');
    write('more.env', 'FN_PORT=3\nB=more');
    expect((await load()).port).toBe(2);
    expect((await load({ command: 'run' })).port).toBe(1);
    const config = await load({ envFiles: ['more.env'], env: { A: 'real' } });
    expect(config.port).toBe(3);
    expect(config.fromEnv).toMatchObject({ A: 'real', B: 'more' });
  });

  test('P33: a missing --env-file is refused', async () => {
    expect(await problemsOf({ envFiles: ['none.env'] })).toEqual(['none.env: no such file']);
  });

  test('P36: --config must exist, and its folder becomes the project folder', async () => {
    expect(await problemsOf({ configFile: 'conf/x.json' })).toEqual(['conf/x.json: no such file']);
    write('conf/x.json', { 'functions-dir': 'fns' });
    write('conf/fns/hello.js', '');
    const config = await load({ configFile: 'conf/x.json' });
    expect(config.projectDir).toBe(join(cwd, 'conf'));
    expect(config.functionsRoot).toBe(join(cwd, 'conf/fns'));
  });

  test('P36: fastfn.toml is not read: a note, and as --config an error', async () => {
    write('fastfn.toml', 'port = 1');
    expect((await load()).notes).toEqual([expect.stringContaining('fastfn.toml is not read')]);
    expect(await problemsOf({ configFile: 'fastfn.toml' })).toEqual([expect.stringContaining('TOML is not read')]);
    write('fastfn.json', {});
    expect((await load()).notes).toEqual([]);
  });

  test('P24: DIR wins over functions-dir, and a missing folder is named', async () => {
    write('fastfn.json', { 'functions-dir': 'b' });
    write('a/x.js', '');
    await expect(load()).rejects.toMatchObject({ code: 'DIRECTORY_MISSING', exitCode: 2 });
    await expect(load({ dir: 'fastfn.json' })).rejects.toThrow('fastfn.json is not a directory');
    expect((await load({ dir: 'a' })).functionsRoot).toBe(join(cwd, 'a'));
  });
});

describe('values', () => {
  test.each(['1', 'true', 'YES', 'on'])('P34: %s turns a boolean on', async (word) => {
    expect((await load({ env: { FN_FORCE_URL: word } })).forceUrl).toBe(true);
  });

  test.each(['0', 'False', 'no', 'OFF'])('P34: %s turns a boolean off', async (word) => {
    expect((await load({ env: { FN_HOT_RELOAD: word } })).hotReload).toBe(false);
  });

  test.each([
    [{ FN_HOT_RELOAD: 'maybe' }, 'FN_HOT_RELOAD: "maybe" is not a boolean (1, true, yes, on, 0, false, no, off)'],
    [{ FN_PORT: '65536' }, 'FN_PORT: must be an integer from 0 to 65535, not "65536"'],
    [{ FN_PORT: '0x50' }, 'FN_PORT: must be an integer from 0 to 65535, not "0x50"'],
    [{ FN_HOST: 'example.com' }, 'FN_HOST: "example.com" is not an IP address or localhost'],
    [
      { FN_RUNTIMES: 'node,pyton' },
      expect.stringContaining('FN_RUNTIMES: unknown name "pyton" (did you mean "python"?)'),
    ],
    [{ FN_RUNTIME_DAEMONS: 'node=0' }, 'FN_RUNTIME_DAEMONS: node: must be an integer from 1 to 64, not "0"'],
    [{ FN_RUNTIME_DAEMONS: 'node' }, 'FN_RUNTIME_DAEMONS: "node" is not of the form key=value'],
    [
      { FN_TRUSTED_PROXY_CIDRS: '10.0.0.0/33' },
      expect.stringContaining('FN_TRUSTED_PROXY_CIDRS: "10.0.0.0/33" is not'),
    ],
    [{ FN_MAX_HEADERS: '199' }, 'FN_MAX_HEADERS: must be an integer at least 200, not "199"'],
    [{ FN_PUBLIC_BASE_URL: 'x.org' }, expect.stringContaining('FN_PUBLIC_BASE_URL: "x.org" is not an absolute')],
  ])('P34: %j is refused, naming the variable', async (env, problem) => {
    expect(await problemsOf({ env })).toEqual([problem]);
  });

  test('P27: dev and run have their own defaults', async () => {
    expect(await load()).toMatchObject({
      hotReload: true,
      drainTimeoutSeconds: 3,
      workers: { spares: 1 },
      logs: { format: 'text' },
    });
    expect(await load({ command: 'run', env: { FN_DEV_ERRORS: '1' } })).toMatchObject({
      hotReload: false,
      drainTimeoutSeconds: 15,
      nginxWorkers: 'auto',
      devErrors: false,
      workers: { spares: 2 },
      logs: { format: 'json' },
    });
    expect(await load({ command: 'run', isTerminal: true })).toMatchObject({ logs: { format: 'text' } });
  });

  test('runtime-daemons keeps the defaults of the languages it does not name', async () => {
    const { daemons } = await load({ env: { FN_RUNTIME_DAEMONS: 'node=3,lua=2' } });
    expect(daemons).toMatchObject({ node: 3, python: 4, php: 4 });
  });

  test('FN_*_BIN overrides one key of runtime-binaries; a relative path counts from its place', async () => {
    write('fastfn.json', { 'runtime-binaries': { python: 'python3.12', php: './php' } });
    const { binaries } = await load({ env: { FN_PYTHON_BIN: 'bin/python' } });
    expect(binaries).toEqual({ python: join(cwd, 'bin/python'), php: join(cwd, 'php') });
  });

  test('--poll without a number means 500 ms, and FN_HOT_RELOAD_WATCHDOG=0 means the interval', async () => {
    expect((await load()).pollMs).toBeNull();
    expect((await load({ flags: { poll: true } })).pollMs).toBe(500);
    expect((await load({ flags: { poll: '100' } })).pollMs).toBe(100);
    expect((await load({ env: { FN_HOT_RELOAD_WATCHDOG: '0', FN_HOT_RELOAD_INTERVAL: '0.5' } })).pollMs).toBe(500);
  });

  test('the configuration cannot be changed afterwards', async () => {
    const config = await load();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.limits)).toBe(true);
  });
});

describe('fastfn.json', () => {
  test('P37: every problem is listed, not only the first', async () => {
    write('fastfn.json', { 'function-dir': 'x', port: '80', limits: { 'timeout-ms': 0, timeout: 1 } });
    expect(await problemsOf({ env: { FN_HOST: 'x' } })).toEqual([
      'fastfn.json: unknown key "function-dir" (did you mean "functions-dir"?)',
      'fastfn.json: limits: unknown key "timeout" (did you mean "timeout-ms"?)',
      'FN_HOST: "x" is not an IP address or localhost',
      'fastfn.json: port: must be an integer from 0 to 65535, not "80"',
      'fastfn.json: limits.timeout-ms: must be an integer at least 1, not 0',
    ]);
  });

  test.each([
    ['{\n  "port": 80,\n}', 'fastfn.json: line 3, column 1: a comma before "}"'],
    ['{"port": }', 'fastfn.json: line 1, column 10: expected a value'],
    ['', 'fastfn.json: line 1, column 1: expected a value, but the file ends here'],
    ['{"port": 1', 'fastfn.json: line 1, column 11: expected "," or "}", but the file ends here'],
    ['{} x', 'fastfn.json: line 1, column 4: unexpected text after the end of the document'],
    ["{'port': 1}", 'fastfn.json: line 1, column 2: expected a key in double quotes'],
    ['[]', 'fastfn.json: must hold an object, not []'],
    ['{"port": 1,\n "port": 2}', 'fastfn.json: port: duplicate key at line 2, column 2 (first at line 1)'],
  ])('P37: %j is refused with its place', async (source, problem) => {
    write('fastfn.json', source);
    expect(await problemsOf()).toEqual([problem]);
  });

  test('P37: snake_case and camelCase are accepted with a note, two spellings of one key are not', async () => {
    write('fastfn.json', { force_url: true, hotReload: false, limits: { timeoutMs: 9 } });
    const config = await load();
    expect(config).toMatchObject({ forceUrl: true, hotReload: false, limits: { timeoutMs: 9 } });
    expect(config.notes).toContain('fastfn.json: "hotReload" is read as "hot-reload"');
    write('fastfn.json', { force_url: true, 'force-url': true });
    expect(await problemsOf()).toEqual(['fastfn.json: force-url: given twice ("force_url" and "force-url")']);
  });

  test('P37: old nested forms are refused with their replacement', async () => {
    write('fastfn.json', {
      runtime: { daemons: {}, binaries: {} },
      swagger: { 'include-admin': true },
      'force.url': true,
    });
    expect(await problemsOf()).toEqual([
      'fastfn.json: runtime.daemons: no longer nested; write "runtime-daemons" instead',
      'fastfn.json: runtime.binaries: no longer nested; write "runtime-binaries" instead',
      'fastfn.json: swagger.include-admin: no longer nested; write "openapi-include-internal" instead',
      'fastfn.json: force.url: no longer nested; write "force-url" instead',
    ]);
  });

  test('P38: secrets are refused, naming the variable', async () => {
    write('fastfn.json', { 'admin-token': 'x', console: { loginPassword: 'x' }, session_secret: 'x' });
    expect(await problemsOf()).toEqual([
      'fastfn.json: admin-token: secrets do not belong in this file; set FN_ADMIN_TOKEN or FN_ADMIN_TOKEN_FILE',
      expect.stringContaining('set FN_CONSOLE_LOGIN_PASSWORD or'),
      expect.stringContaining('set FN_CONSOLE_SESSION_SECRET or'),
    ]);
  });

  test('$schema is allowed, and lists may be comma strings', async () => {
    write('fastfn.json', { $schema: 'x', runtimes: 'node, lua', 'runtime-daemons': 'node=2', domains: ['x.org'] });
    expect(await load()).toMatchObject({ runtimes: ['node', 'lua'], daemons: { node: 2 } });
  });
});

describe('remarks', () => {
  test('P35: an unknown FN_ variable is noted with the nearest name', async () => {
    expect((await load({ env: { FN_PROT: '1' } })).notes).toEqual(['unknown variable FN_PROT (did you mean FN_PORT?)']);
  });

  test('variables of older setups are noted with their replacement', async () => {
    expect((await load({ env: { FN_NODE_SOCKET: 'x' } })).notes).toEqual([
      'FN_NODE_SOCKET has no effect here; use FN_RUNTIME_DAEMONS',
    ]);
  });

  test('a setting of a later version is noted, and a secret is masked, also from a file', async () => {
    write('token', 'a-long-secret-token\n');
    const config = await load({ env: { FN_ADMIN_TOKEN_FILE: 'token', FN_STRICT_FS: '1' } });
    expect(config.settings['admin-token']).toEqual({ value: '<hidden>', source: 'environment' });
    expect(config.notes).toContain('FN_STRICT_FS has no effect in this version');
    expect(JSON.stringify(config.settings)).not.toContain('a-long-secret-token');
  });
});

describe('places', () => {
  test('state lies in the functions root, the store in the cache folder, logs below the state', async () => {
    const config = await load({ env: { HOME: cwd } });
    expect(config).toMatchObject({
      stateDir: join(cwd, '.fastfn'),
      storeDir: join(cwd, '.cache/fastfn'),
      runDir: null,
      logs: { dir: join(cwd, '.fastfn/logs') },
    });
    expect(config.projectId).toMatch(/^[0-9a-f]{10}$/);
  });

  test('FN_STATE_DIR, FN_STORE_DIR, FN_RUN_DIR and FN_LOG_DIR are relative to the working directory', async () => {
    const env = { FN_STATE_DIR: 's', FN_STORE_DIR: 't', FN_RUN_DIR: 'r', FN_LOG_DIR: 'l' };
    expect(await load({ env })).toMatchObject({
      stateDir: join(cwd, 's'),
      storeDir: join(cwd, 't'),
      runDir: join(cwd, 'r'),
      logs: { dir: join(cwd, 'l') },
    });
  });
});
