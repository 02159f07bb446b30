import { describe, expect, test } from 'vitest';
import { discoverFiles, discoveryOf, type Files, listProblems, listRoutes, writeTree } from './discovery-fixture.ts';

/** A tree of empty files, or of the given contents. */
function tree(...paths: string[]): Files {
  return Object.fromEntries(paths.map((path) => [path, '']));
}

async function routesOf(files: Files): Promise<string[]> {
  return listRoutes(await discoverFiles(files));
}

describe('file tree', () => {
  test.each([
    ['hello.js', 'GET /hello'],
    ['users/index.py', 'GET /users'],
    ['users/[id].js', 'GET /users/:id'],
    ['users/get.js', 'GET /users'],
    ['orders/[id]/delete.py', 'DELETE /orders/:id'],
    ['get.items.[id].js', 'GET /items/:id'],
    ['staff/post.teams.[id].py', 'POST /staff/teams/:id'],
    ['blog/[...slug].py', 'GET /blog/:slug*'],
    ['api/v2/invoices/index.js', 'GET /api/v2/invoices'],
    ['index.js', 'GET /'],
    ['get.js', 'GET /'],
    ['users/main.js', 'GET /users'],
    ['a/[id]/b/[name]/[...rest].ts', 'GET /a/:id/b/:name/:rest*'],
  ])('F14, F18: %s answers %s', async (path, route) =>
    expect(await routesOf(tree(path))).toEqual([`${route} < ${path}`]),
  );

  test('F13, F73: an optional catch-all answers its base too, with an empty parameter', async () => {
    const { routes } = await discoverFiles(tree('docs/[[...slug]].js'));
    expect(routes.map(({ path, defaults }) => [path, defaults])).toEqual([
      ['/docs', { slug: '' }],
      ['/docs/:slug*', {}],
    ]);
  });

  test('F13: a parameter bound twice or segments after a catch-all make the file invalid', async () => {
    const discovery = await discoverFiles(tree('[id]/x/[id].js', '[...all]/edit.js', '[[...all]]/y.js'));
    expect(discovery.functions).toEqual([]);
    expect(listProblems(discovery)).toEqual([
      'warning [...all]/edit.js: the route /:all*/edit is skipped: it has segments after the catch-all "all"',
      'warning [[...all]]/y.js: the route /:all*/y is skipped: it has segments after the catch-all "all"',
      'warning [id]/x/[id].js: the route /:id/x/:id is skipped: it binds the parameter "id" twice',
    ]);
  });

  test('F7, F11: names that cannot be routes are skipped with a warning that names them', async () => {
    const discovery = await discoverFiles(
      tree('my file.js', 'my folder/x.js', 'café/x.js', '(group)/x.js', 'notes.txt'),
    );
    expect(discovery.routes).toEqual([]);
    expect(discovery.problems.map(({ path }) => path)).toEqual(['(group)', 'café', 'my file.js', 'my folder']);
  });

  test('F8: the normal form of a name is an alias, and never in conflict', async () => {
    expect(await routesOf(tree('My_tool.py', 'api/v1.0/X_y/index.js'))).toEqual([
      'GET /My_tool < My_tool.py',
      'GET /api/v1.0/X_y < api/v1.0/X_y/index.js',
      '~GET /api/v1-0/x-y < api/v1.0/X_y/index.js',
      '~GET /my-tool < My_tool.py',
    ]);
    expect(await routesOf(tree('My_tool.py', 'my-tool.js', 'MY_tool.js'))).toEqual([
      'GET /MY_tool < MY_tool.js',
      'GET /My_tool < My_tool.py',
      'GET /my-tool < my-tool.js',
    ]);
  });

  test('F9: files in the 6th folder level are routes, the 7th level is skipped with a warning', async () => {
    const discovery = await discoverFiles(tree('a/b/c/d/e/f/six.js', 'a/b/c/d/e/f/g/seven.js'));
    expect(listRoutes(discovery)).toEqual(['GET /a/b/c/d/e/f/six < a/b/c/d/e/f/six.js']);
    expect(listProblems(discovery)).toEqual(['warning a/b/c/d/e/f/g: is skipped: folders are read 6 levels deep']);
  });

  test('F10: nothing maps to /console, from files or from invoke.routes', async () => {
    const discovery = await discoverFiles({
      'console/x.js': '',
      'tool/handler.js': '',
      'tool/fn.config.json': { invoke: { routes: ['/_fn/x', '/console', '/tool'] } },
    });
    expect(listRoutes(discovery)).toEqual(['GET /tool < tool/handler.js']);
    expect(discovery.problems.map(({ path }) => path)).toEqual([
      'console/x.js',
      'tool/fn.config.json',
      'tool/fn.config.json',
    ]);
  });

  test('F19, F20: helpers, tests, dependency folders and virtual environments are never routes', async () => {
    const files = tree(
      '_shared/auth.js',
      '.git/x.js',
      'node_modules/x/index.js',
      'vendor/x.php',
      '__pycache__/x.py',
      'target/x.js',
      'src/x.js',
      '__tests__/x.js',
      'env/pyvenv.cfg',
      'env/lib/x.py',
      'a.test.js',
      '_b.js',
      'types.d.ts',
    );
    expect(await discoverFiles(files)).toMatchObject({ routes: [], problems: [] });
  });

  test('F20: the settings and the root configuration add names to ignore, whatever their case', async () => {
    const files = {
      ...tree('Drafts/x.js', 'old/x.js', 'build/x.js', 'a/OLD/x.js', 'kept/x.js'),
      'fn.config.json': { zero_config: { ignore_dirs: 'old, ../x, a/b' }, routing: { ignore_dirs: ['build'] } },
    };
    expect(listRoutes(await discoverFiles(files, { ignoreDirs: ['drafts'] }))).toEqual(['GET /kept/x < kept/x.js']);
  });

  test('F61: an assets folder is no code', async () => {
    const files = {
      ...tree('public/x.js', 'app/web/dist/x.js', 'app/web/api.js'),
      'fn.config.json': { assets: { directory: 'public' } },
      'app/fn.config.json': { assets: { directory: './web/dist/' } },
    };
    expect(await routesOf(files)).toEqual(['GET /app/web/api < app/web/api.js']);
  });

  test('F6: files of a runtime that is not enabled do not exist, and one warning says so', async () => {
    const discovery = await discoverFiles(tree('a.go', 'b.go', 'hello.js', 'hello.rs'));
    expect(listRoutes(discovery)).toEqual(['GET /hello < hello.js']);
    expect(listProblems(discovery)).toEqual([
      'warning a.go: is skipped (and 1 more): the runtime go is not enabled',
      'warning hello.rs: is skipped: the runtime rust is not enabled',
    ]);
  });
});

