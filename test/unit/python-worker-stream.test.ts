import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { CREDIT_BYTES, type Peer, PythonWorker, responseOf } from './python-worker-support.ts';

const WAIT = `
import asyncio, os, time

def wait_for(name):
    for _ in range(20000):
        if os.path.exists(name):
            return
        time.sleep(0.001)
    raise RuntimeError(f"{name} did not come")

async def wait_async(name):
    while not os.path.exists(name):
        await asyncio.sleep(0.001)
`;

/** Handlers that stream alike: their source, by how they do it. */
const KINDS = {
  'a generator': 'def handler(event):\n    yield from pieces(event)\n',
  'an async generator': 'async def handler(event):\n    for piece in pieces(event):\n        yield piece\n',
  'a generator as the body': 'def handler(event):\n    return {"body": pieces(event)}\n',
  'an async handler with a generator': 'async def handler(event):\n    return pieces(event)\n',
  'a def handler with an async generator':
    'async def later(event):\n    for piece in pieces(event):\n        await asyncio.sleep(0)\n        yield piece\n\ndef handler(event):\n    return {"body": later(event)}\n',
};

function serving(kind: string, pieces: string): Promise<PythonWorker> {
  return PythonWorker.serving(`${WAIT}\n${pieces}\n${KINDS[kind as keyof typeof KINDS]}`);
}

const kinds = Object.keys(KINDS).map((kind) => [kind] as const);
/** Those whose pieces may block without blocking the event loop. */
const blocking = kinds.filter(([kind]) => kind !== 'an async generator');

test.each(kinds)('F163: %s is sent piece by piece, at once', async (kind) => {
  const worker = await serving(
    kind,
    'def pieces(event):\n    yield "one"\n    wait_for("gate")\n    yield b"two"\n    yield ""\n    yield bytearray(b"!")',
  );
  const peer = await worker.connect();
  peer.request(1);
  const { head } = responseOf(await peer.takeType(FrameType.RESPONSE, 1));
  expect(head).toEqual({ status: 200, headers: ['Content-Type', 'text/plain; charset=utf-8'] });
  expect((await peer.takeType(FrameType.BODY, 1)).payload.toString()).toBe('one');
  writeFileSync(join(worker.root, 'gate'), '');
  expect(await restOf(peer)).toBe('two!');
});

async function restOf(peer: Peer, stream = 1): Promise<string> {
  const pieces: Buffer[] = [];
  for (;;) {
    const frame = await peer.take((next) => next.stream === stream);
    if (frame.type === FrameType.END) return Buffer.concat(pieces).toString();
    pieces.push(frame.payload);
    peer.window(stream, frame.payload.length);
  }
}

test.each(blocking)('F164: %s: the head does not wait for a first piece that is late', async (kind) => {
  const worker = await serving(kind, 'def pieces(event):\n    wait_for("gate")\n    yield "late"');
  const peer = await worker.connect();
  peer.request(1);
  const { head } = responseOf(await peer.takeType(FrameType.RESPONSE, 1));
  expect(head.headers).toEqual(['Content-Type', 'application/octet-stream']);
  writeFileSync(join(worker.root, 'gate'), '');
  expect(await restOf(peer)).toBe('late');
});

test('F164: an async generator: the head does not wait for a first piece that is late', async () => {
  const worker = await PythonWorker.serving(
    `${WAIT}\nasync def handler(event):\n    await wait_async("gate")\n    yield "late"\n`,
  );
  const peer = await worker.connect();
  peer.request(1);
  await peer.takeType(FrameType.RESPONSE, 1);
  writeFileSync(join(worker.root, 'gate'), '');
  expect(await restOf(peer)).toBe('late');
});

test.each(kinds)('%s goes no faster than the gateway gives credit', async (kind) => {
  const worker = await serving(
    kind,
    'def pieces(event):\n    for i in range(8):\n        yield bytes([65 + i]) * 100_000\n    yield "end"',
  );
  const peer = await worker.connect();
  peer.request(1);
  let received = 0;
  while (received < CREDIT_BYTES) {
    const frame = await peer.take(({ stream }) => stream === 1);
    if (frame.type === FrameType.BODY) received += frame.payload.length;
  }
  await peer.ping();
  expect([received, peer.pending.length]).toEqual([CREDIT_BYTES, 0]);
  peer.window(1, 1_000_000);
  expect((await restOf(peer)).length).toBe(800_003 - CREDIT_BYTES);
});

