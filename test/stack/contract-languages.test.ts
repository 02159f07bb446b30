import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inEachLanguage, LANGUAGES } from './languages.ts';
import { TestStack, until } from './support.ts';

const ENVIRONMENT = {
  js: 'exports.handler = (event) => ({ body: { seen: process.env, event: event.env, cwd: process.cwd() } });',
  py: 'import os\ndef handler(event):\n    return {"body": {"seen": dict(os.environ), "event": event["env"], "cwd": os.getcwd()}}\n',
  ph: '<?php function handler($event) { return ["body" => ["seen" => getenv(), "event" => $event["env"], "cwd" => getcwd(), "superglobal" => $_ENV["GREETING"] ?? null]]; }',
  lu: 'function handler(event) return { body = { seen = { GREETING = os.getenv("GREETING"), PATH = os.getenv("PATH"), HOME = os.getenv("HOME") }, event = event.env } } end',
};
const NAMED = {
  js: 'exports.handler = () => "default"; exports.other = () => "other";',
  py: 'def handler(event):\n    return "default"\ndef other(event):\n    return "other"\n',
  ph: '<?php function handler($event) { return "default"; } function other($event) { return "other"; }',
  lu: 'function handler() return "default" end function other() return "other" end',
};

const LAMBDA_JS = `exports.handler = async (event, context) => ({
  statusCode: 201, cookies: ['a=1', 'b=2'], headers: { 'X-Route': event.routeKey },
  body: JSON.stringify({ version: event.version, rawPath: event.rawPath, query: event.queryStringParameters, path: event.pathParameters,
    cookies: event.cookies ?? null, ip: event.requestContext.http.sourceIp, name: context.functionName, left: context.getRemainingTimeInMillis() > 0 }) });`;
const LAMBDA_PY = `import json
def handler(event, context):
    return {"statusCode": 201, "cookies": ["a=1", "b=2"], "headers": {"X-Route": event["routeKey"]},
        "body": json.dumps({"version": event["version"], "rawPath": event["rawPath"], "query": event["queryStringParameters"], "path": event["pathParameters"],
            "cookies": event.get("cookies"), "ip": event["requestContext"]["http"]["sourceIp"], "name": context.function_name, "left": context.get_remaining_time_in_millis() > 0})}
`;
const ADAPTER = (adapter: string) => ({ invoke: { adapter, methods: ['GET', 'POST'] } });

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(
    {
      ...Object.fromEntries(
        LANGUAGES.map(({ dir }) => [
          `${dir}/fn.env.json`,
          { GREETING: 'hi', API_KEY: { value: 's3cret', is_secret: true } },
        ]),
      ),
      ...inEachLanguage('environment', ENVIRONMENT),
      ...inEachLanguage('named/fn', NAMED),
      ...Object.fromEntries(
        LANGUAGES.map(({ dir }) => [`${dir}/named/fn.config.json`, { invoke: { handler: 'other' } }]),
      ),
      'py/main-name.py': 'def main(event):\n    return "main"\n',
      'lu/main-name.lua': 'return { main = function() return "main" end }',
      'js/default.mjs': 'const greeting = await Promise.resolve("top-level"); export default async () => greeting;',
      'js/named-export.mjs': 'import { join } from "node:path"; export const handler = () => join("a", "b");',
      'js/default-object.mjs': 'export default { handler: () => "in default" };',
      'js/module-is-function.cjs': 'module.exports = () => "module.exports";',
      'ts/hello.ts':
        'import { greet, type Name } from "./_lib/greet";\nconst name: Name = await Promise.resolve("Ada" as Name);\nexport const handler = async (event: { method: string }): Promise<{ body: string }> => ({ body: greet(name) + event.method });\n',
      'ts/_lib/greet.ts':
        'export type Name = string;\nenum Tone { Loud = "!" }\nexport const greet = (name: Name): string => `Hello ${name}${Tone.Loud} `;\n',
      'lambda/js/fn.config.json': ADAPTER('aws-lambda'),
      'lambda/js/[id].js': LAMBDA_JS,
      'lambda/js/callback.js':
        'exports.handler = (event, context, callback) => { callback(null, { statusCode: 202, body: "called back" }); };',
      'lambda/py/fn.config.json': ADAPTER('Lambda'),
      'lambda/py/[id].py': LAMBDA_PY,
      'workers/fn.config.json': ADAPTER('cloudflare-worker'),
      'workers/fn.env.json': { GREETING: 'hi' },
      'workers/a.mjs':
        'export default { async fetch(request, env, ctx) { ctx.waitUntil(Promise.resolve()); const { pathname, searchParams } = new URL(request.url); return Response.json({ method: request.method, pathname, q: searchParams.get("q"), body: await request.text(), env: env.GREETING }, { status: 203, headers: { "X-Test": request.headers.get("x-in") ?? "" } }); } };',
      'workers/no-fetch.mjs': 'export default { other() {} };',
      'ph/script.php':
        '<?php $FASTFN_STATUS = 202; $FASTFN_HEADERS = ["X-Script" => ["a", "b"]]; ?><p>Hello <?= htmlspecialchars($event["query"]["name"] ?? "you") ?></p>',
      'ph/script-html.php': '<!doctype html><title>t</title><?php http_response_code(418);',
      'ph/users/[id].php': '<?php echo $params["id"], "\\xff";',
      'ph/echoes.php':
        '<?php function handler($event) { echo "echoed"; return isset($event["query"]["text"]) ? " text" : null; }',
      'ph/returned.php': '<?php return fn (array $event) => "closure";',
      'lu/alone.lua':
        'leaked = (leaked or 0) + 1\nfunction handler() local ok = pcall(function() getmetatable("").__index.upper = nil end) return { io = io == nil, ffi = not pcall(require, "ffi"), execute = os.execute == nil, leaked = leaked, touched = ok } end',
      'lu/neighbour.lua': 'function handler() return { leaked = leaked == nil, upper = ("a"):upper() } end',
    },
    {
      env: {
        HOST_ONLY: 'host-value',
        AWS_SECRET_ACCESS_KEY: 'aws',
        FN_ADMIN_TOKEN: 'a-token-of-the-platform',
        LC_TEST: 'lc',
        TZ: 'UTC',
      },
    },
  );
}, 60_000);
afterAll(() => stack?.stop());

