import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ECHO_EVENT, EVALUATE, inEachLanguage, LANGUAGES, type Language } from './languages.ts';
import { head, sendRaw } from './raw-http.ts';
import { TestStack, until } from './support.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const languages = LANGUAGES.map((language) => [language.runtime, language] as const);

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { invoke: { methods: METHODS } },
    ...Object.fromEntries(
      LANGUAGES.map(({ dir }) => [`${dir}/fn.env.json`, { GREETING: 'hi', NUMBER: 7, YES: true, NONE: null }]),
    ),
    ...inEachLanguage('echo', ECHO_EVENT),
    ...inEachLanguage('evaluate', EVALUATE),
    ...inEachLanguage('items/[id]/parts/[partNo]', ECHO_EVENT),
    ...inEachLanguage('files/[...slug]', ECHO_EVENT),
    ...inEachLanguage('maybe/[[...slug]]', ECHO_EVENT),
    ...PARAMETER_FILES,
  });
}, 60_000);
afterAll(() => stack?.stop());

/** Functions that take their route parameters as arguments (F70, F71). */
const PARAMETER_FILES = {
  'js/second/[id].js':
    'exports.handler = async (event, { id, ...rest }) => ({ id, rest, same: event.params === event.path_params });',
  'js/none.js': 'exports.handler = async (event, params) => params;',
  'lu/second/[id].lua':
    'return function(event, params) return { id = params.id, same = event.params == event.path_params } end',
  'lu/none.lua': 'return function(event, params) return { type = type(params), first = next(params) == nil } end',
  'ph/second/[id].php':
    '<?php function handler($event, array $params) { return ["id" => $params["id"], "same" => $event["params"] === $event["path_params"]]; }',
  'ph/value/[id].php': '<?php function handler($event, $id) { return ["id" => $id]; }',
  'ph/third/[a]/[b].php':
    '<?php function handler($event, $params, $b, $a = "none") { return ["all" => $params, "a" => $a, "b" => $b]; }',
  'ph/typed/[id].php': '<?php function handler($event, int $id) { return ["id" => $id + 1]; }',
  'py/second/[id].py':
    'def handler(event, id):\n    return {"id": id, "same": event["params"] is event["path_params"]}\n',
  'py/params/[id].py':
    'def handler(event, params, path_params, context):\n    return {"params": params, "path_params": path_params, "function": context["function_name"]}\n',
  'py/defaults/[id].py':
    'def handler(event, missing="default", *args, id, **rest):\n    return {"missing": missing, "args": args, "id": id, "rest": rest}\n',
  'py/rest/[a]/[b].py': 'async def handler(event, a, **rest):\n    return {"a": a, "rest": rest}\n',
  'py/nothing/[id].py': 'def handler():\n    return "called without arguments"\n',
  'py/unknown/[id].py': 'calls = 0\ndef handler(event, unheard_of):\n    return "never"\n',
};

/** What a language's own types make of a JSON shape: PHP's arrays are lists when empty, Lua's nil is absent. */
function shapeIn({ dir }: Language, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || 'asymmetricMatch' in value) return value;
  if (Array.isArray(value)) return value.map((item) => shapeIn({ dir } as Language, item));
  const members = Object.entries(value).filter(([, member]) => dir !== 'lu' || member !== null);
  if (dir === 'ph' && members.length === 0) return [];
  return Object.fromEntries(members.map(([name, member]) => [name, shapeIn({ dir } as Language, member)]));
}

async function eventOf(language: Language, target: string, lines: readonly string[] = [], body = '', method = 'GET') {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const answer = await sendRaw(stack.port, head(method, `/${language.dir}${target}`, [...lines, ...length]) + body);
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([200, answer.text.slice(0, 300)]);
  return answer.json();
}