test.each(kinds)('F165: %s is closed when the client leaves, also while it waits for credit', async (kind) => {
  const worker = await serving(
    kind,
    'def pieces(event):\n    try:\n        while True:\n            yield bytes(50_000)\n    finally:\n        open("closed", "w").close()',
  );
  const peer = await worker.connect();
  peer.request(1);
  await peer.takeType(FrameType.RESPONSE, 1);
  peer.send(FrameType.CANCEL, 1);
  await peer.takeType(FrameType.END, 1);
  while (!existsSync(join(worker.root, 'closed'))) await peer.ping();
});

test.each(kinds)(
  'F165: %s: a failure before the first piece is a 500, after it the answer breaks off',
  async (kind) => {
    const worker = await serving(
      kind,
      'def pieces(event):\n    if event["path"] == "/late":\n        yield "one"\n    raise ValueError("broken")',
    );
    const { error, head } = await worker.call();
    expect([error, head]).toEqual([{ kind: 'handler', message: 'ValueError: broken' }, undefined]);
    const late = await worker.call({ target: '/late' });
    expect(late.head?.status).toBe(200);
    expect(late.error).toEqual({ kind: 'handler', message: 'ValueError: broken' });
  },
);

test.each(blocking)('F165: %s that runs when the client leaves is closed after its step', async (kind) => {
  const worker = await serving(
    kind,
    'def pieces(event):\n    try:\n        yield "one"\n        wait_for("gate")\n        yield "two"\n    finally:\n        open("closed", "w").close()',
  );
  const peer = await worker.connect();
  peer.request(1);
  await peer.takeType(FrameType.BODY, 1);
  peer.send(FrameType.CANCEL, 1);
  await peer.ping();
  writeFileSync(join(worker.root, 'gate'), '');
  await peer.takeType(FrameType.END, 1);
  while (!existsSync(join(worker.root, 'closed'))) await peer.ping();
  expect(peer.pending.filter(({ type }) => type !== FrameType.RESPONSE)).toEqual([]);
});

test.each(kinds)('F163: %s: an object among the pieces violates the contract', async (kind) => {
  const worker = await serving(kind, 'def pieces(event):\n    yield {"a": 1}');
  expect((await worker.call()).error).toEqual({
    kind: 'contract',
    message: 'a piece of a streamed body is neither a string nor bytes',
  });
});

test.each(kinds)('F91: %s without a piece is an empty answer', async (kind) => {
  const worker = await serving(kind, 'def pieces(event):\n    return\n    yield');
  const { status, headers, body } = await worker.call();
  expect([status, headers, body?.length]).toEqual([200, { 'content-type': ['application/octet-stream'] }, 0]);
});

test('F163: files opened binary, text files and other iterators are streams', async () => {
  const worker = await PythonWorker.serving(`
import io

def handler(event):
    open("data", "wb").write(bytes(200_000))
    return {
        "/binary": lambda: open("data", "rb"),
        "/text": lambda: {"headers": {"Content-Type": "text/x"}, "body": io.StringIO("a\\nb\\n")},
        "/map": lambda: map(str, range(3)),
    }[event["path"]]()
`);
  expect((await worker.call({ target: '/binary' })).body).toEqual(Buffer.alloc(200_000));
  expect(await worker.call({ target: '/text' })).toMatchObject({
    headers: { 'content-type': ['text/x'] },
    body: Buffer.from('a\nb\n'),
  });
  expect((await worker.call({ target: '/map' })).body?.toString()).toBe('012');
});

test('F164: events are not to be cached or buffered on their way, unless the handler says otherwise', async () => {
  const worker = await PythonWorker.serving(`
def handler(event):
    headers = {"Content-Type": "text/event-stream", **({"cache-control": "private"} if event["query"] else {})}
    return {"headers": headers, "body": iter(["data: 1\\n\\n"])}
`);
  expect((await worker.call()).headers).toEqual({
    'content-type': ['text/event-stream'],
    'cache-control': ['no-cache'],
    'x-accel-buffering': ['no'],
  });
  expect((await worker.call({ target: '/?own=1' })).headers?.['cache-control']).toEqual(['private']);
});

test('F165: a stream holds its slot to its end', async () => {
  const worker = await PythonWorker.serving(
    `${WAIT}\ndef handler(event):\n    if event["path"] == "/stream":\n        return open_ended()\n    return "other"\n\ndef open_ended():\n    yield "one"\n    wait_for("gate")\n`,
    { concurrency: 1 },
  );
  const peer = await worker.connect();
  peer.request(1, { target: '/stream' });
  await peer.takeType(FrameType.BODY, 1);
  peer.request(2);
  await peer.ping();
  expect(peer.pending.filter(({ stream }) => stream === 2)).toEqual([]);
  writeFileSync(join(worker.root, 'gate'), '');
  await peer.takeType(FrameType.END, 1);
  expect((await peer.answer(2)).body?.toString()).toBe('other');
});
