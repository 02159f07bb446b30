import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { ECHO_EVENT, EVALUATE, inEachLanguage, LANGUAGES, type Language, type Sources } from './languages.ts';
import { head, type RawAnswer, RawConnection, sendRaw } from './raw-http.ts';
import { TestStack, until } from './support.ts';

const languages = LANGUAGES.map((language) => [language.runtime, language] as const);
const ofProcesses = languages.filter(([runtime]) => runtime !== 'lua');

/** A body whose length is whatever it says; ten bytes in two pieces. */
const BLOB = `const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.handler = ({ query }) => ({
  body: {
    [Symbol.toStringTag]: 'Blob',
    size: Number(query.size),
    stream: async function* () { yield '12345'; await pause(60); yield '67890'; },
  },
});`;

/** Leaves a file when its client has left. */
const LEFT = {
  js: `const { writeFileSync } = require('node:fs');
exports.handler = ({ signal }) => new Promise((resolve) => {
  writeFileSync(process.env.FN_FUNCTIONS_ROOT + '/.js-began', '');
  signal.addEventListener('abort', () => resolve(writeFileSync(process.env.FN_FUNCTIONS_ROOT + '/.js-left', '')));
});`,
  py: `import asyncio, os
async def handler(event):
    root = os.environ["FN_FUNCTIONS_ROOT"]
    open(root + "/.py-began", "w").close()
    try:
        await asyncio.sleep(3600)
    finally:
        open(root + "/.py-left", "w").close()
`,
};

let stack: TestStack;
let dribble: Promise<{ ms: number; bytes: number }>;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { invoke: { methods: ['GET', 'POST'] }, timeout_ms: 20_000 },
    ...inEachLanguage('echo', ECHO_EVENT),
    ...inEachLanguage('evaluate', EVALUATE),
    ...inEachLanguage('left', LEFT),
    'js/any/[...rest].js': ECHO_EVENT.js,
    'js/blob.js': BLOB,
    'lambda/fn.config.json': { invoke: { adapter: 'aws-lambda', methods: ['POST'] } },
    'lambda/cookies.js': 'exports.handler = async (event) => ({ cookies: JSON.parse(event.body), body: "x" });',
    'lambda-py/fn.config.json': { invoke: { adapter: 'aws-lambda', methods: ['POST'] } },
    'lambda-py/cookies.py':
      'import json\ndef handler(event, context):\n    return {"cookies": json.loads(event["body"]), "body": "x"}\n',
    'script.php': '<?php $FASTFN_HEADERS = ["X-A" => "a\\r\\nX-Injected: 1"]; echo "x";',
    'py/kw/[event]/[class].py':
      'def handler(event, **others):\n    return {"body": {"params": event["params"], "others": others}}\n',
  });
  dribble = dribbleHeader();
}, 60_000);
afterAll(() => stack?.stop());

function evaluate({ dir }: Language, expressions: Partial<Sources>): Promise<RawAnswer> {
  const body = Buffer.from(expressions[dir] as string);
  const request = Buffer.from(head('POST', `/${dir}/evaluate`, [`Content-Length: ${body.length}`]));
  return sendRaw(stack.port, Buffer.concat([request, body]));
}

const names = ({ lines }: RawAnswer) => lines.map(([name]) => name.toLowerCase()).sort();
const get = (target: string, lines: readonly string[] = []) => sendRaw(stack.port, head('GET', target, lines));

describe('P92: headers of our own', () => {
  test.each([
    ['the gateway', '/nothing', 404],
    ['nginx itself', '/../x', 400],
    ['a function', '/js/echo', 200],
    ['a function that broke the contract', '/js/blob?size=-1', 502],
  ])('an answer of %s names no version of anything', async (_, target, status) => {
    const answer = await get(target);
    expect([answer.status, answer.values('server')]).toEqual([status, ['nginx']]);
    expect(names(answer)).not.toContain('x-powered-by');
  });

  test.each(['/nothing', '/../x', '/js/any/fn.env.json', '/_fn/nothing', '/console/nothing'])(
    'a problem document is not sniffed, not stored, and gives no referrer: %s',
    async (target) => {
      const answer = await get(target);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.values('x-content-type-options')).toEqual(['nosniff']);
      expect(answer.values('referrer-policy')).toEqual(['no-referrer']);
      expect(answer.values('cache-control')).toEqual(['no-store']);
      expect(answer.values('x-request-id')).toEqual([answer.json().request_id]);
    },
  );

  test.each(languages)(
    'an answer of a function has what it set and what P92 names, nothing else: %s',
    async (_, { dir }) => {
      const own = ['content-type', 'content-length', 'connection', 'date', 'server'];
      const added = (await get(`/${dir}/echo`)).lines
        .map(([name]) => name.toLowerCase())
        .filter((name) => !own.includes(name));
      const lifeCycle = ['x-request-id', 'x-fastfn-function-state', 'x-fastfn-warmed'];
      expect(added.filter((name) => !lifeCycle.includes(name))).toEqual([]);
    },
  );
});

