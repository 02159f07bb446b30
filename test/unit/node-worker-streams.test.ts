import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, type Frame, FrameType } from '../../src/workers/codec.ts';
import { Flag, json, type Peer, requestPayload, serve, startSpare, startWorker } from './node-worker-support.ts';

const POST = ['POST /hello HTTP/1.1', 'Host: h'];

/** Requests by name, whose answers another request of that name releases. */
const HELD = `
const held = new Map();
exports.handler = (event) => {
  const { name, release } = event.query;
  console.log('begin ' + (name ?? 'release ' + release));
  if (release) { held.get(release)?.('released'); return 'ok'; }
  event.signal.addEventListener('abort', () => console.log('aborted ' + name));
  return new Promise((resolve) => held.set(name, resolve));
};`;

const get = (query: string) => ({ lines: [`GET /hello?${query} HTTP/1.1`, 'Host: h'] });

const begun = (peer: Peer, name: string) => peer.worker.logged(({ message }) => message === `begin ${name}`);

const typesOf = (frames: readonly Frame[]) => frames.map(({ type }) => type);

describe('streams', () => {
  test('2,000 requests at once on one connection are all answered, each with its own answer', async () => {
    const peer = await serve('exports.handler = async (event) => { await null; return event.params.n; };');
    const ids = Array.from({ length: 2_000 }, (_, n) => peer.open({ params: { n: String(n) } }));
    const answers = await Promise.all(ids.map((id) => peer.answer(id)));
    expect(answers.map(({ body }) => body.toString())).toEqual(ids.map((_, n) => String(n)));
  });

  test('F113: a request that waits holds nobody up', async () => {
    const peer = await serve(HELD);
    const slow = peer.open(get('name=a'));
    expect(await peer.text(get('release=none'))).toBe('ok');
    expect(peer.of(slow)).toEqual([]);
    await peer.request(get('release=a'));
    expect((await peer.answer(slow)).body.toString()).toBe('released');
  });

  test('an id may be used again once its stream has closed', async () => {
    const peer = await serve('exports.handler = (event) => event.id;');
    for (const id of ['req-a', 'req-b']) {
      peer.frames.length = 0;
      peer.send(FrameType.REQUEST, 5, requestPayload({ id }));
      expect((await peer.answer(5)).body.toString()).toBe(id);
    }
  });

  test('requests beyond the slots begin in order, as slots become free', async () => {
    const peer = await serve(HELD, { limits: { concurrency: 2 } });
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) =>
      peer.open({ ...get(`name=${name}`), flags: Flag.END | Flag.ANNOUNCE }),
    );
    await begun(peer, 'b');
    await peer.settled();
    expect([a, b, c, d].map((id) => typesOf(peer.of(Number(id))))).toEqual([
      [FrameType.START],
      [FrameType.START],
      [],
      [],
    ]);
    peer.send(FrameType.CANCEL, Number(b));
    await begun(peer, 'c');
    peer.send(FrameType.CANCEL, Number(a));
    await begun(peer, 'd');
    expect(typesOf(peer.of(Number(d)))).toEqual([FrameType.START]);
  });

  test('a request without ANNOUNCE gets no START', async () => {
    const peer = await serve('exports.handler = () => 1;');
    const id = peer.open();
    await peer.answer(id);
    expect(typesOf(peer.of(id))).toEqual([FrameType.RESPONSE]);
  });

  test('START is on its way before a handler that never yields', async () => {
    const peer = await serve('exports.handler = () => { for (;;); };');
    const id = peer.open({ flags: Flag.END | Flag.ANNOUNCE });
    await peer.next(({ type, stream }) => type === FrameType.START && stream === id);
  });

  test('a cancelled request is skipped even if its CANCEL came while another handler blocked', async () => {
    const peer = await serve(
      `const { readFileSync } = require('node:fs');
       exports.handler = (event) => { console.log('begin ' + event.query.name); if (event.query.name === 'a') readFileSync(event.body); return 'ok'; };`,
      { limits: { concurrency: 1 } },
    );
    // The first handler blocks the process on a named pipe until the rest has been sent.
    const { execFileSync } = await import('node:child_process');
    const { writeFileSync } = await import('node:fs');
    const pipe = `${peer.worker.socketPath}.fifo`;
    execFileSync('mkfifo', [pipe]);
    const first = peer.open({
      lines: ['POST /hello?name=a HTTP/1.1', 'Host: h'],
      body: pipe,
      flags: Flag.END | Flag.ANNOUNCE,
    });
    await peer.next(({ type, stream }) => type === FrameType.START && stream === first);
    const second = peer.open({ ...get('name=b'), flags: Flag.END | Flag.ANNOUNCE });
    const third = peer.open({ ...get('name=c'), flags: Flag.END | Flag.ANNOUNCE });
    peer.send(FrameType.CANCEL, second);
    writeFileSync(pipe, '');
    expect((await peer.answer(third)).body.toString()).toBe('ok');
    expect(typesOf(peer.of(second))).toEqual([FrameType.END]);
    expect(peer.worker.log.map(({ message }) => message)).not.toContain('begin b');
  });
});