describe('F74: the event', () => {
  test.each(languages)('has these fields and no others: %s', async (_, language) => {
    const before = Date.now();
    const lines = ['User-Agent: probe/1', 'Cookie: session_id=abc; theme=dark'];
    const event = await eventOf(language, '/echo?name=Ada', lines);
    const cookies = { session_id: 'abc', theme: 'dark' };
    expect(event).toEqual(
      shapeIn(language, {
        id: expect.stringMatching(/^req-\d{13}-\d+-\d{6}$/),
        ts: expect.any(Number),
        method: 'GET',
        path: `/${language.dir}/echo`,
        raw_path: `/${language.dir}/echo?name=Ada`,
        query_string: 'name=Ada',
        query: { name: 'Ada' },
        params: {},
        path_params: {},
        headers: { host: '127.0.0.1', 'user-agent': 'probe/1', cookie: 'session_id=abc; theme=dark' },
        body: null,
        is_base64: false,
        cookies,
        session: { id: 'abc', raw: 'session_id=abc; theme=dark', cookies },
        client: { ip: '127.0.0.1', ua: 'probe/1' },
        auth: null,
        version: 'default',
        env: { GREETING: 'hi', NUMBER: '7', YES: 'true' },
        context: {
          request_id: event.id,
          runtime: language.runtime,
          function_name: `${language.dir}/echo.${language.extension}`,
          version: 'default',
          timeout_ms: 2500,
          deadline_ms: expect.any(Number),
          max_concurrency: 1024,
          max_body_bytes: 1_048_576,
          worker_pool: {
            enabled: false,
            min_warm: 0,
            max_workers: 0,
            max_queue: 0,
            idle_ttl_seconds: 300,
            queue_timeout_ms: 0,
            queue_poll_ms: 20,
            overflow_status: 429,
          },
          gateway: { worker_pid: expect.any(Number) },
          debug: { enabled: false },
          user: null,
          trigger: null,
        },
      }),
    );
    expect(event.ts).toBeGreaterThanOrEqual(before - 50); // nginx's clock is cached
    expect(event.ts).toBeLessThanOrEqual(Date.now());
    expect(event.context.deadline_ms).toBeGreaterThanOrEqual(event.ts + 2500);
    expect(event.context.deadline_ms).toBeLessThanOrEqual(Date.now() + 2500);
  });

  test.each(languages)(
    'F75: belongs to the handler: what one call does to it the next does not see: %s',
    async (_, language) => {
      const spoil = {
        js: '(event.headers.host = "x", event.context.runtime = "x", event.env.GREETING = "x", event.context.worker_pool.max_queue = 9, "")',
        py: '(event["headers"].update(host="x"), event["context"].update(runtime="x"), event["env"].update(GREETING="x"), event["context"]["worker_pool"].update(max_queue=9)) and ""',
        ph: '($event["headers"]["host"] = "x").""',
        lu: '(function() event.headers.host, event.context.runtime, event.env.GREETING, event.context.worker_pool.max_queue = "x", "x", "x", 9 return "" end)()',
      }[language.dir];
      const read = {
        js: '[event.headers.host, event.context.runtime, event.env.GREETING, event.context.worker_pool.max_queue]',
        py: '[event["headers"]["host"], event["context"]["runtime"], event["env"]["GREETING"], event["context"]["worker_pool"]["max_queue"]]',
        ph: '[$event["headers"]["host"], $event["context"]["runtime"], $event["env"]["GREETING"], $event["context"]["worker_pool"]["max_queue"]]',
        lu: '{ event.headers.host, event.context.runtime, event.env.GREETING, event.context.worker_pool.max_queue }',
      }[language.dir];
      const call = (expression: string) =>
        stack.get(`/${language.dir}/evaluate`, { method: 'POST', body: expression, headers: { host: 'h' } });
      expect((await call(spoil)).status).toBe(200);
      expect((await call(read)).json()).toEqual(['h', language.runtime, 'hi', 0]);
    },
  );

  test.each(languages)('carries the method, the decoded path and the path as sent: %s', async (_, language) => {
    const event = await eventOf(language, '/./echo//?a=%2Fb', [], '', 'DELETE');
    expect(event).toMatchObject({
      method: 'DELETE',
      path: `/${language.dir}/echo`,
      raw_path: `/${language.dir}/./echo//?a=%2Fb`,
      query_string: 'a=%2Fb',
    });
  });

  test.each(languages)('no public input sets context.user or auth (F74, F80): %s', async (_, language) => {
    const lines = ['X-Fn-Admin-Token: t0k3n', 'X-Fn-User: root', 'X-Forwarded-For: 9.9.9.9'];
    const event = await eventOf(language, '/echo?__fnctx={"user":1}', lines);
    expect(event.context.user ?? null).toBeNull();
    expect(event.auth ?? null).toBeNull();
    expect(event.query).toEqual({ __fnctx: '{"user":1}' });
    expect(event.headers).not.toHaveProperty('x-fn-admin-token');
    expect(event.client.ip).toBe('127.0.0.1');
    expect(event.headers['x-forwarded-for']).toBe('9.9.9.9');
  });
});

