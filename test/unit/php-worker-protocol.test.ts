import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameType } from '../../src/workers/codec.ts';
import { Flag, type Peer, PhpWorker, requestPayload, until, vectors } from './php-worker-support.ts';

const SENT_BY_WORKERS: readonly number[] = [FrameType.RESPONSE, FrameType.ERROR, FrameType.START];

const { frames, invalid } = vectors('frames');

const ECHO = "<?php function handler($e) { return $e['body'] ?? $e['query_string']; }";
/** Sleeps for as many milliseconds as the query says, then returns it. */
const SLEEPER = "<?php function handler($e) { usleep(1000 * (int) $e['query_string']); return $e['query_string']; }";

async function pong(peer: Peer): Promise<void> {
  const before = peer.of(FrameType.PONG).length;
  peer.send(FrameType.PING, 0, 'are you there');
  await until(() => expect(peer.of(FrameType.PONG).length).toBeGreaterThan(before));
}

describe('a process', () => {
  test('says listening once its socket, for its owner alone, accepts; then HELLO as a spare', async () => {
    const worker = await PhpWorker.spare({});
    expect(statSync(join(worker.root, '.sock')).mode & 0o777).toBe(0o600);
    expect(await worker.control.json(FrameType.HELLO)).toEqual({
      protocol: 1,
      runtime: 'php',
      version: expect.stringMatching(/^8\.\d+/),
      pid: worker.child.pid,
      function: null,
      revision: null,
      concurrency: 1,
      head: 'raw',
    });
  });

  test('tells each later connection which function it is', async () => {
    const worker = await PhpWorker.with(ECHO);
    expect(await worker.data.json(FrameType.HELLO)).toMatchObject({ function: 'php/fn@default', revision: '7' });
    expect(await worker.control.json(FrameType.LOADED)).toEqual({
      revision: '7',
      concurrency: 1,
      head: 'raw',
      files: [join(worker.root, 'fn.php')],
    });
  });

  test('ends when its control connection does', async () => {
    const worker = await PhpWorker.with(ECHO);
    worker.control.socket.destroy();
    expect(await worker.exited()).toBe(0);
  });

  test('a spare ends with its control connection too', async () => {
    const worker = await PhpWorker.spare({});
    worker.control.socket.destroy();
    expect(await worker.exited()).toBe(0);
  });

  test('P112: a drained one serves what still comes and ends with its last data connection', async () => {
    const worker = await PhpWorker.with(ECHO);
    expect(await worker.text({ body: 'before' })).toBe('before');
    worker.control.send(FrameType.DRAIN, 0);
    await pong(worker.control);
    expect(await worker.text({ body: 'after' })).toBe('after');
    worker.data.socket.end();
    expect(await worker.exited()).toBe(0);
  });

  test('a drained spare ends at once', async () => {
    const worker = await PhpWorker.spare({});
    worker.control.send(FrameType.DRAIN, 0);
    expect(await worker.exited()).toBe(0);
  });
});

