import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import {
  CREDIT_BYTES,
  Flag,
  type Json,
  PythonWorker,
  type RequestOptions,
  requestPayload,
} from './python-worker-support.ts';

const ECHO = 'def handler(event):\n    return {"body": event}\n';
const FIELDS =
  'id ts method path raw_path query_string query params path_params headers body is_base64 cookies session client auth version env context';

test('F74-F81: every request head of the shared vectors means the same event as in the other languages', async () => {
  const { heads } = JSON.parse(readFileSync(new URL('../vectors/heads.json', import.meta.url), 'utf8'));
  const worker = await PythonWorker.serving(ECHO);
  for (const { name, hex, event: expected } of heads as Json[]) {
    const event = await worker.callJson({ head: Buffer.from(hex, 'hex') });
    const { context, ...fields } = expected;
    for (const [field, value] of Object.entries(fields)) expect.soft(event[field], `${name}: ${field}`).toEqual(value);
    if (context !== undefined) expect.soft(event.context, name).toMatchObject(context);
  }
});

test('F74, F75: the event has exactly the fields of the contract, all of them plain JSON', async () => {
  const worker = await PythonWorker.serving(ECHO, { env: { GREETING: 'hi' } });
  const event = await worker.callJson({ target: '/hello?name=Ada', headers: ['Cookie: session_id=abc; theme=dark'] });
  expect(Object.keys(event)).toEqual(FIELDS.split(' '));
  expect(event).toMatchObject({
    query: { name: 'Ada' },
    session: { id: 'abc', raw: 'session_id=abc; theme=dark', cookies: { session_id: 'abc', theme: 'dark' } },
    env: { GREETING: 'hi' },
  });
  expect(event.context).toEqual({
    request_id: 'req-1',
    runtime: 'python',
    function_name: 'hello',
    version: 'default',
    timeout_ms: 2500,
    max_concurrency: 1024,
    max_body_bytes: 1_048_576,
    worker_pool: { enabled: false, min_warm: 0 },
    debug: { enabled: false },
    deadline_ms: 1783012345678 + 2500,
    gateway: { worker_pid: 71 },
    user: null,
    trigger: null,
  });
});

test('F74: the deadline of a request that waited counts from when it begins', async () => {
  const worker = await PythonWorker.serving(ECHO);
  const event = await worker.callJson({ flags: Flag.END | Flag.ANNOUNCE });
  expect(event.context.deadline_ms).toBeGreaterThan(Date.now() - 10_000 + 2500);
});

test('P124: a new context holds for the requests that follow', async () => {
  const worker = await PythonWorker.serving(ECHO);
  worker.control.send(
    FrameType.CONTEXT,
    0,
    JSON.stringify({ runtime: 'python', version: 'v2', timeout_ms: 9, debug: { enabled: false } }),
  );
  await worker.control.ping();
  const event = await worker.callJson();
  expect(event.version).toBe('v2');
  expect(event.context).toMatchObject({ timeout_ms: 9, deadline_ms: 1783012345678 + 9 });
});

test('F75: what one handler changes in its event, the next never sees', async () => {
  const worker = await PythonWorker.serving(
    `def handler(event):
    seen = repr(event)
    for part in (event["headers"], event["query"], event["env"], event["context"], event["context"]["worker_pool"],
                 event["context"]["debug"], event["context"]["gateway"], event["client"], event["params"]):
        part["left"] = "behind"
    event["left"] = "behind"
    return {"body": "left" in seen}
`,
    { env: { A: '1' } },
  );
  expect(await worker.callJson()).toBe(false);
  expect(await worker.callJson()).toBe(false);
});

test('F84: the event is a dict to everything that takes one, and raw_body is beside it', async () => {
  const worker = await PythonWorker.serving(`
import copy, json, pickle

def handler(event):
    plain = dict(event)
    checks = {
        "is a dict": isinstance(event, dict) and type(plain) is dict,
        "get": event.get("method") == "POST" and event.get("absent") is None,
        "in": "headers" in event and "raw_body" not in event,
        "len and iteration": len(event) == len(list(event)) == len(event.items()) == ${FIELDS.split(' ').length},
        "spread": {**event} == event == plain,
        "json": json.loads(json.dumps(event)) == plain,
        "copy": event.copy() == copy.copy(event) == copy.deepcopy(event) == plain,
        "pickle": pickle.loads(pickle.dumps(event)) == plain,
        "repr": eval(repr(event)) == plain,
        "keywords": (lambda **fields: fields)(**event) == plain,
        "union": (event | {"x": 1})["x"] == 1 and ({} | event) == plain,
        "raw_body": event.raw_body == event["raw_body"] == b"caf\\xc3\\xa9",
        "deep copies keep raw_body": copy.deepcopy(event).raw_body == event.raw_body,
        "pop and update": event.pop("method") == "POST" and event.update(method="X") is None and event["method"] == "X",
    }
    try:
        event["absent"]
    except KeyError as error:
        checks["missing"] = error.args == ("absent",)
    return {"body": [name for name, holds in checks.items() if not holds]}
`);
  expect(await worker.callJson({ method: 'POST', body: 'café' })).toEqual([]);
});

