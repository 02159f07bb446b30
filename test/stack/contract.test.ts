import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { EVALUATE, FROM_JSON, inEachLanguage, LANGUAGES, type Language } from './languages.ts';
import { head, type RawAnswer, RawConnection, sendRaw } from './raw-http.ts';
import { type Answer, TestStack, until } from './support.ts';

const languages = LANGUAGES.map((language) => [language.runtime, language] as const);

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    ...inEachLanguage('evaluate', EVALUATE),
    ...inEachLanguage('from-json', FROM_JSON),
    ...inEachLanguage('fixed', FIXED),
    ...inEachLanguage('throws', THROWS),
    ...inEachLanguage('broken', BROKEN),
    ...inEachLanguage('fails-at-load', FAILS_AT_LOAD),
    ...inEachLanguage('empty', NO_HANDLER),
  });
}, 60_000);
afterAll(() => stack?.stop());

/** A GET handler whose answer has a body and a status named by the query. */
const FIXED = {
  js: 'exports.handler = (event) => ({ status: Number(event.query.status), headers: { "X-Kept": "1" }, body: "12345" });',
  py: 'def handler(event):\n    return {"status": int(event["query"]["status"]), "headers": {"X-Kept": "1"}, "body": "12345"}\n',
  ph: '<?php function handler($event) { return ["status" => (int) $event["query"]["status"], "headers" => ["X-Kept" => "1"], "body" => "12345"]; }',
  lu: 'function handler(event) return { status = tonumber(event.query.status), headers = { ["X-Kept"] = "1" }, body = "12345" } end',
};
const THROWS = {
  js: 'exports.handler = () => { throw new Error("the secret reason"); };',
  py: 'def handler(event):\n    raise ValueError("the secret reason")\n',
  ph: '<?php function handler($event) { throw new Exception("the secret reason"); }',
  lu: 'function handler(event) error("the secret reason") end',
};
const BROKEN = {
  js: 'exports.handler = (',
  py: 'def handler(:\n',
  ph: '<?php function handler( {',
  lu: 'function handler(',
};
const FAILS_AT_LOAD = {
  js: 'require("no-such-module-at-all");',
  py: 'import no_such_module_at_all\n',
  ph: '<?php throw new Exception("no such module at all"); function handler() {}',
  lu: 'require "no.such.module.at.all"',
};
const NO_HANDLER = { js: 'exports.other = 1;', py: 'x = 1\n', lu: 'local x = 1' };

async function evaluate({ dir }: Language, expression: string): Promise<RawAnswer> {
  const body = Buffer.from(expression);
  return sendRaw(
    stack.port,
    Buffer.concat([Buffer.from(head('POST', `/${dir}/evaluate`, [`Content-Length: ${body.length}`])), body]),
  );
}

