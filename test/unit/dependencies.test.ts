import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { startTime } from '../../src/process-identity.ts';
import { fakeTool, manifest, wheel, world } from './dependencies-support.ts';

const python = { python: 'python3' };
const npm = { npm: 'npm' };

describe('pip', () => {
  test('F151: a requirement is importable from the returned folder and from nowhere else', async () => {
    const w = world({ binaries: python });
    wheel(w.path('wheels'), 'tinypkg', '1.0');
    w.write({ 'fn/requirements.txt': '--no-index\n-f ../wheels\ntinypkg==1.0  # the only one\n' });
    const handle = w.installer.ensure(manifest('pip', w.path('fn/requirements.txt')), 'python/a@default');
    expect(handle.result.state).toBe('installing');
    const ready = await handle.done;
    expect(ready).toMatchObject({ state: 'ready', key: expect.stringMatching(/^[0-9a-f]{32}$/) });
    const program = 'import tinypkg; print(tinypkg.version)';
    const importing = (path: string) =>
      execFileSync('python3', ['-c', program], { stdio: 'pipe', env: { ...process.env, PYTHONPATH: path } });
    expect(importing(ready.paths[0]!).toString()).toBe('1.0\n');
    expect(() => importing('')).toThrow('No module named');
    expect(readdirSync(w.path('fn'))).toEqual(['requirements.txt']);
    expect(w.events.map((event) => event.state)).toEqual(['started', 'done']);
  });

  test('F151: inline requirements, included files and local packages are installed and count in the key', async () => {
    const w = world({ binaries: python });
    wheel(w.path('fn/wheels'), 'tinypkg', '1.0');
    wheel(w.path('fn'), 'localpkg', '2.0');
    w.write({
      'fn/requirements.txt': '--no-index\n-r more/other.txt\n./localpkg-2.0-py3-none-any.whl\n',
      'fn/more/other.txt': '--find-links=../wheels\n',
    });
    const wanted = manifest('pip', w.path('fn/requirements.txt'), { inline: ['tinypkg'] });
    const first = await w.installer.ensure(wanted, 'python/a@default').done;
    expect(first).toMatchObject({ state: 'ready' });
    expect(readdirSync(first.paths[0]!)).toEqual(expect.arrayContaining(['tinypkg.py', 'localpkg.py']));
    w.write({ 'fn/more/other.txt': '--find-links=../wheels\n# changed\n' });
    expect(w.installer.ensure(wanted, 'python/a@default').result.key).not.toBe(first.key);
  });

  test('F152: a failed install names the cause, keeps the output in a 0600 log and offers the last good set', async () => {
    const w = world({ binaries: python });
    wheel(w.path('wheels'), 'tinypkg', '1.0');
    const requirements = (line: string) => w.write({ 'fn/requirements.txt': `--no-index\n-f ../wheels\n${line}\n` });
    const wanted = manifest('pip', w.path('fn/requirements.txt'));
    requirements('tinypkg==1.0');
    const good = await w.installer.ensure(wanted, 'python/a@default').done;
    requirements('tinypkg==9.9');
    const failed = await w.installer.ensure(wanted, 'python/a@default').done;
    expect(failed).toMatchObject({
      state: 'failed',
      reason: 'pip exited with 1: No matching distribution found for tinypkg==9.9',
      lastGood: { key: good.key, paths: good.paths },
    });
    expect(failed.tail!.join('\n')).toContain('tinypkg==9.9');
    expect(readFileSync(failed.logFile!, 'utf8')).toContain('tinypkg==9.9');
    expect(statSync(failed.logFile!).mode & 0o777).toBe(0o600);
    expect(w.events.at(-1)).toMatchObject({ state: 'failed', functions: ['python/a@default'], lastGood: true });
    expect(readdirSync(join(w.storeDir, 'pip'))).toEqual([good.key]);
  });

  test.each([
    ['-e ./pkg', 'requirements.txt:1: an editable install cannot be isolated; write "./pkg" without -e'],
    ['\n-r gone.txt', 'requirements.txt:2: gone.txt does not exist'],
    ['./gone', /^requirements.txt:1: .*\/fn\/gone does not exist$/],
    ['gone @ file:./gone', /does not exist$/],
  ])('F152: %j is refused with a reason, once', (line, reason) => {
    const w = world({ binaries: python });
    w.write({ 'fn/requirements.txt': line });
    const wanted = manifest('pip', w.path('fn/requirements.txt'));
    const result = w.installer.ensure(wanted, 'python/a@default').result;
    expect(result).toMatchObject({ state: 'failed', key: null, reason: expect.stringMatching(reason) });
    w.installer.ensure(wanted, 'python/a@default');
    expect(w.events).toHaveLength(1);
  });

  test('a requirement hint cannot smuggle in an option', () => {
    const w = world({ binaries: python });
    const wanted = { ...manifest('pip', w.path('x')), file: null, inline: ['--index-url=http://other'] };
    expect(w.installer.ensure(wanted, 'python/a@default').result.reason).toContain('not options');
  });
});

