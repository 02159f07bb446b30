import { describe, expect, test } from 'vitest';
import { inferSchema } from '../../src/openapi/examples.ts';
import { OpenApiPublication } from '../../src/openapi/publication.ts';
import { serverUrl } from '../../src/openapi/server-url.ts';
import { discoverFiles, discoveryOf, writeTree } from './discovery-fixture.ts';
import { allOperations, bigProject, documentOf, listOperations, openApiOf, operationOf } from './openapi-fixture.ts';

function keysInOrder(node: unknown): boolean {
  if (node === null || typeof node !== 'object') return true;
  const keys = Object.keys(node);
  const isOrdered = Array.isArray(node) || keys.every((key, index) => index === 0 || keys[index - 1]! < key);
  return isOrdered && Object.values(node).every(keysInOrder);
}

describe('P233: one document for the whole project', () => {
  test('it is OpenAPI 3.1.0 with the configured title and version, and its keys are sorted', async () => {
    const document = await openApiOf({ 'b.js': '', 'a.js': '' }, { title: 'Shop', version: '2.1' });
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Shop', version: '2.1' } });
    expect(keysInOrder(document)).toBe(true);
  });

  test('equal projects give equal bytes', async () => {
    const files = { 'z.js': '// @query {"b": 1, "a": 2}\n', 'a/[id].py': '', 'a/post.js': '' };
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    expect(JSON.stringify(await openApiOf(reversed))).toBe(JSON.stringify(await openApiOf(files)));
  });

  test('it is built once per discovery, whoever asks, and its tag changes with the routes and the server', async () => {
    const root = await writeTree({ 'a.js': '' });
    const reader = discoveryOf(root);
    const publication = new OpenApiPublication({ title: 'FastFN API', version: '1.0.0' });
    const first = await reader.scan();
    const local = publication.publish(first, 'http://127.0.0.1:8080');
    expect(JSON.parse(local.body)).toEqual(documentOf({ discovery: first }));
    expect(local.body).toBe(JSON.stringify(documentOf({ discovery: first })));
    expect(local.etag).toMatch(/^"[\w-]{22}"$/);
    expect(publication.publish(await reader.scan(), 'http://127.0.0.1:8080').etag).toBe(local.etag);
    expect(publication.publish(first, 'https://example.com').etag).not.toBe(local.etag);
    const other = await discoverFiles({ 'b.js': '' });
    expect(publication.publish(other, 'http://127.0.0.1:8080').etag).not.toBe(local.etag);
  });
});

describe('P234: the server is', () => {
  const request = { isSecure: false, host: '10.0.0.1:8080' };
  test.each([
    [
      'the public base URL before all',
      'https://api.example.com/v1',
      { ...request, forwardedHost: 'x.org' },
      'https://api.example.com/v1',
    ],
    [
      'where the proxy says it was asked',
      null,
      { ...request, isSecure: true, forwardedHost: 'shop.example.com, a' },
      'https://shop.example.com',
    ],
    ['where the request was sent', null, request, 'http://10.0.0.1:8080'],
    ['an IPv6 address', null, { ...request, host: '[::1]:8080' }, 'http://[::1]:8080'],
    ['where the document came from, if Host is none', null, { ...request, host: '"><script>' }, '/'],
    ['where the document came from, without Host', null, { ...request, host: undefined }, '/'],
  ])('%s', (_, publicBaseUrl, origin, url) => expect(serverUrl(publicBaseUrl, origin)).toBe(url));
});

