import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { head, RawConnection, sendRaw } from './raw-http.ts';
import { TestStack } from './support.ts';

/** Answers with the name of its file and the parameters it was given. */
const named = (name: string) =>
  `exports.handler = (event, params) => ({ body: { route: ${JSON.stringify(name)}, params, path: event.path, method: event.method } });`;
const js = (...paths: string[]) => Object.fromEntries(paths.map((path) => [path, named(path)]));

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    ...js(
      'index.js',
      'hello.js',
      'users/index.js',
      'users/[id].js',
      'users/put.[id].js',
      'people/[id].js',
      'people/me.js',
      'people/put.[id].js',
      'post.items.js',
      'get.items.[id].js',
      'staff/post.teams.[id].js',
      'blog/[...slug].js',
      'docs2/[[...slug]].js',
      'api/v2/invoices/index.js',
      'orders/[id]/delete.js',
      'My_Tool.js',
      'get.post.both.js',
      '_private.js',
      '.hidden.js',
      'hello.test.js',
      'vite.config.js',
      '_lib/x.js',
      'node_modules/m/index.js',
      'bad name.js',
      'invoice/handler.js',
      'invoice/render.js',
      'invoice/export/index.js',
      'invoice/export/post.csv.js',
      'invoice/export/format.js',
      'clash.js',
      'shape/[id].js',
      'shape/[slug].js',
      'half/get.js',
      'half/index.js',
      'half/post.js',
      '_fn/live.js',
      'console/x.js',
      'fastfn.json.js',
      'deep/fn.config.json/index.js',
      'deep/[name].js',
      'hosted/a/index.js',
      'hosted/b/index.js',
      'all/index.js',
      'own-options/index.js',
    ),
    'clash.py': 'def handler(event):\n    return "python"\n',
    'hosted/a/fn.config.json': {
      name: 'host-a',
      invoke: { routes: ['/tenant'], allow_hosts: ['a.example.com', '*.wild.example.com'] },
    },
    'hosted/b/fn.config.json': {
      name: 'host-b',
      invoke: { routes: ['/tenant'], allow_hosts: ['b.example.com:8443', '[::1]'] },
    },
    'all/fn.config.json': { invoke: { methods: ['GET', 'POST', 'PUT'] } },
    'own-options/fn.config.json': { invoke: { methods: ['OPTIONS', 'HEAD'] } },
  });
}, 60_000);
afterAll(() => stack?.stop());

const ask = (target: string, method = 'GET', lines: string[] = []) =>
  sendRaw(stack.port, head(method, target, lines), method);

describe('F12-F30: what files become', () => {
  test.each([
    ['GET', '/', 'index.js', {}],
    ['GET', '/hello', 'hello.js', {}],
    ['GET', '/hello/', 'hello.js', {}],
    ['GET', '/users', 'users/index.js', {}],
    ['GET', '/users/7', 'users/[id].js', { id: '7' }],
    ['GET', '/people/me', 'people/me.js', {}],
    ['PUT', '/people/me', 'people/put.[id].js', { id: 'me' }],
    ['POST', '/items', 'post.items.js', {}],
    ['GET', '/items/a', 'get.items.[id].js', { id: 'a' }],
    ['POST', '/staff/teams/9', 'staff/post.teams.[id].js', { id: '9' }],
    ['GET', '/blog/a/b', 'blog/[...slug].js', { slug: 'a/b' }],
    ['GET', '/docs2', 'docs2/[[...slug]].js', { slug: '' }],
    ['GET', '/docs2/a', 'docs2/[[...slug]].js', { slug: 'a' }],
    ['GET', '/api/v2/invoices', 'api/v2/invoices/index.js', {}],
    ['DELETE', '/orders/5', 'orders/[id]/delete.js', { id: '5' }],
    ['GET', '/My_Tool', 'My_Tool.js', {}],
    ['GET', '/my-tool', 'My_Tool.js', {}],
    ['GET', '/invoice', 'invoice/handler.js', {}],
    ['GET', '/invoice/export', 'invoice/export/index.js', {}],
    ['POST', '/invoice/export/csv', 'invoice/export/post.csv.js', {}],
    ['POST', '/half', 'half/post.js', {}],
    ['GET', '/deep/x', 'deep/[name].js', { name: 'x' }],
  ])('F14, F50: %s %s is %s', async (method, target, route, params) => {
    const answer = await ask(target, method);
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('route')]);
    expect(answer.json()).toMatchObject({ route, method });
    expect(answer.json().params).toEqual(params);
  });

  test.each([
    '/_private',
    '/.hidden',
    '/hello.test',
    '/hello/test',
    '/vite/config',
    '/vite.config',
    '/_lib/x',
    '/lib/x',
    '/node_modules/m',
    '/bad%20name',
    '/invoice/render',
    '/invoice/export/format',
    '/both',
    '/blog',
    '/hello.js',
    '/HELLO',
    '/users/7/8',
    '/nowhere',
    '/index',
  ])('F15, F19, F20, F22, F30: %s is 404', async (target) => {
    const answer = await ask(target);
    expect([answer.status, answer.json().error]).toEqual([404, 'not found']);
    expect(answer.values('content-type')).toEqual(['application/problem+json']);
    expect(answer.json().request_id).toBe(answer.values('x-request-id')[0]);
  });

  test.each(['/clash', '/shape/1', '/half'])('F47: %s is claimed twice and answers 409', async (target) => {
    const answer = await ask(target);
    expect([answer.status, answer.json().error]).toEqual([409, 'ambiguous function']);
  });

  test('F11: what was skipped is said at the start', () => {
    for (const name of ['bad name.js', 'get.post.both.js', 'clash']) expect(stack.output).toContain(name);
  });
});