describe('CANCEL (F103)', () => {
  test('while the handler waits: the stream ends at once, event.signal aborts, the result is dropped', async () => {
    const peer = await serve(HELD);
    const id = peer.open(get('name=a'));
    await begun(peer, 'a');
    peer.send(FrameType.CANCEL, id);
    expect((await peer.answer(id)).closedBy).toBe(FrameType.END);
    await peer.worker.logged(({ message }) => message === 'aborted a');
    await peer.request(get('release=a'));
    await peer.settled();
    expect(typesOf(peer.of(id))).toEqual([FrameType.END]);
  });

  test('while it waits for a slot: the handler is never called', async () => {
    const peer = await serve(HELD, { limits: { concurrency: 1 } });
    const running = peer.open(get('name=a'));
    await begun(peer, 'a');
    const waiting = peer.open(get('name=b'));
    peer.send(FrameType.CANCEL, waiting);
    expect((await peer.answer(waiting)).closedBy).toBe(FrameType.END);
    peer.send(FrameType.CANCEL, running);
    expect(await peer.text(get('release=none'))).toBe('ok');
    expect(peer.worker.log.map(({ message }) => message)).not.toContain('begin b');
  });

  test('while the body is still coming: the rest of it is ignored', async () => {
    const peer = await serve('exports.handler = (event) => event.body;');
    const id = peer.open({ lines: POST, flags: 0, body: 'part' });
    peer.send(FrameType.CANCEL, id);
    peer.send(FrameType.BODY, id, 'more');
    peer.send(FrameType.END, id);
    expect((await peer.answer(id)).closedBy).toBe(FrameType.END);
    expect(await peer.text({ lines: POST, body: 'next' })).toBe('next');
    expect(typesOf(peer.of(id))).toEqual([FrameType.END]);
  });

  test('while the answer is being sent: it stops, and the generator is closed (F165)', async () => {
    const peer = await serve(
      `exports.handler = function* () { try { for (;;) yield 'x'.repeat(65536); } finally { console.log('closed'); } };`,
    );
    const id = peer.open();
    await peer.next(({ type, stream }) => type === FrameType.BODY && stream === id);
    peer.send(FrameType.CANCEL, id);
    expect((await peer.next(({ type, stream }) => type === FrameType.END && stream === id)).payload.length).toBe(0);
    await peer.worker.logged(({ message }) => message === 'closed');
  });

  test('after the answer, or of a stream that never was: nothing is sent', async () => {
    const peer = await serve('exports.handler = () => 1;');
    const id = peer.open();
    await peer.answer(id);
    for (const stream of [id, 77]) for (const type of [FrameType.CANCEL, FrameType.END]) peer.send(type, stream);
    peer.send(FrameType.BODY, 77, 'x');
    peer.credit(77, 5);
    await peer.settled();
    expect(typesOf(peer.frames)).toEqual([FrameType.HELLO, FrameType.RESPONSE, FrameType.PONG]);
  });

  test("a rejection after CANCEL is nobody's answer", async () => {
    const peer = await serve(
      `exports.handler = (event) => new Promise((_, reject) => event.signal.addEventListener('abort', () => reject(event.signal.reason)));`,
    );
    const id = peer.open();
    await peer.settled();
    peer.send(FrameType.CANCEL, id);
    await peer.answer(id);
    await peer.settled();
    expect(typesOf(peer.of(id))).toEqual([FrameType.END]);
  });

  test('the end of a data connection cancels its streams, and only those', async () => {
    const peer = await serve(HELD);
    const other = await peer.worker.connect();
    peer.open(get('name=a'));
    const kept = other.open(get('name=b'));
    await begun(peer, 'a');
    await begun(peer, 'b');
    peer.socket.destroy();
    await peer.worker.logged(({ message }) => message === 'aborted a');
    await other.request(get('release=b'));
    expect((await other.answer(kept)).body.toString()).toBe('released');
  });
});

