import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { Flag, PythonWorker } from './python-worker-support.ts';

const { END, ANNOUNCE } = Flag;

/** Waits in the handler until the test says so by making a file; fails loudly instead of hanging for ever. */
const GATES = `
import os, time

def wait_for(name):
    for _ in range(20000):
        if os.path.exists(name):
            return
        time.sleep(0.001)
    raise RuntimeError(f"{name} did not come")

def handler(event):
    if "wait" in event["query"]:
        wait_for(event["query"]["wait"])
    return event["path"]
`;

const ASYNC_GATES = `
import asyncio, os

async def handler(event):
    while "wait" in event["query"] and not os.path.exists(event["query"]["wait"]):
        await asyncio.sleep(0.001)
    return event["path"]
`;

function release(worker: PythonWorker, gate: string): void {
  writeFileSync(join(worker.root, gate), '');
}

test.each([
  ['def', GATES],
  ['async def', ASYNC_GATES],
])('F112: %s: a handler that waits blocks no other', async (_kind, source) => {
  const worker = await PythonWorker.serving(source);
  const peer = await worker.connect();
  peer.request(1, { target: '/slow?wait=gate' });
  for (let stream = 2; stream < 50; stream++) {
    expect((await peer.request(stream, { target: '/fast' }).answer(stream)).status).toBe(200);
  }
  release(worker, 'gate');
  expect((await peer.answer(1)).body?.toString()).toBe('/slow');
});

test('F112: an answer that is finished does not wait for a slow neighbour of the same write', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  peer.together(() => {
    peer.request(1, { target: '/fast' }).request(2, { target: '/slow?wait=gate' }).request(3, { target: '/fast' });
  });
  expect((await peer.answer(1)).status).toBe(200);
  expect((await peer.answer(3)).status).toBe(200);
  release(worker, 'gate');
  expect((await peer.answer(2)).status).toBe(200);
});

test('F112: 32 def handlers run at once, the 33rd begins when one returns', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  for (let stream = 1; stream <= 33; stream++) {
    peer.request(stream, { target: `/?wait=gate-${stream}`, flags: END | ANNOUNCE });
  }
  const started = new Set<number>();
  while (started.size < 32) started.add((await peer.take(({ type }) => type === FrameType.START)).stream);
  await peer.ping();
  await worker.control.ping();
  expect(peer.pending).toEqual([]);
  expect(started.has(33)).toBe(false);
  release(worker, 'gate-7');
  await peer.answer(7);
  await peer.takeType(FrameType.START, 33);
  for (let stream = 1; stream <= 33; stream++) release(worker, `gate-${stream}`);
  for (let stream = 1; stream <= 33; stream++) if (stream !== 7) expect((await peer.answer(stream)).status).toBe(200);
});

