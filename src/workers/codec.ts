// FNP/1 frames (docs/protocol.md), the same names in runtimes/node, runtimes/python and runtimes/php. Big-endian:
// u32 payload length | u8 type | u32 stream id | payload.
import { FastfnError } from '../errors.ts';

export const HEADER_BYTES = 9;
export const MAX_PAYLOAD_BYTES = 1_048_576;

/** What a frame is; which side may send it is in docs/protocol.md. */
export const FrameType = {
  HELLO: 1,
  REQUEST: 2,
  BODY: 3,
  END: 4,
  RESPONSE: 5,
  ERROR: 6,
  CANCEL: 7,
  WINDOW: 8,
  PING: 9,
  PONG: 10,
  LOG: 11,
  START: 12,
  LOAD: 13,
  LOADED: 14,
  DRAIN: 15,
  CONTEXT: 16,
} as const;

/** A decoded frame. `payload` is a view into the bytes it came from; `type` may be one we do not know. */
export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** One frame as bytes to write. */
export function encodeFrame(type: number, stream: number, payload: Uint8Array | string): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  checkLength(length);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(stream, 5);
  if (typeof payload === 'string') frame.write(payload, HEADER_BYTES);
  else frame.set(payload, HEADER_BYTES);
  return frame;
}

/** The frame that begins at `offset`, or undefined while some of it has not arrived. Throws when it can never be valid. */
export function decodeFrame(buffer: Buffer, offset: number): Frame | undefined {
  const end = offset + frameBytes(buffer, offset);
  if (end > buffer.length) return undefined;
  return {
    type: buffer.readUInt8(offset + 4),
    stream: buffer.readUInt32BE(offset + 5),
    payload: buffer.subarray(offset + HEADER_BYTES, end),
  };
}

/** Cuts a byte stream into frames. The returned function takes each chunk as it arrives and throws on a broken frame. */
export function frameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let wanted = HEADER_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) return; // joined only when a frame is complete: a large frame in small chunks is copied once
    const buffer = chunks.length === 1 ? chunk : Buffer.concat(chunks, bytes);
    let offset = 0;
    for (let frame = decodeFrame(buffer, 0); frame !== undefined; frame = decodeFrame(buffer, offset)) {
      offset += HEADER_BYTES + frame.payload.length;
      onFrame(frame);
    }
    chunks = offset < buffer.length ? [buffer.subarray(offset)] : [];
    bytes = buffer.length - offset;
    wanted = frameBytes(buffer, offset);
  };
}

/** Bytes of the frame at `offset`, header included; the header alone while the length is not known. */
function frameBytes(buffer: Buffer, offset: number): number {
  if (buffer.length - offset < HEADER_BYTES) return HEADER_BYTES;
  const length = buffer.readUInt32BE(offset);
  checkLength(length);
  return HEADER_BYTES + length;
}

function checkLength(length: number): void {
  if (length > MAX_PAYLOAD_BYTES) {
    throw new FastfnError('PROTOCOL', `frame with a payload of ${length} bytes, limit ${MAX_PAYLOAD_BYTES}`);
  }
}
