import { describe, expect, test } from 'vitest';
import { parseFileName, parseFolderName } from '../../src/functions/file-names.ts';
import { formatPath } from '../../src/functions/segments.ts';

function readName(name: string): string {
  const handler = parseFileName(name);
  if (!handler) return 'never';
  if (handler.problem !== null) return handler.problem;
  return `${handler.runtime} ${handler.method ?? '-'} ${formatPath(handler.segments)}`;
}

describe('a file name is a route', () => {
  test.each([
    ['F14: hello.js', 'node - /hello'],
    ['F14: [id].js', 'node - /:id'],
    ['F14: get.js', 'node GET /'],
    ['F14: delete.py', 'python DELETE /'],
    ['F14: get.items.[id].js', 'node GET /items/:id'],
    ['F14: post.teams.[id].py', 'python POST /teams/:id'],
    ['F14: [...slug].py', 'python - /:slug*'],
    ['F13: [[...slug]].py', 'python - /:slug*'],
    ['F13: [userId].js', 'node - /:userId'],
    ['F12: GET.items.js', 'node GET /items'],
    ['F12: Patch.items.php', 'php PATCH /items'],
    ['F12: index.js', 'node - /'],
    ['F12: get.index.js', 'node GET /'],
    ['F12: admin.handler.lua', 'lua - /admin'],
    ['F12: items.post.js', 'node - /items/post'],
    ['F15: head.items.js', 'node - /head/items'],
    ['F15: options.js', 'node - /options'],
    ['F7: My_tool-2.py', 'python - /My_tool-2'],
  ])('%s', (promise, expected) => expect(readName(promise.split(': ')[1]!)).toBe(expected));

  test.each(['js', 'mjs', 'cjs', 'ts', 'mts', 'cts'])('F5: .%s is node', (extension) =>
    expect(readName(`hello.${extension}`)).toBe('node - /hello'),
  );

  test.each([
    ['py', 'python'],
    ['php', 'php'],
    ['lua', 'lua'],
    ['go', 'go'],
    ['rs', 'rust'],
  ])('F5: .%s is %s', (extension, runtime) => expect(parseFileName(`hello.${extension}`)?.runtime).toBe(runtime));
});

describe('an invalid name publishes nothing and says why', () => {
  test.each([
    ['F7: hello world.js', 'has an invalid route segment "hello world"'],
    ['F7: (group).js', 'has an invalid route segment "(group)"'],
    ['F7: héllo.js', 'has an invalid route segment "héllo"'],
    ['F7: a..js', 'has an invalid route segment ""'],
    ['F13: [id.js', 'has an invalid route segment "[id"'],
    ['F13: id].js', 'has an invalid route segment "id]"'],
    ['F13: [].js', 'has an invalid route segment "[]"'],
    ['F13: [a-b].js', 'has an invalid route segment "[a-b]"'],
    ['F13: [..slug].js', 'has an invalid route segment "[..slug]"'],
    ['F13: [[slug]].js', 'has an invalid route segment "[[slug]]"'],
    ['F13: x[id].js', 'has an invalid route segment "x[id]"'],
    ['F15: get.post.items.js', 'names more than one method (get, post)'],
    ['F15: get.post.js', 'names more than one method (get, post)'],
  ])('%s', (promise, expected) => expect(readName(promise.split(': ')[1]!)).toBe(expected));
});

test.each([
  '_helper.js',
  '.hidden.js',
  'hello.test.js',
  'hello.spec.ts',
  'test_hello.py',
  'hello_test.py',
  'hello_test.go',
  'conftest.py',
  'types.d.ts',
  'types.d.mts',
  'types.d.cts',
  'vite.config.js',
  'vite.config.mts',
  'fn.config.json',
  'README.md',
  'hello',
  'hello.JS',
])('F19: %s is never a route', (name) => expect(readName(name)).toBe('never'));

test.each(['test.js', 'config.js', 'd.ts', 'test_hello.js', 'spec.py'])('F19: %s is an ordinary name', (name) =>
  expect(readName(name)).toMatch(/ - /),
);

test.each([
  ['get.x.js', true],
  ['index.js', true],
  ['x.index.js', true],
  ['[id].js', true],
  ['x.[id].js', true],
  ['render.js', false],
  ['x.y.js', false],
])('F22: %s is explicit: %s', (name, isExplicit) => expect(parseFileName(name)?.isExplicit).toBe(isExplicit));

test.each([
  ['users', '/users'],
  ['v1.0', '/v1.0'],
  ['My-Folder_2', '/My-Folder_2'],
  ['index', '/index'],
  ['[id]', '/:id'],
  ['[...slug]', '/:slug*'],
])('F7, F13: the folder %s is the segment %s', (name, path) => expect(formatPath([parseFolderName(name)!])).toBe(path));

test.each(['my folder', '(group)', '-x', 'café', '[a b]', '[id', 'a[b]', '\uFFFDx'])(
  'F7: the folder %j is no segment',
  (name) => expect(parseFolderName(name)).toBeUndefined(),
);
