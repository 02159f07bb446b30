import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { type Json, json, serve } from './node-worker-support.ts';

const require = createRequire(import.meta.url);
const { createEvent } = require('../../runtimes/node/event.js');
const { RequestHead } = require('../../runtimes/node/request-head.js');

const heads = JSON.parse(readFileSync(new URL('../vectors/heads.json', import.meta.url), 'utf8')) as {
  heads: { name: string; hex: string; event: Json }[];
};

const program = {
  env: { GREETING: 'hi' },
  context: { runtime: 'node', version: 'default', timeout_ms: 2500, worker_pool: {}, debug: { enabled: false } },
};

function eventOf(hex: string): Json {
  return createEvent({ head: new RequestHead(Buffer.from(hex, 'hex')), body: null, program, deadlineMs: 1 });
}

describe.each(heads.heads)('request head: $name', ({ hex, event }) => {
  test('gives the fields of F74', () => {
    const actual = eventOf(hex);
    for (const [field, expected] of Object.entries(event)) {
      if (field === 'context') expect(actual.context).toMatchObject(expected as Json);
      else expect({ [field]: plain(actual[field]) }).toEqual({ [field]: plain(expected) });
    }
  });
});

/** As entries, because `toEqual` takes `__proto__` for the prototype. */
function plain(value: unknown): unknown {
  return value !== null && typeof value === 'object' ? JSON.parse(JSON.stringify(Object.entries(value))) : value;
}

const FIELDS = [
  ...['id', 'ts', 'method', 'path', 'raw_path', 'query_string', 'query', 'params', 'path_params', 'headers', 'body'],
  ...['is_base64', 'cookies', 'session', 'client', 'auth', 'version', 'env', 'context'],
];

describe('the event is a plain object to whoever looks (F74, F75)', () => {
  const hex = String(heads.heads[0]?.hex);
  let event: Json;

  beforeEach(() => {
    event = eventOf(hex);
  });

  test('F74: it has exactly its fields, in order', () => {
    expect(Object.keys(event)).toEqual(FIELDS);
    expect(Object.keys(JSON.parse(JSON.stringify(event)))).toEqual(FIELDS);
    expect(Object.keys({ ...event })).toEqual(FIELDS);
    expect(Object.keys(Object.assign({}, event))).toEqual(FIELDS);
    const seen: string[] = [];
    for (const field in event) seen.push(field);
    expect(seen).toEqual(FIELDS);
  });

  test('F74: absent values are null, env and context are there', () => {
    expect(event).toMatchObject({ body: null, session: null, auth: null, env: { GREETING: 'hi' } });
    expect(event.context).toMatchObject({ user: null, trigger: null, gateway: { worker_pid: 71 }, deadline_ms: 1 });
  });

  test('F75: fields can be tested, taken apart, replaced, added and deleted', () => {
    expect('headers' in event && Object.hasOwn(event, 'headers') && !('nothing' in event)).toBe(true);
    const { method, ...rest } = event;
    expect([method, Object.keys(rest).length]).toEqual(['GET', FIELDS.length - 1]);
    event.user = { id: 7 };
    event.method = 'PUT';
    delete event.cookies;
    Object.defineProperty(event, 'hidden', { value: 1 });
    expect([event.user, event.method, event.cookies, event.hidden]).toEqual([{ id: 7 }, 'PUT', undefined, 1]);
    expect(Object.keys(event)).toEqual([...FIELDS.filter((field) => field !== 'cookies'), 'user']);
    expect(JSON.parse(JSON.stringify(event))).toMatchObject({ user: { id: 7 }, method: 'PUT' });
  });

  test('F75: what is changed inside a field stays changed, in this event only', () => {
    (event.headers as Json).host = 'other';
    (event.env as Json).GREETING = 'changed';
    expect([(event.headers as Json).host, { ...event }.headers]).toEqual([
      'other',
      expect.objectContaining({ host: 'other' }),
    ]);
    expect(eventOf(hex)).toMatchObject({ env: { GREETING: 'hi' }, headers: { host: '127.0.0.1:8080' } });
  });

  test('F75: it can be frozen, and used as a prototype', () => {
    const child = Object.create(event) as Json;
    child.path = '/mine';
    expect([child.path, event.path, child.method]).toEqual(['/mine', '/hello', 'GET']);
    Object.freeze(event);
    expect(Object.isFrozen(event)).toBe(true);
    expect(() => Object.assign(event, { path: '/x' })).toThrow(TypeError);
    expect([event.path, Object.getPrototypeOf(event)]).toEqual(['/hello', Object.prototype]);
  });

  test('F75: it equals its copy, prints as one, and its copy can be cloned', () => {
    expect(isDeepStrictEqual(event, { ...event })).toBe(true);
    expect(require('node:util').inspect(event)).toContain("method: 'GET'");
    expect(structuredClone({ ...event })).toEqual({ ...event });
    expect(event.constructor).toBe(Object);
  });
});

