import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseTemplate, encodeBody, fillTemplate, InvokeBody, withQuery } from '../../src/admin/invoke-request.ts';
import type { Route } from '../../src/functions/types.ts';

const route = (path: string, methods: readonly string[], source: Route['source'] = 'file'): Route => ({
  path,
  methods,
  hosts: [],
  functionKey: 'node/x@default',
  defaults: {},
  rank: 1,
  isForced: false,
  source,
  file: 'x.js',
});
const body = (given: object) => InvokeBody.parse(given);

test('P214: the first mapped route that takes the method is called, unless one is given', () => {
  const routes = [route('/alias', ['GET'], 'alias'), route('/x', ['POST']), route('/x/:id', ['GET', 'PUT'])];
  expect(chooseTemplate(body({ name: 'x' }), routes)).toBe('/x/:id');
  expect(chooseTemplate(body({ name: 'x', method: 'post' }), routes)).toBe('/x');
  expect(chooseTemplate(body({ name: 'x', method: 'HEAD' }), routes)).toBe('/x/:id');
  expect(chooseTemplate(body({ name: 'x', route: '/else' }), routes)).toBe('/else');
  expect(() => chooseTemplate(body({ name: 'x', method: 'DELETE' }), routes)).toThrow(
    expect.objectContaining({ status: 405, members: { allowed_methods: ['GET', 'POST', 'PUT'] } }),
  );
  expect(() => chooseTemplate(body({ name: 'x' }), [])).toThrow(expect.objectContaining({ status: 404 }));
});

test.each([
  ['/users/:id', { id: 42 }, '/users/42'],
  ['/users/:id', { id: 'a/b c?#%' }, '/users/a%2Fb%20c%3F%23%25'],
  ['/users/{id}/posts/{post}', { id: true, post: 'x' }, '/users/true/posts/x'],
  ['/files/:path*', { path: 'a b/c' }, '/files/a%20b/c'],
  ['/files/{path*}', { path: 'ä' }, '/files/%C3%A4'],
  ['/hello/*', { wildcard: 'a/b' }, '/hello/a/b'],
  ['/plain', {}, '/plain'],
  ['/', null, '/'],
])('P214, F168: %s with %j is %s', (template, params, path) => {
  expect(fillTemplate(template, params)).toBe(path);
});

test.each([
  ['/users/:id', {}, ['id']],
  ['/users/:id', { id: null }, ['id']],
  ['/a/:b/:c*', { b: '' }, ['b', 'c']],
])('P214: %s without its parameters names them', (template, params, missing) => {
  expect(() => fillTemplate(template, params)).toThrow(
    expect.objectContaining({
      status: 400,
      error: 'missing required path params',
      members: { route: template, missing_params: missing },
    }),
  );
});

test('F168: whatever a parameter holds, it stays in its segment', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (value) => {
      fc.pre(value !== '.' && value !== '..');
      const path = fillTemplate('/a/:id/b', { id: value });
      expect(path.split('/').length).toBe(4);
      expect(decodeURIComponent(path.split('/')[2]!)).toBe(value);
    }),
  );
});

test('F49: a parameter that would lead to another path is refused; half a character is replaced', () => {
  for (const id of ['.', '..']) expect(() => fillTemplate('/a/:id/b', { id })).toThrow('invalid params');
  expect(() => fillTemplate('/a/:rest*', { rest: 'x/../y' })).toThrow('invalid params');
  expect(fillTemplate('/a/:id', { id: '\ud800' })).toBe('/a/%EF%BF%BD');
});

test('P214: query arguments are added to those of the route; null is unset, a list repeats', () => {
  expect(withQuery('/x', { a: 1, b: null, c: ['x y', true], 'd&e': '=' })).toBe('/x?a=1&c=x+y&c=true&d%26e=%3D');
  expect(withQuery('/x?z=1', { a: 'b' })).toBe('/x?z=1&a=b');
  expect(withQuery('/x', null)).toBe('/x');
});

test('P214: a body is text, JSON or base64', () => {
  expect(encodeBody(body({ body: 'text' }))).toEqual({ bytes: Buffer.from('text'), type: null });
  expect(encodeBody(body({ body: { a: 1 } }))).toEqual({ bytes: Buffer.from('{"a":1}'), type: 'application/json' });
  expect(encodeBody(body({ body: 'AP8=', is_base64: true })).bytes).toEqual(Buffer.from([0, 255]));
  expect(encodeBody(body({})).bytes.length).toBe(0);
  expect(() => encodeBody(body({ body: '!!', is_base64: true }))).toThrow('invalid base64');
  expect(() => encodeBody(body({ body: {}, is_base64: true }))).toThrow('invalid base64');
});

test.each([
  [{ method: 'PURGE' }, 'invalid method'],
  [{ method: 1 }, 'invalid method'],
  [{ route: 'users' }, 'invalid route'],
  [{ route: '/a b' }, 'invalid route'],
  [{ route: '/a\r\nx: y' }, 'invalid route'],
  [{ headers: { 'x y': '1' } }, 'invalid headers'],
  [{ headers: { 'x-a': 'a\r\nb: c' } }, 'invalid headers'],
  [{ headers: 'x' }, 'invalid headers'],
  [{ params: { a: {} } }, null],
  [{ context: [] }, 'invalid context'],
  [{ is_base64: 'yes' }, 'is_base64 must be boolean'],
])('P214: %j is refused', (given, message) => {
  const result = InvokeBody.safeParse({ name: 'x', ...given });
  expect(result.success).toBe(false);
  if (message !== null) expect(result.error?.issues[0]?.message).toBe(message);
});
