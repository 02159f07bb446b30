import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { head, sendRaw } from './raw-http.ts';
import { type Answer, TestStack } from './support.ts';

const PAGE = 'https://app.example.com';
const CORS_HEADER = /^access-control-/;

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'open/fn.config.json': { cors: true },
    'open/hi.js': 'exports.handler = () => "hi";',
    'open/ping.lua': 'function handler() return "pong" end',
    'open/post.hi.js': 'exports.handler = () => "posted";',
    'open/own.js': `exports.handler = () => ({ body: '', headers: {
      'access-control-allow-origin': 'https://own.example', Vary: 'Accept' } });`,
    'open/fails.js': 'exports.handler = () => { throw new Error("no"); };',
    'listed/fn.config.json': {
      cors: {
        origins: ['https://*.example.com', 'http://localhost:3000'],
        methods: ['GET', 'PUT'],
        headers: ['Content-Type', 'Authorization'],
        expose_headers: ['X-Total'],
        credentials: true,
        max_age_seconds: 60,
      },
      auth: { api_key: { keys: [{ id: 'a', env: 'KEY' }] } },
      rate_limit: { requests: 1, window_seconds: 600, key: 'api_key' },
      max_body_bytes: 1000,
    },
    'listed/fn.env.json': { KEY: 'the-key-of-the-listed-ones' },
    'listed/data.js': 'exports.handler = () => "data";',
    'listed/both/fn.config.json': { invoke: { methods: ['GET', 'OPTIONS'] } },
    'listed/both/handler.js': 'exports.handler = () => "own options";',
    'listed/own.js': `exports.handler = () => ({ body: '', headers: { 'Access-Control-Allow-Origin': '*' } });`,
    '[...rest]/fn.config.json': { cors: true },
    '[...rest]/handler.js': 'exports.handler = () => "rest";',
    'small/fn.config.json': { cors: true, max_body_bytes: 100 },
    'small/post.up.js': 'exports.handler = () => "up";',
    'plain/hi.js': 'exports.handler = () => "plain";',
  });
}, 60_000);
afterAll(() => stack?.stop());

const from = (path: string, origin: string, options: { method?: string; headers?: Record<string, string> } = {}) =>
  stack.get(path, { ...options, headers: { origin, ...options.headers } });
const preflight = (path: string, method: string, origin = PAGE, headers: Record<string, string> = {}) =>
  from(path, origin, { method: 'OPTIONS', headers: { 'access-control-request-method': method, ...headers } });
const corsOf = ({ headers }: Answer) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => CORS_HEADER.test(name)));

describe('F142: cors: true', () => {
  test.each(['/open/hi', '/open/ping'])('any origin may read, without credentials: %s', async (path) => {
    const answer = await from(path, PAGE);
    expect([answer.status, corsOf(answer)]).toEqual([200, { 'access-control-allow-origin': '*' }]);
    expect(answer.headers.vary).toBe('Origin');
  });

  test('F143: answers vary by origin also where none is sent', async () => {
    const answer = await stack.get('/open/hi');
    expect([answer.headers.vary, corsOf(answer)]).toEqual(['Origin', {}]);
  });

  test('F143: a preflight is allowed whatever headers it asks for, and the handler is not called', async () => {
    const answer = await preflight('/open/hi', 'POST', PAGE, { 'access-control-request-headers': 'x-a, content-type' });
    expect(answer.status).toBe(204);
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS, POST');
    expect(answer.headers.vary).toContain('Origin');
    expect(answer.headers['x-request-id']).toMatch(/^req-/);
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'OPTIONS, POST',
      'access-control-allow-headers': 'x-a, content-type',
      'access-control-max-age': '600',
    });
  });

  test('F143: a method that the path does not take gets 204 with Allow and no CORS headers', async () => {
    const answer = await preflight('/open/hi', 'DELETE');
    expect([answer.status, answer.headers.allow, corsOf(answer)]).toEqual([204, 'GET, HEAD, OPTIONS, POST', {}]);
  });

  test('F143: a handler that throws is still readable by the page', async () => {
    const answer = await from('/open/fails', PAGE);
    expect([answer.status, corsOf(answer)]).toEqual([500, { 'access-control-allow-origin': '*' }]);
  });

  test("F143: the handler's own headers win, and its Vary keeps Origin", async () => {
    const answer = await from('/open/own', PAGE);
    expect(corsOf(answer)).toEqual({ 'access-control-allow-origin': 'https://own.example' });
    expect(answer.headers.vary).toBe('Accept, Origin');
  });
});

