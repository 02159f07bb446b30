import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameType } from '../../src/workers/codec.ts';
import { CREDIT_BYTES, Flag, type Json, PythonWorker, requestPayload, u32 } from './python-worker-support.ts';

const ECHO = 'def handler(event):\n    return event["body"] or "empty"\n';
const ASYNC_ECHO = `async ${ECHO}`;
const KINDS = [
  ['def', ECHO],
  ['async def', ASYNC_ECHO],
] as const;

const VECTORS = JSON.parse(readFileSync(new URL('../vectors/frames.json', import.meta.url), 'utf8'));

function frame(type: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  return encodeFrame(type, stream, payload);
}

/** Broken rules of the protocol, as bytes; each must close its connection. */
const BROKEN: [string, Buffer][] = [
  ...VECTORS.invalid.map(({ name, hex }: Json) => [name, Buffer.from(hex, 'hex')] as [string, Buffer]),
  ['REQUEST on stream 0', frame(FrameType.REQUEST, 0, requestPayload())],
  ['REQUEST on a stream id above 2³¹−1', frame(FrameType.REQUEST, 2 ** 31, requestPayload())],
  ['REQUEST without flags', frame(FrameType.REQUEST, 1)],
  ['a head length beyond the payload', frame(FrameType.REQUEST, 1, Buffer.from([1, 0, 0, 1, 0, 65]))],
  [
    'REQUEST on an open stream',
    Buffer.concat([0, 0].map((flags) => frame(FrameType.REQUEST, 1, requestPayload({ flags })))),
  ],
  [
    'a body of 256 KiB and a byte',
    frame(FrameType.REQUEST, 1, requestPayload({ body: Buffer.alloc(CREDIT_BYTES + 1) })),
  ],
  [
    'more body than the credit',
    Buffer.concat([
      frame(FrameType.REQUEST, 1, requestPayload({ flags: 0, body: Buffer.alloc(100_000) })),
      frame(FrameType.BODY, 1, Buffer.alloc(CREDIT_BYTES)),
    ]),
  ],
  ['BODY of more than 256 KiB', frame(FrameType.BODY, 1, Buffer.alloc(CREDIT_BYTES + 1))],
  ['WINDOW of three bytes', frame(FrameType.WINDOW, 1, 'abc')],
  ['END with a trailer that is no JSON', frame(FrameType.END, 1, '{')],
  ...['HELLO', 'RESPONSE', 'ERROR', 'LOG', 'START', 'LOADED', 'LOAD', 'DRAIN', 'CONTEXT'].map(
    (name): [string, Buffer] => [
      `${name}, which no gateway sends`,
      frame(FrameType[name as keyof typeof FrameType], 0, '{}'),
    ],
  ),
];

test.each(KINDS)('%s: a frame that breaks the rules closes its connection and nothing else', async (_kind, source) => {
  const worker = await PythonWorker.serving(source);
  const neighbour = await worker.connect();
  neighbour.request(1, { flags: 0, body: 'still ' });
  for (const [name, bytes] of BROKEN) {
    const peer = await worker.connect();
    peer.raw(bytes);
    await peer.untilClosed().catch(() => expect.fail(`not closed: ${name}`));
  }
  neighbour.send(FrameType.BODY, 1, 'here').send(FrameType.END, 1, '{"duration_us":5}');
  expect((await neighbour.answer(1)).body?.toString()).toBe('still here');
});

test.each(KINDS)('%s: frames that are allowed but mean nothing are ignored', async (_kind, source) => {
  const worker = await PythonWorker.serving(source);
  const peer = await worker.connect();
  peer.send(200, 5, 'a type of later').send(FrameType.PONG, 0, 'x').send(FrameType.BODY, 9, 'x').send(FrameType.END, 9);
  peer.send(FrameType.CANCEL, 9).window(9, 1);
  expect((await peer.request(1).answer(1)).status).toBe(200);
  expect(peer.pending).toEqual([]);
});

test('frames are understood however they are cut', async () => {
  const worker = await PythonWorker.serving(ECHO);
  const bytes = Buffer.concat([
    frame(FrameType.REQUEST, 1, requestPayload({ flags: 0, body: 'a' })),
    frame(FrameType.BODY, 1, 'b'),
    frame(FrameType.END, 1),
    frame(FrameType.PING, 0, 'cut'),
  ]);
  const peer = await worker.connect();
  for (const byte of bytes) {
    peer.raw(Buffer.from([byte]));
    await new Promise(setImmediate); // so that the worker may see each byte alone
  }
  expect((await peer.answer(1)).body?.toString()).toBe('ab');
  await peer.takeType(FrameType.PONG);
});

test('the largest body that one frame may have, in pieces of every kind', async () => {
  const worker = await PythonWorker.serving('def handler(event):\n    return event.raw_body\n');
  const body = Buffer.alloc(CREDIT_BYTES, 'é');
  expect((await worker.call({ body })).body).toEqual(body);
});

const types = fc.integer({ min: 0, max: 20 });
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .tuple(types, fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 40 }))
    .map(([type, stream, payload]) => frame(type, stream, payload)),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 1, max: 3 }))
    .map(([flags, stream]) => frame(FrameType.REQUEST, stream, requestPayload({ flags, body: 'x' }))),
  fc
    .tuple(fc.constantFrom(FrameType.BODY, FrameType.END, FrameType.CANCEL), fc.integer({ min: 1, max: 3 }))
    .map(([type, stream]) => frame(type, stream)),
  fc.integer({ min: 1, max: 3 }).map((stream) => frame(FrameType.WINDOW, stream, u32(2 ** 32 - 1))),
);

test.each(KINDS)(
  '%s: no sequence of frames and bytes harms the worker or its other connections',
  async (_kind, source) => {
    const worker = await PythonWorker.serving(source);
    const neighbour = await worker.connect();
    let stream = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 12 }), async (parts) => {
        const peer = await worker.connect();
        for (const part of parts) peer.raw(part);
        stream += 1;
        const answer = await neighbour.request(stream, { body: 'alive', flags: Flag.END }).answer(stream);
        peer.end();
        return answer.body?.toString() === 'alive';
      }),
      { numRuns: 150 },
    );
    expect(neighbour.pending).toEqual([]);
    expect(worker.process.exitCode).toBe(null);
  },
);