describe('P235: paths', () => {
  test('every mapped route is listed once, with its parameters declared', async () => {
    const document = await openApiOf({
      'index.js': '',
      'users/[id].js': '',
      'blog/[...slug].py': '',
      'shop/[[...path]].php': '',
      'tool/fn.config.json': { runtime: 'node', name: 'tool' },
      'tool/handler.js': '',
      'My_tool.lua': '',
    });
    expect(listOperations(document)).toEqual([
      'GET /',
      'GET /My_tool',
      'GET /blog/{slug}',
      'GET /my-tool',
      'GET /shop',
      'GET /shop/{path}',
      'GET /tool',
      'GET /tool/{wildcard}',
      'GET /users/{id}',
    ]);
    const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
    expect(operationOf(document, 'GET', '/users/{id}').parameters).toEqual([id]);
    for (const path of ['/blog/{slug}', '/shop/{path}', '/tool/{wildcard}']) {
      expect(operationOf(document, 'GET', path).parameters?.[0]?.description).toContain('may contain "/"');
    }
    expect(operationOf(document, 'GET', '/shop').parameters).toBeUndefined();
  });

  test('of paths that differ only in parameter names the first is shown, the other listed', async () => {
    const document = await openApiOf({ 'users/[id]/get.js': '', 'users/[name]/put.py': '' });
    expect(listOperations(document)).toEqual(['GET /users/{id}']);
    expect(document['x-fastfn-conflicts']).toEqual([
      { path: '/users/{name}', methods: ['PUT'], function: 'python/users/[name]/put.py@default', shown: '/users/{id}' },
    ]);
  });

  test('a catch-all beside a parameter is listed too: OpenAPI has one notation for both', async () => {
    const document = await openApiOf({ 'a/[id].js': '', 'a/[...id].py': '' });
    expect(listOperations(document)).toEqual(['GET /a/{id}']);
    expect(document['x-fastfn-conflicts']).toMatchObject([
      { path: '/a/{id}', function: 'python/a/[...id].py@default' },
    ]);
  });

  test('of routes for several hosts the first is shown, the others listed with their hosts', async () => {
    const document = await openApiOf({
      'a/fn.config.json': { name: 'a', runtime: 'node', invoke: { routes: ['/x'], allow_hosts: ['a.com'] } },
      'a/handler.js': '',
      'b/fn.config.json': { name: 'b', runtime: 'node', invoke: { routes: ['/x'], allow_hosts: ['b.com'] } },
      'b/handler.js': '',
    });
    expect(operationOf(document, 'GET', '/x').operationId).toBe('get_node_a_default');
    expect(document['x-fastfn-conflicts']).toEqual([
      { path: '/x', methods: ['GET'], hosts: ['b.com'], function: 'node/b@default', shown: '/x' },
    ]);
  });

  test('a route in conflict, which answers 409, is left out', async () => {
    const document = await openApiOf({ 'a.js': '', 'a.py': '', 'b.js': '' });
    expect(listOperations(document)).toEqual(['GET /b']);
    expect(document['x-fastfn-conflicts']).toBeUndefined();
  });

  test('what a URL cannot hold is percent-encoded', async () => {
    const document = await openApiOf({
      'a/fn.config.json': {
        name: 'a',
        runtime: 'node',
        invoke: { routes: ['/caf%C3%A9/a%20b/@x/%7Bid%7D/a%3Ab/a%2Ab'] },
      },
      'a/handler.js': '',
    });
    expect(listOperations(document)).toEqual(['GET /caf%C3%A9/a%20b/@x/%7Bid%7D/a%3Ab/a%2Ab']);
  });
});

describe('P236: operations', () => {
  test('are the methods that the route answers, without the automatic HEAD and OPTIONS', async () => {
    const document = await openApiOf({ 'a.js': '// @methods GET,POST\n', 'b.js': '// @methods HEAD,OPTIONS\n' });
    expect(listOperations(document)).toEqual(['GET /a', 'POST /a', 'HEAD /b', 'OPTIONS /b']);
  });

  test('have unique ids: a second use of one gets _2, in the order of paths', async () => {
    const document = await openApiOf({
      'a-b.js': '',
      'a_b.js': '',
      'tool/fn.config.json': { name: 'x', runtime: 'python' },
      'tool/handler.py': '',
    });
    const ids = Object.fromEntries(Object.entries(document.paths).map(([path, item]) => [path, item.get!.operationId]));
    expect(ids).toEqual({
      '/a-b': 'get_node_a_b_js_default',
      '/a_b': 'get_node_a_b_js_default_2',
      '/x': 'get_python_x_default',
      '/x/{wildcard}': 'get_python_x_default_2',
    });
  });

  test('carry the tag "functions" and the group of their folder', async () => {
    const document = await openApiOf({ 'shop/fn.config.json': { group: 'Shop' }, 'shop/deep/a.js': '', 'b.js': '' });
    expect(operationOf(document, 'GET', '/shop/deep/a')).toMatchObject({
      tags: ['functions'],
      'x-fastfn-group': 'Shop',
    });
    expect(operationOf(document, 'GET', '/b')).not.toHaveProperty('x-fastfn-group');
  });

  test.each([
    [
      'the configured text',
      { 'fn.config.json': { invoke: { summary: 'Configured' } }, 'handler.js': '// @summary Hint\n' },
      'Configured',
    ],
    ['else the comment', { 'handler.js': '// @summary Hint\n' }, 'Hint'],
    ['else method and name', { 'handler.js': '' }, 'GET node/a'],
  ])('have as summary %s', async (_, files, summary) => {
    const inFolder = Object.fromEntries(Object.entries(files).map(([name, content]) => [`a/${name}`, content]));
    expect(operationOf(await openApiOf(inFolder), 'GET', '/a').summary).toBe(summary);
  });
});

