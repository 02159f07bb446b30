import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import {
  json,
  loadMessage,
  type Peer,
  project,
  type RequestOptions,
  serve,
  startSpare,
} from './node-worker-support.ts';

const lambda = (source: string) => serve(source, { adapter: 'aws-lambda' });
const workers = (source: string) => serve(source, { adapter: 'cloudflare-worker' });

async function value(peer: Peer, options: RequestOptions = {}): Promise<unknown> {
  return JSON.parse(await peer.text(options));
}

const FULL: RequestOptions = {
  ts: Date.UTC(2026, 2, 5, 9, 3, 58),
  path: '/users/7',
  params: { id: '7' },
  lines: [
    'POST /users/%37?a=1&a=2&b=x%20y HTTP/1.1',
    'Host: api.example.com',
    'User-Agent: curl',
    'Cookie: s=1; t=2',
    'Content-Type: application/json',
  ],
  body: '{"n":1}',
};

describe('F109: aws-lambda', () => {
  test('a request becomes a payload 2.0', async () => {
    const peer = await lambda('exports.handler = async (event) => JSON.stringify(event);');
    expect(await value(peer, FULL)).toEqual({
      version: '2.0',
      routeKey: 'POST /users/7',
      rawPath: '/users/%37',
      rawQueryString: 'a=1&a=2&b=x%20y',
      cookies: ['s=1', 't=2'],
      headers: {
        host: 'api.example.com',
        'user-agent': 'curl',
        cookie: 's=1; t=2',
        'content-type': 'application/json',
      },
      queryStringParameters: { a: '1,2', b: 'x y' },
      pathParameters: { id: '7' },
      requestContext: {
        requestId: 'req-1',
        http: { method: 'POST', path: '/users/7', sourceIp: '127.0.0.1', userAgent: 'curl', protocol: 'HTTP/1.1' },
        time: '05/Mar/2026:09:03:58 +0000',
        timeEpoch: FULL.ts,
      },
      body: '{"n":1}',
      isBase64Encoded: false,
    });
  });

  test('without query, parameters and cookies: null, null, absent', async () => {
    const peer = await lambda('exports.handler = async (event) => JSON.stringify(event);');
    const event = (await value(peer)) as Record<string, unknown>;
    expect([event.queryStringParameters, event.pathParameters, 'cookies' in event]).toEqual([null, null, false]);
  });

  test('the context tells what it is and how long there is left', async () => {
    const peer = await lambda(`exports.handler = async (event, context) => [
      context.awsRequestId, context.functionName, context.functionVersion, context.callbackWaitsForEmptyEventLoop,
      typeof context.invokedFunctionArn, typeof context.memoryLimitInMB, context.fastfn.timeout_ms, context.getRemainingTimeInMillis()];`);
    const result = (await value(peer, { ts: Date.now() })) as unknown[];
    expect(result.slice(0, 7)).toEqual(['req-1', 'hello', 'default', false, 'string', 'string', 2500]);
    expect(result[7]).toBeGreaterThan(0);
    expect(result[7]).toBeLessThanOrEqual(2500);
    expect(((await value(peer, { ts: 1 })) as unknown[])[7]).toBe(0);
  });

  test.each([
    ['a callback', 'exports.handler = (event, context, callback) => { setImmediate(() => callback(null, "ok")); };'],
    [
      'a callback before a promise',
      'exports.handler = async (event, context, callback) => { callback(null, "ok"); return "late"; };',
    ],
    ['a return', 'exports.handler = () => "ok";'],
    ['a promise', 'exports.handler = async () => "ok";'],
    ['a promise although it takes a callback', 'exports.handler = async (event, context, callback) => "ok";'],
    ['succeed', 'exports.handler = (event, context, callback) => { context.succeed("ok"); callback(null, "late"); };'],
    ['done', 'exports.handler = (event, context) => { context.done(null, "ok"); };'],
  ])('the first to settle wins: %s', async (_name, source) => {
    expect(await (await lambda(source)).text()).toBe('ok');
  });

  test.each([
    ['callback', 'exports.handler = (event, context, callback) => callback(new Error("sad"));'],
    ['fail', 'exports.handler = (event, context) => context.fail(new Error("sad"));'],
    ['throw', 'exports.handler = () => { throw new Error("sad"); };'],
  ])('a failure by %s is a handler error', async (_name, source) => {
    expect((await (await lambda(source)).request()).head).toMatchObject({ kind: 'handler', message: 'sad' });
  });

  test('multiValueHeaders and cookies become lines', async () => {
    const peer =
      await lambda(`exports.handler = async () => ({ statusCode: 201, headers: { 'X-A': '1', 'x-m': 'loses' },
      multiValueHeaders: { 'X-M': ['1', '2'], 'set-cookie': ['z=0'] }, cookies: ['a=1', 'b=2'], body: 'aGk=', isBase64Encoded: true });`);
    const answer = await peer.request();
    expect([answer.status, answer.body.toString()]).toEqual([201, 'hi']);
    expect(answer.headers).toMatchObject({ 'x-a': ['1'], 'x-m': ['1', '2'], 'set-cookie': ['z=0', 'a=1', 'b=2'] });
  });

  test.each(['cookies: "a=1"', 'multiValueHeaders: ["a"]', 'headers: "a"'])(
    'F105: %s violates the contract',
    async (member) => {
      const peer = await lambda(`exports.handler = async () => ({ statusCode: 200, ${member}, body: 'x' });`);
      expect((await peer.request()).head.kind).toBe('contract');
    },
  );
});

