import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { contentKey, takeSnapshot } from '../../src/dependencies/snapshot.ts';
import type { Check, DoctorContext, Finding } from '../../src/doctor/check.ts';
import { dependencyCheck } from '../../src/doctor/checks/dependencies.ts';
import { secretsCheck } from '../../src/doctor/checks/secrets.ts';
import { judgeAdmin } from '../../src/doctor/checks/security.ts';
import { judgeLimits, judgeNode, judgePlatform } from '../../src/doctor/checks/system.ts';
import { findTracked, readIndex } from '../../src/doctor/git-index.ts';
import { listProjectFiles } from '../../src/doctor/project-files.ts';
import { asText, runChecks, summarize } from '../../src/doctor/report.ts';
import { readFunctions } from '../../src/functions/discovery.ts';
import { loadProject } from '../../src/project/load.ts';
import { temporaryFolder } from './config-support.ts';

let cwd: string;

beforeEach(() => {
  cwd = temporaryFolder();
});

function write(name: string, content: string | object): string {
  const path = join(cwd, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function git(...args: string[]): void {
  execFileSync('git', ['-c', 'init.defaultBranch=main', ...args], { cwd, env: { PATH: process.env.PATH, HOME: cwd } });
}

/** What the project's files are to the checks; the machine only has a Node. */
async function context(env: Record<string, string> = {}): Promise<DoctorContext> {
  const all = { HOME: cwd, ...env };
  const config = await loadProject({ command: 'dev', flags: { native: true }, env: all, cwd });
  const node = { path: '/usr/bin/node', version: '20.19.0' };
  const nothing = { nginx: { problem: '', hint: '', configured: false, lacksLibrary: false }, npm: null, python: null };
  return {
    cwd,
    configFile: null,
    configError: null,
    project: { config, discovery: readFunctions(config), files: listProjectFiles(config.functionsRoot) },
    machine: {
      mode: 'native',
      prerequisites: Promise.resolve({ ...nothing, node, pip: null, php: null, composer: null }),
      docker: null,
      image: null,
      runs: Promise.resolve([]),
    },
  };
}

describe('the report', () => {
  const ok: Check = { id: 'a.ok', run: () => ({ status: 'OK', message: 'fine' }) };
  const throws: Check = {
    id: 'a.throws',
    run: async () => {
      throw new Error('it broke');
    },
  };

  test('P263, P265: a check that throws has failed, and the others are reported', async () => {
    const results = await runChecks([throws, ok], await context());
    expect(results).toEqual([
      { id: 'a.throws', status: 'FAIL', message: 'it broke' },
      { id: 'a.ok', status: 'OK', message: 'fine' },
    ]);
    expect(summarize(results)).toEqual({ ok: 1, warn: 0, fail: 1 });
  });

  test('P264: the text form, also of names and words that hold line ends and control characters', () => {
    const results = [
      { id: 'a.b', status: 'OK', message: 'fine', details: { skipped: 'said by the message', path: '/x' } },
      { id: 'c.d', status: 'FAIL', message: 'two\nlines', hint: 'do\u001b[31m this' },
      { id: 'e.f', domain: 'example.com', status: 'WARN', message: 'soon' },
    ] as const;
    expect(asText('general', results)).toBe(
      [
        'FastFN Doctor (general)',
        '[OK] a.b: fine',
        '  path: /x',
        '[FAIL] c.d: two lines',
        '  hint: do?[31m this',
        '[WARN] [example.com] e.f: soon',
        'Summary: OK=1 WARN=1 FAIL=1',
      ].join('\n'),
    );
  });
});

describe('system', () => {
  test.each([
    ['linux-arm64', 'OK'],
    ['darwin-x64', 'OK'],
    ['freebsd-x64', 'WARN'],
  ])('P266: %s is %s', (name, status) => {
    expect(judgePlatform(name).status).toBe(status);
  });

  test.each([
    ['20.19.0', 'OK'],
    ['24.1.0', 'OK'],
    ['18.20.4', 'FAIL'],
  ])('P267: Node %s is %s', (version, status) => {
    expect(judgeNode(version, '/usr/bin/node').status).toBe(status);
  });

  const enough = { openFiles: 4096, inotifyWatches: 2000, temporaryMb: 200, watchedFiles: 1000 };
  test.each([
    [{}, 'OK', undefined],
    [{ openFiles: 1024 }, 'WARN', 'ulimit -n 4096'],
    [{ watchedFiles: 1001 }, 'WARN', 'sudo sysctl fs.inotify.max_user_watches='],
    [{ temporaryMb: 199 }, 'WARN', 'free space in'],
    [{ openFiles: null, inotifyWatches: null, temporaryMb: null }, 'OK', undefined],
  ])('P51, P268: limits with %j are %s', (changes, status, hint) => {
    const found = judgeLimits({ ...enough, ...changes });
    expect(found.status).toBe(status);
    if (hint !== undefined) expect(found.hint).toContain(hint);
  });
});

describe('secrets', () => {
  test.each(['2', '3', '4'])(
    'P280: tracked files are found in an index of version %s, without git',
    async (version) => {
      const files = ['fn.env.json', 'a/fn.env.json', 'a/b/c/fn.env.json', 'été/.env'].map((name) => write(name, '{}'));
      write('other.txt', '');
      git('init', '-q');
      git('add', '.');
      if (version === '3') git('update-index', '--skip-worktree', 'other.txt');
      else git('update-index', '--index-version', version);
      const untracked = write('z/fn.env.json', '{}');
      expect(await findTracked(cwd, [...files, untracked])).toEqual(new Set(files));
      expect(await findTracked(join(cwd, 'a'), files)).toEqual(new Set(files));
    },
  );

  test('an index that is cut off or is none gives what can be read', () => {
    for (const index of [Buffer.alloc(0), Buffer.from('DIRC'), Buffer.from('DIRC\0\0\0\u0002\0\0\0\u0005')])
      expect(readIndex(index, 20)).toEqual([]);
  });

  async function secrets(): Promise<Finding> {
    return secretsCheck.run(await context());
  }

  test('P280: a tracked file of plain secrets is a warning, an encrypted one is made to be committed', async () => {
    chmodSync(write('fn.env.json', { API_KEY: 'plain' }), 0o600);
    git('init', '-q');
    expect((await secrets()).status).toBe('OK');
    git('add', '.');
    expect(await secrets()).toMatchObject({
      status: 'WARN',
      hint: expect.stringContaining('git rm --cached'),
      details: { 'fn.env.json': 'git tracks it' },
    });
    write('fn.env.json', { API_KEY: { value: 'enc:v1:01234567:AAAA' }, REGION: 'eu' });
    expect((await secrets()).status).toBe('OK');
    write('fn.env.json', { API_KEY: { value: 'enc:v1:01234567:AAAA' }, PASSWORD: 'plain' });
    expect((await secrets()).status).toBe('WARN');
  });
});

describe('dependencies', () => {
  async function dependencies(env: Record<string, string> = {}): Promise<Finding> {
    return dependencyCheck.run(await context(env));
  }

  test('P281: no manifest, and one with a lock file, are fine', async () => {
    write('hello.js', 'exports.handler = () => 1;');
    expect(await dependencies()).toEqual({ status: 'OK', message: 'no function has dependencies' });
    write('package.json', { dependencies: { 'is-odd': '3.0.1' } });
    expect(await dependencies()).toMatchObject({ status: 'WARN', details: { 'package.json': expect.any(String) } });
    write('package-lock.json', { lockfileVersion: 3, packages: {} });
    expect((await dependencies()).status).toBe('OK');
  });

  test('P281: an install that failed shows its last lines, without credentials', async () => {
    write('hello.js', 'exports.handler = () => 1;');
    write('package.json', { dependencies: { nowhere: '9.9.9' } });
    const { functions } = await (await context()).project!.discovery;
    const key = contentKey(takeSnapshot(functions[0]!.manifest!), '20.19.0');
    write(`.fastfn/logs/install-${key.slice(0, 8)}.log`, 'npm error 404 https://me:secret@registry.test/nowhere\n');
    const found = await dependencies({ FN_STORE_DIR: join(cwd, 'store') });
    expect(found).toMatchObject({ status: 'FAIL', details: { 'package.json': expect.stringContaining('404') } });
    expect(JSON.stringify(found)).not.toContain('secret');
  });
});

describe('security', () => {
  test.each([
    [{}, 'OK'],
    [{ FN_ADMIN_TOKEN: 'short' }, 'WARN'],
    [{ FN_CONSOLE_LOCAL_ONLY: '0' }, 'WARN'],
    [{ FN_HTTP_VERIFY_TLS: '0' }, 'WARN'],
    [{ FN_HOST: '0.0.0.0' }, 'WARN'],
    [{ FN_HOST: '::1', FN_CONSOLE_WRITE_ENABLED: '1' }, 'OK'],
    [{ FN_HOST: '0.0.0.0', FN_CONSOLE_WRITE_ENABLED: '1' }, 'FAIL'],
    [{ FN_HOST: '0.0.0.0', FN_CONSOLE_WRITE_ENABLED: '1', FN_ADMIN_TOKEN: 'sixteen characters' }, 'OK'],
    [{ FN_HOTS: '127.0.0.1' }, 'WARN'],
    [
      {
        FN_CONSOLE_LOGIN_ENABLED: '1',
        FN_CONSOLE_LOGIN_USERNAME: 'ada',
        FN_CONSOLE_LOGIN_PASSWORD: 'plain',
        FN_CONSOLE_SESSION_SECRET: 'x'.repeat(32),
      },
      'WARN',
    ],
  ])('P285: %j is %s', async (env, status) => {
    const found = judgeAdmin((await context(env as Record<string, string>)).project!.config);
    expect(found.status).toBe(status);
    if (status !== 'OK') expect(found.hint).toContain('FN_');
    expect(JSON.stringify(found)).not.toContain('plain"');
  });
});