describe('methods', () => {
  test('F16: a prefix, else the nearest invoke.methods, else the hint, else GET', async () => {
    const files = {
      'a/fn.config.json': { invoke: { methods: ['post', 'GET'] } },
      'a/put.x.js': '',
      'a/y.js': '// @methods DELETE',
      'a/b/z.js': '',
      'a/b/c/fn.config.json': { invoke: { methods: 'PATCH' } },
      'a/b/c/z.js': '',
      'hinted.js': '// @methods DELETE, PUT',
      'plain.js': '',
    };
    expect(await routesOf(files)).toEqual([
      'GET /plain < plain.js',
      'GET,POST /a/b/z < a/b/z.js',
      'GET,POST /a/y < a/y.js',
      'PATCH /a/b/c/z < a/b/c/z.js',
      'PUT /a/x < a/put.x.js',
      'PUT,DELETE /hinted < hinted.js',
    ]);
  });

  test('F120: invoke.methods of a declared function reaches neither siblings nor what lies below', async () => {
    const files = {
      'shop/fn.config.json': { runtime: 'node', invoke: { methods: ['POST'] } },
      'shop/handler.js': '',
      'shop/[id].js': '',
      'shop/sub/index.js': '',
    };
    expect(await routesOf(files)).toEqual([
      'GET /shop/:id < shop/[id].js',
      'GET /shop/sub < shop/sub/index.js',
      'POST /shop < shop/handler.js',
      'POST /shop/* < shop/handler.js',
    ]);
  });
});