describe('npm', () => {
  const LIBRARY = { 'lib/package.json': '{"name":"lib","version":"1.2.3"}', 'lib/index.js': 'module.exports = 41;' };

  test('F151: the folder receives a link node_modules and nothing else; the handler can require its package', async () => {
    const w = world({ binaries: npm });
    w.write({ ...LIBRARY, 'fn/package.json': '{"dependencies":{"lib":"file:../lib"}}' });
    const ready = await w.installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default').done;
    expect(ready).toMatchObject({ state: 'ready', paths: [join(w.storeDir, 'npm', ready.key!, 'node_modules')] });
    expect(readdirSync(w.path('fn')).sort()).toEqual(['node_modules', 'package.json']);
    expect(readlinkSync(w.path('fn/node_modules'))).toBe(ready.paths[0]);
    expect(createRequire(w.path('fn/handler.js'))('lib')).toBe(41);
  });

  test('F151: a local package is copied, and a change of it is a change of the manifest', async () => {
    const w = world({ binaries: npm });
    w.write({
      ...LIBRARY,
      'fn/package.json': '{"dependencies":{"lib":"file:../lib"},"devDependencies":{"dev":"file:../lib"}}',
    });
    const wanted = manifest('npm', w.path('fn/package.json'));
    const first = await w.installer.ensure(wanted, 'node/a@default').done;
    expect(first.state).toBe('ready');
    w.write({ 'lib/index.js': 'module.exports = 42;' });
    expect(readFileSync(join(first.paths[0]!, 'lib/index.js'), 'utf8')).toContain('41');
    const second = await w.installer.ensure(wanted, 'node/a@default').done;
    expect(second.key).not.toBe(first.key);
    expect(readFileSync(w.path('fn/node_modules/lib/index.js'), 'utf8')).toContain('42');
  });

  test('F151: npm ci is used with a lock file and falls back to npm install once', async () => {
    const w = world();
    const calls = w.path('calls');
    const tool = fakeTool(w.path('bin/npm'), `echo "$1" >> ${calls}; [ "$1" = install ] && mkdir node_modules`);
    const installer = w.another({ binaries: { npm: tool } });
    w.write({ 'fn/package.json': '{"dependencies":{"x":"1"}}', 'fn/package-lock.json': '{}' });
    const wanted = manifest('npm', w.path('fn/package.json'), { lockFile: w.path('fn/package-lock.json') });
    expect((await installer.ensure(wanted, 'node/a@default').done).state).toBe('ready');
    expect(readFileSync(calls, 'utf8')).toBe('ci\ninstall\n');
  });

  test('F152: the reason of npm is its first error line', async () => {
    const w = world();
    const tool = fakeTool(
      w.path('bin/npm'),
      'echo "npm error code E404" >&2; echo "npm error 404 Not Found - GET http://u:secret@x/y" >&2; exit 1',
    );
    const installer = w.another({ binaries: { npm: tool } });
    w.write({ 'fn/package.json': '{"dependencies":{"x":"1"}}' });
    const failed = await installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default').done;
    expect(failed.reason).toBe('npm exited with 1: 404 Not Found - GET http://<hidden>@x/y');
  });

  test.each(['{', '[]'])('F152: a package.json of %j fails with a reason', (text) => {
    const w = world({ binaries: npm });
    w.write({ 'fn/package.json': text });
    const result = w.installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default').result;
    expect(result).toMatchObject({ state: 'failed', reason: expect.stringMatching(/^package\.json: /) });
  });

  test('F152: a protocol of another package manager is named', () => {
    const w = world({ binaries: npm });
    w.write({ 'fn/package.json': '{"dependencies":{"lib":"workspace:*"}}' });
    const result = w.installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default').result;
    expect(result.reason).toBe('package.json: npm does not understand "lib": "workspace:*"');
  });

  test('credentials of .npmrc reach npm and do not stay in the store', async () => {
    const w = world();
    const tool = fakeTool(w.path('bin/npm'), `cp .npmrc ${w.path('seen')}; mkdir node_modules`);
    const installer = w.another({ binaries: { npm: tool } });
    w.write({ 'fn/package.json': '{"dependencies":{"x":"1"}}', 'fn/.npmrc': '_authToken=abc' });
    const ready = await installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default').done;
    expect(readFileSync(w.path('seen'), 'utf8')).toBe('_authToken=abc');
    expect(readdirSync(join(w.storeDir, 'npm', ready.key!)).sort()).toEqual([
      '.fastfn-installed',
      'node_modules',
      'package.json',
    ]);
  });
});

