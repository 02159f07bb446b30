import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { type Answer, type Peer, serve } from './node-worker-support.ts';

interface ResponseCase {
  readonly name: string;
  readonly languages?: readonly string[];
  readonly result: unknown;
  readonly expect:
    | { readonly status: number; readonly headers: Record<string, string[]>; readonly body_base64: string }
    | { readonly contract: true }
    | { readonly proxy: unknown };
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/responses.json', import.meta.url), 'utf8')) as {
  cases: ResponseCase[];
};
const DROPPED_BY_GATEWAY =
  /^(content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|x-request-id|x-fastfn-.*)$/;

const POST = ['POST /hello HTTP/1.1', 'Host: h'];

test('the table of results means the same in Node (F88-F96, F105)', async () => {
  const peer = await serve('exports.handler = (event) => JSON.parse(event.body);');
  const cases = vectors.cases.filter(({ languages }) => languages?.includes('node') ?? true);
  expect(cases.length).toBeGreaterThan(100);
  for (const { name, result, expect: expected } of cases) {
    const answer = await peer.request({ lines: POST, body: JSON.stringify(result) });
    expect({ name, ...meaning(answer) }).toEqual({ name, ...expected });
  }
});

function meaning(answer: Answer): object {
  if (answer.closedBy === FrameType.ERROR) return answer.head.kind === 'contract' ? { contract: true } : answer.head;
  if (answer.head.proxy !== undefined) return { proxy: answer.head.proxy };
  const headers = Object.entries(answer.headers).filter(([name]) => !DROPPED_BY_GATEWAY.test(name));
  return { status: answer.status, headers: Object.fromEntries(headers), body_base64: answer.body.toString('base64') };
}

/** A function that evaluates the expression in its body. */
const EVALUATE = `exports.handler = (event) => (0, eval)('(' + event.body + ')');`;

describe('results that only JavaScript has', () => {
  let peer: Peer;
  const result = (expression: string) => peer.request({ lines: POST, body: expression });

  beforeEach(async () => {
    peer = await serve(EVALUATE);
  });

  test.each([
    ['undefined', 'undefined', undefined, ''],
    ['a Buffer', 'Buffer.from([0, 255])', 'application/octet-stream', '\u0000\u00ff'],
    [
      'a view of a larger array',
      'new Uint8Array([1, 2, 3, 4]).subarray(1, 3)',
      'application/octet-stream',
      '\u0002\u0003',
    ],
    ['an ArrayBuffer in an envelope', '({ body: new Uint8Array([7]).buffer })', 'application/octet-stream', '\u0007'],
    ['a Blob', 'new Blob(["ab", "cd"])', 'application/octet-stream', 'abcd'],
    ['members that are undefined', '({ a: undefined, b: 1 })', 'application/json', '{"b":1}'],
    ['an object with toJSON', 'new Date(0)', 'application/json', '"1970-01-01T00:00:00.000Z"'],
    ['an object of a class', 'new (class Point { x = 1; y = 2; dist() {} })()', 'application/json', '{"x":1,"y":2}'],
    ['an object without prototype', 'Object.assign(Object.create(null), { a: 1 })', 'application/json', '{"a":1}'],
    ['base64 given as bytes', '({ is_base64: true, body: Buffer.from("aGk=") })', 'application/octet-stream', 'hi'],
  ])('F91: %s', async (_name, expression, type, body) => {
    const answer = await result(expression);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']?.[0]).toBe(type);
    expect(answer.body.toString('latin1')).toBe(body);
  });

  test.each([
    ['a BigInt', '1n'],
    ['a BigInt within', '({ a: [1n] })'],
    ['a function', '() => 1'],
    ['a function within', '({ a: { b() {} } })'],
    ['a symbol within', '({ a: Symbol("x") })'],
    ['a cycle', '(() => { const a = {}; a.a = a; return a; })()'],
    ['an object in a stream', '(function* () { yield { a: 1 }; })()'],
    ['a status outside the range of a Response', '({ status: 600 })'],
  ])('F93, F105: %s violates the contract', async (_name, expression) => {
    const answer = await result(expression);
    expect(answer.closedBy).toBe(FrameType.ERROR);
    expect(answer.head.kind).toBe('contract');
  });

  test('F93: a fetch Response keeps its status, every set-cookie line and its body', async () => {
    const answer = await result(`(() => {
      const response = new Response('grüße', { status: 201, headers: { 'X-A': '1' } });
      response.headers.append('set-cookie', 'a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT');
      response.headers.append('set-cookie', 'b=2');
      return response;
    })()`);
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({
      'x-a': ['1'],
      'set-cookie': ['a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT', 'b=2'],
      'content-type': ['text/plain;charset=UTF-8'],
    });
    expect(answer.body.toString()).toBe('grüße');
  });

  test('F93: a fetch Response without a body is empty', async () => {
    const answer = await result('new Response(null, { status: 204 })');
    expect([answer.status, answer.body.length, answer.headers]).toEqual([204, 0, {}]);
  });

  test('F89: headers may be a Headers object or a Map', async () => {
    const answer = await result(
      '({ headers: new Headers([["X-A", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]) })',
    );
    expect(answer.headers).toEqual({ 'x-a': ['1'], 'set-cookie': ['a=1', 'b=2'] });
    expect((await result('({ headers: new Map([["X-B", ["1", 2]]]) })')).headers).toEqual({ 'x-b': ['1', '2'] });
  });

  test('F96: names keep their spelling', async () => {
    const answer = await result('({ headers: { "X-MiXed_Case": "1" } })');
    expect(answer.head.headers).toEqual(['X-MiXed_Case', '1']);
  });

  test('F105: the reason names the rule and no value of the user', async () => {
    const answer = await result('({ status: "secret-9", body: 1 })');
    expect(answer.head).toEqual({ kind: 'contract', message: 'status is not an integer from 200 to 599' });
    const line = await peer.worker.logged(({ message }) => message.includes('invalid runtime response'));
    expect(line).toMatchObject({ request_id: 'req-1', level: 'error', stream: 'stderr' });
  });
});