describe('bodies', () => {
  const DIGEST = `const { createHash } = require('node:crypto');
    exports.handler = (event) => event.raw_body.length + ' ' + createHash('sha256').update(event.raw_body).digest('hex');`;

  test('F82: 8 MiB arrive whole, credit comes back as they do', async () => {
    const peer = await serve(DIGEST);
    const body = Buffer.alloc(8 * 1_048_576, 'fastfn body ');
    const id = peer.open({ lines: POST, flags: 0 });
    await upload(peer, id, body);
    const digest = createHash('sha256').update(body).digest('hex');
    expect((await peer.answer(id)).body.toString()).toBe(`${body.length} ${digest}`);
  });

  test('a body may begin in its REQUEST and come in pieces that cut characters', async () => {
    const peer = await serve('exports.handler = (event) => event.body;');
    const id = peer.open({ lines: POST, flags: 0, body: Buffer.from('grü').subarray(0, 3) });
    for (const byte of Buffer.from('grü日本').subarray(3)) peer.send(FrameType.BODY, id, Uint8Array.of(byte));
    peer.send(FrameType.END, id, '{"trailer":1}');
    expect((await peer.answer(id)).body.toString()).toBe('grü日本');
  });

  test('F98: 8 MiB leave whole, no faster than the gateway gives credit', async () => {
    const peer = await serve(`exports.handler = () => Buffer.alloc(8 * 1048576, 'fastfn body ');`);
    const id = peer.open();
    await peer.next(({ type, stream }) => type === FrameType.BODY && stream === id);
    await peer.settled();
    expect(received(peer, id)).toBe(262_144);
    peer.credit(id, 1_000);
    await peer.settled();
    expect(received(peer, id)).toBe(263_144);
    peer.credit(id, 8 * 1_048_576);
    const answer = await peer.answer(id);
    expect(answer.body.equals(Buffer.alloc(8 * 1_048_576, 'fastfn body '))).toBe(true);
    expect(answer.head).toMatchObject({ status: 200, length: 8 * 1_048_576 });
  });

  test.each([262_143, 262_144, 262_145, 65_536, 16_384, 16_385, 0])(
    'an answer of %i bytes is exact, as text and as bytes',
    async (size) => {
      const peer = await serve(`exports.handler = (event) => {
      const text = 'é'.repeat(event.params.size / 2).padEnd(event.params.size - Math.floor(event.params.size / 2), 'x');
      return event.params.kind === 'text' ? text : Buffer.from(text); };`);
      const expected = Buffer.from('é'.repeat(size / 2).padEnd(size - Math.floor(size / 2), 'x'));
      for (const kind of ['text', 'bytes']) {
        const { body } = await peer.request({ params: { size: String(size), kind } });
        expect(body.equals(expected)).toBe(true);
      }
    },
  );

  test('a large answer does not hold up small ones', async () => {
    const peer = await serve(`exports.handler = (event) => event.params.big ? Buffer.alloc(2000000) : 'small';`);
    const id = peer.open({ params: { big: '1' } });
    await peer.next(({ type, stream }) => type === FrameType.BODY && stream === id);
    expect(await peer.text()).toBe('small');
    peer.credit(id, 2_000_000);
    expect((await peer.answer(id)).body.length).toBe(2_000_000);
  });
});