describe('F142: listed origins with credentials', () => {
  const key = { 'x-api-key': 'the-key-of-the-listed-ones' };

  test.each([PAGE, 'https://a.b.example.com', 'http://localhost:3000'])('%s may read, by name', async (origin) => {
    const answer = await from('/listed/own', origin);
    expect(corsOf(answer)).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Total',
    });
    expect([answer.status, answer.headers.vary]).toEqual([401, 'Origin']);
  });

  test.each([
    'https://example.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.org',
    'https://evil.org/.example.com',
    'https://evil.org#.example.com',
    'https://.example.com',
    'http://localhost:3001',
    'null',
  ])('%s may not', async (origin) => {
    expect([corsOf(await from('/listed/own', origin)), corsOf(await preflight('/listed/data', 'GET', origin))]).toEqual(
      [{}, {}],
    );
  });

  test('F99, F143: a preflight comes before rate limit and auth, and before a handler of OPTIONS', async () => {
    for (const path of ['/listed/data', '/listed/data', '/listed/both']) {
      const answer = await preflight(path, 'GET', PAGE, {
        'access-control-request-headers': 'Authorization',
      });
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(corsOf(answer)).toEqual({
        'access-control-allow-origin': PAGE,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET, PUT',
        'access-control-allow-headers': 'content-type, authorization',
        'access-control-max-age': '60',
      });
    }
  });

  test.each([
    ['POST', {}],
    ['GET', { 'access-control-request-headers': 'x-other' }],
    ['GET', { 'access-control-request-headers': 'authorization, x-other' }],
  ])('a preflight that asks for too much gets no CORS headers: %s %j', async (method, headers) => {
    const answer = await preflight('/listed/data', method, PAGE, headers);
    expect([answer.status, corsOf(answer)]).toEqual([204, {}]);
  });

  test('OPTIONS that is no preflight goes to its handler, which auth guards', async () => {
    expect((await from('/listed/both', PAGE, { method: 'OPTIONS' })).status).toBe(401);
  });

  test('F143: 401, 413 and 429 of the gateway carry the headers', async () => {
    const refused = await from('/listed/data', PAGE);
    const tooLarge = await sendRaw(
      stack.port,
      `${head('GET', '/listed/data', [`Origin: ${PAGE}`, `X-Api-Key: ${key['x-api-key']}`, 'Content-Length: 2000'])}`,
    );
    const limited = await from('/listed/data', PAGE, { headers: key });
    expect([refused.status, tooLarge.status, limited.status]).toEqual([401, 413, 429]);
    expect(refused.headers['access-control-allow-origin']).toBe(PAGE);
    expect(limited.headers['access-control-allow-origin']).toBe(PAGE);
    expect(tooLarge.values('access-control-allow-origin')).toEqual([PAGE]);
  });
});

test('F143: a chunked body that grows too large is refused with the headers', async () => {
  const lines = [`Origin: ${PAGE}`, 'Transfer-Encoding: chunked'];
  for (const bytes of [200, 100_000]) {
    const chunk = `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`;
    const answer = await sendRaw(stack.port, `${head('POST', '/small/up', lines)}${chunk}`);
    expect([answer.status, answer.values('access-control-allow-origin'), answer.values('vary')]).toEqual([
      413,
      ['*'],
      ['Origin'],
    ]);
  }
});

test('P156: addresses of the platform carry no CORS headers, even below a route that takes every path', async () => {
  expect(corsOf(await from('/anything', PAGE))).toEqual({ 'access-control-allow-origin': '*' });
  for (const path of ['/_fn/live', '/_fn/none', '/console', '/console/x']) {
    expect([corsOf(await from(path, PAGE)), corsOf(await preflight(path, 'GET'))]).toEqual([{}, {}]);
  }
});

test('a function without cors says nothing about origins', async () => {
  const answer = await from('/plain/hi', PAGE);
  expect([corsOf(answer), answer.headers.vary]).toEqual([{}, undefined]);
  expect(corsOf(await preflight('/plain/hi', 'GET'))).toEqual({});
});