describe('order', () => {
  test('requests sent together are answered in order, each by its own handler call', async () => {
    const worker = await PhpWorker.with(ECHO);
    const bodies = Array.from({ length: 500 }, (_, i) => `body ${i}`);
    const outcomes = await Promise.all(bodies.map((body) => worker.request({ body })));
    expect(outcomes.map(({ answer }) => answer?.body.toString())).toEqual(bodies);
  });

  test('a request whose body comes later is served when it is complete', async () => {
    const worker = await PhpWorker.with(ECHO);
    const slow = worker.send({ flags: 0, body: 'a' });
    expect(await worker.text({ body: 'other' })).toBe('other');
    worker.data.send(FrameType.BODY, slow, 'b');
    worker.data.send(FrameType.END, slow);
    expect((await worker.data.outcome(slow)).answer?.body.toString()).toBe('ab');
  });

  test('an answer does not wait for the slow handler behind it, announced or not', async () => {
    const worker = await PhpWorker.with(SLEEPER);
    await worker.text({ target: '/x?0' });
    for (const flags of [Flag.END, Flag.END | Flag.ANNOUNCE]) {
      const [fast, slow] = [worker.send({ target: '/x?0', flags }), worker.send({ target: '/x?200', flags })];
      await worker.data.outcome(fast);
      expect(worker.data.of(FrameType.RESPONSE, slow)).toEqual([]);
      await worker.data.outcome(slow);
    }
  });

  test('an announced request is started when its handler begins, not before', async () => {
    const worker = await PhpWorker.with(SLEEPER);
    const flags = Flag.END | Flag.ANNOUNCE;
    const [first, second] = [worker.send({ target: '/x?100', flags }), worker.send({ target: '/x?100', flags })];
    await worker.data.first(FrameType.START, first);
    expect(worker.data.of(FrameType.START, second)).toEqual([]);
    await worker.data.outcome(second);
    const order = worker.data.frames.filter(({ stream }) => stream > 0).map(({ type, stream }) => [type, stream]);
    expect(order).toEqual([
      [FrameType.START, first],
      [FrameType.RESPONSE, first],
      [FrameType.START, second],
      [FrameType.RESPONSE, second],
    ]);
  });

  test('requests of several connections are served in turn', async () => {
    const worker = await PhpWorker.with(ECHO);
    const peers = Array.from({ length: 5 }, () => worker.connect());
    for (const [i, peer] of peers.entries()) peer.send(FrameType.REQUEST, 1, requestPayload({ body: `peer ${i}` }));
    const outcomes = await Promise.all(peers.map((peer) => peer.outcome(1)));
    expect(outcomes.map(({ answer }) => answer?.body.toString())).toEqual(peers.map((_, i) => `peer ${i}`));
  });
});

describe('CANCEL', () => {
  test('F103: a waiting request is closed with END and its handler never runs', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { usleep(100000); file_put_contents('ran', $e['query_string'], FILE_APPEND); return file_get_contents('ran'); }",
    );
    const first = worker.send({ target: '/x?a' });
    const second = worker.send({ target: '/x?b', flags: Flag.END | Flag.ANNOUNCE });
    worker.data.send(FrameType.CANCEL, second);
    const third = worker.send({ target: '/x?c' });
    expect(await worker.data.outcome(second)).toEqual({});
    expect((await worker.data.outcome(third)).answer?.body.toString()).toBe('ac');
    expect(worker.data.of(FrameType.START, second)).toEqual([]);
    await worker.data.outcome(first);
  });

  test('a request whose body is under way is closed with END, and what still comes of it is ignored', async () => {
    const worker = await PhpWorker.with(ECHO);
    const stream = worker.send({ flags: 0, body: 'a' });
    worker.data.send(FrameType.CANCEL, stream);
    worker.data.send(FrameType.BODY, stream, 'late');
    worker.data.send(FrameType.END, stream);
    expect(await worker.data.outcome(stream)).toEqual({});
    expect(await worker.text({ body: 'on' })).toBe('on');
  });

  test('one that crosses with its answer is ignored', async () => {
    const worker = await PhpWorker.with(ECHO);
    await worker.text();
    for (const type of [FrameType.CANCEL, FrameType.END, FrameType.BODY]) worker.data.send(type, 1);
    worker.data.send(FrameType.WINDOW, 1, Buffer.from([0, 0, 0, 9]));
    expect(await worker.text({ body: 'on' })).toBe('on');
  });

  test('F103: the end of a data connection cancels what waits on it', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === 'slow') usleep(100000); else @file_put_contents('ran', $e['query_string'], FILE_APPEND); return @file_get_contents('ran'); }",
    );
    const gone = worker.connect();
    gone.send(FrameType.REQUEST, 1, requestPayload({ target: '/x?slow' }));
    gone.send(FrameType.REQUEST, 2, requestPayload({ target: '/x?gone', flags: Flag.END | Flag.ANNOUNCE }));
    await gone.first(FrameType.HELLO);
    gone.socket.destroy();
    expect(await worker.text({ target: '/x?kept' })).toBe('kept');
  });
});

