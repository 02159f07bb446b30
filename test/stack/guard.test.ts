import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendRaw } from './raw-http.ts';
import { type RequestOptions, send, TestStack } from './support.ts';

const TOKEN = 'a-long-enough-admin-token';
const ADMIN_ADDRESSES = [
  ['GET', '/_fn/ui-state'],
  ['POST', '/_fn/reload'],
  ['POST', '/_fn/invoke'],
  ['PUT', '/_fn/ui-state'],
  ['GET', '/_fn/no-such-address'],
] as const;

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(
    {
      'hello.js': 'exports.handler = (event) => ({ body: { headers: event.headers } });',
      'docs.js': 'exports.handler = () => "my own docs";',
    },
    { env: { FN_ADMIN_TOKEN: TOKEN, FN_CONSOLE_WRITE_ENABLED: '1', FN_TRUSTED_PROXY_CIDRS: '10.9.9.9/32' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  send(stack.url, path, { method, headers, ...(body !== undefined && { body }) } as RequestOptions);

describe.each(ADMIN_ADDRESSES)('%s %s', (method, path) => {
  test.each([
    ['a forwarding header', { 'X-Forwarded-For': '127.0.0.1' }],
    ['a foreign Host', { Host: 'fn.example.com' }],
    [
      'headers that pose as the gateway',
      { Host: 'fn.example.com', 'x-fn-peer': '127.0.0.1', 'x-fn-client': '127.0.0.1' },
    ],
  ])('P140: is refused alike with %s, and says what would help', async (_what, headers) => {
    const answer = await ask(method, path, headers);
    expect(answer.json()).toMatchObject({ status: 403, error: 'console api local-only' });
    expect(answer.json().detail).toContain('x-fn-admin-token');
    expect(answer.text).not.toContain(TOKEN);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['x-request-id']).toBe(answer.json().request_id);
  });

  test('P143: is refused alike with a wrong token, even from here', async () => {
    for (const headers of [{ 'x-fn-admin-token': 'wrong' }, { Authorization: 'Bearer wrong' }]) {
      const answer = await ask(method, path, headers);
      expect(answer.json()).toMatchObject({ status: 401, error: 'invalid admin token' });
    }
  });
});

test('P142: the right token opens the API from anywhere', async () => {
  for (const headers of [{ 'x-fn-admin-token': TOKEN }, { Authorization: `Bearer ${TOKEN}` }]) {
    const answer = await ask('GET', '/_fn/health', {
      Host: 'fn.example.com',
      'X-Forwarded-For': '203.0.113.1',
      ...headers,
    });
    expect([answer.status, answer.json().functions_root]).toEqual([200, stack.dir]);
  }
});

test('P166, P313: a stranger learns from health only whether it works', async () => {
  const answer = await ask('GET', '/_fn/health', { Host: 'fn.example.com' });
  expect([answer.status, answer.json()]).toEqual([200, { status: 'ok' }]);
});

test('P92: platform answers are never cached, sniffed or referred', async () => {
  for (const path of ['/_fn/health', '/_fn/nothing', '/_fn/openapi.json']) {
    const { headers } = await ask('GET', path);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test.each(['//_fn/ui-state', '/./_fn/ui-state', '/x/../_fn/ui-state', '/%5ffn/ui-state', '/_fn/ui-state/'])(
  'F49: %s is the same address, and guarded alike',
  async (path) => {
    const here = await sendRaw(stack.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    expect([here.status, here.json().write_enabled]).toEqual([200, true]);
    const stranger = await sendRaw(stack.port, `GET ${path} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n`);
    expect(stranger.status).toBe(403);
  },
);

test('P131: a request without Host is not local', async () => {
  const answer = await sendRaw(stack.port, 'GET /_fn/ui-state HTTP/1.0\r\n\r\n');
  expect(answer.status).toBe(403);
});

test('F80: a handler never sees the admin token, and a function may have an Authorization of its own', async () => {
  const { headers } = (await ask('GET', '/hello', { 'x-fn-admin-token': TOKEN, Authorization: 'Bearer mine' })).json();
  expect(headers['x-fn-admin-token']).toBeUndefined();
  expect(headers.authorization).toBe('Bearer mine');
});

test('P171: a function that owns /docs answers it', async () => {
  expect((await ask('GET', '/docs')).text).toBe('my own docs');
});

test('P95: a method the gateway does not know is 405 in the platform’s form', async () => {
  const answer = await sendRaw(
    stack.port,
    'PURGE /_fn/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
  );
  expect([answer.status, answer.json().error]).toEqual([405, 'method not allowed']);
});

test('P215: what ui-state changes holds for the next request, and DELETE takes it back', async () => {
  const token = { 'x-fn-admin-token': TOKEN, 'Content-Type': 'application/json' };
  expect((await ask('PUT', '/_fn/ui-state', token, '{"write_enabled":false}')).status).toBe(200);
  const json = { 'Content-Type': 'application/json' };
  expect((await ask('PUT', '/_fn/ui-state', json, '{"ui_enabled":true}')).json().error).toBe('console write disabled');
  expect((await ask('DELETE', '/_fn/ui-state', token)).json().write_enabled).toBe(true);
});

test('a hundred requests at once, of which half are strangers, get each their own answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => ask('GET', '/_fn/ui-state', i % 2 === 0 ? {} : { Host: 'evil.test' })),
  );
  answers.forEach((answer, i) => {
    expect(answer.status).toBe(i % 2 === 0 ? 200 : 403);
  });
});