describe('P237: fn.config.json speaks before the comments of the handler', () => {
  const hints = '# @query {"q": "hint"}\n# @body hint\n# @content_type text/csv\n# @methods POST\n';

  test('comments count where the configuration is silent; @methods is also what is served', async () => {
    const document = await openApiOf({ 'a.py': hints });
    expect(listOperations(document)).toEqual(['POST /a']);
    expect(operationOf(document, 'POST', '/a')).toMatchObject({
      parameters: [{ name: 'q', example: 'hint' }],
      requestBody: { content: { 'text/csv': { example: 'hint' } } },
    });
  });

  test('the configuration wins', async () => {
    const invoke = { methods: ['PUT'], query: { q: 'configured' }, body: { a: 1 }, content_type: 'application/json' };
    const document = await openApiOf({ 'a/handler.py': hints, 'a/fn.config.json': { invoke } });
    expect(operationOf(document, 'PUT', '/a')).toMatchObject({
      parameters: [{ name: 'q', example: 'configured' }],
      requestBody: { content: { 'application/json': { example: { a: 1 } } } },
    });
  });

  test('a comment that does not parse is ignored', async () => {
    const document = await openApiOf({ 'a.py': '# @query {no\n# @methods FETCH\n# @summary Kept\n' });
    expect(operationOf(document, 'GET', '/a')).toMatchObject({ summary: 'Kept' });
    expect(operationOf(document, 'GET', '/a').parameters).toBeUndefined();
  });
});

describe('P238: examples', () => {
  test('each key of the query example is an optional parameter with the type of its value', async () => {
    const query = { flag: true, page: 2, ratio: 0.5, name: 'Ada', filter: { a: 1 }, tags: ['x'], nothing: null };
    const document = await openApiOf({ 'a.js': `// @query ${JSON.stringify(query)}\n` });
    expect(operationOf(document, 'GET', '/a').parameters).toEqual([
      { name: 'flag', in: 'query', schema: { type: 'boolean' }, example: true },
      { name: 'page', in: 'query', schema: { type: 'integer' }, example: 2 },
      { name: 'ratio', in: 'query', schema: { type: 'number' }, example: 0.5 },
      { name: 'name', in: 'query', schema: { type: 'string' }, example: 'Ada' },
      { name: 'filter', in: 'query', schema: { type: 'string' }, example: '{"a":1}' },
      { name: 'tags', in: 'query', schema: { type: 'string' }, example: '["x"]' },
      { name: 'nothing', in: 'query', schema: { type: 'string' } },
    ]);
  });

  test.each([
    [
      'JSON text',
      '// @body {"name": "Ada"}',
      {
        'application/json': {
          schema: { type: 'object', properties: { name: { type: 'string' } } },
          example: { name: 'Ada' },
        },
      },
    ],
    ['other text', '// @body name,Ada', { 'text/plain': { schema: { type: 'string' }, example: 'name,Ada' } }],
    [
      'text of a type',
      '// @body 1,2\n// @content_type text/csv',
      { 'text/csv': { schema: { type: 'string' }, example: '1,2' } },
    ],
    [
      'JSON of a type',
      '// @body [1]\n// @content_type application/vnd.api+json',
      { 'application/vnd.api+json': { schema: { type: 'array', items: { type: 'integer' } }, example: [1] } },
    ],
  ])('a body example of %s gives its schema and is required', async (_, hints, content) => {
    const document = await openApiOf({ 'a.js': `// @methods POST,PUT,PATCH,DELETE\n${hints}\n` });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(operationOf(document, method, '/a').requestBody).toEqual({ required: true, content });
    }
  });

  test('without an example a body is any JSON value, and only where the method has one', async () => {
    const document = await openApiOf({ 'a.js': '// @methods GET,POST\n' });
    expect(operationOf(document, 'POST', '/a').requestBody).toEqual({
      content: { 'application/json': { schema: {} } },
    });
    expect(operationOf(document, 'GET', '/a').requestBody).toBeUndefined();
  });

  test.each([
    [null, { type: 'null' }],
    [[], { type: 'array', items: {} }],
    [[1, 2], { type: 'array', items: { type: 'integer' } }],
    [[1, 'a', 2], { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'string' }] } }],
    [
      { a: { b: 1.5 } },
      { type: 'object', properties: { a: { type: 'object', properties: { b: { type: 'number' } } } } },
    ],
  ])('the schema of %j', (value, schema) => expect(inferSchema(value)).toEqual(schema));

  test('an example nested thousands of levels deep is left out instead of breaking the document', async () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const document = await openApiOf({
      'a.js': `// @methods POST\n// @query {"ok": 1, "deep": ${deep}}\n// @body ${deep}\n`,
    });
    expect(operationOf(document, 'POST', '/a').parameters).toMatchObject([{ name: 'ok' }]);
    expect(() => JSON.stringify(document)).not.toThrow();
  });
});

