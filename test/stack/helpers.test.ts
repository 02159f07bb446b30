import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { inEachLanguage, LANGUAGES } from './languages.ts';
import { TestStack } from './support.ts';

interface Vector {
  readonly name: string;
  readonly call: string;
  readonly args: readonly unknown[];
  readonly result?: unknown;
  readonly throws?: boolean;
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(join(packageRoot, 'test/vectors/auth-helpers.json'), 'utf8'),
);

/** Answers with what a helper returns for the arguments in the body, or that it failed. */
const CALL = {
  js: `const auth = require('fastfn-auth');
exports.handler = (event) => {
  const { call, args } = JSON.parse(event.body);
  try { return { body: { result: auth[call](...args) } }; } catch (error) { return { body: { throws: true } }; }
};`,
  py: `import json
import fastfn_auth
def handler(event):
    order = json.loads(event["body"])
    try:
        return {"body": {"result": getattr(fastfn_auth, order["call"])(*order["args"])}}
    except TypeError:
        return {"body": {"throws": True}}
`,
  ph: `<?php
require 'fastfn_auth.php';
function handler($event) {
  $order = json_decode($event['body'], true);
  try { return ['body' => ['result' => ('FastFN\\\\Auth\\\\' . $order['call'])(...$order['args'])]]; }
  catch (TypeError $error) { return ['body' => ['throws' => true]]; }
}`,
  lu: `local auth = require("fastfn_auth")
function handler(event)
  local order = cjson.decode(event.body)
  local args = {}
  for i, value in ipairs(order.args) do args[i] = value ~= ngx.null and value or nil end
  local ok, result = pcall(auth[order.call], unpack(args, 1, #order.args))
  if not ok then return { body = { throws = true } } end
  return { body = { result = result } }
end`,
};

const REFUSES = '({ status: 418 })';
const OWN_MODULE = {
  'own/node_modules/fastfn-auth/index.js': 'exports.unauthorized = () => ({ status: 418 });',
  'own/cjs.js': "exports.handler = () => require('fastfn-auth').unauthorized();",
  'own/esm.mjs': "import auth from 'fastfn-auth'; export const handler = () => auth.unauthorized();",
  'own/fastfn_auth.py': 'def unauthorized():\n    return {"status": 418}\n',
  'own/py.py': 'from fastfn_auth import unauthorized\ndef handler(event):\n    return unauthorized()\n',
  'own/fastfn_auth.php': '<?php function mine() { return ["status" => 418]; }',
  'own/ph.php': '<?php require "fastfn_auth.php"; function handler($event) { return mine(); }',
  'own/fastfn_auth.lua': 'return { unauthorized = function() return { status = 418 } end }',
  'own/lu.lua': 'local auth = require "fastfn_auth"\nfunction handler(event) return auth.unauthorized() end',
};

describe('in a function of each language', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start({
      ...inEachLanguage('post.call', CALL),
      'esm.mjs': "import { unauthorized } from 'fastfn-auth';\nexport const handler = () => unauthorized('esm');",
      'late.mjs': "export const handler = async () => (await import('fastfn-auth')).unauthorized('late');",
      'through.mjs': "import { refuse } from './_lib/refuse.mjs';\nexport const handler = () => refuse();",
      '_lib/refuse.mjs':
        "import { unauthorized } from 'fastfn-auth';\nexport const refuse = () => unauthorized('through');",
      'typed.ts':
        "import { unauthorized } from 'fastfn-auth';\nexport const handler = (event: object): object => unauthorized('typed');",
      'typed-esm.ts':
        "import { unauthorized } from 'fastfn-auth';\nconst realm: string = await Promise.resolve('typed-esm');\nexport const handler = () => unauthorized(realm);",
      'plain.mjs': `export const handler = () => ${REFUSES};`,
      ...OWN_MODULE,
    });
  }, 60_000);
  afterAll(() => stack?.stop());

  describe.each(LANGUAGES)('$runtime', ({ dir, runtime }) => {
    test.each(VECTORS)('$call: $name', async ({ call, args, result, throws }) => {
      const answer = await stack.get(`/${dir}/call`, { method: 'POST', body: JSON.stringify({ call, args }) });
      expect(answer.status).toBe(200);
      // An empty table is an object to Lua's encoder, and nil is no member.
      const isEmptyList = Array.isArray(result) && result.length === 0;
      const expected = runtime === 'lua' && isEmptyList ? {} : (result ?? null);
      const { throws: threw = false, result: got = null } = answer.json();
      expect([threw, got]).toEqual(throws ? [true, null] : [false, expected]);
    });
  });

  test.each(['esm', 'late', 'through', 'typed', 'typed-esm'])('node finds them by import: %s', async (name) => {
    const { status, headers } = await stack.get(`/${name}`);
    expect([status, headers['www-authenticate']]).toEqual([401, `Bearer realm="${name}"`]);
  });

  test.each(['cjs', 'esm', 'py', 'ph', 'lu'])("a function's own module of that name wins: %s", async (name) => {
    expect((await stack.get(`/own/${name}`)).status).toBe(418);
  });
});

test('the handler that docs/helpers.md shows lets in who has the token, and nobody else', async () => {
  const page = readFileSync(join(packageRoot, 'docs/helpers.md'), 'utf8');
  const [, source] = /^```js\n([\s\S]*?)^```/m.exec(page)!;
  const stack = await TestStack.start({ 'reports.js': source!, 'fn.env.json': { REPORTS_TOKEN: 'right' } });
  try {
    const statusOf = async (headers: Record<string, string>) => (await stack.get('/reports', { headers })).status;
    expect(await statusOf({})).toBe(401);
    expect(await statusOf({ authorization: 'Bearer wrong' })).toBe(401);
    expect(await statusOf({ authorization: 'Bearer right' })).toBe(200);
  } finally {
    await stack.stop();
  }
});

describe('examples/scopes', () => {
  let stack: TestStack;
  beforeAll(async () => {
    const base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
    const dir = join(base, 'scopes');
    cpSync(join(packageRoot, 'examples/scopes'), dir, { recursive: true });
    stack = TestStack.over(base, dir);
    await stack.untilReady();
  }, 60_000);
  afterAll(() => stack?.stop());

  test.each(LANGUAGES)(
    '$runtime: 401 without a token or with a wrong one, 403 without the scope, else 200',
    async ({ runtime }) => {
      const get = async (authorization?: string) => {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await stack.get(`/reports-${runtime}`, { headers });
        return [answer.status, answer.headers['www-authenticate'], answer.json()];
      };
      const challenge = 'Bearer realm="reports"';
      expect(await get()).toEqual([401, challenge, { error: 'unauthorized' }]);
      expect(await get('Bearer nobody')).toEqual([
        401,
        `${challenge}, error="invalid_token"`,
        { error: 'unauthorized' },
      ]);
      expect(await get('Bearer demo-reader')).toEqual([
        403,
        `${challenge}, error="insufficient_scope", scope="reports:write"`,
        { error: 'insufficient_scope' },
      ]);
      expect(await get('Bearer demo-editor')).toEqual([200, undefined, { subject: 'editor' }]);
    },
  );
});