describe('F109: cloudflare-worker', () => {
  test('a request becomes a fetch Request', async () => {
    const peer = await workers(`module.exports = { async fetch(request) { return Response.json([
      request.method, request.url, [...request.headers], await request.text()]); } };`);
    expect(await value(peer, FULL)).toEqual([
      'POST',
      'http://api.example.com/users/%37?a=1&a=2&b=x%20y',
      [
        ['content-type', 'application/json'],
        ['cookie', 's=1; t=2'],
        ['user-agent', 'curl'],
      ],
      '{"n":1}',
    ]);
  });

  test('bytes and header text survive, GET has no body', async () => {
    const peer = await workers(`module.exports = { async fetch(request) {
      return new Response(request.body && await request.arrayBuffer(), { headers: { 'x-u': request.headers.get('x-u') } }); } };`);
    const body = Uint8Array.of(0, 255, 128);
    const lines = ['POST / HTTP/1.1', 'Host: h', 'X-U: 日'];
    const answer = await peer.request({ lines, body });
    expect([...answer.body]).toEqual([...body]);
    expect(Buffer.from(String(answer.headers['x-u']), 'latin1').toString()).toBe('日');
    expect((await peer.request({ body: 'ignored' })).body.length).toBe(0);
  });

  test.each([
    ['fetch', 'exports.fetch = () => new Response("ok");'],
    ['default.fetch with its object', 'exports.default = { word: "ok", fetch() { return new Response(this.word); } };'],
    ['the handler', 'exports.handler = () => ({ body: "ok" });'],
  ])('calls %s', async (_name, source) => {
    expect(await (await workers(source)).text()).toBe('ok');
  });

  test('gives env and ctx; waitUntil delays no answer, its rejection is logged', async () => {
    const peer = await workers(`exports.fetch = (request, env, ctx) => {
      ctx.passThroughOnException();
      ctx.waitUntil(new Promise((_, reject) => setImmediate(reject, new Error('background'))));
      return new Response(env.GREETING + ' ' + ctx.requestId);
    };`);
    expect(await peer.text({ id: 'req-5' })).toBe('hi req-5');
    const line = await peer.worker.logged(({ message }) => message.includes('waitUntil: Error: background'));
    expect(line).toMatchObject({ request_id: 'req-5', stream: 'stderr' });
  });

  test('work given to waitUntil is finished before a drained worker ends', async () => {
    const peer = await workers(`exports.fetch = (request, env, ctx) => {
      ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 20)).then(() => console.log('finished')));
      return new Response('ok'); };`);
    expect(await peer.text()).toBe('ok');
    peer.worker.control.send(FrameType.DRAIN, 0);
    peer.socket.end();
    await peer.worker.logged(({ message }) => message === 'finished');
    expect(await peer.worker.exit).toEqual([0, null]);
  });

  test('F103: request.signal aborts when the client has gone', async () => {
    const peer = await workers(`exports.fetch = (request) => new Promise(() => {
      request.signal.addEventListener('abort', () => console.log('aborted')); console.log('waiting'); });`);
    const id = peer.open();
    await peer.worker.logged(({ message }) => message === 'waiting');
    peer.send(FrameType.CANCEL, id);
    await peer.worker.logged(({ message }) => message === 'aborted');
  });

  test('F67: nothing to call', async () => {
    const root = project({ 'a.js': 'exports.other = () => 1;' });
    const failure = await (await startSpare()).load(loadMessage(root, 'a.js', { adapter: 'cloudflare-worker' }));
    expect(json(failure)).toMatchObject({
      kind: 'load',
      error: 'handler not found',
      message: expect.stringContaining('requires fetch'),
    });
  });
});
