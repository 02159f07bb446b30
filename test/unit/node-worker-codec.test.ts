import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const { FrameReader, ProtocolError, encodeFrame } = createRequire(import.meta.url)('../../runtimes/node/codec.js');

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: string;
}

interface FrameVector {
  readonly name: string;
  readonly type: number;
  readonly stream: number;
  readonly payload_hex: string;
  readonly hex: string;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/frames.json', import.meta.url), 'utf8')) as {
  frames: FrameVector[];
  invalid: { name: string; hex: string }[];
};
const bytes = (hex: string) => Buffer.from(hex, 'hex');

function readAll(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((type: number, stream: number, buffer: Buffer, start: number, end: number) => {
    frames.push({ type, stream, payload: buffer.subarray(start, end).toString('hex') });
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return frames;
}

describe.each(vectors.frames)('frame vector: $name', ({ type, stream, payload_hex, hex }) => {
  const frame = { type, stream, payload: payload_hex };

  test('is encoded to its bytes', () => {
    expect(encodeFrame(type, stream, bytes(payload_hex)).toString('hex')).toBe(hex);
  });

  test('is read wherever it is cut, with a frame behind it', () => {
    const both = bytes(hex + hex);
    for (let at = 0; at <= both.length; at++) {
      expect(readAll([both.subarray(0, at), both.subarray(at)])).toEqual([frame, frame]);
    }
  });

  test('is read byte by byte', () => {
    expect(readAll([...bytes(hex)].map((byte) => Uint8Array.of(byte)))).toEqual([frame]);
  });
});

test.each(vectors.invalid)('a frame with a $name is refused by its header alone', ({ hex }) => {
  expect(() => readAll([bytes(hex)])).toThrow(ProtocolError);
});

const anyFrame = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  stream: fc.integer({ min: 0, max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 200 }).map((payload) => Buffer.from(payload).toString('hex')),
});

test('any frames survive the round trip, in chunks of any size', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(300), { maxLength: 12 }), (frames, sizes) => {
      const encoded = frames.map(({ type, stream, payload }) => encodeFrame(type, stream, bytes(payload)));
      expect(readAll(cut(Buffer.concat(encoded), sizes))).toEqual(frames);
    }),
  );
});

function cut(whole: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(whole.subarray(at, at + size));
    at += size;
  }
  return [...chunks, whole.subarray(at)];
}
