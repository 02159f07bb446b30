import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { Flag, type Json, PythonWorker } from './python-worker-support.ts';

/** The lines until the one that closes the request's output. */
async function linesOf(worker: PythonWorker, target = '/'): Promise<Json[]> {
  const peer = await worker.connect();
  peer.request(1, { target, flags: Flag.END | Flag.CAPTURE });
  await peer.answer(1);
  const lines: Json[] = [];
  for (;;) {
    const line = await worker.log();
    if (line.last === true) return lines;
    lines.push(line);
  }
}

test('F106: print, stdout, stderr and their buffers are captured line by line', async () => {
  const worker = await PythonWorker.serving(`
import sys

sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)

def handler(event):
    print("one", 1)
    print("two\\nthree")
    sys.stdout.write("half ")
    sys.stdout.write("line\\n")
    sys.stderr.write("to stderr\\n")
    print("with CR", end="\\r\\n")
    sys.stdout.buffer.write("grü".encode())
    sys.stdout.buffer.write("ße\\n".encode()[:1])
    sys.stdout.buffer.write("ße\\n".encode()[1:])
    print("flushed", file=sys.stderr, flush=True)
    print("no end", end="")
`);
  const lines = await linesOf(worker);
  expect(lines.every(({ request_id }) => request_id === 'req-1')).toBe(true);
  expect(lines.map(({ stream, level, message }) => [stream, level, message])).toEqual([
    ['stdout', 'info', 'one 1'],
    ['stdout', 'info', 'two'],
    ['stdout', 'info', 'three'],
    ['stdout', 'info', 'half line'],
    ['stderr', 'error', 'to stderr'],
    ['stdout', 'info', 'with CR'],
    ['stdout', 'info', 'grüße'],
    ['stderr', 'error', 'flushed'],
    ['stdout', 'info', 'no end'],
  ]);
});

test('F106, P116: lines of the logging module keep their level', async () => {
  const worker = await PythonWorker.serving(`
import logging

logging.getLogger("unconfigured").warning("of the last resort")
logging.basicConfig(level=logging.DEBUG, format="%(message)s")

def handler(event):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logging, level)(level)
`);
  expect(await worker.log()).toMatchObject({ request_id: null, level: 'warn', message: 'of the last resort' });
  const lines = await linesOf(worker);
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    ['debug', 'debug'],
    ['info', 'info'],
    ['warn', 'warning'],
    ['error', 'error'],
    ['error', 'critical'],
  ]);
});

test.each([
  [
    'def',
    'import threading\nbarrier = threading.Barrier(2)\n\ndef handler(event):\n    barrier.wait()\n    print(event["id"])\n    barrier.wait()\n    print(event["id"], end="")\n',
  ],
  [
    'async def',
    'import asyncio\n\nasync def handler(event):\n    for _ in range(3):\n        await asyncio.sleep(0)\n        print(event["id"])\n    await asyncio.to_thread(print, event["id"])\n    await asyncio.create_task(inner(event))\n\nasync def inner(event):\n    print(event["id"])\n',
  ],
])('F106: %s: output of requests that run at once belongs to each', async (_kind, source) => {
  const worker = await PythonWorker.serving(source);
  const peer = await worker.connect();
  peer.request(1, { id: 'req-a', flags: 3 | Flag.CAPTURE }).request(2, { id: 'req-b', flags: 3 | Flag.CAPTURE });
  await peer.answer(1);
  await peer.answer(2);
  for (let closed = 0; closed < 2; ) {
    const { request_id, message, last } = await worker.log();
    if (last === true) closed += 1;
    else expect(message).toBe(request_id);
  }
});

test('P118: output outside of a request belongs to none', async () => {
  const worker = await PythonWorker.start();
  await worker.load({ files: { 'hello.py': 'print("at import", end="")\n\ndef handler(event): pass\n' } });
  expect(await worker.log()).toEqual({ request_id: null, stream: 'stdout', level: 'info', message: 'at import' });
});

test('F100: an exception is logged once, with a stack that starts in the file of the user', async () => {
  const worker = await PythonWorker.serving(
    'def handler(event):\n    helper()\n\ndef helper():\n    raise ValueError("no — really")\n',
  );
  const { error } = await worker.call();
  expect(error).toEqual({ kind: 'handler', message: 'ValueError: no — really' });
  const stack: Json[] = [];
  do stack.push(await worker.log());
  while (!stack.at(-1)!.message.startsWith('ValueError'));
  expect(
    stack.every(({ request_id, level, stream }) => request_id === 'req-1' && level === 'error' && stream === 'stderr'),
  ).toBe(true);
  expect(stack[1]!.message).toBe(`  File "${worker.root}/hello.py", line 2, in handler`);
  expect(stack.at(-1)!.message).toBe('ValueError: no — really');
  await worker.control.ping();
  expect(worker.control.pending).toEqual([]);
});

test('P116: a line above 16 KiB is split between characters, and no byte is lost', async () => {
  const worker = await PythonWorker.serving(
    'def handler(event):\n    print("é" * 250_000)\n    print("x" * 40_000, end="")\n',
  );
  const lines = await linesOf(worker);
  expect(lines.every(({ message }) => Buffer.byteLength(message) <= 16_384)).toBe(true);
  const whole: string[] = [''];
  for (const { message, fields } of lines) {
    whole[whole.length - 1] += message;
    if (fields?.continued !== true) whole.push('');
  }
  expect(whole).toEqual(['é'.repeat(250_000), 'x'.repeat(40_000), '']);
});

test('P116: bytes that are not UTF-8 are replaced in the text and kept as base64', async () => {
  const worker = await PythonWorker.serving(
    'import sys\n\ndef handler(event):\n    sys.stdout.buffer.write(b"a\\xffb\\n")\n    print("\\ud800")\n',
  );
  expect(await linesOf(worker)).toMatchObject([
    { message: 'a\ufffdb', fields: { base64: Buffer.from([0x61, 0xff, 0x62]).toString('base64') } },
    { message: expect.stringContaining('\ufffd') },
  ]);
});

test('a supervisor that does not read slows no handler; it learns how many lines were dropped', async () => {
  const worker = await PythonWorker.serving(
    'def handler(event):\n    for _ in range(500):\n        print("x" * 10_000)\n    return "done"\n',
  );
  worker.control.pause();
  expect((await worker.call()).body?.toString()).toBe('done');
  worker.control.resume();
  const lines: string[] = [];
  do lines.push((await worker.log()).message);
  while (!lines.at(-1)!.endsWith('lines dropped'));
  const dropped = Number.parseInt(lines.at(-1)!, 10);
  expect(dropped).toBe(500 - (lines.length - 1));
});

test('a subprocess may inherit the output: what bypasses the capture goes to the pipes of the process', async () => {
  const worker = await PythonWorker.serving(
    'import os, subprocess, sys\n\ndef handler(event):\n    os.write(2, b"written ")\n    return subprocess.run(["echo", "echoed"], stdout=sys.stdout, stderr=sys.stderr).returncode\n',
  );
  expect(await worker.callJson()).toBe(0);
  worker.control.end();
  await worker.exited;
  expect([worker.stdout, worker.stderr]).toEqual(['echoed\n', 'written ']);
});

test('the last line of a captured request comes after its answer, even if it printed nothing', async () => {
  const worker = await PythonWorker.serving('def handler(event): return "x"\n');
  expect(await linesOf(worker)).toEqual([]);
  const peer = await worker.connect();
  peer.request(1);
  await peer.answer(1);
  await worker.control.ping();
  expect(worker.control.pending.filter(({ type }) => type === FrameType.LOG)).toEqual([]);
});
