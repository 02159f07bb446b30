import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack, until } from './support.ts';

const PLATFORM_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

let stack: TestStack;
afterAll(() => stack?.stop());

describe('the API documentation', () => {
  beforeAll(async () => {
    stack = await TestStack.start(
      {
        'hello.js': '// @summary Says hello\nexports.handler = () => "hello"',
        'users/[id].py': 'def handler(event):\n    return "x"\n',
      },
      { env: { FN_TRUSTED_PROXY_CIDRS: '127.0.0.1' } },
    );
  });
  afterAll(() => stack.stop());

  test.each(['/_fn/openapi.json', '/openapi.json'])('P169: %s is the OpenAPI document, with an ETag', async (path) => {
    const answer = await stack.get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ ...PLATFORM_HEADERS, 'content-type': 'application/json' });
    expect(answer.json()).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'FastFN API', version: '1.0.0' },
      servers: [{ url: stack.url }],
    });
    expect(Object.keys(answer.json().paths)).toEqual(['/hello', '/users/{id}']);
    const etag = String(answer.headers.etag);
    const again = await stack.get(path, { headers: { 'if-none-match': `"other", W/${etag}` } });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    expect((await stack.get(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  test('P233: the document follows the routes, and so does its ETag', async () => {
    const { etag } = (await stack.get('/_fn/openapi.json')).headers;
    stack.write({ 'added.js': 'exports.handler = () => "new"' });
    await until(async () => (await stack.get('/added')).status === 200, '/added answers');
    const answer = await stack.get('/_fn/openapi.json', { headers: { 'if-none-match': String(etag) } });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json().paths)).toContain('/added');
  });

  test('P234: its server is where the client asked, as a trusted proxy says', async () => {
    const serverOf = async (headers: Record<string, string>) =>
      (await stack.get('/_fn/openapi.json', { headers })).json().servers[0].url;
    expect(await serverOf({ host: 'api.test:81' })).toBe('http://api.test:81');
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.test, inner' };
    expect(await serverOf({ ...forwarded, 'x-forwarded-for': '203.0.113.7' })).toBe('https://shop.test');
    expect(await serverOf({ ...forwarded, host: 'api.test' })).toBe('http://api.test');
  });

  test.each([
    ['/_fn/docs', 'text/html; charset=utf-8'],
    ['/_fn/docs/', 'text/html; charset=utf-8'],
    ['/_fn/docs/start.js', 'text/javascript; charset=utf-8'],
    ['/_fn/docs/page.css', 'text/css; charset=utf-8'],
    ['/_fn/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
    ['/_fn/docs/swagger-ui.css', 'text/css; charset=utf-8'],
    ['/_fn/docs/favicon-32x32.png', 'image/png'],
  ])('P92, P170: %s is %s under a strict policy', async (path, type) => {
    const answer = await stack.get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ ...PLATFORM_HEADERS, 'content-type': type, 'x-frame-options': 'DENY' });
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'self';/);
    expect(policy).not.toMatch(/script-src|unsafe-eval|https?:/);
    expect(answer.bytes.length).toBeGreaterThan(50);
  });

  test('P170: the page holds no inline script and names no foreign host', async () => {
    const page = (await stack.get('/_fn/docs')).text;
    expect(page).not.toMatch(/<script>|https?:\/\//);
    expect((await stack.get('/_fn/docs/start.js')).text).not.toMatch(/https?:\/\//);
  });

  test.each(['/_fn/docs/nothing.js', '/_fn/docs/index.html', '/_fn/docs/..%2f..%2fpackage.json'])(
    'P170: %s is not found',
    async (path) => expect((await stack.get(path)).status).toBe(404),
  );

  test('P171: /docs leads to the page', async () => {
    const answer = await stack.get('/docs');
    expect([answer.status, answer.headers.location]).toEqual([302, '/_fn/docs']);
  });
});

test('P171: /docs and /openapi.json yield to functions with these paths', async () => {
  stack = await TestStack.start({
    'docs.js': 'exports.handler = () => "mine"',
    'api/fn.config.json': { runtime: 'node', name: 'api', invoke: { routes: ['/openapi.json'] } },
    'api/handler.js': 'exports.handler = () => "mine too"',
  });
  expect((await stack.get('/docs')).text).toBe('mine');
  expect((await stack.get('/openapi.json')).text).toBe('mine too');
  expect((await stack.get('/_fn/openapi.json')).json().openapi).toBe('3.1.0');
  await stack.stop();
});

test('P137, P169: without docs every address of theirs says so', async () => {
  stack = await TestStack.start({ 'a.js': 'exports.handler = () => "a"' }, { env: { FN_DOCS_ENABLED: '0' } });
  for (const path of ['/_fn/openapi.json', '/openapi.json', '/_fn/docs', '/_fn/docs/start.js', '/docs']) {
    const answer = await stack.get(path);
    expect([path, answer.status, answer.json().error]).toEqual([path, 404, 'docs disabled']);
  }
  await stack.stop();
});

test('P233, P234, P240: title, version, address and the admin API come from the configuration', async () => {
  stack = await TestStack.start({
    'a.js': 'exports.handler = () => "a"',
    'fastfn.json': {
      'openapi-title': 'Shop',
      'openapi-version': '3.0',
      'openapi-include-internal': true,
      'public-base-url': 'https://api.example.com/v1/',
    },
  });
  const document = (await stack.get('/_fn/openapi.json')).json();
  expect(document).toMatchObject({
    info: { title: 'Shop', version: '3.0' },
    servers: [{ url: 'https://api.example.com/v1' }],
  });
  expect(document.paths['/_fn/reload'].post.tags).toEqual(['internal']);
  expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/_fn/live', '/_fn/ready', '/_fn/health', '/a']));
  await stack.stop();
});

test('P237: a hint that does not parse is named in the log at level debug, once', async () => {
  const files = { 'a.js': '// @query {no\nexports.handler = () => "a"', 'fastfn.json': { logs: { level: 'debug' } } };
  stack = await TestStack.start(files);
  const line = 'a.js: line 1: @query {no does not parse and is ignored';
  await until(() => stack.output.includes(line), 'the hint is named');
  stack.write({ 'b.js': 'exports.handler = () => "b"' });
  await until(async () => (await stack.get('/b')).status === 200, '/b answers');
  expect(stack.output.split(line)).toHaveLength(2);
  await stack.stop();
});

test('docs/openapi.md: its handler and settings do what the page says', async () => {
  const page = readFileSync(join(packageRoot, 'docs/openapi.md'), 'utf8');
  const block = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'm').exec(page)![1]!;
  stack = await TestStack.start({ 'orders.js': block('js'), 'fastfn.json': block('json') });
  const document = (await stack.get('/_fn/openapi.json')).json();
  expect(document).toMatchObject({
    info: { title: 'Shop', version: '2.1.0' },
    servers: [{ url: 'https://api.example.com' }],
  });
  expect(document.paths['/_fn/health']).toBeDefined();
  const { post, ...others } = document.paths['/orders'];
  expect(others).toEqual({});
  expect(post).toMatchObject({
    summary: 'Places an order',
    parameters: [{ name: 'notify', in: 'query', schema: { type: 'boolean' }, example: true }],
    requestBody: { content: { 'application/json': { example: { item: 'book', count: 1 } } } },
  });
  const body = JSON.stringify(post.requestBody.content['application/json'].example);
  const answer = await stack.get('/orders', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  expect([answer.status, answer.json()]).toEqual([201, { ordered: 'book' }]);
  await stack.stop();
});