describe('P239: responses', () => {
  const ERRORS = ['404', '405', '413', '429', '500', '502', '503', '504'];

  test('200 is JSON or text, every error of the platform a problem document of one schema', async () => {
    const document = await openApiOf({ 'a.js': '' });
    const { responses } = operationOf(document, 'GET', '/a');
    expect(Object.keys(responses)).toEqual(['200', ...ERRORS]);
    expect(Object.keys(responses['200']!.content!)).toEqual(['application/json', 'text/plain']);
    for (const status of ERRORS) {
      expect(responses[status]!.content).toEqual({
        'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
      });
    }
    expect(document.components.schemas.Problem).toMatchObject({
      required: ['type', 'title', 'status', 'error', 'request_id'],
    });
  });

  test('421 is possible where hosts are bound, 401 and 403 where a policy guards', async () => {
    const document = await openApiOf({
      'a/fn.config.json': { invoke: { allow_hosts: ['a.com', '*.a.com'] } },
      'a/handler.js': '',
      'b/fn.config.json': { auth: { api_key: { keys: [{ env: 'KEY' }] } } },
      'b/handler.js': '',
    });
    expect(operationOf(document, 'GET', '/a').responses['421']!.description).toContain('*.a.com, a.com');
    expect(Object.keys(operationOf(document, 'GET', '/b').responses)).toEqual(['200', '401', '403', ...ERRORS]);
  });
});