describe('F70-F73: route parameters', () => {
  test.each(languages)(
    'F70: are strings in event.params, names keep their case, values are decoded once: %s',
    async (_, language) => {
      const event = await eventOf(language, '/items/a%2Fb%2525/parts/007');
      expect(event.params).toEqual({ id: 'a/b%25', partNo: '007' });
      expect(event.path_params).toEqual(event.params);
    },
  );

  test.each(languages)('F49, F77: text is UTF-8, other bytes are Latin-1 code points: %s', async (_, language) => {
    expect((await eventOf(language, '/items/z%C3%AB/parts/%FF')).params).toEqual({ id: 'zë', partNo: 'ÿ' });
  });

  test.each(languages)('F13: a catch-all joins its decoded segments with slashes: %s', async (_, language) => {
    expect((await eventOf(language, '/files/a/b%20c/d')).params).toEqual({ slug: 'a/b c/d' });
  });

  test.each(languages)('F73: an optional catch-all is the empty string at its base: %s', async (_, language) => {
    expect((await eventOf(language, '/maybe')).params).toEqual({ slug: '' });
    expect((await eventOf(language, '/maybe/x/y')).params).toEqual({ slug: 'x/y' });
  });

  test.each([
    ['/js/second/7', { id: '7', rest: {}, same: true }],
    ['/js/none', {}],
    ['/lu/second/7', { id: '7', same: true }],
    ['/lu/none', { type: 'table', first: true }],
    ['/ph/second/7', { id: '7', same: true }],
    ['/ph/value/7', { id: '7' }],
    ['/ph/typed/7', { id: 8 }],
    ['/ph/third/x/y', { all: { a: 'x', b: 'y' }, a: 'x', b: 'y' }],
    ['/py/second/7', { id: '7', same: true }],
    ['/py/params/7', { params: { id: '7' }, path_params: { id: '7' }, function: 'py/params/[id].py' }],
    ['/py/defaults/7', { missing: 'default', args: [], id: '7', rest: {} }],
    ['/py/rest/x/y', { a: 'x', rest: { b: 'y' } }],
  ])('F70, F71: %s receives them as arguments', async (path, expected) => {
    const answer = await stack.get(path);
    expect([answer.status, answer.text && answer.json()]).toEqual([200, expected]);
  });

  test('F71: a Python handler without parameters is called without arguments', async () => {
    expect((await stack.get('/py/nothing/1')).text).toBe('called without arguments');
  });

  test('F71: a Python parameter that nothing binds is a 500 whose log names it', async () => {
    expect((await stack.get('/py/unknown/1')).json()).toMatchObject({ status: 500, error: 'handler error' });
    await until(() => stack.output.includes('unheard_of'), 'the log names the parameter');
  });
});

describe('F77, F78: query arguments', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['a=1&b=two', { a: '1', b: 'two' }],
    ['a=1&a=2&a=3', { a: ['1', '2', '3'] }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['a[]=1&b.c=2', { 'a[]': '1', 'b.c': '2' }],
    ['a+b=c+d', { 'a b': 'c d' }],
    ['a=%2B%26%3D', { a: '+&=' }],
    ['a=1=2', { a: '1=2' }],
    ['a=true&b=1.5&c=null', { a: 'true', b: '1.5', c: 'null' }],
    ['a=100%&b=%zz&c=%4', { a: '100%', b: '%zz', c: '%4' }],
    ['a=%C3%A9&b=%E9', { a: 'é', b: 'é' }],
    ['%C3%A9=1', { é: '1' }],
    ['&&a=1&', { a: '1' }],
    ['a=%00b', { a: '\u0000b' }],
    ['a=1?b=2', { a: '1?b=2' }],
    ['__proto__=1&constructor=2&length=3', JSON.parse('{"__proto__":"1","constructor":"2","length":"3"}')],
  ];
  const table = LANGUAGES.flatMap((language) =>
    cases.map(([query, expected]) => ({ runtime: language.runtime, language, query, expected })),
  );
  test.each(table)('?$query ($runtime)', async ({ language, query, expected }) => {
    const event = await eventOf(language, `/echo?${query}`);
    expect(JSON.stringify(sorted(event.query))).toBe(JSON.stringify(sorted(expected)));
    expect(event.query_string).toBe(query);
  });

  test.each(languages)('a raw byte above 127 in the query is kept: %s', async (_, language) => {
    const event = await eventOf(language, '/echo?a=\xe9');
    expect([event.query, event.query_string]).toEqual([{ a: 'é' }, 'a=é']);
  });
});