const POST = ['POST /hello HTTP/1.1', 'Host: h'];

describe('a handler', () => {
  test('F70: gets the route parameters as second argument, {} if there are none', async () => {
    const peer = await serve(
      'exports.handler = (event, params) => [params, event.params === params, event.path_params === params];',
    );
    expect(await peer.text({ params: { id: '7', rest: 'a/b' } })).toBe('[{"id":"7","rest":"a/b"},true,true]');
    expect(await peer.text()).toBe('[{},true,true]');
  });

  test('F82: gets the body raw, null when it is empty', async () => {
    const peer = await serve(
      'exports.handler = ({ body, is_base64, ...rest }) => [body, is_base64, "body_base64" in rest];',
    );
    expect(await peer.text({ lines: POST, body: '{"é": 1}' })).toBe('["{\\"é\\": 1}",false,false]');
    expect(await peer.text({ lines: POST })).toBe('[null,false,false]');
  });

  test('F83, F84: gets bytes that are not UTF-8 as base64 and as a Buffer', async () => {
    const peer = await serve(`exports.handler = (event) => [event.is_base64, event.body, event.body_base64,
      event.raw_body.length, Object.keys(event).includes('raw_body'), JSON.parse(JSON.stringify(event)).body_base64];`);
    expect(await peer.text({ lines: POST, body: Uint8Array.of(255, 0, 1) })).toBe(
      '[true,"/wAB","/wAB",3,false,"/wAB"]',
    );
  });

  test('F84: finds an empty raw_body without a body', async () => {
    const peer = await serve('exports.handler = (event) => event.raw_body.length;');
    expect(await peer.text()).toBe('0');
  });

  test('F74: sees the deadline from the arrival, or from the beginning if the request was announced', async () => {
    const peer = await serve('exports.handler = (event) => event.context.deadline_ms;');
    expect(await peer.text({ ts: 1_000_000 })).toBe('1002500');
    expect(Number(await peer.text({ ts: 1_000_000, flags: 3 }))).toBeGreaterThan(Date.now());
  });

  test('F133: sees its env in process.env, changes of it do not reach the next event', async () => {
    const peer = await serve(
      'exports.handler = (e) => { e.env.N = (e.env.N ?? 0) + 1; return [process.env.GREETING, e.env]; };',
    );
    for (const _ of [1, 2]) expect(await peer.text()).toBe('["hi",{"GREETING":"hi","N":1}]');
  });

  test('P124: sees a changed context from the next request on', async () => {
    const peer = await serve('exports.handler = (event) => event.context.timeout_ms;');
    expect(await peer.text()).toBe('2500');
    peer.worker.control.send(FrameType.CONTEXT, 0, JSON.stringify({ ...program.context, timeout_ms: 9 }));
    await peer.worker.control.settled();
    expect(await peer.text()).toBe('9');
  });

  test('F74: auth, user, trigger and version come from the gateway alone', async () => {
    const peer = await serve(
      'exports.handler = ({ auth, version, context }) => [auth, version, context.user, context.trigger];',
    );
    const extra = { auth: { type: 'jwt' }, user: { id: 1 }, trigger: { type: 'job' }, version: 'v2' };
    expect(await peer.text({ extra })).toBe('[{"type":"jwt"},"v2",{"id":1},{"type":"job"}]');
  });

  test('F67: keeps module state between requests', async () => {
    const peer = await serve('let n = 0; exports.handler = () => ++n;');
    expect([await peer.text(), await peer.text()]).toEqual(['1', '2']);
  });
});

test('HELLO says what the worker serves', async () => {
  const peer = await serve('exports.handler = () => 1;');
  const before = json(await peer.worker.control.next(({ type }) => type === FrameType.HELLO));
  const after = json(await peer.next(({ type }) => type === FrameType.HELLO));
  expect(before).toMatchObject({
    protocol: 1,
    runtime: 'node',
    pid: peer.worker.child.pid,
    function: null,
    head: 'raw',
  });
  expect(after).toMatchObject({
    function: 'node/hello@default',
    revision: '7',
    concurrency: 1024,
    version: process.versions.node,
  });
});