describe('F163: streamed answers', () => {
  test.each([
    ['a generator', 'function* () { yield "a"; yield "b"; }', 'text/plain; charset=utf-8'],
    [
      'an async generator',
      'async function* () { yield "a"; await null; yield Buffer.from("b"); }',
      'text/plain; charset=utf-8',
    ],
    ['bytes first', 'function* () { yield Buffer.from("a"); yield "b"; }', 'application/octet-stream'],
    ['a Readable', '() => require("node:stream").Readable.from(["a", "b"])', 'text/plain; charset=utf-8'],
    ['a ReadableStream', '() => new Blob(["ab"]).stream()', 'application/octet-stream'],
    ['an iterable as body', '() => ({ body: new Set(["a", "b"]) })', 'text/plain; charset=utf-8'],
    ['a type of its own', '() => ({ headers: { "Content-Type": "text/css" }, body: new Set(["a", "b"]) })', 'text/css'],
    ['a Response that streams', '() => new Response(new Blob(["ab"]).stream())', 'application/octet-stream'],
  ])('%s', async (_name, handler, type) => {
    const peer = await serve(`exports.handler = ${handler};`);
    const answer = await peer.request();
    expect([answer.body.toString(), answer.headers['content-type']]).toEqual(['ab', [type]]);
  });

  test('a Response whose body is there is an answer like any other', async () => {
    const peer = await serve('exports.handler = () => Response.json({ ok: true });');
    const answer = await peer.request();
    expect([answer.body.toString(), answer.head.end, answer.closedBy]).toEqual([
      '{"ok":true}',
      true,
      FrameType.RESPONSE,
    ]);
  });

  test('an empty stream is an empty answer', async () => {
    const peer = await serve('exports.handler = function* () {};');
    const answer = await peer.request();
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });

  test('F164: the head does not wait for a slow first chunk, chunks go out as they come', async () => {
    const peer = await serve(`let go; exports.handler = async function* (event) {
      if (event.query.go) { go(); return; }
      await new Promise((resolve) => { go = resolve; }); yield 'late'; };`);
    const id = peer.open();
    await peer.next(({ type, stream }) => type === FrameType.RESPONSE && stream === id);
    await peer.request(get('go=1'));
    expect((await peer.answer(id)).body.toString()).toBe('late');
  });

  test('F164: event streams are neither cached nor buffered', async () => {
    const peer = await serve(
      `exports.handler = () => ({ headers: { 'Content-Type': 'text/event-stream', 'cache-control': 'private' }, body: new Set(['data: 1\\n\\n']) });`,
    );
    expect((await peer.request()).headers).toMatchObject({ 'cache-control': ['private'], 'x-accel-buffering': ['no'] });
  });

  test('F165: a failure before the head is a handler error, after it cuts the answer; both are logged', async () => {
    const peer = await serve(
      `exports.handler = async function* (event) {
        if (event.query.late) { yield 'a'; await new Promise((resolve) => setTimeout(resolve, 5)); }
        throw new Error('torn'); };`,
    );
    expect(await peer.request()).toMatchObject({ closedBy: FrameType.ERROR, status: 0, head: { kind: 'handler' } });
    const id = peer.open(get('late=1'));
    expect(await peer.answer(id)).toMatchObject({ closedBy: FrameType.ERROR, status: 200 });
    await peer.worker.logged(({ message, level }) => message.includes('Error: torn') && level === 'error');
  });

  test('F103: a pending read of an abandoned stream is cancelled', async () => {
    const peer = await serve(`const { Readable } = require('node:stream');
      exports.handler = () => new Readable({ read() {}, destroy(error, done) { console.log('destroyed'); done(); } });`);
    const id = peer.open();
    await peer.next(({ type, stream }) => type === FrameType.RESPONSE && stream === id);
    peer.send(FrameType.CANCEL, id);
    await peer.worker.logged(({ message }) => message === 'destroyed');
    expect(await peer.worker.control.settled()).toBeUndefined();
  });
});

