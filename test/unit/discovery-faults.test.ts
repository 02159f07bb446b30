import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addFiles, discoverFiles, discoveryOf, listProblems, listRoutes, writeTree } from './discovery-fixture.ts';

describe('symlinks', () => {
  test('F21: links to files and folders inside the root are followed', async () => {
    const root = await writeTree({ 'lib/hello.js': '// @methods POST', 'real/x.js': '' });
    await symlink('lib/hello.js', join(root, 'link.js'));
    await symlink('real', join(root, 'alias'));
    expect(listRoutes(await discoveryOf(root).scan())).toEqual([
      'GET /alias/x < alias/x.js',
      'GET /real/x < real/x.js',
      'POST /lib/hello < lib/hello.js',
      'POST /link < link.js',
    ]);
  });

  test('F11, F21: links out of the root are skipped with a warning', async () => {
    const root = await writeTree({ 'hello.js': '' });
    await addFiles(dirname(root), { 'outside/x.js': '' });
    await symlink('../outside/x.js', join(root, 'x.js'));
    await symlink('../outside', join(root, 'all'));
    await symlink('../outside', join(root, 'node_modules'));
    await symlink('nowhere.js', join(root, 'gone.js'));
    const discovery = await discoveryOf(root).scan();
    expect(listRoutes(discovery)).toEqual(['GET /hello < hello.js']);
    expect(listProblems(discovery)).toEqual([
      'warning all: is skipped: the symlink leaves the functions root',
      'warning gone.js: is skipped: the symlink leads nowhere',
      'warning x.js: is skipped: the symlink leaves the functions root',
    ]);
  });

  test('F21: a folder link that leads back is skipped, so that the scan ends', async () => {
    const root = await writeTree({ 'a/x.js': '', 'b/y.js': '' });
    await symlink('..', join(root, 'a/up'));
    await symlink('.', join(root, 'a/self'));
    await symlink('../b', join(root, 'a/to-b'));
    await symlink('../a', join(root, 'b/to-a'));
    await symlink('loop', join(root, 'loop'));
    const discovery = await discoveryOf(root).scan();
    expect(listRoutes(discovery)).toEqual([
      'GET /a/to-b/y < a/to-b/y.js',
      'GET /a/x < a/x.js',
      'GET /b/to-a/x < b/to-a/x.js',
      'GET /b/y < b/y.js',
    ]);
    expect(discovery.problems.map(({ path }) => path)).toEqual([
      'a/self',
      'a/to-b/to-a',
      'a/up',
      'b/to-a/self',
      'b/to-a/to-b',
      'b/to-a/up',
    ]);
  });

  test('F21, F117: a config that is a link out of the root fails what it governs', async () => {
    const root = await writeTree({ 'x/hello.js': '' });
    await addFiles(dirname(root), { 'fn.config.json': '{}' });
    await symlink('../../fn.config.json', join(root, 'x/fn.config.json'));
    const { functions } = await discoveryOf(root).scan();
    expect(functions[0]?.configProblem).toBe('x/fn.config.json: the symlink leaves the functions root');
  });

  test('F24: an entrypoint may not be a link out of its folder', async () => {
    const root = await writeTree({ 'lib/api.js': '', 'x/fn.config.json': { entrypoint: 'api.js' } });
    await symlink('../lib/api.js', join(root, 'x/api.js'));
    const { functions } = await discoveryOf(root).scan();
    expect(functions.find(({ name }) => name === 'x')?.configProblem).toMatch(
      /entrypoint "api\.js" leads out of the folder$/,
    );
  });
});

