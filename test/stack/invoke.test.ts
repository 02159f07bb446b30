import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ECHO_BODY, ECHO_EVENT, inEachLanguage, LANGUAGES } from './languages.ts';
import { send, TestStack } from './support.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start({
    'js/users/[id]/fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    'js/users/[id]/index.js':
      'exports.handler = (event, { id }) => ({ id, q: event.query, user: event.context.user });',
    'js/files/[...path].js': 'exports.handler = (event, { path }) => path;',
    ...inEachLanguage('echo', ECHO_EVENT),
    ...inEachLanguage('bytes', ECHO_BODY),
    ...inEachLanguage('talks', {
      js: 'exports.handler = (event) => { console.log("one"); console.error("two"); process.stdout.write("three"); return "done"; };',
      py: 'import sys\ndef handler(event):\n    print("one")\n    print("two", file=sys.stderr)\n    print("three", end="")\n    return "done"\n',
      ph: '<?php function handler($event) { error_log("two"); echo "one\\nthree"; return ["body" => "done"]; }',
      lu: 'function handler(event) print("one") print("three") return "done" end',
    }),
    ...inEachLanguage('fails', {
      js: 'exports.handler = () => { throw new Error("on purpose"); };',
      py: 'def handler(event):\n    raise ValueError("on purpose")\n',
      ph: '<?php function handler($event) { throw new Exception("on purpose"); }',
      lu: 'function handler(event) error("on purpose") end',
    }),
    'js/fn.config.json': { invoke: { methods: ['GET', 'POST'] }, max_body_bytes: 2_000_000 },
    'py/fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    'ph/fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    'lu/fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    'locked/fn.config.json': {
      name: 'locked',
      runtime: 'node',
      auth: { api_key: { keys: [{ env: 'API_KEY' }] } },
      invoke: { allow_hosts: ['only.example.com'] },
      rate_limit: { requests: 1, window_seconds: 3600 },
    },
    'locked/fn.env.json': { API_KEY: 'planted-secret-key' },
    'locked/handler.js':
      'exports.handler = (event) => { console.log("the key is " + event.env.API_KEY); return { auth: event.auth ?? null }; };',
    'tenant/a/fn.config.json': {
      runtime: 'node',
      name: 'tenant-a',
      invoke: { routes: ['/tenant'], allow_hosts: ['a.test'] },
    },
    'tenant/a/handler.js': 'exports.handler = () => "a";',
    'tenant/b/fn.config.json': {
      runtime: 'node',
      name: 'tenant-b',
      invoke: { routes: ['/tenant'], allow_hosts: ['b.test'] },
    },
    'tenant/b/handler.js': 'exports.handler = () => "b";',
    'slow/fn.config.json': { timeout_ms: 200 },
    'slow/index.js': 'exports.handler = () => new Promise(() => {});',
    'dies.js': 'exports.handler = () => process.exit(3);',
    'broken.js': 'exports.handler = (',
  });
}, 60_000);
afterAll(() => stack?.stop());

async function invoke(body: object | string) {
  const answer = await send(stack.url, '/_fn/invoke', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, ...answer.json() };
}

describe.each(LANGUAGES)('P188, P214: invoking a $runtime function', ({ dir, runtime, extension }) => {
  const name = (of: string) => `${dir}/${of}.${extension}`;

  test('the event is that of a public request, with the given user and the client of the platform', async () => {
    const { status, ...envelope } = await invoke({
      name: name('echo'),
      runtime,
      method: 'POST',
      query: { a: [1, 2], b: 'x y' },
      headers: { 'X-Test': 'yes', 'x-list': ['1', '2'] },
      body: { hello: 'wörld' },
      context: { role: 'admin', nested: { n: 1 } },
    });
    expect(envelope.status ?? status).toBe(200);
    const event = JSON.parse(envelope.body);
    expect(event).toMatchObject({
      method: 'POST',
      path: `/${dir}/echo`,
      query: { a: ['1', '2'], b: 'x y' },
      headers: { 'x-test': 'yes', 'x-list': '1, 2', 'content-type': 'application/json' },
      body: '{"hello":"wörld"}',
      client: { ip: '127.0.0.1', ua: 'fastfn-console-invoke' },
      context: { user: { role: 'admin', nested: { n: 1 } }, runtime },
      id: envelope.request_id,
    });
    expect(Object.keys(event.headers)).not.toContain('x-fn-invocation');
    expect(envelope).toMatchObject({
      route: `/${dir}/echo?a=1&a=2&b=x+y`,
      route_template: `/${dir}/echo`,
      function: `${runtime}/${name('echo')}@default`,
    });
    expect(envelope.latency_ms).toBeGreaterThan(0);
    expect(envelope.headers['content-type']).toMatch(/^application\/json/);
  });

  test('what it prints comes back, and is not mixed up between calls', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => invoke({ name: name('talks'), runtime })));
    for (const { body, stdout, stderr } of answers) {
      expect([body, stdout]).toEqual(['done', 'one\nthree\n']);
      if (runtime === 'node' || runtime === 'python') expect(stderr).toBe('two\n');
    }
  });

  test('all bytes travel both ways', async () => {
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
    const answer = await invoke({
      name: name('bytes'),
      method: 'POST',
      is_base64: true,
      body: bytes.toString('base64'),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(answer.is_base64).toBe(true);
    expect(Buffer.from(answer.body_base64, 'base64').equals(bytes)).toBe(true);
  });

  test('an exception is a result: 500 in the envelope, its trace in stderr', async () => {
    const { body, stderr, ...envelope } = await invoke({ name: name('fails') });
    expect(envelope.function).toBe(`${runtime}/${name('fails')}@default`);
    expect(JSON.parse(body)).toMatchObject({ status: 500, error: 'handler error' });
    expect(stderr).toContain('on purpose');
  });
});