describe('P239: auth policies become security schemes', () => {
  const API_KEY = { header: 'X-Api-Key', keys: [{ env: 'KEY' }] };
  const JWT = { secret_env: 'SECRET' };
  const HEADER = { type: 'apiKey', in: 'header', name: 'x-api-key' };
  const BEARER = { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' };

  test.each([
    ['an API key', { api_key: API_KEY }, [{ 'header-x-api-key': [] }], { 'header-x-api-key': HEADER }],
    ['a JWT', { jwt: JWT }, [{ bearer: [] }], { bearer: BEARER }],
    [
      'either',
      { api_key: API_KEY, jwt: JWT },
      [{ 'header-x-api-key': [] }, { bearer: [] }],
      { 'header-x-api-key': HEADER, bearer: BEARER },
    ],
    [
      'both',
      { mode: 'all', api_key: API_KEY, jwt: JWT },
      [{ 'header-x-api-key': [], bearer: [] }],
      { 'header-x-api-key': HEADER, bearer: BEARER },
    ],
    ['a credential that may be left out', { optional: true, jwt: JWT }, [{}, { bearer: [] }], { bearer: BEARER }],
    [
      'one scope beside others',
      { scopes: ['read'], any_scope: ['a', 'b'], jwt: JWT },
      [{ bearer: ['read', 'a'] }, { bearer: ['read', 'b'] }],
      { bearer: BEARER },
    ],
    [
      'the scopes of its method',
      { scopes: { GET: ['read'], '*': ['write'] }, jwt: JWT },
      [{ bearer: ['read'] }],
      { bearer: BEARER },
    ],
    [
      'keys and tokens in other places',
      { api_key: { ...API_KEY, query: 'api_key' }, jwt: { ...JWT, header: 'x-token', cookie: 'session' } },
      [{ 'header-x-api-key': [] }, { 'query-api_5f_key': [] }, { 'header-x-token': [] }, { 'cookie-session': [] }],
      {
        'header-x-api-key': HEADER,
        'query-api_5f_key': { type: 'apiKey', in: 'query', name: 'api_key' },
        'header-x-token': { type: 'apiKey', in: 'header', name: 'x-token' },
        'cookie-session': { type: 'apiKey', in: 'cookie', name: 'session' },
      },
    ],
  ])('%s', async (_, auth, security, schemes) => {
    const document = await openApiOf({ 'a/fn.config.json': { auth }, 'a/index.js': '', 'b.js': '' });
    expect(operationOf(document, 'GET', '/a').security).toEqual(security);
    expect(operationOf(document, 'GET', '/b').security).toBeUndefined();
    expect(document.components.securitySchemes).toEqual(schemes);
  });
});

describe('P240: operations of the platform', () => {
  const internal = [
    { method: 'GET', path: '/_fn/live', summary: 'Lives', isOpen: true },
    { method: 'GET', path: '/_fn/jobs/{id}', summary: 'One job' },
    {
      method: 'POST',
      path: '/_fn/jobs',
      summary: 'Add a job',
      parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', default: 50 } }] as const,
      body: { schema: { type: 'object', properties: { name: { type: 'string' } } }, isRequired: true },
    },
  ];

  test('are listed only where asked for, with the tag "internal", their parameters, bodies and the admin token', async () => {
    expect(listOperations(await openApiOf({ 'a.js': '' }))).toEqual(['GET /a']);
    const document = await openApiOf({ 'a.js': '' }, { internal });
    expect(listOperations(document)).toEqual(
      ['GET /_fn/jobs/{id}', 'POST /_fn/jobs', 'GET /_fn/live', 'GET /a'].sort((a, b) =>
        a.split(' ')[1]! < b.split(' ')[1]! ? -1 : 1,
      ),
    );
    expect(operationOf(document, 'GET', '/_fn/jobs/{id}')).toMatchObject({
      operationId: 'get__fn_jobs_id',
      tags: ['internal'],
      parameters: [{ name: 'id', in: 'path', required: true }],
      security: [{}, { adminToken: [] }, { adminBearer: [] }],
    });
    expect(operationOf(document, 'POST', '/_fn/jobs')).toMatchObject({
      parameters: [{ name: 'limit', schema: { default: 50 } }],
      requestBody: { required: true, content: { 'application/json': { schema: internal[2]!.body!.schema } } },
      responses: { '2XX': {}, 403: {} },
    });
    expect(operationOf(document, 'GET', '/_fn/live')).toMatchObject({ security: [] });
    expect(document.tags.map(({ name }) => name)).toEqual(['functions', 'internal']);
  });
});

describe('P241: the document', () => {
  test('holds no path of the file system, no secret and no private helper', async () => {
    const root = await writeTree({
      'a/fn.config.json': { runtime: 'node', name: 'a' },
      'a/handler.js': '// @summary Hello\n',
      'a/_helper.js': 'module.exports = {}',
      'a/lib.js': 'module.exports = {}',
      'a/fn.env.json': { TOKEN: { value: 'hunter2-hunter2', is_secret: true } },
    });
    const text = JSON.stringify(documentOf({ discovery: await discoveryOf(root).scan() }));
    for (const secret of [root, 'handler.js', 'helper', 'lib.js', 'TOKEN', 'hunter2'])
      expect(text).not.toContain(secret);
  });

  test('of 2,000 routes takes less than 500 ms of processor time and names every operation differently', async () => {
    const discovery = await discoverFiles(bigProject(2000));
    const runs = Array.from({ length: 3 }, () => {
      const before = process.cpuUsage();
      new OpenApiPublication({ title: 'T', version: '1' }).publish(discovery, 'http://127.0.0.1');
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    expect(Math.min(...runs)).toBeLessThan(500);
    const document = documentOf({ discovery });
    const ids = allOperations(document).map(({ operationId }) => operationId);
    expect(Object.keys(document.paths).length).toBeGreaterThanOrEqual(2000);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