describe('F49: the normal form of a path', () => {
  test.each([
    ['//hello', '/hello'],
    ['/./hello', '/hello'],
    ['/x/../hello', '/hello'],
    ['/x/%2e%2E/hello', '/hello'],
    ['/%68ello', '/hello'],
    ['/hello/?x=/../y', '/hello'],
    ['/hello?', '/hello'],
    ['/users//7/', '/users/7'],
    ['/users/a%2Fb', '/users/a/b'],
    ['/users/%252e', '/users/%2e'],
    ['/users/a+b', '/users/a+b'],
    ['/users/%C3%A9', '/users/é'],
    ['/users/\xc3\xa9', '/users/é'],
    ['/users/%E9', '/users/é'],
    ['/users/%7Bx%7D', '/users/{x}'],
    ['http://other.example/hello?x', '/hello'],
  ])('%s is %s', async (target, path) => {
    const answer = await ask(target);
    expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
    expect(answer.json().path).toBe(path);
  });

  test.each(['/..', '/../x', '/x/../../y', '/%2e%2e/x', '/..%2Fx', '/%', '/%4', '/%zz', '/users/%00', '/%2e%2e%2f'])(
    '%s is 400, as a problem document',
    async (target) => {
      const answer = await ask(target);
      expect([answer.status, answer.json().error]).toEqual([400, 'bad request']);
      expect(answer.json().request_id).toBe(answer.values('x-request-id')[0]);
    },
  );

  test.each([
    '//_fn/nothing',
    '/%5ffn/nothing',
    '/x/../_fn/nothing',
    '/_fn',
    '/_fn/',
    '/console',
    '/console/x',
    '/_fn/unknown',
    '/_fn_refused',
  ])('F10: %s belongs to the platform, whatever its spelling', async (target) => {
    const answer = await ask(target);
    expect(answer.json().route).toBeUndefined();
    expect(answer.status).toBe(404);
  });

  test('F49: `/_fn%2Flive` is one segment and not the platform', async () => {
    expect((await ask('/_fn%2Flive')).json()).toMatchObject({ status: 404 });
    expect((await ask('/_fn%2Flive')).values('content-type')).toEqual(['application/problem+json']);
  });
});