describe('what cannot be read is a problem, not a crash', () => {
  /** Runs as a user whom file modes stop; root passes them all. */
  async function asOrdinaryUser<T>(root: string, run: () => Promise<T>): Promise<T> {
    if (process.getuid?.() !== 0) return run();
    await chmod(dirname(root), 0o755);
    process.seteuid?.(65534);
    try {
      return await run();
    } finally {
      process.seteuid?.(0);
    }
  }

  test('F11: an unreadable file keeps its route, an unreadable folder and config are reported', async () => {
    const root = await writeTree({
      'secret.js': '',
      'closed/x.js': '',
      'bad/fn.config.json': '{}',
      'bad/y.js': '',
      'z.js': '',
    });
    await chmod(join(root, 'secret.js'), 0);
    await chmod(join(root, 'closed'), 0);
    await chmod(join(root, 'bad/fn.config.json'), 0);
    const discovery = await asOrdinaryUser(root, () => discoveryOf(root).scan());
    expect(listRoutes(discovery)).toEqual(['GET /bad/y < bad/y.js', 'GET /secret < secret.js', 'GET /z < z.js']);
    expect(listProblems(discovery)).toEqual([
      'error bad/fn.config.json: cannot be read (EACCES)',
      'error closed: the folder cannot be read (EACCES)',
      'error secret.js: cannot be read (EACCES)',
    ]);
    expect(discovery.functions.find(({ name }) => name === 'bad/y.js')?.configProblem).toBe(
      'bad/fn.config.json: cannot be read (EACCES)',
    );
  });

  test('F4: a folder that becomes readable is read by the next rescan, whatever changed', async () => {
    const root = await writeTree({ 'closed/x.js': '', 'z.js': '' });
    await chmod(join(root, 'closed'), 0);
    const discovery = discoveryOf(root);
    await asOrdinaryUser(root, () => discovery.scan());
    await chmod(join(root, 'closed'), 0o755);
    expect(listRoutes(await discovery.rescan([join(root, 'z.js')]))).toEqual([
      'GET /closed/x < closed/x.js',
      'GET /z < z.js',
    ]);
  });

  test('P24: a functions root that is gone gives no functions and one problem', async () => {
    const root = await writeTree({ 'x.js': '' });
    const discovery = discoveryOf(root);
    await discovery.scan();
    await rm(root, { recursive: true });
    const { functions, problems } = await discovery.scan();
    expect(functions).toEqual([]);
    expect(problems).toMatchObject([{ severity: 'error', path: '.' }]);
  });

  test('F7: a name whose bytes are not UTF-8 is skipped with a warning', async () => {
    const root = await writeTree({ 'ok.js': '' });
    const bytes = (name: number[]) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
    await writeFile(bytes([0x66, 0xff, 0x2e, 0x6a, 0x73]), '');
    await mkdir(bytes([0x67, 0xfe]));
    const discovery = await discoveryOf(root).scan();
    expect(listRoutes(discovery)).toEqual(['GET /ok < ok.js']);
    expect(discovery.problems.map(({ path }) => path)).toEqual(['f\uFFFD.js', 'g\uFFFD']);
  });

  test('F5: pipes, sockets and folders with a handler name are no handlers', async () => {
    const root = await writeTree({ 'ok.js': '', 'folder.js/x.js': '' });
    execFileSync('mkfifo', [join(root, 'pipe.js')]);
    expect(listRoutes(await discoveryOf(root).scan())).toEqual([
      'GET /folder.js/x < folder.js/x.js',
      'GET /ok < ok.js',
      '~GET /folder-js/x < folder.js/x.js',
    ]);
  });

  test('F130: of a large file only the top is read', async () => {
    const { routes } = await discoverFiles({ 'big.js': `// @methods POST\n${'x = 1;'.repeat(85_000)}` });
    expect(routes).toMatchObject([{ path: '/big', methods: ['POST'] }]);
  });

  test('F4: files that come and go during the scan break nothing', async () => {
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`d${index % 20}/f${index}/x.js`, '']));
    const root = await writeTree({ ...files, 'stays.js': '' });
    const discovery = discoveryOf(root);
    const removals = Array.from({ length: 20 }, (_, index) => rm(join(root, `d${index}`), { recursive: true }));
    const [during] = await Promise.all([discovery.scan(), ...removals]);
    expect(listRoutes(during)).toContain('GET /stays < stays.js');
    expect(listRoutes(await discovery.scan())).toEqual(['GET /stays < stays.js']);
  });

  test('F20: node_modules is never descended into, however large', async () => {
    const root = await writeTree({ 'x/handler.js': '' });
    const packages = join(root, 'x/node_modules');
    for (let index = 0; index < 100; index++) {
      await mkdir(join(packages, `p${index}`), { recursive: true });
      await Promise.all(
        Array.from({ length: 100 }, (_, file) => writeFile(join(packages, `p${index}/get.f${file}.js`), '')),
      );
    }
    expect(listRoutes(await discoveryOf(root).scan())).toEqual(['GET /x < x/handler.js']);
  });
});