describe('bodies', () => {
  test('a large request body gets its credit back and arrives whole', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { return ['sha' => hash('sha256', $e['raw_body']), 'n' => strlen($e['raw_body'])]; }",
    );
    const body = randomBytes(3_000_000);
    const stream = worker.send({ flags: 0 });
    let credit = 262_144;
    let granted = 0;
    for (let offset = 0; offset < body.length; ) {
      const piece = body.subarray(offset, offset + Math.min(credit, 200_000));
      worker.data.send(FrameType.BODY, stream, piece);
      offset += piece.length;
      credit -= piece.length;
      while (credit === 0) {
        await until(() => expect(worker.data.of(FrameType.WINDOW, stream).length).toBeGreaterThan(granted));
        const grants = worker.data.of(FrameType.WINDOW, stream).slice(granted);
        granted += grants.length;
        for (const { payload } of grants) credit += payload.readUInt32BE(0);
      }
    }
    worker.data.send(FrameType.END, stream);
    const { answer } = await worker.data.outcome(stream);
    expect(JSON.parse(answer!.body.toString())).toMatchObject({ n: body.length });
  });

  test('a large answer stops at its credit, names its length, and goes on as credit comes, others meanwhile', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { return str_repeat('0123456789', (int) $e['query_string']); }",
    );
    const bytes = 1_000_000;
    const stream = worker.send({ target: `/x?${bytes / 10}` });
    const received = () => {
      const { payload } = worker.data.of(FrameType.RESPONSE, stream)[0]!;
      const first = payload.length - 4 - payload.readUInt32BE(0);
      return worker.data.of(FrameType.BODY, stream).reduce((sum, frame) => sum + frame.payload.length, first);
    };
    await worker.data.first(FrameType.RESPONSE, stream);
    expect(await worker.text({ target: '/x?1' })).toBe('0123456789');
    expect(received()).toBe(262_144);
    for (let credit = 262_144; credit < bytes; credit += 200_000) {
      worker.data.send(FrameType.WINDOW, stream, Buffer.from([0, 3, 13, 64]));
      await until(() => expect(received()).toBe(Math.min(bytes, credit + 200_000)));
    }
    const { answer } = await worker.data.outcome(stream);
    expect(answer?.head).toMatchObject({ end: false, length: bytes });
    expect(answer?.body.toString()).toBe('0123456789'.repeat(bytes / 10));
  });

  test('a peer that does not read delays nobody else', async () => {
    const worker = await PhpWorker.with("<?php function handler($e) { return str_repeat('x', 200000); }");
    const deaf = worker.connect();
    await deaf.first(FrameType.HELLO);
    deaf.socket.pause();
    for (let stream = 1; stream <= 40; stream++) deaf.send(FrameType.REQUEST, stream, requestPayload());
    expect(await worker.text()).toHaveLength(200_000);
    deaf.socket.resume();
    expect((await deaf.outcome(40)).answer?.body).toHaveLength(200_000);
  });
});