describe('F88-F96, F105: the table of results', () => {
  interface Vector {
    readonly name: string;
    readonly result: unknown;
    readonly expect: {
      contract?: true;
      proxy?: unknown;
      status: number;
      headers: Record<string, string[]>;
      body_base64: string;
    };
    readonly languages?: readonly string[];
  }
  const { cases } = JSON.parse(readFileSync(join(packageRoot, 'test/vectors/responses.json'), 'utf8')) as {
    cases: Vector[];
  };

  test.each(languages)('means the same over HTTP: %s', async (_, { dir, runtime }) => {
    const table = cases.filter(
      ({ result, languages: only }) => (only?.includes(runtime) ?? true) && !(dir === 'lu' && hasEmptyList(result)),
    );
    expect(table.length).toBeGreaterThan(120);
    const seen = [];
    const wanted = [];
    for (const { name, result, expect: expected } of table) {
      const answer = await stack.get(`/${dir}/from-json`, { method: 'POST', body: JSON.stringify(result) });
      seen.push({ name, ...meaningOf(answer, expected) });
      wanted.push({ name, ...meaning(expected) });
    }
    expect(seen).toEqual(wanted);
  });

  /** An empty Lua table is `{}` (F93). */
  function hasEmptyList(value: unknown): boolean {
    return JSON.stringify(value ?? null).includes('[]');
  }

  function meaning(expected: Vector['expect']): object {
    if (expected.contract) return { status: 502, error: 'invalid runtime response' };
    if (expected.proxy !== undefined) return { status: 502, error: 'edge proxy disabled' };
    const body = Buffer.from(expected.body_base64, 'base64');
    const isEmptied = [204, 205, 304].includes(expected.status);
    return {
      status: expected.status,
      headers: expected.headers,
      body: isEmptied ? '' : readable(body, expected.headers),
    };
  }

  function meaningOf(answer: Answer, expected: Vector['expect']): object {
    if (expected.contract || expected.proxy !== undefined) return { status: answer.status, error: answer.json().error };
    const headers: Record<string, string[]> = {};
    for (let i = 0; i < answer.rawHeaders.length; i += 2) {
      const name = (answer.rawHeaders[i] as string).toLowerCase();
      const value = Buffer.from(answer.rawHeaders[i + 1] as string, 'latin1').toString();
      if (!ADDED_BY_GATEWAY.test(name)) (headers[name] ??= []).push(value);
    }
    return { status: answer.status, headers, body: readable(answer.bytes, expected.headers) };
  }

  const ADDED_BY_GATEWAY = /^(server|date|connection|content-length|x-request-id|x-fastfn-.*)$/;

  /** JSON by value: a Lua table has no order. */
  function readable(bytes: Buffer, headers: Record<string, string[]>): unknown {
    return headers['content-type']?.[0]?.includes('json') ? JSON.parse(bytes.toString()) : bytes.toString('base64');
  }
});

describe('F89: headers', () => {
  test.each(languages)('a list is a line each, names keep their spelling: %s', async (_, language) => {
    const answer = await evaluate(
      language,
      {
        js: '{ headers: { "Set-Cookie": ["a=1; Path=/", "b=2"], "x_Own-NAME": 5 }, body: "" }',
        py: '{"headers": {"Set-Cookie": ["a=1; Path=/", "b=2"], "x_Own-NAME": 5}, "body": ""}',
        ph: '["headers" => ["Set-Cookie" => ["a=1; Path=/", "b=2"], "x_Own-NAME" => 5], "body" => ""]',
        lu: '{ headers = { ["Set-Cookie"] = { "a=1; Path=/", "b=2" }, ["x_Own-NAME"] = 5 }, body = "" }',
      }[language.dir],
    );
    expect(answer.values('set-cookie')).toEqual(['a=1; Path=/', 'b=2']);
    expect(answer.lines).toContainEqual(['x_Own-NAME', '5']);
  });

  test.each(languages)(
    "F96: what belongs to the gateway is dropped, F1: the request id is not a handler's to set: %s",
    async (_, language) => {
      const answer = await evaluate(
        language,
        {
          js: '{ headers: { "Content-Length": "1", "Transfer-Encoding": "chunked", "X-Request-Id": "mine", "X-FastFN-Function-State": "mine", Connection: "close" }, body: "abc" }',
          py: '{"headers": {"Content-Length": "1", "Transfer-Encoding": "chunked", "X-Request-Id": "mine", "X-FastFN-Function-State": "mine", "Connection": "close"}, "body": "abc"}',
          ph: '["headers" => ["Content-Length" => "1", "Transfer-Encoding" => "chunked", "X-Request-Id" => "mine", "X-FastFN-Function-State" => "mine", "Connection" => "close"], "body" => "abc"]',
          lu: '{ headers = { ["Content-Length"] = "1", ["Transfer-Encoding"] = "chunked", ["X-Request-Id"] = "mine", ["X-FastFN-Function-State"] = "mine", Connection = "close" }, body = "abc" }',
        }[language.dir],
      );
      expect([answer.text, answer.values('content-length'), answer.values('transfer-encoding')]).toEqual([
        'abc',
        ['3'],
        [],
      ]);
      expect(answer.values('connection')).toEqual(['keep-alive']);
      expect(answer.values('x-request-id')).toEqual([expect.stringMatching(/^req-/)]);
      expect(answer.values('x-fastfn-function-state')).toEqual([expect.stringMatching(/^(cold|warm)$/)]);
    },
  );
});