describe('a broken frame closes its connection and nothing else', () => {
  const u32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const request = (payload: Uint8Array) => encodeFrame(FrameType.REQUEST, 1, payload);
  const head = requestPayload();

  test.each<[string, Buffer]>([
    ['payload above 1 MiB', Buffer.from('001000010300000001', 'hex')],
    ['body above 256 KiB in a frame', encodeFrame(FrameType.BODY, 1, Buffer.alloc(262_145))],
    ['head length beyond the payload', request(Buffer.concat([Uint8Array.of(1), u32(head.length), head.subarray(5)]))],
    ['REQUEST shorter than its prefix', request(Buffer.alloc(3))],
    ['head without its fields', request(Buffer.concat([Uint8Array.of(1), u32(3), Buffer.from('a\0b')]))],
    [
      'fewer parameters than announced',
      request(Buffer.concat([Uint8Array.of(1), u32(20), Buffer.from('r\x001\x002\x003\0\0\x0099\0a\0b\0')])),
    ],
    [
      'extra that is not JSON',
      request(Buffer.from(requestPayload({ extra: {} }).toString('latin1').replace('{}', '{]'), 'latin1')),
    ],
    ['stream 0', encodeFrame(FrameType.REQUEST, 0, head)],
    ['a stream id beyond 31 bits', encodeFrame(FrameType.REQUEST, 0x80000000, head)],
    ['LOAD on a data connection', encodeFrame(FrameType.LOAD, 0, '{}')],
    ['DRAIN on a data connection', encodeFrame(FrameType.DRAIN, 0, '')],
    ['a frame that only workers send', encodeFrame(FrameType.RESPONSE, 1, Buffer.alloc(4))],
    ['a trailer that is not JSON', encodeFrame(FrameType.END, 1, '{')],
    ['WINDOW that is not a u32', encodeFrame(FrameType.WINDOW, 1, 'abc')],
  ])('%s', async (_name, bytes) => {
    const peer = await serve('exports.handler = () => "ok";');
    const neighbour = await peer.worker.connect();
    peer.socket.write(bytes);
    await peer.closed;
    expect(await neighbour.text()).toBe('ok');
    expect(await (await peer.worker.connect()).text()).toBe('ok');
  });

  test('REQUEST on an open stream', async () => {
    const peer = await serve(HELD);
    peer.open(get('name=a'));
    peer.send(FrameType.REQUEST, 1, head);
    await peer.closed;
  });

  test('more body than credit', async () => {
    const peer = await serve(HELD);
    // Credit comes back in portions of 128 KiB: after 100,000 bytes there is not enough left for a full frame.
    const id = peer.open({ lines: POST, flags: 0, body: Buffer.alloc(100_000) });
    peer.send(FrameType.BODY, id, Buffer.alloc(262_144));
    await peer.closed;
  });

  test('REQUEST to a spare', async () => {
    const worker = await startSpare();
    const peer = await worker.connect();
    peer.open();
    await peer.closed;
    await worker.control.settled();
  });

  test('unknown types are ignored', async () => {
    const peer = await serve('exports.handler = () => "ok";');
    peer.send(200, 9, 'whatever');
    peer.send(FrameType.PONG, 0, 'late');
    expect(await peer.text()).toBe('ok');
  });

  test('random bytes never end the worker', async () => {
    const worker = await startWorker({ 'hello.js': 'exports.handler = () => "ok";' });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 64 }), { minLength: 1, maxLength: 5 }), async (chunks) => {
        const peer = await worker.connect();
        for (const chunk of chunks) peer.socket.write(chunk);
        peer.socket.end();
        await peer.closed;
      }),
      { numRuns: 60 },
    );
    expect(await (await worker.connect()).text()).toBe('ok');
  });
});

