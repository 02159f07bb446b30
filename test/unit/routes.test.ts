import { describe, expect, test } from 'vitest';
import { parseRoutePath } from '../../src/functions/route-paths.ts';
import { type Claim, compileRoutes } from '../../src/functions/routes.ts';
import { formatPath } from '../../src/functions/segments.ts';
import { describeRoute, discoverFiles, listRoutes } from './discovery-fixture.ts';

function claim(path: string, file: string, details: Partial<Claim> = {}): Claim {
  const parsed = parseRoutePath(path);
  if ('problem' in parsed) throw new Error(`${path} ${parsed.problem}`);
  return {
    segments: parsed.segments,
    defaults: {},
    methods: ['GET'],
    methodsFrom: 'default',
    hosts: [],
    functionKey: `node/${file}@default`,
    rank: 1,
    isForced: false,
    isName: true,
    file,
    ...details,
  };
}

function compile(...claims: Claim[]): string[] {
  return compileRoutes(claims).routes.map(describeRoute);
}

const config = (path: string, file: string, details: Partial<Claim> = {}) =>
  claim(path, file, { rank: 3, methodsFrom: 'config', isName: false, ...details });

describe('F41: route paths', () => {
  test.each([
    ['/', '/'],
    ['/a/b/', '/a/b'],
    ['/users/:id', '/users/:id'],
    ['/users/{id}', '/users/:id'],
    ['/users/[id]', '/users/:id'],
    ['/x/:slug*', '/x/:slug*'],
    ['/x/{slug*}', '/x/:slug*'],
    ['/x/[...slug]', '/x/:slug*'],
    ['/x/*', '/x/*'],
    ['/caf%C3%A9/a%20b', '/café/a b'],
    ['/a.b~c@d', '/a.b~c@d'],
  ])('%s is %s', (given, path) => {
    const parsed = parseRoutePath(given);
    expect('segments' in parsed && formatPath(parsed.segments)).toBe(path);
  });

  test.each([
    'x',
    '',
    '//x',
    '/a//b',
    '/a/../b',
    '/a/./b',
    '/%2e%2e/x',
    '/a%2Fb',
    '/%3Aid',
    '/a/%2A',
    '/a%00',
    '/a%zz',
    '/a?b',
    '/a#b',
    '/a b',
    '/:',
    '/:a-b',
    '/{a',
    '/[a',
    '/a*',
    '/*/x',
    '/:x*/y',
    '/:id/:id',
    '/:wildcard/*',
    '/a\\b',
  ])('%j is refused', (given) => expect(parseRoutePath(given)).toHaveProperty('problem'));
});