describe('F132, F133: the environment of a function', () => {
  const processes = LANGUAGES.filter(({ dir }) => dir !== 'lu').map(({ runtime, dir }) => [runtime, dir] as const);

  test.each(processes)('has its own values and the short list of the host, nothing else: %s', async (_, dir) => {
    const { seen, event } = (await stack.get(`/${dir}/environment`)).json();
    expect(event).toEqual({ GREETING: 'hi', API_KEY: 's3cret' });
    expect(seen).toMatchObject({
      GREETING: 'hi',
      API_KEY: 's3cret',
      PATH: expect.any(String),
      LC_TEST: 'lc',
      TZ: 'UTC',
    });
    expect(seen.FASTFN_INTERNAL_BASE).toBe(`http://127.0.0.1:${stack.port}`);
    expect(realpathSync(seen.FN_FUNCTIONS_ROOT)).toBe(realpathSync(stack.dir));
    expect(Object.keys(seen).filter((name) => !ALLOWED.test(name))).toEqual([]);
  });

  const ALLOWED =
    /^(PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|XDG_CACHE_HOME|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|FN_FUNCTIONS_ROOT|FASTFN_INTERNAL_BASE|GREETING|API_KEY)$/;

  test('Lua sees its own values, not those of the host', async () => {
    expect((await stack.get('/lu/environment')).json()).toEqual({
      seen: { GREETING: 'hi' },
      event: { GREETING: 'hi', API_KEY: 's3cret' },
    });
  });

  test('$_ENV has them in PHP', async () => {
    expect((await stack.get('/ph/environment')).json().superglobal).toBe('hi');
  });

  test.each(processes)('F115: the working directory is the folder of the function: %s', async (_, dir) => {
    expect((await stack.get(`/${dir}/environment`)).json().cwd).toBe(realpathSync(join(stack.dir, dir)));
  });
});

