import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeFrame, encodeFrame, type Frame, frameReader, HEADER_BYTES } from '../../src/workers/codec.ts';

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
const frameOf = ({ type, stream, payload_hex }: FrameVector): Frame => ({ type, stream, payload: bytes(payload_hex) });

function readAll(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const read = frameReader((frame) => frames.push(frame));
  for (const chunk of chunks) read(chunk);
  return frames;
}

describe.each(vectors.frames)('frame vector: $name', (vector) => {
  test('is encoded to its bytes', () => {
    expect(encodeFrame(vector.type, vector.stream, bytes(vector.payload_hex)).toString('hex')).toBe(vector.hex);
  });

  test('is decoded from its bytes, also behind others', () => {
    expect(decodeFrame(bytes(vector.hex), 0)).toEqual(frameOf(vector));
    expect(decodeFrame(bytes(`ff${vector.hex}00`), 1)).toEqual(frameOf(vector));
  });

  test('is awaited as long as its last byte is missing', () => {
    const whole = bytes(vector.hex);
    for (let end = 0; end < whole.length; end++) expect(decodeFrame(whole.subarray(0, end), 0)).toBeUndefined();
  });

  test('is read from two chunks, wherever it is cut', () => {
    const whole = bytes(vector.hex);
    for (let at = 0; at <= whole.length; at++) {
      expect(readAll([whole.subarray(0, at), whole.subarray(at)])).toEqual([frameOf(vector)]);
    }
  });
});

test.each(vectors.invalid)('a frame with a $name is refused by its header alone', ({ hex }) => {
  expect(() => decodeFrame(bytes(hex), 0)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  expect(() => readAll([bytes(hex)])).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
});

test('a payload above 1 MiB is never sent', () => {
  expect(() => encodeFrame(3, 1, Buffer.alloc(1_048_577))).toThrow('limit 1048576');
});

test('text is sent as UTF-8', () => {
  expect(decodeFrame(encodeFrame(13, 0, 'größe'), 0)?.payload.toString()).toBe('größe');
});

test('frames are the same however their bytes are cut into chunks', () => {
  const frame = fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    stream: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 })), (frames, sizes) => {
      const whole = Buffer.concat(frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)));
      expect(readAll(cut(whole, sizes))).toEqual(frames);
    }),
  );
});

test('a large frame in small chunks is read in linear time', () => {
  const whole = encodeFrame(3, 1, Buffer.alloc(1_048_576, 7));
  const chunks = cut(
    whole,
    Array.from({ length: whole.length / 512 }, () => 512),
  );
  expect(readAll(chunks)[0]?.payload.length).toBe(whole.length - HEADER_BYTES);
});

function cut(whole: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    chunks.push(whole.subarray(from, from + size));
    from += size;
  }
  return [...chunks, whole.subarray(from)];
}