function sorted(map: Record<string, unknown>): [string, unknown][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('F79-F81: headers and cookies', () => {
  test.each(languages)(
    'F79: names are lower case, repeated lines joined, cookie with a semicolon: %s',
    async (_, language) => {
      const lines = [
        'X-Multi: a',
        'x-MULTI:b',
        'X-Empty:',
        'X-Blank: \t v \t',
        'x_under_score: 1',
        'Cookie: a=1',
        'cookie: b=2',
      ];
      const { headers, cookies } = await eventOf(language, '/echo', lines);
      expect(headers).toEqual({
        host: '127.0.0.1',
        'x-multi': 'a, b',
        'x-empty': '',
        'x-blank': 'v',
        x_under_score: '1',
        cookie: 'a=1; b=2',
      });
      expect(cookies).toEqual({ a: '1', b: '2' });
    },
  );

  test.each(languages)('F79: values are UTF-8, else Latin-1: %s', async (_, language) => {
    const { headers } = await eventOf(language, '/echo', [
      'X-Utf8: \xc3\xa9',
      'X-Latin1: \xe9',
      'X-Mixed: \xc3\xa9\xe9',
    ]);
    expect(headers).toMatchObject({ 'x-utf8': 'é', 'x-latin1': 'é', 'x-mixed': 'Ã©é' });
  });

  test.each(languages)(
    'F80: hop-by-hop headers and what `connection` names are not passed on: %s',
    async (_, language) => {
      const lines = [
        'Connection: close, X-Hop',
        'X-Hop: 1',
        'Keep-Alive: 5',
        'TE: trailers',
        'Trailer: X',
        'Upgrade: h2c',
        'Proxy-Authorization: Basic x',
        'Authorization: Bearer t',
        'X-Forwarded-Host: f',
      ];
      const { headers } = await eventOf(language, '/echo', lines);
      expect(headers).toEqual({ host: '127.0.0.1', authorization: 'Bearer t', 'x-forwarded-host': 'f' });
    },
  );

  const cookieCases: [string, Record<string, string>, string | null][] = [
    ['a=1; b=2', { a: '1', b: '2' }, null],
    ['a=1;b="q;c=d', { a: '1', b: '"q', c: 'd' }, null],
    ['flag; a=b=c; =x', { a: 'b=c', '': 'x' }, null],
    ['a=1; a=2', { a: '2' }, null],
    ['a=%20+', { a: '%20+' }, null],
    ['sid=3; sessionid=2; session_id=1', { sid: '3', sessionid: '2', session_id: '1' }, '1'],
    ['sid=3; sessionid=2', { sid: '3', sessionid: '2' }, '2'],
    ['sid=3', { sid: '3' }, '3'],
  ];
  const table = LANGUAGES.flatMap((language) =>
    cookieCases.map(([cookie, expected, id]) => ({ runtime: language.runtime, language, cookie, expected, id })),
  );
  test.each(table)('F81: Cookie: $cookie ($runtime)', async ({ language, cookie, expected, id }) => {
    const event = await eventOf(language, '/echo', [`Cookie: ${cookie}`]);
    expect(event.cookies).toEqual(expected);
    expect(event.session).toEqual(shapeIn(language, { id, raw: cookie, cookies: expected }));
  });

  test.each(languages)('F74: without Cookie header there are no cookies and no session: %s', async (_, language) => {
    const event = await eventOf(language, '/echo');
    expect([event.cookies, event.session ?? null]).toEqual([shapeIn(language, {}), null]);
  });
});

describe('F82-F84: the body', () => {
  test.each(languages)('F82: is the text as sent, whatever its type: %s', async (_, language) => {
    const body = '{"a": 1}';
    const event = await eventOf(
      language,
      '/echo',
      ['Content-Type: application/json', 'Content-Encoding: gzip'],
      body,
      'POST',
    );
    expect([event.body, event.is_base64, event.body_base64]).toEqual([body, false, undefined]);
  });

  test.each(languages)('F83: is base64 where it is not UTF-8: %s', async (_, language) => {
    const event = await eventOf(language, '/echo', [], '\xff\x00\xfe', 'POST');
    const base64 = Buffer.from([255, 0, 254]).toString('base64');
    expect([event.body, event.is_base64, event.body_base64]).toEqual([base64, true, base64]);
  });

  test.each(languages)('F82: an empty body is null: %s', async (_, language) => {
    const event = await eventOf(language, '/echo', ['Content-Length: 0'], '', 'POST');
    expect([event.body ?? null, event.is_base64]).toEqual([null, false]);
  });
});