describe('the end of a worker', () => {
  test('comes with the end of the control connection, whatever runs', async () => {
    const peer = await serve(`process.on('exit', () => { for (;;); }); setInterval(() => {}, 1000); ${HELD}`);
    peer.open(get('name=a'));
    await begun(peer, 'a');
    peer.worker.control.socket.destroy();
    expect(await peer.worker.exit).toEqual([0, null]);
  });

  test('P104: after DRAIN it serves what still comes and ends with the last data connection', async () => {
    const peer = await serve('exports.handler = () => "ok";');
    peer.worker.control.send(FrameType.DRAIN, 0);
    await peer.worker.control.settled();
    expect(await peer.text()).toBe('ok');
    peer.socket.end();
    expect(await peer.worker.exit).toEqual([0, null]);
  });

  test('DRAIN ends a worker nobody is connected to', async () => {
    const worker = await startWorker({ 'hello.js': 'exports.handler = () => 1; setInterval(() => {}, 1000);' });
    worker.control.send(FrameType.DRAIN, 0);
    expect(await worker.exit).toEqual([0, null]);
  });

  test('F104: process.exit in a handler ends it; what it had answered and printed before is delivered', async () => {
    const peer = await serve(
      `exports.handler = (event) => { if (event.query.exit) { console.log('bye'); process.exit(3); } return 'ok'; };`,
    );
    const first = peer.open();
    peer.open(get('exit=1'));
    expect(await peer.worker.exit).toEqual([3, null]);
    expect((await peer.answer(first)).body.toString()).toBe('ok');
    await peer.worker.logged(({ message, request_id }) => message === 'bye' && request_id === 'req-1');
  });

  test('F113: an uncaught exception ends it, and stderr says why', async () => {
    const peer = await serve(
      `exports.handler = () => { setImmediate(() => { throw new Error('nobody catches this'); }); return 'ok'; };`,
    );
    expect(await peer.text()).toBe('ok');
    expect(await peer.worker.exit).toEqual([1, null]);
    expect(peer.worker.stderr).toContain('nobody catches this');
  });
});

function received(peer: Peer, id: number): number {
  const bodies = peer.of(id).filter(({ type }) => type === FrameType.BODY);
  return bodies.reduce((sum, { payload }) => sum + payload.length, 0);
}

/** Sends a body within the credit the worker gives. */
async function upload(peer: Peer, id: number, body: Buffer): Promise<void> {
  let windows = 0;
  let credit = 262_144;
  for (let at = 0; at < body.length; ) {
    if (credit === 0) {
      const seen = windows;
      await peer.next((frame) => frame.stream === id && frame.type === FrameType.WINDOW && peer.of(id).length > seen);
      for (const frame of peer.of(id).slice(windows)) credit += frame.payload.readUInt32BE(0);
      windows = peer.of(id).length;
    }
    const size = Math.min(credit, 65_536, body.length - at);
    peer.send(FrameType.BODY, id, body.subarray(at, at + size));
    credit -= size;
    at += size;
  }
  peer.send(FrameType.END, id);
}

test.each([
  [
    'an error that fails when it is looked at',
    'throw { get message() { throw 1; }, [Symbol.for("nodejs.util.inspect.custom")]() { throw 2; } };',
  ],
  ['a result whose then cannot be read', 'return { get then() { throw new Error("no then"); } };'],
  ['a result whose members cannot be read', 'return { get status() { throw new Error("no status"); } };'],
  ['nothing at all', 'throw undefined;'],
])('F100: %s is a 500, and the worker stays', async (_name, body) => {
  const peer = await serve(`exports.handler = (event) => { if (event.query.bad) { ${body} } return 'ok'; };`);
  expect((await peer.request(get('bad=1'))).head.kind).toBe('handler');
  expect(await peer.text()).toBe('ok');
});

test('a failed handler is a 500 of its own kind (F100)', async () => {
  const peer = await serve(
    `exports.handler = (event) => event.query.async ? Promise.reject(new TypeError('later')) : missing();`,
  );
  for (const [query, text] of [
    ['async=1', 'TypeError: later'],
    ['', 'ReferenceError: missing is not defined'],
  ] as const) {
    const answer = await peer.request(get(query));
    expect(answer.head).toMatchObject({ kind: 'handler' });
    const line = await peer.worker.logged(({ message }) => message.includes(text));
    expect(line).toMatchObject({ request_id: 'req-1', stream: 'stderr', level: 'error' });
  }
  const stack = peer.worker.log.filter(({ message }) => message.startsWith('    at ')).map(({ message }) => message);
  expect(stack.length).toBeGreaterThan(0);
  expect(stack.every((line) => line.includes('/hello.js'))).toBe(true);
  expect(json(peer.frames.find(({ type }) => type === FrameType.ERROR)!)).toMatchObject({
    kind: 'handler',
    message: 'later',
  });
});