test('P214, F168: route parameters are filled in, encoded per segment', async () => {
  const named = await invoke({ name: 'js/users/[id]', params: { id: 'a/b c' }, query: { x: 1 } });
  expect([named.route, JSON.parse(named.body).id]).toEqual(['/js/users/a%2Fb%20c?x=1', 'a/b c']);
  const rest = await invoke({ name: 'js/files/[...path]', params: { path: 'a b/c' } });
  expect([rest.route, rest.body]).toEqual(['/js/files/a%20b/c', 'a b/c']);
  const missing = await invoke({ name: 'js/users/[id]' });
  expect(missing).toMatchObject({
    status: 400,
    error: 'missing required path params',
    route: '/js/users/:id',
    missing_params: ['id'],
  });
});

test('P214: a route alone is enough', async () => {
  const answer = await invoke({ route: '/js/users/7' });
  expect([JSON.parse(answer.body).id, answer.function]).toEqual(['7', 'node/js/users/[id]@default']);
});

test('F167: hosts, auth and rate limits are for the public side', async () => {
  for (let i = 0; i < 3; i += 1) {
    const answer = await invoke({ name: 'locked' });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { auth: null }]);
    expect(answer.stdout).toBe('the key is <hidden>\n');
  }
  expect((await stack.get('/locked')).status).toBe(421);
});

test('P214: the function that is named answers, whoever else owns the path', async () => {
  expect((await invoke({ name: 'tenant-a' })).body).toBe('a');
  expect((await invoke({ name: 'tenant-b' })).body).toBe('b');
});

test.each([
  [{ name: 'nobody' }, 404, 'function not found'],
  [{ route: '/nobody' }, 404, 'not found'],
  [{ name: 'js/users/[id]', route: '/py/echo' }, 404, 'not found'],
  [{}, 400, 'invalid function'],
  [{ name: '../etc' }, 400, 'invalid function'],
  [{ name: 'locked', runtime: 'cobol' }, 400, 'invalid runtime'],
  [{ name: 'slow' }, 504, 'runtime timeout'],
  [{ name: 'dies.js' }, 502, 'worker died'],
  [{ name: 'broken.js' }, 500, 'handler error'],
] as const)('P188: %j is %i %s', async (body, status, error) => {
  expect(await invoke(body)).toMatchObject({ status, error });
});

test('P214: a method the function does not take is 405 and says which it takes', async () => {
  const answer = await invoke({ name: 'locked', method: 'PUT' });
  expect(answer).toMatchObject({ status: 405, error: 'method not allowed', allowed_methods: ['GET'] });
});

test('P188: the limit of the body is the function’s', async () => {
  const big = 'x'.repeat(1_500_000);
  expect((await invoke({ name: 'js/bytes.js', method: 'POST', body: big })).body?.length).toBe(1_500_000);
  const refused = await invoke({ name: 'py/bytes.py', method: 'POST', body: big });
  expect(refused).toMatchObject({ status: 413, error: 'payload too large' });
  expect(refused.latency_ms).toBeGreaterThanOrEqual(0);
});

test('P214: a public request cannot pose as an invocation', async () => {
  const given = Buffer.from(JSON.stringify({ id: 'x', extra: '{"user":{"role":"admin"}}' })).toString('base64');
  const answer = await send(stack.url, '/js/echo', { headers: { 'x-fn-invocation': given } });
  expect(answer.json().context.user ?? null).toBeNull();
  expect(answer.headers['x-fn-handled']).toBeUndefined();
});