describe('links', () => {
  const OLD = `/elsewhere/store/npm/${'0'.repeat(32)}/node_modules`;
  const withFakeNpm = () => {
    const w = world();
    const installer = w.another({ binaries: { npm: fakeTool(w.path('bin/npm'), 'mkdir node_modules') } });
    w.write({ 'fn/package.json': '{"dependencies":{"x":"1"}}' });
    return {
      w,
      ensure: () => installer.ensure(manifest('npm', w.path('fn/package.json')), 'node/a@default'),
      installer,
    };
  };

  test('F151: a real node_modules of the user is used as it is and never touched', async () => {
    const { w, ensure, installer } = withFakeNpm();
    w.write({ 'fn/node_modules/x/index.js': '1' });
    expect(ensure().result).toMatchObject({ state: 'none', paths: [] });
    installer.removeLinks(w.path('fn'));
    expect(existsSync(w.path('fn/node_modules/x/index.js'))).toBe(true);
    expect(w.events).toEqual([]);
  });

  test("F151: a link of the user's own is kept", () => {
    const { w, ensure, installer } = withFakeNpm();
    mkdirSync(w.path('shared'));
    symlinkSync('../shared', w.path('fn/node_modules'));
    expect(ensure().result.state).toBe('none');
    installer.removeLinks(w.path('fn'));
    expect(readlinkSync(w.path('fn/node_modules'))).toBe('../shared');
  });

  test('F151: a dangling link of ours is replaced, and removed with its manifest', async () => {
    const { w, ensure, installer } = withFakeNpm();
    symlinkSync(OLD, w.path('fn/node_modules'));
    const ready = await ensure().done;
    expect(readlinkSync(w.path('fn/node_modules'))).toBe(ready.paths[0]);
    installer.removeLinks(w.path('fn'));
    expect(readdirSync(w.path('fn'))).toEqual(['package.json']);
  });

  test('F151: an install that was overtaken by a newer manifest does not take the link back', async () => {
    const w = world();
    const gate = w.path('gate');
    const slow = fakeTool(
      w.path('bin/npm'),
      `mkdir node_modules; grep -q old package.json && while [ ! -e ${gate} ]; do sleep 0.02; done; true`,
    );
    const installer = w.another({ binaries: { npm: slow } });
    const wanted = manifest('npm', w.path('fn/package.json'));
    w.write({ 'fn/package.json': '{"dependencies":{"old":"1"}}' });
    const old = installer.ensure(wanted, 'node/a@default');
    w.write({ 'fn/package.json': '{"dependencies":{"new":"1"}}' });
    const fresh = await installer.ensure(wanted, 'node/a@default').done;
    writeFileSync(gate, '');
    expect((await old.done).state).toBe('ready');
    expect(readlinkSync(w.path('fn/node_modules'))).toBe(fresh.paths[0]);
  });

  test.skipIf(process.getuid?.() === 0)(
    'F151: a folder that cannot be written still gets its packages by path',
    async () => {
      const { w, ensure } = withFakeNpm();
      execFileSync('chmod', ['555', w.path('fn')]);
      const ready = await ensure().done;
      execFileSync('chmod', ['755', w.path('fn')]);
      expect(ready).toMatchObject({ state: 'ready', paths: [expect.stringContaining('node_modules')] });
    },
  );
});