describe('F105: no handler splits its answer', () => {
  const INJECTED: [string, Partial<Sources>][] = [
    [
      'CRLF in a value',
      {
        js: '{ headers: { "X-A": "a\\r\\nX-Injected: 1" }, body: "x" }',
        py: '{"headers": {"X-A": "a\\r\\nX-Injected: 1"}, "body": "x"}',
        ph: '["headers" => ["X-A" => "a\\r\\nX-Injected: 1"], "body" => "x"]',
        lu: '{ headers = { ["X-A"] = "a\\r\\nX-Injected: 1" }, body = "x" }',
      },
    ],
    [
      'LF in the second of two cookies',
      {
        js: '{ headers: { "Set-Cookie": ["a=1", "b=2\\nX-Injected: 1"] }, body: "x" }',
        py: '{"headers": {"Set-Cookie": ["a=1", "b=2\\nX-Injected: 1"]}, "body": "x"}',
        ph: '["headers" => ["Set-Cookie" => ["a=1", "b=2\\nX-Injected: 1"]], "body" => "x"]',
        lu: '{ headers = { ["Set-Cookie"] = { "a=1", "b=2\\nX-Injected: 1" } }, body = "x" }',
      },
    ],
    [
      'CR in a Content-Type',
      {
        js: '{ headers: { "Content-Type": "text/html\\rX-Injected: 1" }, body: "x" }',
        py: '{"headers": {"Content-Type": "text/html\\rX-Injected: 1"}, "body": "x"}',
        ph: '["headers" => ["Content-Type" => "text/html\\rX-Injected: 1"], "body" => "x"]',
        lu: '{ headers = { ["Content-Type"] = "text/html\\rX-Injected: 1" }, body = "x" }',
      },
    ],
    [
      'NUL in a value',
      {
        js: '{ headers: { Location: "/a\\0X-Injected: 1" }, status: 302 }',
        py: '{"headers": {"Location": "/a\\0X-Injected: 1"}, "status": 302}',
        ph: '["headers" => ["Location" => "/a\\0X-Injected: 1"], "status" => 302]',
        lu: '{ headers = { Location = "/a\\0X-Injected: 1" }, status = 302 }',
      },
    ],
    [
      'a colon and a line in a name',
      {
        js: '{ headers: { "X-A: 1\\r\\nX-Injected": "1" }, body: "x" }',
        py: '{"headers": {"X-A: 1\\r\\nX-Injected": "1"}, "body": "x"}',
        ph: '["headers" => ["X-A: 1\\r\\nX-Injected" => "1"], "body" => "x"]',
        lu: '{ headers = { ["X-A: 1\\r\\nX-Injected"] = "1" }, body = "x" }',
      },
    ],
    [
      'a blank after a name',
      {
        js: '{ headers: { "Content-Length ": "1" }, body: "x" }',
        py: '{"headers": {"Content-Length ": "1"}, "body": "x"}',
        ph: '["headers" => ["Content-Length " => "1"], "body" => "x"]',
        lu: '{ headers = { ["Content-Length "] = "1" }, body = "x" }',
      },
    ],
    [
      'CRLF in the head of a stream',
      {
        js: '{ headers: { "X-A": "a\\r\\nX-Injected: 1" }, body: (function* () { yield "x"; })() }',
        py: '{"headers": {"X-A": "a\\r\\nX-Injected: 1"}, "body": iter(["x"])}',
        ph: '["headers" => ["X-A" => "a\\r\\nX-Injected: 1"], "body" => (function () { yield "x"; })()]',
      },
    ],
  ];

  test.each(
    INJECTED.flatMap(([what, sources]) =>
      languages
        .filter(([, { dir }]) => sources[dir] !== undefined)
        .map(([runtime, l]) => [what, runtime, l, sources] as const),
    ),
  )('%s is 502 `invalid runtime response`: %s', async (_, _runtime, language, sources) => {
    const answer = await evaluate(language, sources);
    expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
    expect(names(answer)).not.toContain('x-injected');
    expect(answer.text).not.toContain('Injected');
  });

  test.each(['/lambda/cookies', '/lambda-py/cookies'])('CRLF in a cookie of a Lambda handler: %s', async (path) => {
    const answer = await stack.get(path, { method: 'POST', body: JSON.stringify(['a=1', 'b=2\r\nX-Injected: 1']) });
    expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
    expect(answer.headers['x-injected']).toBeUndefined();
  });

  test('CRLF in a header of a PHP script', async () => {
    const answer = await get('/script');
    expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
    expect(names(answer)).not.toContain('x-injected');
  });
});