test.each([
  ['def', GATES],
  ['async def', ASYNC_GATES],
])('%s: with one slot, streams begin in the order in which they became complete', async (_kind, source) => {
  const worker = await PythonWorker.serving(source, { concurrency: 1 });
  const peer = await worker.connect();
  peer.request(1, { target: '/?wait=gate', flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  peer.request(2, { flags: ANNOUNCE, body: 'a' }); // complete only after the next one
  peer.request(3, { flags: END | ANNOUNCE });
  peer.send(FrameType.END, 2);
  peer.request(4, { flags: END | ANNOUNCE });
  await peer.ping();
  release(worker, 'gate');
  const order: number[] = [];
  while (order.length < 3) {
    const { type, stream } = await peer.take(({ type }) => type === FrameType.START || type === FrameType.RESPONSE);
    if (type === FrameType.START) order.push(stream);
  }
  expect(order).toEqual([3, 2, 4]);
});

test.each([
  ['def', GATES],
  ['async def', ASYNC_GATES],
])('%s: CANCEL of a stream that waits closes it at once, and its handler never runs', async (_kind, source) => {
  const worker = await PythonWorker.serving(source, { concurrency: 1 });
  const peer = await worker.connect();
  peer.request(1, { target: '/?wait=gate', flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  peer.request(2, { flags: END | ANNOUNCE }).request(3, { flags: END | ANNOUNCE });
  peer.send(FrameType.CANCEL, 2);
  expect(await peer.answer(2)).toEqual({ cancelled: true });
  release(worker, 'gate');
  await peer.answer(3);
  expect(peer.pending.filter(({ stream }) => stream === 2)).toEqual([]);
});

test('CANCEL that has arrived before a slot is free is obeyed, even when the handler kept the interpreter busy', async () => {
  const worker = await PythonWorker.serving(
    `
import time

def handler(event):
    until = time.monotonic() + float(event["query"].get("busy", 0))
    while time.monotonic() < until:
        pass
    return event["path"]
`,
    { concurrency: 1 },
  );
  const peer = await worker.connect();
  peer.request(1, { target: '/?busy=0.1', flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  peer.request(2, { flags: END | ANNOUNCE }).request(3, { flags: END | ANNOUNCE });
  peer.send(FrameType.CANCEL, 2);
  await peer.answer(3);
  expect(peer.pending.map(({ type, stream }) => [type, stream])).toContainEqual([FrameType.END, 2]);
  expect(peer.pending.filter(({ type, stream }) => type === FrameType.START && stream === 2)).toEqual([]);
});

test('F103: CANCEL of a def handler that runs: END when it returns, and nothing of its answer', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  peer.request(1, { target: '/?wait=gate', flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  peer.send(FrameType.CANCEL, 1);
  await peer.ping();
  expect(peer.pending).toEqual([]);
  release(worker, 'gate');
  expect(await peer.answer(1)).toEqual({ cancelled: true });
});

test('F103: CANCEL of an async def handler: END at once, and the handler sees the cancellation', async () => {
  const worker = await PythonWorker.serving(`
import asyncio

async def handler(event):
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up")
`);
  const peer = await worker.connect();
  peer.request(1, { flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  peer.send(FrameType.CANCEL, 1);
  expect(await peer.answer(1)).toEqual({ cancelled: true });
  expect(await worker.log()).toMatchObject({ request_id: 'req-1', message: 'cleaned up' });
});

test('the end of a data connection cancels its streams and no others', async () => {
  const worker = await PythonWorker.serving(GATES, { concurrency: 1 });
  const [gone, stays] = [await worker.connect(), await worker.connect()];
  gone.request(1, { target: '/?wait=gate', flags: END | ANNOUNCE });
  await gone.takeType(FrameType.START, 1);
  await gone.request(2, { target: '/?wait=never' }).ping();
  stays.request(1, { target: '/stays' });
  gone.end();
  await gone.untilClosed();
  await stays.ping(); // what came before it has been read
  release(worker, 'gate');
  expect((await stays.answer(1)).body?.toString()).toBe('/stays');
});

test('a CANCEL that crosses the answer is ignored, and the id can be used again', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  await peer.request(1).answer(1);
  peer.send(FrameType.CANCEL, 1).send(FrameType.BODY, 1, 'late').send(FrameType.END, 1).window(1, 5);
  expect((await peer.request(1, { target: '/again' }).answer(1)).body?.toString()).toBe('/again');
  expect(peer.pending).toEqual([]);
});

test('START comes only to streams that ask for it, in front of their answer', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  peer.together(() => {
    peer.request(1).request(2, { flags: END | ANNOUNCE });
  });
  await peer.answer(1);
  await peer.take(({ type }) => type === FrameType.RESPONSE);
  expect(peer.pending.map(({ type, stream }) => [type, stream])).toEqual([[FrameType.START, 2]]);
});

test('P101: PING is answered while def handlers loop for ever, on the connection that they came from', async () => {
  const worker = await PythonWorker.serving('def handler(event):\n    while True:\n        pass\n');
  const peer = await worker.connect();
  for (let stream = 1; stream <= 4; stream++) peer.request(stream, { flags: END | ANNOUNCE });
  for (let stream = 1; stream <= 4; stream++) await peer.takeType(FrameType.START, stream);
  await peer.ping();
  await worker.control.ping();
});

test('P101: PING is answered while all 32 slots sleep', async () => {
  const worker = await PythonWorker.serving(GATES);
  const peer = await worker.connect();
  for (let stream = 1; stream <= 40; stream++) peer.request(stream, { target: '/?wait=gate' });
  await peer.ping();
  await worker.control.ping();
  release(worker, 'gate');
  for (let stream = 1; stream <= 40; stream++) await peer.answer(stream);
});

test('P101: PING tells that an event loop is stuck, also on the control connection', async () => {
  const worker = await PythonWorker.serving(
    'import os, time\n\nasync def handler(event):\n    while not os.path.exists("gate"):\n        time.sleep(0.001)\n    return "done"\n',
  );
  const peer = await worker.connect();
  peer.request(1, { flags: END | ANNOUNCE });
  worker.control.send(FrameType.PING, 0, 'stuck');
  peer.request(2);
  expect(worker.control.pending.filter(({ type }) => type === FrameType.PONG)).toEqual([]);
  release(worker, 'gate');
  await peer.answer(1);
  await worker.control.takeType(FrameType.PONG);
});

test.each([
  ['a def handler that loops for ever', 'def handler(event):\n    while True:\n        pass\n'],
  ['a def handler that sleeps', 'import time\n\ndef handler(event):\n    time.sleep(600)\n'],
  ['an event loop that is stuck', 'import time\n\nasync def handler(event):\n    time.sleep(600)\n'],
])('the end of the control connection ends the worker at once: %s', async (_name, source) => {
  const worker = await PythonWorker.serving(source);
  const peer = await worker.connect();
  peer.request(1, { flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  worker.control.end();
  expect(await worker.exited).toBe(0);
});

test.each([
  ['sys.exit(3)', 3],
  ['sys.exit()', 0],
  ['sys.exit("bye")', 1],
  ['raise SystemExit(7)', 7],
  ['raise KeyboardInterrupt', 130],
  ['os._exit(5)', 5],
])(
  'F104: %s in a handler ends the worker with that code, after the answers that are finished',
  async (statement, code) => {
    for (const kind of ['def', 'async def']) {
      const worker = await PythonWorker.serving(
        `import os, sys\n\n${kind} handler(event):\n    if event["path"] == "/exit":\n        print("last words")\n        ${statement}\n    return "ok"\n`,
      );
      const peer = await worker.connect();
      expect((await peer.request(1).answer(1)).status).toBe(200);
      peer.request(2, { target: '/exit' });
      expect(await worker.log()).toMatchObject({ message: 'last words' });
      await peer.untilClosed();
      expect(await worker.exited).toBe(code);
    }
  },
);

test('F104: START has left before the handler can end the process, so that the request is never run again', async () => {
  for (const kind of ['def', 'async def']) {
    const worker = await PythonWorker.serving(`import os\n\n${kind} handler(event):\n    os._exit(9)\n`);
    const peer = await worker.connect();
    peer.request(1, { flags: END | ANNOUNCE });
    await peer.takeType(FrameType.START, 1);
    expect(await worker.exited).toBe(9);
  }
});

test('a process that a handler has forked does not keep the connections of a dead worker open', async () => {
  const worker = await PythonWorker.serving(
    'import os, time\n\ndef handler(event):\n    child = os.fork()\n    if child == 0:\n        print("in the child")\n        while os.getppid() != 1 and not os.path.exists("gate"):\n            time.sleep(0.001)\n        os._exit(0)\n    return child\n',
  );
  const peer = await worker.connect();
  expect((await peer.request(1).answer(1)).status).toBe(200);
  worker.process.kill('SIGKILL');
  await peer.untilClosed();
  await worker.control.untilClosed();
  release(worker, 'gate');
});

test('Ctrl+C in a terminal ends no worker: the supervisor decides', async () => {
  for (const source of [GATES, ASYNC_GATES]) {
    const worker = await PythonWorker.serving(source);
    worker.process.kill('SIGINT');
    expect((await worker.call()).status).toBe(200);
    expect((await worker.call()).status).toBe(200);
  }
});

test('P113: a crash in native code leaves its stack on stderr', async () => {
  const worker = await PythonWorker.serving('import ctypes\n\ndef handler(event):\n    ctypes.string_at(0)\n');
  const peer = await worker.connect();
  peer.request(1);
  expect(await worker.exited).toBe('SIGSEGV');
  expect(worker.stderr).toMatch(/Segmentation fault[\s\S]*hello.py", line 4 in handler/);
});

test('DRAIN: what still comes is served, and the worker ends with its last data connection', async () => {
  const worker = await PythonWorker.serving(
    `${GATES}\nimport atexit\natexit.register(lambda: open("farewell", "w").close())\n`,
  );
  const peer = await worker.connect();
  peer.request(1, { target: '/?wait=gate', flags: END | ANNOUNCE });
  await peer.takeType(FrameType.START, 1);
  worker.control.send(FrameType.DRAIN, 0);
  await worker.control.ping();
  expect((await peer.request(2).answer(2)).status).toBe(200);
  release(worker, 'gate');
  expect((await peer.answer(1)).status).toBe(200);
  peer.end();
  expect(await worker.exited).toBe(0);
  expect(existsSync(join(worker.root, 'farewell'))).toBe(true);
});

test('DRAIN ends an idle worker at once, loaded or not', async () => {
  const idle = await PythonWorker.serving(ASYNC_GATES);
  idle.control.send(FrameType.DRAIN, 0);
  expect(await idle.exited).toBe(0);
  const spare = await PythonWorker.start();
  spare.control.send(FrameType.DRAIN, 0);
  expect(await spare.exited).toBe(0);
});

test('F112: async def handlers run many at once', async () => {
  const worker = await PythonWorker.serving(ASYNC_GATES);
  const peer = await worker.connect();
  for (let stream = 1; stream <= 500; stream++) peer.request(stream, { target: '/?wait=gate', flags: END | ANNOUNCE });
  for (let stream = 1; stream <= 500; stream++) await peer.takeType(FrameType.START, stream);
  release(worker, 'gate');
  for (let stream = 1; stream <= 500; stream++) expect((await peer.answer(stream)).status).toBe(200);
});

test('F112: asyncio features that need a task work in the first step of a handler', async () => {
  const worker = await PythonWorker.serving(`
import asyncio, contextlib

async def handler(event):
    task = asyncio.current_task()
    first = await asyncio.wait_for(asyncio.sleep(0, "a"), 1)
    second, third = await asyncio.gather(asyncio.to_thread(lambda: "b"), asyncio.sleep(0, "c"))
    return [task is not None, first, second, third]
`);
  expect(await worker.callJson()).toEqual([true, 'a', 'b', 'c']);
});

test('F112: a def handler may return what an async function gave it', async () => {
  const worker = await PythonWorker.serving(
    'import asyncio\n\nasync def later(event):\n    await asyncio.sleep(0)\n    print("in the loop")\n    return {"status": 201}\n\nhandler = lambda event: later(event)\n',
  );
  expect((await worker.call()).status).toBe(201);
  expect(await worker.log()).toMatchObject({ request_id: 'req-1', message: 'in the loop' });
});