describe('F95: answers without body', () => {
  const statuses = LANGUAGES.flatMap((language) =>
    [204, 205, 304].map((status) => ({ runtime: language.runtime, dir: language.dir, status })),
  );
  test.each(statuses)(
    '$status has none, whatever the handler returns, and the connection goes on ($runtime)',
    async ({ dir, status }) => {
      const connection = await RawConnection.open(stack.port);
      connection.write(head('GET', `/${dir}/fixed?status=${status}`) + head('GET', `/${dir}/fixed?status=200`));
      const [empty, next] = [await connection.read(), await connection.read()];
      connection.destroy();
      expect([empty.status, empty.body.length, empty.values('x-kept')]).toEqual([status, 0, ['1']]);
      expect([next.status, next.text]).toEqual([200, '12345']);
    },
  );

  test.each(languages)('HEAD has the head of GET, Content-Length included: %s', async (_, { dir }) => {
    const [ofHead, ofGet] = await Promise.all(
      ['HEAD', 'GET'].map((method) => stack.get(`/${dir}/fixed?status=200`, { method })),
    );
    expect(ofHead?.bytes.length).toBe(0);
    for (const name of ['content-length', 'content-type', 'x-kept'])
      expect(ofHead?.headers[name]).toBe(ofGet?.headers[name]);
    expect(ofHead?.headers['content-length']).toBe('5');
  });

  test.each(languages)('a redirect is passed on as it is: %s', async (_, language) => {
    const answer = await evaluate(
      language,
      {
        js: '{ status: 302, headers: { Location: "../next?a=1" } }',
        py: '{"status": 302, "headers": {"Location": "../next?a=1"}}',
        ph: '["status" => 302, "headers" => ["Location" => "../next?a=1"]]',
        lu: '{ status = 302, headers = { Location = "../next?a=1" } }',
      }[language.dir],
    );
    expect([answer.status, answer.values('location'), answer.body.length]).toEqual([302, ['../next?a=1'], 0]);
  });
});

describe('F91-F94: values that only one language has', () => {
  const bytes = 'application/octet-stream';
  const json = 'application/json';
  test.each([
    ['js', 'undefined', 200, undefined, ''],
    ['js', 'Promise.resolve("later")', 200, 'text/plain; charset=utf-8', 'later'],
    ['js', 'Buffer.from("abc")', 200, bytes, 'abc'],
    ['js', 'new Uint8Array([97, 98])', 200, bytes, 'ab'],
    ['js', 'new Uint8Array([97, 98]).buffer', 200, bytes, 'ab'],
    ['js', 'new Blob(["abc"])', 200, bytes, 'abc'],
    ['js', '{ a: undefined, b: NaN, c: new Date(0) }', 200, json, '{"b":null,"c":"1970-01-01T00:00:00.000Z"}'],
    ['js', 'new Response("r", { status: 201, headers: { "content-type": "text/x" } })', 201, 'text/x', 'r'],
    ['js', '(function* () { yield "a"; yield "b"; })()', 200, 'text/plain; charset=utf-8', 'ab'],
    ['py', 'None', 200, undefined, ''],
    ['py', '("b",)', 200, 'text/plain; charset=utf-8', 'b'],
    ['py', '({"a": 1}, 201)', 201, json, '{"a":1}'],
    ['py', '("b", 202, {"Content-Type": "text/x"})', 202, 'text/x', 'b'],
    ['py', 'b"abc"', 200, bytes, 'abc'],
    ['py', 'bytearray(b"abc")', 200, bytes, 'abc'],
    ['py', 'memoryview(b"abc")', 200, bytes, 'abc'],
    [
      'py',
      '{"n": float("nan"), "d": __import__("decimal").Decimal("1.5"), "t": __import__("datetime").date(2026, 1, 2)}',
      200,
      json,
      '{"n":null,"d":"1.5","t":"2026-01-02"}',
    ],
    ['py', '(part for part in ["a", "b"])', 200, 'text/plain; charset=utf-8', 'ab'],
    ['ph', '[]', 200, json, '[]'],
    ['ph', 'new stdClass', 200, json, '{}'],
    ['ph', '["body" => "\\xff\\x00"]', 200, 'text/plain; charset=utf-8', '\ufffd\u0000'],
    ['ph', '(function () { yield "a"; yield "b"; })()', 200, 'text/plain; charset=utf-8', 'ab'],
    ['lu', '{}', 200, json, '{}'],
    ['lu', 'cjson.empty_array', 200, json, '[]'],
  ])('%s: %s', async (dir, expression, status, type, text) => {
    const language = LANGUAGES.find((one) => one.dir === dir) as Language;
    const answer = await evaluate(language, expression);
    expect([answer.status, answer.values('content-type')[0], answer.text]).toEqual([status, type, text]);
  });

  test.each([
    ['js', '10n'],
    ['js', '{ a: Symbol("x") }'],
    ['js', '() => 1'],
    ['js', '(() => { const a = {}; a.a = a; return a; })()'],
    ['js', '{ body: { big: 1n } }'],
    ['py', '("a", 200, {}, 1)'],
    ['py', '()'],
    ['py', '{"a": object()}'],
    ['ph', '["body" => ["x" => "\\xff"]]'],
    ['ph', '["body" => STDIN === null ? "" : fn() => 1, "headers" => "x"]'],
    ['lu', '{ a = function() end }'],
    ['lu', '(function() local t = {} t.t = t return t end)()'],
    ['lu', '{ headers = { ["X-A"] = "a\\r\\nX-B: b" } }'],
  ])('F105: %s: %s is 502 with our text only', async (dir, expression) => {
    const language = LANGUAGES.find((one) => one.dir === dir) as Language;
    const answer = await evaluate(language, expression);
    expect([answer.status, answer.json().error]).toEqual([502, 'invalid runtime response']);
    expect(answer.values('content-type')).toEqual(['application/problem+json']);
    expect(answer.json().detail).toMatch(/\w/);
    expect(answer.json().detail).not.toMatch(/\/|\.js|\.py|\.php|\.lua/);
    await until(() => stack.output.includes(answer.json().detail), 'the reason is in the log');
  });
});