describe('who answers', () => {
  test('F44: a manifest beats a file silently', () => {
    const { routes, conflicts } = compileRoutes([
      claim('/x', 'x.js'),
      claim('/x', 'y.js', { rank: 2, methodsFrom: 'config', methods: ['GET', 'POST'] }),
    ]);
    expect(routes.map(describeRoute)).toEqual(['GET,POST /x < y.js']);
    expect(conflicts).toEqual([]);
  });

  test('F44: configuration gets only the methods and hosts that are free', () => {
    expect(compile(claim('/x', 'x.js'), config('/x', 'y.js', { methods: ['GET', 'POST'] }))).toEqual([
      'GET /x < x.js',
      'POST /x < y.js',
    ]);
    expect(compile(claim('/x', 'x.js', { hosts: ['a.com'] }), config('/x', 'y.js'))).toEqual([
      'GET /x @a.com < x.js',
      'GET /x < y.js',
    ]);
  });

  test('F45: forced configuration beats file, manifest and configuration', () => {
    const claims = [
      claim('/x', 'file.js'),
      claim('/x', 'manifest.js', { rank: 2, methodsFrom: 'config' }),
      config('/x', 'config.js'),
      config('/x', 'forced.js', { isForced: true }),
    ];
    expect(compile(...claims)).toEqual(['GET /x < forced.js']);
    expect(compile(...claims, config('/x', 'other.js', { isForced: true }))).toEqual(['GET /x < 409']);
  });

  test('F47: equal claims answer 409, the rest of the path keeps working', () => {
    const { routes, conflicts } = compileRoutes([
      claim('/x', 'a.js', { methods: ['GET', 'POST'], methodsFrom: 'config' }),
      claim('/x', 'b.js', { methods: ['GET', 'PUT'], methodsFrom: 'config' }),
    ]);
    expect(routes.map(describeRoute)).toEqual(['GET /x < 409', 'POST /x < a.js', 'PUT /x < b.js']);
    expect(conflicts).toMatchObject([{ path: '/x', methods: ['GET'], claims: ['a.js', 'b.js'] }]);
  });

  test('F47: all claims of a conflict are named', () => {
    const { conflicts } = compileRoutes([claim('/x', 'c.js'), claim('/x', 'a.js'), claim('/x', 'b.js')]);
    expect(conflicts).toMatchObject([{ path: '/x', methods: ['GET'], claims: ['a.js', 'b.js', 'c.js'] }]);
  });

  test('F47: one function that claims a path twice is no conflict', () => {
    expect(compile(config('/x', 'a.js'), config('/x', 'a.js'))).toEqual(['GET /x < a.js']);
  });

  test('F47, F48: hosts that do not overlap are no conflict', () => {
    const a = claim('/x', 'a.js', { hosts: ['a.com'] });
    expect(compile(a, claim('/x', 'b.js', { hosts: ['b.com'] }))).toEqual([
      'GET /x @a.com < a.js',
      'GET /x @b.com < b.js',
    ]);
  });

  test.each([
    [[], ['a.com'], ['a.com']],
    [['*.a.com'], ['x.a.com', 'a.com'], ['x.a.com']],
    [['*.a.com'], ['*.b.a.com'], ['*.b.a.com']],
    [['a.com'], ['a.com:8080'], ['a.com:8080']],
    [['[::1]'], ['[::1]:80'], ['[::1]:80']],
  ])('F48: %j and %j overlap in %j, and only that answers 409', (left, right, shared) => {
    const routes = compile(claim('/x', 'a.js', { hosts: left }), claim('/x', 'b.js', { hosts: right }));
    expect(routes[0]).toBe(`GET /x @${shared.join(',')} < 409`);
    expect(routes.filter((route) => route.endsWith('409'))).toHaveLength(1);
    expect(routes).toHaveLength(right.length > shared.length ? 3 : 2);
  });

  test.each([
    [['*.a.com'], ['a.com']],
    [['a.com:80'], ['a.com:81']],
    [['*.a.com'], ['xa.com']],
  ])('F48: %j and %j do not overlap', (left, right) => {
    const routes = compile(claim('/x', 'a.js', { hosts: left }), claim('/x', 'b.js', { hosts: right }));
    expect(routes.some((route) => route.endsWith('409'))).toBe(false);
  });

  test('F47: a method prefix beats methods from config or hint, and conflicts with the default GET', async () => {
    expect(
      listRoutes(
        await discoverFiles({
          'x/handler.js': '// @methods GET,POST',
          'x/post.js': '',
          'y/get.js': '',
          'y/index.js': '',
        }),
      ),
    ).toEqual(['GET /x < x/handler.js', 'GET /y < 409', 'POST /x < x/post.js']);
  });

  test.each([
    [['x.js', 'x.py'], '/x'],
    [['x.js', 'x/index.js'], '/x'],
    [['[id].js', '[slug].js'], '/:id'],
    [['get.js', 'index.js'], '/'],
  ])('F47: %j conflict', async (files, path) => {
    const { routes, conflicts, problems } = await discoverFiles(Object.fromEntries(files.map((file) => [file, ''])));
    expect(routes).toMatchObject([{ path, functionKey: null }]);
    expect(conflicts).toMatchObject([{ path, methods: ['GET'], claims: [...files].sort() }]);
    expect(problems).toMatchObject([{ severity: 'warning', message: expect.stringContaining('so it answers 409') }]);
  });

  test('F45, F119: --force-url forces every route of a configuration', async () => {
    const files = { 'x.js': '', 'y/handler.js': '', 'y/fn.config.json': { name: 'x' } };
    expect(listRoutes(await discoverFiles(files))).toContain('GET /x < x.js');
    expect(listRoutes(await discoverFiles(files, { forceUrl: true }))).toContain('GET /x < y/handler.js');
  });
});

test('F50: routes come in matching order: static, parameter, catch-all, wildcard, left to right', () => {
  const paths = ['/:x/b', '/a/*', '/a/:rest*', '/a/:x', '/a/b', '/', '/:all*', '/a', '/ab', '/a/:x/c', '/*'];
  const { routes } = compileRoutes(paths.map((path, index) => config(path, `${index}.js`)));
  expect(routes.map(({ path }) => path)).toEqual([
    '/',
    '/a',
    '/a/b',
    '/a/:x',
    '/a/:x/c',
    '/a/:rest*',
    '/a/*',
    '/ab',
    '/:x/b',
    '/:all*',
    '/*',
  ]);
});