describe('composer', () => {
  test('F151: composer gets its flags, absolute autoload paths, and the folder a link vendor', async () => {
    const w = world();
    const tool = fakeTool(
      w.path('bin/composer'),
      `echo "$@" > ${w.path('args')}; cp composer.json ${w.path('seen')}; mkdir vendor`,
    );
    const installer = w.another({ binaries: { composer: tool } });
    w.write({
      'fn/composer.json': '{"require":{"a/b":"1"},"autoload":{"psr-4":{"App\\\\":"src/"},"files":["x.php"]}}',
    });
    const ready = await installer.ensure(manifest('composer', w.path('fn/composer.json')), 'php/a@default').done;
    expect(ready).toMatchObject({ state: 'ready', paths: [] });
    expect(readlinkSync(w.path('fn/vendor'))).toBe(join(w.storeDir, 'composer', ready.key!, 'vendor'));
    expect(readFileSync(w.path('args'), 'utf8')).toMatch(
      /^install --no-dev --no-interaction --no-progress --prefer-dist --no-scripts/,
    );
    expect(JSON.parse(readFileSync(w.path('seen'), 'utf8')).autoload).toEqual({
      'psr-4': { 'App\\': w.path('fn/src/') },
      files: [w.path('fn/x.php')],
    });
  });

  test('F151: folders of local packages are found from the store, also where the lock file names them', async () => {
    const w = world();
    const tool = fakeTool(w.path('bin/composer'), `cp composer.json composer.lock ${w.dir}; mkdir vendor`);
    const installer = w.another({ binaries: { composer: tool } });
    w.write({
      'lib/composer.json': '{"name":"a/b"}',
      'fn/composer.json': '{"require":{"a/b":"*"},"repositories":[{"type":"path","url":"../lib"}]}',
      'fn/composer.lock': '{"packages":[{"name":"a/b","dist":{"type":"path","url":"../lib"}}]}',
    });
    const wanted = manifest('composer', w.path('fn/composer.json'), { lockFile: w.path('fn/composer.lock') });
    const first = await installer.ensure(wanted, 'php/a@default').done;
    const staged = (name: string) => JSON.parse(readFileSync(w.path(name), 'utf8'));
    expect(staged('composer.json').repositories[0]).toMatchObject({ url: w.path('lib'), options: { symlink: false } });
    expect(staged('composer.lock').packages[0].dist.url).toBe(w.path('lib'));
    w.write({ 'lib/src.php': '<?php' });
    expect((await installer.ensure(wanted, 'php/a@default').done).key).not.toBe(first.key);
  });
});