test.each([
  ['no body', '', { body: null, is_base64: false }, ''],
  ['text', 'grüße', { body: 'grüße', is_base64: false }, '6772c3bcc39f65'],
  ['JSON is not parsed', '{"a":1}', { body: '{"a":1}', is_base64: false }, '7b2261223a317d'],
  ['bytes', Buffer.from([0xff, 0x00]), { body: '/wA=', body_base64: '/wA=', is_base64: true }, 'ff00'],
  ['NUL is text', Buffer.from([0]), { body: '\0', is_base64: false }, '00'],
] as const)('F82-F84: body: %s', async (_name, body, expected, raw) => {
  const worker = await PythonWorker.serving(
    'def handler(event):\n    return {"body": [{k: event[k] for k in event if "b" in k}, event.raw_body.hex()]}\n',
  );
  const [fields, hex] = await worker.callJson({ method: 'POST', body });
  expect(fields).toMatchObject(expected);
  expect('body_base64' in fields).toBe(expected.is_base64);
  expect(hex).toBe(raw);
});

test('F82: a body of many frames arrives whole, and its credit comes back', async () => {
  const worker = await PythonWorker.serving(
    'import hashlib\n\ndef handler(event):\n    return [len(event.raw_body), hashlib.sha256(event.raw_body).hexdigest()]\n',
  );
  const peer = await worker.connect();
  const piece = Buffer.alloc(65_536, 'x');
  peer.request(1, { flags: 0, body: piece });
  let credit = CREDIT_BYTES - piece.length;
  for (let sent = 1; sent < 16; sent++) {
    while (credit < piece.length) credit += (await peer.takeType(FrameType.WINDOW, 1)).payload.readUInt32BE(0);
    peer.send(FrameType.BODY, 1, piece);
    credit -= piece.length;
  }
  peer.send(FrameType.END, 1);
  const { body } = await peer.answer(1);
  expect(JSON.parse(body!.toString())[0]).toBe(16 * 65_536);
});

const BINDINGS: [string, string, RequestOptions['params'], unknown][] = [
  ['no parameters', 'handler(): return "called"', { id: '1' }, 'called'],
  ['the event alone', 'handler(event): return event["params"]', { id: '1' }, { id: '1' }],
  ['any name for the event', 'handler(request): return request["path_params"]["id"]', { id: '1' }, '1'],
  ['a route parameter by name', 'handler(event, id): return id', { id: '1' }, '1'],
  ['several, in any order', 'handler(event, b, a): return [a, b]', { a: '1', b: '2' }, ['1', '2']],
  ['params', 'handler(event, params): return params', { id: '1' }, { id: '1' }],
  ['path_params', 'handler(event, path_params): return path_params', {}, {}],
  ['a route parameter called params', 'handler(event, params): return params', { params: 'p' }, 'p'],
  ['context', 'handler(event, context): return context["request_id"]', {}, 'req-1'],
  ['context with a default keeps it', 'handler(event, context=None): return [context]', {}, [null]],
  ['a default', 'handler(event, page="1"): return page', {}, '1'],
  ['a route parameter before a default', 'handler(event, page="1"): return page', { page: '2' }, '2'],
  ['keyword-only', 'handler(event, *, id, page=3): return [id, page]', { id: '1' }, ['1', 3]],
  ['positional-only', 'handler(event, id, /): return id', { id: '1' }, '1'],
  ['the rest as keywords', 'handler(event, a, **rest): return [a, rest]', { a: '1', b: '2' }, ['1', { b: '2' }]],
  ['nothing in *args', 'handler(event, *args): return list(args)', { id: '1' }, []],
  ['a wrapper of anything', 'handler(*args, **kwargs): return [len(args), kwargs]', { id: '1' }, [1, { id: '1' }]],
  ['an optional catch-all at its base', 'handler(event, slug): return [slug]', { slug: '' }, ['']],
];

test('F70-F73: arguments are bound by name', async () => {
  for (const [name, handler, params, expected] of BINDINGS) {
    const [signature, result] = handler.split(': return ');
    const worker = await PythonWorker.serving(`def ${signature}:\n    return {"body": [${result}]}\n`);
    expect.soft((await worker.callJson({ params: params ?? {} }))[0], name).toEqual(expected);
    worker.process.kill('SIGKILL');
  }
});

test('F71: a parameter that nothing fills is a 500 that names it, and the handler is not called', async () => {
  const worker = await PythonWorker.serving('def handler(event, id):\n    print("called")\n');
  expect((await worker.call()).error).toMatchObject({ kind: 'handler', message: expect.stringContaining("'id'") });
  expect((await worker.log()).message).toContain("parameter 'id'");
});

test('F72: a TypeError in the handler is never answered with a second call', async () => {
  const worker = await PythonWorker.serving(
    'calls = []\n\ndef handler(event, context):\n    calls.append(1)\n    if event["path"] == "/count":\n        return len(calls)\n    raise TypeError("handler() takes 1 positional argument but 2 were given")\n',
  );
  expect((await worker.call()).error).toMatchObject({ kind: 'handler' });
  expect(await worker.callJson({ target: '/count' })).toBe(2);
});

test('F71: a decorated handler is bound by the signature that it shows', async () => {
  const worker = await PythonWorker.serving(`
import functools

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

@logged
def handler(event, id, page="1"):
    return {"body": [id, page]}
`);
  expect(await worker.callJson({ params: { id: '7' } })).toEqual(['7', '1']);
});

test('a malformed head closes the connection and nothing else', async () => {
  const worker = await PythonWorker.serving(ECHO);
  const good = requestPayload({}).subarray(5).toString('latin1');
  const heads = [
    '',
    'x',
    good.slice(0, -2),
    good.replace('71', 'x'),
    good.replace('GET /hello HTTP/1.1', 'GET'),
    good.replace('\x000\0', '\x009\0'),
  ];
  for (const head of heads) {
    const peer = await worker.connect();
    peer.request(1, { head: Buffer.from(head, 'latin1') });
    await peer.untilClosed();
  }
  expect((await worker.call()).status).toBe(200);
});