describe('F65: a rescan of the changed paths equals a scan', () => {
  const files = {
    'hello.js': '',
    'users/[id].js': '',
    'users/fn.config.json': { timeout_ms: 100 },
    'invoice/handler.js': '',
    'invoice/export/index.js': '',
    'invoice/src/api.js': '',
    'deep/a/b/c/x.py': '',
  };
  const changes: readonly (readonly [string, (root: string) => Promise<readonly string[]>])[] = [
    ['nothing', async () => []],
    ['a hint', (root) => save(root, { 'hello.js': '// @methods POST' })],
    ['a new file', (root) => save(root, { 'deep/a/new.js': '' })],
    ['a new folder', (root) => save(root, { 'fresh/very/deep/handler.js': '' })],
    ['a config', (root) => save(root, { 'users/fn.config.json': { timeout_ms: 200, invoke: { methods: ['PUT'] } } })],
    [
      'a root config',
      (root) => save(root, { 'fn.config.json': { zero_config: { ignore_dirs: 'deep' }, timeout_ms: 7 } }),
    ],
    ['an assets folder', (root) => save(root, { 'deep/fn.config.json': { assets: { directory: 'a/b' } } })],
    ['an env', (root) => save(root, { 'invoice/fn.env.json': { A: '1' } })],
    ['a manifest', (root) => save(root, { 'invoice/package.json': { dependencies: { ms: '2' } } })],
    ['an entrypoint', (root) => save(root, { 'invoice/fn.config.json': { entrypoint: 'src/api.js' } })],
    ['a removed file', (root) => remove(root, 'users/[id].js')],
    ['a removed folder', (root) => remove(root, 'invoice')],
    [
      'a removed folder, told by its files',
      async (root) => {
        await remove(root, 'invoice');
        return ['invoice/handler.js', 'invoice/export/index.js'].map((path) => join(root, path));
      },
    ],
    [
      'a renamed folder',
      async (root) => {
        await rename(join(root, 'deep'), join(root, 'flat'));
        return [join(root, 'deep'), join(root, 'flat')];
      },
    ],
    ['a virtual environment', (root) => save(root, { 'deep/a/pyvenv.cfg': '' })],
    ['a path outside', async (root) => [join(root, '../other.js'), join(root, '..')]],
    [
      'the root itself',
      async (root) => {
        await save(root, { 'deep/a/b/c/y.py': '' });
        return [root];
      },
    ],
    ['an invalid name', (root) => save(root, { 'users/my file.js': '' })],
  ];

  async function save(root: string, changed: Parameters<typeof addFiles>[1]): Promise<string[]> {
    await addFiles(root, changed);
    return Object.keys(changed).map((path) => join(root, path));
  }

  async function remove(root: string, path: string): Promise<string[]> {
    await rm(join(root, path), { recursive: true });
    return [join(root, path)];
  }

  test.each(changes)('after %s', async (_, change) => {
    const root = await writeTree(files);
    const discovery = discoveryOf(root);
    await discovery.scan();
    const rescanned = await discovery.rescan(await change(root));
    expect(rescanned).toEqual(await discoveryOf(root).scan());
    expect(await discovery.rescan([])).toEqual(rescanned);
  });

  test('and leaves the functions of untouched folders the same objects, so that a caller sees what changed', async () => {
    const root = await writeTree({ ...files, 'fn.config.json': { timeout_ms: 50 } });
    const discovery = discoveryOf(root);
    const before = await discovery.scan();
    const after = await discovery.rescan(await save(root, { 'deep/a/b/c/x.py': '#@requirements flask' }));
    const changed = after.functions.filter((definition) => !before.functions.includes(definition));
    expect(changed.map(({ name }) => name)).toEqual(['deep/a/b/c/x.py']);
  });

  test('after the target of a symlink changed elsewhere in the tree', async () => {
    const root = await writeTree({ 'lib/hello.js': '', 'a/x.js': '' });
    await mkdir(join(root, 'b'));
    await symlink('../lib/hello.js', join(root, 'b/link.js'));
    const discovery = discoveryOf(root);
    await discovery.scan();
    const paths = await save(root, { 'lib/hello.js': '// @methods POST' });
    expect(listRoutes(await discovery.rescan(paths))).toContain('POST /b/link < b/link.js');
  });

  test('with calls that overlap, each sees what was saved before it', async () => {
    const root = await writeTree(files);
    const discovery = discoveryOf(root);
    const scans = [discovery.scan(), discovery.rescan([join(root, 'hello.js')]), discovery.scan()];
    await save(root, { 'late.js': '' });
    const last = await discovery.rescan([join(root, 'late.js')]);
    expect(listRoutes(last)).toContain('GET /late < late.js');
    expect((await Promise.all(scans)).every(({ functions }) => functions.length > 0)).toBe(true);
  });
});

test('F4: two trees with equal files give equal results, in whatever order the files were made', async () => {
  const paths = [
    'b.js',
    'a/x.js',
    'a/fn.config.json',
    'a/b/index.js',
    'c/handler.py',
    'c/lib.py',
    '[id].js',
    'Z_y.js',
    'b.py',
  ];
  const results = [];
  for (const order of [paths, [...paths].reverse()]) {
    const root = await writeTree({});
    for (const path of order) await addFiles(root, { [path]: path.endsWith('json') ? '{"timeout_ms": 5}' : '' });
    results.push(JSON.stringify(await discoveryOf(root).scan()).replaceAll(root, 'ROOT'));
  }
  expect(results[0]).toBe(results[1]);
});