describe('function folders', () => {
  test('F30: below a function folder only explicit files publish', async () => {
    const files = tree(
      'invoice/handler.js',
      'invoice/render.js',
      'invoice/export/index.js',
      'invoice/export/post.csv.js',
      'invoice/export/format.js',
      'invoice/lib/deep/helper.js',
      'invoice/lib/deep/[id].js',
    );
    const discovery = await discoverFiles(files);
    expect(listRoutes(discovery)).toEqual([
      'GET /invoice < invoice/handler.js',
      'GET /invoice/export < invoice/export/index.js',
      'GET /invoice/lib/deep/:id < invoice/lib/deep/[id].js',
      'POST /invoice/export/csv < invoice/export/post.csv.js',
    ]);
    expect(discovery.problems).toContainEqual({
      severity: 'warning',
      kind: 'discovery',
      path: 'invoice/render.js',
      message: 'is private beside handler.js',
      hint: 'rename it to get.render.js to publish it',
    });
  });

  test.each([
    ['handler.js', true],
    ['index.ts', true],
    ['main.js', false],
    ['handler.py', true],
    ['main.py', true],
    ['index.py', false],
    ['handler.php', true],
    ['index.php', true],
    ['main.php', false],
    ['handler.lua', true],
    ['main.lua', true],
    ['index.lua', true],
  ])('F22: %s makes its siblings private: %s', async (entry, isPrivate) => {
    const routes = await routesOf(tree(`x/${entry}`, 'x/sibling.js'));
    expect(routes.filter((route) => route.includes('sibling'))).toHaveLength(isPrivate ? 0 : 1);
    expect(routes).toContain(`GET /x < x/${entry}`);
  });

  test.each([
    [['handler.py', 'handler.js', 'main.lua'], 'main.lua'],
    [['handler.py', 'index.js'], 'index.js'],
    [['index.js', 'handler.ts'], 'handler.ts'],
    [['handler.ts', 'handler.mjs'], 'handler.mjs'],
    [['main.js', 'handler.py'], 'handler.py'],
    [['main.js', 'index.py'], 'main.js'],
    [['handler.php', 'index.php'], 'handler.php'],
  ])('F23: of %j the entry is %s, the others are ignored with a warning', async (names, entry) => {
    const discovery = await discoverFiles(tree(...names.map((name) => `x/${name}`)));
    expect(listRoutes(discovery)).toEqual([`GET /x < x/${entry}`]);
    const ignored = names.filter((name) => name !== entry).sort();
    expect(listProblems(discovery)).toEqual(
      ignored.map((name) => `warning x/${name}: is ignored: ${entry} is the entry of this folder`),
    );
  });

  test('F18, F22: a root index is only the home page, its siblings stay public', async () => {
    expect(await routesOf(tree('index.js', 'about.js'))).toEqual(['GET / < index.js', 'GET /about < about.js']);
  });

  test('F24: an entrypoint may lie in an ignored folder; siblings are private', async () => {
    const files = {
      'x/fn.config.json': { entrypoint: 'src/api.py' },
      ...tree('x/src/api.py', 'x/other.py', 'x/get.y.js'),
    };
    const discovery = await discoverFiles(files);
    expect(listRoutes(discovery)).toEqual([
      'GET /x < x/src/api.py',
      'GET /x/* < x/src/api.py',
      'GET /x/y < x/get.y.js',
    ]);
    expect(discovery.functions.find(({ name }) => name === 'x')).toMatchObject({
      key: 'python/x@default',
      kind: 'folder',
    });
  });

  test.each([
    ['missing.py', 'does not exist or cannot be read'],
    ['../other.py', 'must be a path inside the folder'],
    ['/etc/hostname.py', 'must be a path inside the folder'],
    ['notes.txt', 'has no extension of a known language'],
    ['sub.py', 'is not a file'],
  ])('F24, F117: the routes of an unresolvable entrypoint %s answer 500', async (entrypoint, reason) => {
    const files = {
      'x/fn.config.json': { entrypoint, name: 'x' },
      ...tree('other.py', 'x/notes.txt', 'x/sub.py/a.py'),
    };
    const { functions, routes } = await discoverFiles(files);
    const broken = functions.find(({ name }) => name === 'x');
    expect(broken?.configProblem).toBe(`x/fn.config.json: entrypoint "${entrypoint}" ${reason}`);
    expect(routes.filter(({ functionKey }) => functionKey === broken?.key).map(({ path }) => path)).toEqual([
      '/x',
      '/x/*',
    ]);
  });

  test('F25: a declaration without an entry publishes nothing and warns', async () => {
    const discovery = await discoverFiles({ 'x/fn.config.json': { name: 'tool' }, 'x/readme.md': '' });
    expect(discovery.routes).toEqual([]);
    expect(discovery.problems.map(({ path, severity }) => [path, severity])).toEqual([['x/fn.config.json', 'warning']]);
  });

  test('F26: folders are named by their path, files by path and extension, declared functions by their name', async () => {
    const { functions } = await discoverFiles({
      ...tree('hello/handler.js', 'alice/hello/handler.py', 'users/[id].js', 'y/handler.php'),
      'y/fn.config.json': { name: 'tools/pdf' },
    });
    expect(functions.map(({ key }) => key)).toEqual([
      'node/hello@default',
      'node/users/[id].js@default',
      'php/tools/pdf@default',
      'python/alice/hello@default',
    ]);
  });

  test('F26: a name that is taken falls back to the path of the file, with a warning', async () => {
    const files = {
      ...tree('a/handler.js', 'hello/handler.js'),
      'a/fn.config.json': { name: 'hello', invoke: { routes: ['/a'] } },
    };
    const discovery = await discoverFiles(files);
    expect(discovery.functions.map(({ key }) => key)).toEqual(['node/hello/handler.js@default', 'node/hello@default']);
    expect(listRoutes(discovery)).toEqual(['GET /a < a/handler.js', 'GET /hello < hello/handler.js']);
    expect(discovery.problems[0]?.message).toMatch(/^the name "hello" is taken by a\/handler\.js/);
  });

  test('F27: a declared function answers /<name> and /<name>/*, or its invoke.routes', async () => {
    const files = {
      ...tree('a/handler.js', 'b/handler.js', 'c/handler.js'),
      'a/fn.config.json': { name: 'pay/card' },
      'b/fn.config.json': { invoke: { routes: ['/b/:id', '/files/*', '/c%20d'] } },
      'c/fn.config.json': { timeout_ms: 100 },
    };
    expect(await routesOf(files)).toEqual([
      'GET /b/:id < b/handler.js',
      'GET /c < c/handler.js',
      'GET /c d < b/handler.js',
      'GET /files/* < b/handler.js',
      'GET /pay/card < a/handler.js',
      'GET /pay/card/* < a/handler.js',
    ]);
  });

  test('F27, F33: what lies below a renamed function lives under its name', async () => {
    const files = { ...tree('y/handler.js', 'y/admin/index.js'), 'y/fn.config.json': { name: 'mailer' } };
    expect(await routesOf(files)).toEqual([
      'GET /mailer < y/handler.js',
      'GET /mailer/* < y/handler.js',
      'GET /mailer/admin < y/admin/index.js',
    ]);
  });

  test('F29a, P24: a root that declares a function is mounted at its name', async () => {
    const files = {
      ...tree('handler.py', 'get.items.js', 'sub/index.js', 'lib.py'),
      'fn.config.json': { runtime: 'python' },
    };
    const root = await writeTree(files, 'hello');
    expect(listRoutes(await discoveryOf(root).scan())).toEqual([
      'GET /hello < handler.py',
      'GET /hello/* < handler.py',
      'GET /hello/items < get.items.js',
      'GET /hello/sub < sub/index.js',
    ]);
  });

  test('F29b: a root with a handler answers / and /<name of the folder>, siblings are private', async () => {
    const root = await writeTree(tree('handler.js', 'lib.js', 'admin/index.js', 'admin/helper.js'), 'hello');
    const discovery = await discoveryOf(root).scan();
    expect(listRoutes(discovery)).toEqual([
      'GET / < handler.js',
      'GET /admin < admin/index.js',
      'GET /hello < handler.js',
    ]);
    expect(discovery.functions.map(({ name }) => name)).toEqual(['admin', 'hello']);
  });
});