describe('the store', () => {
  const fast = 'mkdir -p node_modules';
  const withTool = (script: string, dependencies = {}) => {
    const w = world();
    const binaries = { npm: fakeTool(w.path('bin/npm'), script.replaceAll('$DIR', w.dir)) };
    w.write({ 'a/package.json': '{"dependencies":{"x":"1"}}', 'b/package.json': '{"dependencies":{"x":"1"}}' });
    return {
      w,
      installer: w.another({ binaries, dependencies }),
      binaries,
      a: manifest('npm', w.path('a/package.json')),
      b: manifest('npm', w.path('b/package.json')),
    };
  };

  test('F151: functions with equal manifests share one install, and the next start finds it at once', async () => {
    const { w, installer, binaries, a, b } = withTool(`echo run >> $DIR/runs; ${fast}`);
    const handles = [installer.ensure(a, 'node/a@default'), installer.ensure(b, 'node/b@default')];
    const [first, second] = await Promise.all(handles.map((handle) => handle.done));
    expect(first!.key).toBe(second!.key);
    expect(readFileSync(w.path('runs'), 'utf8')).toBe('run\n');
    expect(w.events[0]).toMatchObject({ state: 'started', functions: ['node/a@default', 'node/b@default'] });
    expect(w.another({ binaries }).ensure(a, 'node/a@default').result.state).toBe('ready');
  });

  test('F151: two stacks install a set once', async () => {
    const { w, installer, binaries, a } = withTool(`echo run >> $DIR/runs; sleep 0.2; ${fast}`);
    const other = w.another({ binaries });
    const results = await Promise.all([installer.ensure(a, 'k').done, other.ensure(a, 'k').done]);
    expect(results.map((result) => result.state)).toEqual(['ready', 'ready']);
    expect(readFileSync(w.path('runs'), 'utf8')).toBe('run\n');
  });

  test('F151: a lock of a process that is gone, or of another one with its pid, is taken over', async () => {
    const { w, installer, a } = withTool(fast);
    const { key } = installer.ensure({ ...a, dir: w.path('nowhere') }, 'probe').result;
    await installer.close();
    const next = w.another({ binaries: { npm: w.path('bin/npm') } });
    mkdirSync(w.path('store/npm'), { recursive: true });
    writeFileSync(w.path(`store/npm/${key}.lock`), JSON.stringify({ pid: process.pid, startTime: 'another' }));
    expect((await next.ensure(a, 'k').done).state).toBe('ready');
    expect(existsSync(w.path(`store/npm/${key}.lock`))).toBe(false);
  });

  test('F151: an install that was killed leaves nothing that counts, and its rest is cleared away', async () => {
    const { w, installer, binaries, a } = withTool(
      `mkdir node_modules; [ -e $DIR/begun ] || { touch $DIR/begun; exec sleep 60; }`,
    );
    const handle = installer.ensure(a, 'k');
    await vi.waitUntil(() => existsSync(w.path('begun')), { timeout: 5000 });
    await installer.close();
    expect((await handle.done).state).toBe('failed');
    const gone = spawn('true');
    await once(gone, 'exit');
    w.write({ [`store/npm/${handle.result.key}.tmp-${gone.pid}/node_modules/half.js`]: '' });
    const ready = await w.another({ binaries }).ensure(a, 'k').done;
    expect(ready.state).toBe('ready');
    expect(readdirSync(w.path('store/npm'))).toEqual([handle.result.key]);
  });

  test('F152: an install past its time limit is ended with everything it started', async () => {
    const { w, installer, a } = withTool('sleep 60 & echo $! > $DIR/child; wait', { timeoutSeconds: 1 });
    const failed = await installer.ensure(a, 'k').done;
    expect(failed).toMatchObject({ state: 'failed', reason: 'npm did not finish within 1 s' });
    const child = Number(readFileSync(w.path('child'), 'utf8'));
    await vi.waitUntil(() => startTime(child) === null || isZombie(child), { timeout: 5000 });
  });

  test('F152: a failed set is not tried again until a reload or another manifest', async () => {
    const { w, installer, a } = withTool('echo run >> $DIR/runs; exit 3');
    expect((await installer.ensure(a, 'k').done).reason).toBe('npm exited with 3');
    expect(installer.ensure(a, 'k').result.state).toBe('failed');
    installer.retryFailed();
    expect((await installer.ensure(a, 'k').done).state).toBe('failed');
    expect(readFileSync(w.path('runs'), 'utf8')).toBe('run\nrun\n');
  });

  test('F154: no more installs run at once than configured', async () => {
    const { w, installer } = withTool(`mkdir $DIR/busy || touch $DIR/overlap; sleep 0.05; rmdir $DIR/busy; ${fast}`, {
      concurrency: 1,
    });
    const handles = ['1', '2', '3'].map((version) => {
      w.write({ [`f${version}/package.json`]: `{"dependencies":{"x":"${version}"}}` });
      return installer.ensure(manifest('npm', w.path(`f${version}/package.json`)), version).done;
    });
    expect((await Promise.all(handles)).map((result) => result.state)).toEqual(['ready', 'ready', 'ready']);
    expect(existsSync(w.path('overlap'))).toBe(false);
  });

  test('F154: with installing switched off an existing set is used and nothing is installed', async () => {
    const { w, installer, binaries, a } = withTool(fast);
    const off = w.another({ binaries, dependencies: { autoNode: false } });
    expect(off.ensure(a, 'k').result.state).toBe('none');
    await installer.ensure(a, 'k').done;
    expect(off.ensure(a, 'k').result.state).toBe('ready');
  });

  test('F154: without preinstall the first request starts the install', async () => {
    const { installer, a } = withTool(fast, { preinstallNode: false });
    expect(installer.ensure(a, 'k').result.state).toBe('deferred');
    expect((await installer.ensure(a, 'k', { demanded: true }).done).state).toBe('ready');
  });

  test.each([
    ['pip', 'python with pip is not installed'],
    ['npm', 'npm is not installed'],
    ['composer', 'composer is not installed'],
  ] as const)('P48: a missing %s is named', async (tool, reason) => {
    const w = world();
    w.write({ 'fn/manifest': '{}' });
    expect((await w.installer.ensure(manifest(tool, w.path('fn/manifest')), 'k').done).reason).toBe(reason);
  });

  test('P48: a program that cannot be started is named', async () => {
    const w = world({ binaries: { npm: '/nowhere/npm' } });
    w.write({ 'fn/package.json': '{}' });
    const failed = await w.installer.ensure(manifest('npm', w.path('fn/package.json')), 'k').done;
    expect(failed.reason).toBe('npm cannot be started: /nowhere/npm is missing or not executable');
  });

  test('F132: no setting or secret of the platform reaches an installer', async () => {
    const { w, installer, a } = withTool(`env > $DIR/env; ${fast}`);
    vi.stubEnv('FN_ADMIN_TOKEN', 'top-secret-token');
    vi.stubEnv('npm_config_cache_probe', 'kept');
    await installer.ensure(a, 'k').done;
    vi.unstubAllEnvs();
    const env = readFileSync(w.path('env'), 'utf8');
    expect(env).not.toContain('FN_');
    expect(env).toContain('npm_config_cache_probe=kept');
  });

  test.each([
    ['20.20.9', true],
    ['22.1.0', false],
  ])('F151: a set of Node 20.20.0 serves %s: %s', (nodeVersion, same) => {
    const w = world();
    w.write({ 'fn/package.json': '{}' });
    const key = (version: string) => {
      const installer = w.another({ nodeVersion: version, dependencies: { autoNode: false } });
      return installer.ensure(manifest('npm', w.path('fn/package.json')), 'k').result.key;
    };
    expect(key(nodeVersion) === key('20.20.0')).toBe(same);
  });
});

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