describe('F66, F69: which callable', () => {
  test.each([
    ...LANGUAGES.map(({ dir }) => [`/${dir}/named/fn`, 'other']),
    ['/py/main-name', 'main'],
    ['/lu/main-name', 'main'],
    ['/js/default', 'top-level'],
    ['/js/named-export', 'a/b'],
    ['/js/default-object', 'in default'],
    ['/js/module-is-function', 'module.exports'],
    ['/ph/returned', 'closure'],
    ['/ts/hello', 'Hello Ada! GET'],
  ] as [string, string][])('%s answers %s', async (path, text) => {
    const answer = await stack.get(path);
    expect([answer.status, answer.text]).toEqual([200, text]);
  });
});

describe('F109: adapters', () => {
  test.each(['js', 'py'])('aws-lambda gets the payload 2.0 event and context: %s', async (dir) => {
    const answer = await stack.get(`/lambda/${dir}/7?a=1&a=2`, { headers: { cookie: 'c=1; d=2' } });
    expect([answer.status, answer.headers['set-cookie'], answer.headers['x-route']]).toEqual([
      201,
      ['a=1', 'b=2'],
      `GET /lambda/${dir}/7`,
    ]);
    expect(answer.json()).toEqual({
      version: '2.0',
      rawPath: `/lambda/${dir}/7`,
      query: { a: '1,2' },
      path: { id: '7' },
      cookies: ['c=1', 'd=2'],
      ip: '127.0.0.1',
      name: `lambda/${dir}/[id].${dir}`,
      left: true,
    });
  });

  test('aws-lambda with a callback', async () => {
    const answer = await stack.get('/lambda/js/callback');
    expect([answer.status, answer.text]).toEqual([202, 'called back']);
  });

  test('cloudflare-worker gets a Request and answers with a Response', async () => {
    const answer = await stack.get('/workers/a?q=x', { method: 'POST', body: 'sent', headers: { 'x-in': '1' } });
    expect([answer.status, answer.headers['x-test']]).toEqual([203, '1']);
    expect(answer.json()).toEqual({ method: 'POST', pathname: '/workers/a', q: 'x', body: 'sent', env: 'hi' });
  });

  test('a Workers-style module without fetch is a 500 whose log says so', async () => {
    expect((await stack.get('/workers/no-fetch')).status).toBe(500);
    await until(
      () =>
        /requires.*fetch|fetch/.test(
          stack.output
            .split('\n')
            .filter((line) => line.includes('no-fetch'))
            .join(),
        ),
      'the log names fetch',
    );
  });
});

describe('F111: PHP', () => {
  test('a script runs for each request: output, status, headers, $event', async () => {
    for (const name of ['A&B', 'C']) {
      const answer = await stack.get(`/ph/script?name=${encodeURIComponent(name)}`);
      expect([answer.status, answer.text]).toEqual([202, `<p>Hello ${name.replace('&', '&amp;')}</p>`]);
      expect(answer.rawHeaders.filter((_, i, all) => all[i - 1] === 'X-Script')).toEqual(['a', 'b']);
    }
  });

  test('http_response_code() and HTML', async () => {
    const answer = await stack.get('/ph/script-html');
    expect([answer.status, answer.headers['content-type']]).toEqual([418, 'text/html; charset=utf-8']);
  });

  test('$params is in scope, output need not be UTF-8', async () => {
    expect((await stack.get('/ph/users/7')).bytes).toEqual(Buffer.from([0x37, 0xff]));
  });

  test('what a handler echoes is the body, or stands before a returned string', async () => {
    expect((await stack.get('/ph/echoes')).text).toBe('echoed');
    expect((await stack.get('/ph/echoes?text=1')).text).toBe('echoed text');
  });
});

describe('F114: Lua', () => {
  test('has no io, ffi or os.execute; its globals and what it does to strings stay its own', async () => {
    expect((await stack.get('/lu/alone')).json()).toMatchObject({ io: true, ffi: true, execute: true, leaked: 1 });
    for (let i = 0; i < 40; i++)
      expect((await stack.get('/lu/neighbour')).json()).toEqual({ leaked: true, upper: 'A' });
    expect((await stack.get('/js/default')).status).toBe(200);
  });
});