describe('manifests', () => {
  test('F150: a function uses the manifest of its own folder and no other', async () => {
    const files = {
      'package.json': { dependencies: { ms: '2' } },
      'hello.js': '',
      'a/handler.js': '',
      'b/handler.js': '',
      'b/package.json': { optionalDependencies: { ms: '2' } },
      'b/package-lock.json': '{}',
      'b/npm-shrinkwrap.json': '{}',
      'c/handler.py': '#@requirements flask',
      'c/requirements.txt': '# nothing\n-r base.txt\n',
      'd/handler.py': '#@requirements flask',
      'e/handler.php': '',
      'e/composer.json': '{}',
      'e/composer.lock': '{}',
    };
    const root = await writeTree(files);
    const { functions } = await discoveryOf(root).scan();
    expect(Object.fromEntries(functions.map(({ name, manifest }) => [name, manifest]))).toEqual({
      'hello.js': { tool: 'npm', dir: root, file: `${root}/package.json`, lockFile: null, inline: [] },
      a: null,
      b: {
        tool: 'npm',
        dir: `${root}/b`,
        file: `${root}/b/package.json`,
        lockFile: `${root}/b/npm-shrinkwrap.json`,
        inline: [],
      },
      c: { tool: 'pip', dir: `${root}/c`, file: `${root}/c/requirements.txt`, lockFile: null, inline: ['flask'] },
      d: { tool: 'pip', dir: `${root}/d`, file: null, lockFile: null, inline: ['flask'] },
      e: {
        tool: 'composer',
        dir: `${root}/e`,
        file: `${root}/e/composer.json`,
        lockFile: `${root}/e/composer.lock`,
        inline: [],
      },
    });
  });

  test.each([
    ['requirements.txt', '\n# only a comment\n  \n'],
    ['requirements.txt', '--index-url https://example.com\n'],
    ['package.json', '{"type": "module", "devDependencies": {"x": "1"}, "dependencies": {}}'],
  ])('section 5.1: a %s that asks for nothing installs nothing: %j', async (name, content) => {
    const { functions } = await discoverFiles({ [`x/${name}`]: content, 'x/handler.py': '', 'x/get.js': '' });
    expect(functions.map(({ manifest }) => manifest)).toEqual([null, null]);
  });

  test('F150: a dynamic folder without manifest uses that of the nearest folder that is not dynamic', async () => {
    const files = {
      'users/package.json': { dependencies: { ms: '2' } },
      'users/[id]/get.js': '',
      'users/[id]/[part]/get.js': '',
      'users/[id]/static/get.js': '',
    };
    const { functions } = await discoverFiles(files);
    expect(functions.map(({ name, manifest }) => [name, manifest?.dir.split('/').at(-1)])).toEqual([
      ['users/[id]/[part]/get.js', 'users'],
      ['users/[id]/get.js', 'users'],
      ['users/[id]/static/get.js', undefined],
    ]);
  });
});

test('F130: what config and hints say about use is kept, config first', async () => {
  const { functions } = await discoverFiles({
    'x/handler.js': '// @summary hinted\n// @query {"a": 1}\n// @methods POST',
    'x/fn.config.json': { invoke: { summary: 'configured', content_type: 'text/csv' } },
  });
  expect(functions[0]?.examples).toEqual({ summary: 'configured', query: { a: 1 }, contentType: 'text/csv' });
});

test('F4: warnings, functions and routes are sorted', async () => {
  const { functions, routes, problems } = await discoverFiles(
    tree('b.js', 'a.js', 'z/x y.js', 'c/x y.js', 'a/index.py', 'Z.py', '[id].js', 'a/[...all].js', 'a/[id].js'),
  );
  expect(functions.map(({ key }) => key)).toEqual([...functions.map(({ key }) => key)].sort());
  expect(problems.map(({ path }) => path)).toEqual(['a.js', 'c/x y.js', 'z/x y.js']);
  expect(routes.map(({ path }) => path)).toEqual(['/Z', '/a', '/a/:id', '/a/:all*', '/b', '/z', '/:id']);
});