describe('frames', () => {
  test.each<{ name: string; type: number; hex: string }>(frames)(
    'understands, ignores or refuses $name at any split',
    async ({ type, hex }) => {
      const worker = await PhpWorker.with(ECHO);
      const bytes = Buffer.from(hex, 'hex');
      const peer = worker.connect();
      await peer.first(FrameType.HELLO);
      for (const byte of bytes) peer.socket.write(Buffer.of(byte));
      if (SENT_BY_WORKERS.includes(type)) await peer.closed();
      else await pong(peer);
      if (type === FrameType.PING) expect(peer.of(FrameType.PONG)[0]?.payload).toEqual(bytes.subarray(9));
      expect(await worker.text({ body: 'on' })).toBe('on');
    },
  );

  const head = requestPayload();
  const wrongHeadLength = Buffer.from(head);
  wrongHeadLength.writeUInt32BE(head.length, 1);
  test.each<[string, Buffer]>([
    ...invalid.map(({ name, hex }: { name: string; hex: string }) => [name, Buffer.from(hex, 'hex')]),
    ['a body above 256 KiB', encodeFrame(FrameType.BODY, 1, Buffer.alloc(262_145))],
    [
      'a REQUEST body above 256 KiB',
      encodeFrame(FrameType.REQUEST, 1, requestPayload({ body: Buffer.alloc(262_145) })),
    ],
    ['a REQUEST shorter than its prefix', encodeFrame(FrameType.REQUEST, 1, Buffer.alloc(4))],
    ['a head longer than its payload', encodeFrame(FrameType.REQUEST, 1, wrongHeadLength)],
    ['a REQUEST on stream 0', encodeFrame(FrameType.REQUEST, 0, head)],
    ['a stream id of 32 bits', encodeFrame(FrameType.REQUEST, 0x8000_0000, head)],
    [
      'a REQUEST on an open stream',
      Buffer.concat([1, 2].map(() => encodeFrame(FrameType.REQUEST, 1, requestPayload({ flags: 0 })))),
    ],
    [
      'more body than the credit',
      Buffer.concat([
        encodeFrame(FrameType.REQUEST, 1, requestPayload({ flags: 0, body: 'x' })),
        encodeFrame(FrameType.BODY, 1, Buffer.alloc(262_144)),
      ]),
    ],
    ['a head without fields', encodeFrame(FrameType.REQUEST, 1, requestPayload({ head: Buffer.from('x') }))],
    [
      'a head that promises parameters',
      encodeFrame(
        FrameType.REQUEST,
        1,
        requestPayload({ head: Buffer.from(`a\0${'1\0'.repeat(5)}9\0x\0GET / HTTP/1.1\r\n\r\n`) }),
      ),
    ],
    [
      'a head with extra that is no JSON',
      encodeFrame(
        FrameType.REQUEST,
        1,
        requestPayload({ head: Buffer.from(`a\0${'1\0'.repeat(4)}{\x000\0GET / HTTP/1.1\r\n\r\n`) }),
      ),
    ],
    ['a WINDOW of three bytes', encodeFrame(FrameType.WINDOW, 1, Buffer.alloc(3))],
    ['LOAD on a data connection', encodeFrame(FrameType.LOAD, 0, '{}')],
    ['DRAIN on a data connection', encodeFrame(FrameType.DRAIN, 0, '')],
    ['CONTEXT on a data connection', encodeFrame(FrameType.CONTEXT, 0, '{}')],
    ['a type that only workers send', encodeFrame(FrameType.LOADED, 0, '{}')],
  ])('%s closes the connection and nothing else', async (_name, bytes) => {
    const worker = await PhpWorker.with(ECHO);
    const peer = worker.connect();
    await peer.first(FrameType.HELLO);
    peer.socket.write(bytes);
    await peer.closed();
    expect(await worker.text({ body: 'on' })).toBe('on');
  });

  test('a REQUEST before LOADED closes the connection', async () => {
    const worker = await PhpWorker.spare({ 'fn.php': ECHO });
    const early = worker.connect();
    early.send(FrameType.REQUEST, 1, requestPayload());
    await early.closed();
    worker.load();
    await worker.control.first(FrameType.LOADED);
    expect(await worker.text({ body: 'on' })).toBe('on');
  });

  test('a second LOAD ends the worker, as the control connection closes', async () => {
    const worker = await PhpWorker.with(ECHO);
    worker.load();
    expect(await worker.exited()).toBe(0);
  });

  test('random, truncated, reordered and repeated frames never stop the worker', async () => {
    const worker = await PhpWorker.with(ECHO);
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({
          type: fc.integer({ min: 0, max: 20 }),
          stream: fc.integer({ min: 0, max: 4 }),
          payload: fc.uint8Array({ maxLength: 40 }),
        })
        .map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
      fc
        .record({
          stream: fc.integer({ min: 1, max: 4 }),
          flags: fc.integer({ min: 0, max: 7 }),
          body: fc.uint8Array({ maxLength: 40 }),
        })
        .map(({ stream, flags, body }) => encodeFrame(FrameType.REQUEST, stream, requestPayload({ flags, body }))),
      fc
        .record({ stream: fc.integer({ min: 1, max: 4 }), cut: fc.integer({ min: 0, max: 120 }) })
        .map(({ stream, cut }) => encodeFrame(FrameType.REQUEST, stream, requestPayload()).subarray(0, cut)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        const peer = worker.connect();
        await peer.first(FrameType.HELLO);
        for (const bytes of pieces) peer.socket.write(bytes);
        peer.socket.end();
        await peer.closed();
        await pong(worker.control);
      }),
      { numRuns: 150 },
    );
    expect(await worker.text({ body: 'on' })).toBe('on');
    expect(worker.output.stderr).toBe('');
  });
});