describe('F96: no handler decides how its answer is framed', () => {
  test.each(languages)('headers of the connection are dropped in any spelling: %s', async (_, language) => {
    const dropped = ['CONTENT-LENGTH', 'transfer-Encoding', 'Connection', 'keep-alive', 'UPGRADE', 'Te', 'Trailer'];
    const pairs = [...dropped, 'X-REQUEST-ID', 'x-fastfn-anything'].map((name) => [name, 'chunked']);
    const answer = await evaluate(language, {
      js: `{ headers: ${JSON.stringify(Object.fromEntries(pairs))}, body: "abc" }`,
      py: `{"headers": ${JSON.stringify(Object.fromEntries(pairs))}, "body": "abc"}`,
      ph: `["headers" => [${pairs.map(([name, value]) => `"${name}" => "${value}"`)}], "body" => "abc"]`,
      lu: `{ headers = { ${pairs.map(([name, value]) => `["${name}"] = "${value}"`)} }, body = "abc" }`,
    });
    expect([answer.status, answer.text, answer.values('content-length')]).toEqual([200, 'abc', ['3']]);
    expect(answer.lines.filter(([, value]) => value === 'chunked')).toEqual([]);
  });

  test.each([5, 7])('a stream longer than its length of %i is cut there, and the connection with it', async (size) => {
    const connection = await RawConnection.open(stack.port);
    connection.write(head('GET', `/js/blob?size=${size}`) + head('GET', '/js/echo'));
    await connection.closed;
    const received = (await connection.peek(0)).toString();
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(received).toMatch(/\r\n\r\n12345$/);
  });

  test('a stream shorter than its length ends the connection, so that nobody waits for the rest', async () => {
    const connection = await RawConnection.open(stack.port);
    connection.write(head('GET', '/js/blob?size=20') + head('GET', '/js/echo'));
    await connection.closed;
    expect((await connection.peek(0)).toString().match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('a length that is none violates the contract', async () => {
    const answer = await get('/js/blob?size=-1');
    expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
  });
});

describe('F49: paths', () => {
  test.each(['/..', '/js/any/../../..', '/js/any/%2e%2e/%2E%2E/%2e./x', '/..%2fx', '/js/any/..%2f..%2f..%2f..%2fx'])(
    '%s leaves the root: 400',
    async (target) => {
      const answer = await get(target);
      expect([answer.status, answer.json().error]).toEqual([400, 'bad request']);
    },
  );

  test.each(['/js/any/%00', '/js/any/a%00b', '/js/any/fn.env.json%00', '/js/any/%', '/js/any/%4', '/js/any/%zz', '/%'])(
    '%s cannot be decoded: 400',
    async (target) => {
      expect((await get(target)).status).toBe(400);
    },
  );

  test.each([
    ['/js/any/..%5c..%5cx', '..\\..\\x'],
    ['/js/any/%c0%ae%c0%ae/x', 'À®À®/x'],
    ['/js/any/%252e%252e/x', '%2e%2e/x'],
    ['/js/any/%252e%252e%252fx', '%2e%2e%2fx'],
    ['/js/any/.../x', '.../x'],
    ['/js/any/%uff0e%uff0e/x', undefined],
    ['/js/any/%ef%bc%8e%ef%bc%8e/x', '．．/x'],
    ['/js/any/a%0d%0aX-A:%20b', 'a\r\nX-A: b'],
  ])('%s is decoded once and means nothing else', async (target, rest) => {
    const answer = await get(target);
    if (rest === undefined) expect(answer.status).toBe(400);
    else expect(answer.json().params).toEqual({ rest });
  });

  test.each([
    ...[
      'fn.env.json',
      'fn.env.json/',
      'fn.env.json/.',
      'x/../fn.env.json',
      '/fn.env.json',
      'a/b/c/d/e/f/g/fn.env.json',
    ],
    ...['%66n.env.json', 'fn%2Eenv%2ejson', 'FN.ENV.JSON', 'x%2Ffn.env.json', 'x%5Cfn.env.json', 'fn.env.json%2F'],
    ...['fn.env.json?x', 'fn.env.json#x', 'fn.config.json', 'fn.routes.json', 'fn.test_events.json', 'fastfn.json'],
    ...['fastfn.toml', '.env', '.env.local', '.ENV', '%2eenv', '.envrc', 'x%2f.env'],
  ])('P91: %s is not served, though a route would take it', async (name) => {
    const answer = await get(`/js/any/${name}`);
    expect([answer.status, answer.json().error]).toEqual([404, 'not found']);
  });

  test.each([
    '/_fn/live',
    '//_fn/live',
    '/./_fn/live',
    '/x/../_fn/live',
    '/%5ffn/live',
    '/_fn//live/',
    '/_f%6e/./live',
  ])('F10: %s is the platform', async (target) => {
    const answer = await get(target);
    expect([answer.status, answer.values('content-type')]).toEqual([200, ['application/json']]);
  });

  test.each(['/_fn%2Flive', '/_FN/live', '/_fn;/live', '/_fn%20/live', '/_fn%5clive'])(
    'F10: %s is not the platform',
    async (target) => {
      expect((await get(target)).json()).toMatchObject({ status: 404, error: 'not found' });
    },
  );
});

describe('F77-F81: hostile names and values', () => {
  const POLLUTION =
    '__proto__=1&__proto__=2&__proto__[polluted]=1&constructor=3&constructor[prototype][polluted]=1&a[__proto__][polluted]=1';

  test('change no prototype in Node', async () => {
    const body = `(() => { void [event.query, event.headers, event.cookies, event.session, event.params, { ...event }, JSON.stringify(event)];
      return { body: { polluted: String({}.polluted), own: Object.keys(Object.prototype), query: JSON.stringify(event.query),
        headers: JSON.stringify([event.headers['__proto__'], Object.getPrototypeOf(event.headers) === Object.prototype]),
        cookies: JSON.stringify([event.cookies['__proto__'], Object.getPrototypeOf(event.cookies) === Object.prototype]) } }; })()`;
    const lines = [
      '__proto__: h',
      'constructor: c',
      'Cookie: __proto__=k; constructor=x',
      `Content-Length: ${body.length}`,
    ];
    const answer = await sendRaw(stack.port, head('POST', `/js/evaluate?${POLLUTION}`, lines) + body);
    const seen = answer.json();
    expect(seen).toMatchObject({ polluted: 'undefined', own: [], headers: '["h",true]', cookies: '["k",true]' });
    expect(seen.query).toContain('"__proto__":["1","2"]');
  });

  test.each(languages)('are plain text in every map: %s', async (_, { dir }) => {
    const answer = await get(`/${dir}/echo?a%00b=%00&%ff=%fe&a[]=1&a[]=2&a.b=3&0=zero&self=1&class=2&e=%F0%9F%98%80`, [
      'Cookie: %00=%00; a[]=1; class=2',
      'Class: 3',
    ]);
    const { query, cookies, headers } = answer.json();
    expect(query).toEqual({
      ...{ 'a\0b': '\0', ÿ: 'þ', 'a[]': ['1', '2'], 'a.b': '3', 0: 'zero', self: '1', class: '2', e: '😀' },
    });
    expect(cookies).toEqual({ '%00': '%00', 'a[]': '1', class: '2' });
    expect(headers.class).toBe('3');
  });

  test.each(languages)('as large as nginx takes them arrive whole: %s', async (_, { dir }) => {
    const value = 'v'.repeat(30_000);
    const event = (await get(`/${dir}/echo?q=${value}`, [`Cookie: c=${value}`, `X-A: ${value}`])).json();
    expect([event.query.q, event.cookies.c, event.headers['x-a']].map((text: string) => text.length)).toEqual([
      30_000, 30_000, 30_000,
    ]);
  });

  test('F71: a route parameter with the name of a keyword, or of the event, reaches a Python handler', async () => {
    const params = { event: '1', class: '2' };
    expect((await get('/py/kw/1/2')).json()).toEqual({ params, others: { class: '2' } });
  });
});

describe('a body nested 100,000 levels deep', () => {
  const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);

  test.each(languages)('is text like any other: %s', async (_, { dir }) => {
    const answer = await stack.get(`/${dir}/echo`, { method: 'POST', body: DEEP });
    expect([answer.status, answer.json().body]).toEqual([200, DEEP]);
  });

  const PARSE: Sources = {
    js: 'JSON.stringify(JSON.parse("[".repeat(1e5) + "]".repeat(1e5)))',
    py: '__import__("json").loads("[" * 100000 + "]" * 100000)',
    ph: '["body" => json_decode(str_repeat("[", 100000) . str_repeat("]", 100000), true)]',
    lu: 'cjson.decode(string.rep("[", 100000) .. string.rep("]", 100000))',
  };
  const PID: Sources = { js: 'process.pid', py: '__import__("os").getpid()', ph: 'getmypid()', lu: '1' };

  test.each(languages)('parsed by a handler costs no worker: %s', async (_, language) => {
    const before = (await evaluate(language, PID)).text;
    await evaluate(language, PARSE);
    expect((await evaluate(language, PID)).text).toBe(before);
  });

  const NESTED: Partial<Sources> = {
    js: '(() => { let v = []; for (let i = 0; i < 1e5; i++) v = [v]; return { body: v }; })()',
    py: '__import__("functools").reduce(lambda v, _: [v], range(100000), [])',
    lu: '(function() local v = {1} for i = 1, 100000 do v = {v} end return { body = v } end)()',
  };
  test.each(languages.filter(([, { dir }]) => NESTED[dir] !== undefined))(
    'returned by a handler violates the contract and costs no worker: %s',
    async (_, language) => {
      const before = (await evaluate(language, PID)).text;
      const answer = await evaluate(language, NESTED);
      expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
      expect((await evaluate(language, PID)).text).toBe(before);
    },
  );
});

describe('slow clients', () => {
  test('P83: the limits of nginx are those of docs/security.md', () => {
    const conf = readFileSync(join(stack.runDir, 'nginx.conf'), 'utf8');
    const page = readFileSync(join(packageRoot, 'docs/security.md'), 'utf8');
    const directives = [...page.matchAll(/`([a-z_]+ [^`]*)`; nginx/g)].map(([, directive]) => directive);
    expect(directives.length).toBeGreaterThan(4);
    for (const directive of directives) expect(conf).toContain(`${directive};`);
  });

  const LARGE: Partial<Sources> = {
    js: '{ body: "x".repeat(3e6) }',
    py: '{"body": "x" * 3000000}',
    ph: '["body" => str_repeat("x", 3000000)]',
  };
  test.each(ofProcesses)('who does not read an answer holds no worker up: %s', async (_, language) => {
    const body = Buffer.from(LARGE[language.dir] as string);
    const request = head('POST', `/${language.dir}/evaluate`, [`Content-Length: ${body.length}`]);
    const slow = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const connection = await RawConnection.open(stack.port);
        connection.write(request + body);
        await connection.peek(1);
        connection.socket.pause();
        return connection;
      }),
    );
    for (let i = 0; i < 5; i++) expect((await get(`/${language.dir}/echo`)).status).toBe(200);
    expect((await evaluate(language, { js: '1', py: '1', ph: '1' })).status).toBe(200);
    slow[0]?.socket.resume();
    expect((await slow[0]?.read())?.body.length).toBe(3_000_000);
    for (const connection of slow) connection.destroy();
  });

  test('who says nothing, or half a request, does not stop others: 2,000 connections', async () => {
    const idle: RawConnection[] = [];
    for (let i = 0; i < 20; i++) {
      const opened = await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(stack.port)));
      for (const connection of opened) if (i % 2 === 0) connection.write('GET /js/echo HTTP/1.1\r\nHos');
      idle.push(...opened);
    }
    for (const { dir } of LANGUAGES) expect((await get(`/${dir}/echo`)).status).toBe(200);
    for (const connection of idle) connection.destroy();
  });

  test.each(['js', 'py'])('F103: a client that leaves cancels its handler: %s', async (dir) => {
    const connection = await RawConnection.open(stack.port);
    connection.write(head('GET', `/${dir}/left`));
    await until(() => existsSync(join(stack.dir, `.${dir}-began`)), 'the handler runs');
    connection.destroy();
    await until(() => existsSync(join(stack.dir, `.${dir}-left`)), 'the handler is cancelled');
  });

  test('a head that dribbles in is cut after 15 s, however busy its sender is', async () => {
    const { ms, bytes } = await dribble;
    expect(ms).toBeGreaterThan(14_000);
    expect(ms).toBeLessThan(40_000);
    expect(bytes).toBe(0);
  }, 60_000);
});

/** Sends a header byte by byte, all the time, until the gateway closes the connection; how long that took, and what it answered. */
async function dribbleHeader(): Promise<{ ms: number; bytes: number }> {
  const connection = await RawConnection.open(stack.port);
  let bytes = 0;
  connection.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const began = performance.now();
  connection.write('GET /js/echo HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  const timer = setInterval(() => connection.write('x'), 200);
  await connection.closed;
  clearInterval(timer);
  return { ms: performance.now() - began, bytes };
}