describe('F2: methods', () => {
  test.each([
    ['/hello', 'POST', 'GET, HEAD, OPTIONS'],
    ['/items', 'GET', 'OPTIONS, POST'],
    ['/users/7', 'DELETE', 'GET, HEAD, OPTIONS, PUT'],
    ['/all', 'DELETE', 'GET, HEAD, OPTIONS, POST, PUT'],
    ['/hello', 'BREW', 'GET, HEAD, OPTIONS'],
  ])('405 for %s by %s names what is allowed', async (target, method, allow) => {
    const answer = await ask(target, method);
    expect([answer.status, answer.json().error]).toEqual([405, 'method not allowed']);
    expect((answer.values('allow')[0] as string).split(', ').sort().join(', ')).toBe(allow);
  });

  test('F17: HEAD is served from GET, and the handler sees HEAD', async () => {
    const connection = await RawConnection.open(stack.port);
    connection.write(head('HEAD', '/hello') + head('GET', '/hello'));
    const ofHead = await connection.read('HEAD');
    const ofGet = await connection.read();
    connection.destroy();
    expect([ofHead.status, ofHead.body.length]).toEqual([200, 0]);
    expect(Number(ofHead.values('content-length')[0])).toBe(ofGet.body.length + 1);
    expect((await ask('/items', 'HEAD')).status).toBe(405);
  });

  test('F17: OPTIONS is answered 204 with Allow, unless the function lists it', async () => {
    const answer = await ask('/all', 'OPTIONS');
    expect([answer.status, answer.body.length]).toEqual([204, 0]);
    expect((answer.values('allow')[0] as string).split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
    expect(answer.values('x-request-id')).toHaveLength(1);
    expect((await ask('/own-options', 'OPTIONS')).json()).toMatchObject({ method: 'OPTIONS' });
    expect((await ask('/own-options', 'HEAD')).status).toBe(200);
    expect((await ask('/nowhere', 'OPTIONS')).status).toBe(404);
  });
});

describe('F53: hosts', () => {
  const withHost = (host: string) =>
    sendRaw(stack.port, `GET /tenant HTTP/1.1\r\nHost: ${host}\r\nX-Forwarded-Host: a.example.com\r\n\r\n`);
  test.each([
    ['a.example.com', 'hosted/a/index.js'],
    ['A.Example.COM:1234', 'hosted/a/index.js'],
    ['x.wild.example.com', 'hosted/a/index.js'],
    ['x.y.wild.example.com', 'hosted/a/index.js'],
    ['b.example.com:8443', 'hosted/b/index.js'],
    ['[::1]:80', 'hosted/b/index.js'],
  ])('%s is served by %s', async (host, route) => {
    const answer = await withHost(host);
    expect([answer.status, answer.json().route]).toEqual([200, route]);
  });

  test.each(['c.example.com', 'wild.example.com', 'b.example.com', '127.0.0.1', 'a.example.com.evil.org'])(
    '"%s" is not accepted: 421',
    async (host) => {
      const answer = await withHost(host);
      expect([answer.status, answer.json().error]).toEqual([421, 'host not allowed']);
    },
  );
});

test('F53: a request without Host is not accepted where hosts are listed', async () => {
  const answer = await sendRaw(stack.port, 'GET /tenant HTTP/1.0\r\n\r\n');
  expect([answer.status, answer.json().error]).toEqual([421, 'host not allowed']);
});

describe('the platform', () => {
  test.each([
    ['/_fn/live', 'ok'],
    ['/_fn/ready', 'ready'],
  ])('P97, P92: %s answers with no-store and nosniff', async (target, status) => {
    const answer = await ask(target);
    expect([answer.status, answer.json()]).toEqual([200, { status }]);
    expect([
      answer.values('cache-control'),
      answer.values('x-content-type-options'),
      answer.values('referrer-policy'),
    ]).toEqual([['no-store'], ['nosniff'], ['no-referrer']]);
    expect((await ask(target, 'HEAD')).status).toBe(200);
    expect((await ask(target, 'POST')).values('allow')).toEqual(['GET, HEAD, OPTIONS']);
    expect((await ask(target, 'OPTIONS')).status).toBe(204);
  });

  test.each([
    '/fastfn.json',
    '/deep/fn.config.json',
    '/a/fn.env.json',
    '/fn.routes.json',
    '/fastfn.toml',
    '/.env',
    '/deep/.env.local',
    '/x/fn.test_events.json',
  ])('P91: %s is 404 whatever is mounted there', async (target) => {
    expect((await ask(target)).status).toBe(404);
  });
});

describe('P95: what nginx itself refuses is a problem document with an id', () => {
  test.each([
    ['no Host', 'GET /hello HTTP/1.1\r\n\r\n', 400, 'bad request'],
    ['two Hosts', 'GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400, 'bad request'],
    ['a space in the header name', 'GET /hello HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n', 400, 'bad request'],
    [
      'two lengths',
      'POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
      'bad request',
    ],
    [
      'length and chunked',
      'POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'bad request',
    ],
    ['a bad length', 'POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400, 'bad request'],
    ['an unknown coding', 'POST /all HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501, 'not implemented'],
    ['TRACE', 'TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'method not allowed'],
    ['HTTP/3.0', 'GET /hello HTTP/3.0\r\nHost: a\r\n\r\n', 505, 'http version not supported'],
    ['a line that is no request', 'hello\r\n\r\n', 400, 'bad request'],
    ['a target above 32 KiB', `GET /${'a'.repeat(33_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414, 'uri too long'],
    [
      'a header above 32 KiB',
      `GET /hello HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(33_000)}\r\n\r\n`,
      431,
      'request header fields too large',
    ],
  ])('%s', async (_, bytes, status, error) => {
    const answer = await sendRaw(stack.port, bytes);
    expect([answer.status, answer.values('content-type')[0], answer.text]).toEqual([
      status,
      'application/problem+json',
      expect.anything(),
    ]);
    expect(answer.json()).toMatchObject({ status, error, request_id: answer.values('x-request-id')[0] });
    if (status === 405) expect(answer.values('allow')).toHaveLength(1);
  });
});