describe('failures', () => {
  const table = (names: readonly string[], sources: object) =>
    LANGUAGES.filter(({ dir }) => dir in sources).flatMap(({ dir }) => names.map((name) => `/${dir}/${name}`));

  test.each(table(['throws'], THROWS))(
    'F100, F2: %s is 500, the text only in the log, under the request id',
    async (path) => {
      const answer = await stack.get(path);
      const id = answer.headers['x-request-id'] as string;
      expect(answer.json()).toEqual({
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        error: 'handler error',
        request_id: id,
      });
      await until(
        () => stack.output.split('\n').some((line) => line.includes(id) && line.includes('the secret reason')),
        'the log has it',
      );
    },
  );

  test.each(table(['broken', 'fails-at-load'], BROKEN))(
    'F101: %s is 500 for each request, logged once',
    async (path) => {
      for (let i = 0; i < 3; i++) {
        const answer = await stack.get(path);
        expect([answer.status, answer.json().error]).toEqual([500, 'handler error']);
        expect(answer.text).not.toMatch(/fastfn-test|no.such.module|Syntax/i);
      }
      const file = `${path.slice(1)}.`;
      const errors = () =>
        stack.output.split('\n').filter((line) => line.includes(`[fn:${file}`) && /error|exception/i.test(line));
      const firstLines = () => errors().filter((line) => !/\] +(at|File|#\d|\^|Traceback|\[C\])/.test(line));
      await until(() => firstLines().length > 0, `the log explains ${path}`);
      expect(new Set(errors()).size).toBe(errors().length);
    },
  );

  test.each(table(['empty'], NO_HANDLER))(
    'F67: %s is 500 `handler not found`, the log names file and names',
    async (path) => {
      const answer = await stack.get(path);
      expect([answer.status, answer.json().error]).toEqual([500, 'handler not found']);
      const name = `${path.slice(1)}.`;
      await until(
        () => stack.output.split('\n').some((line) => line.includes(name) && line.includes('handler')),
        'the log says so',
      );
    },
  );
});
