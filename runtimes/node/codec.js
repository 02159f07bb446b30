'use strict';

/**
 * FNP/1 frames (docs/protocol.md): u32 payload length | u8 type | u32 stream id | payload, big-endian.
 * Reading hands out offsets into the received chunk, so that a frame costs no allocation.
 */

const Type = Object.freeze({
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
});

/** Bits of a REQUEST's first byte. */
const Flag = Object.freeze({ END: 1, ANNOUNCE: 2, CAPTURE: 4 });

const HEADER_BYTES = 9;
const MAX_PAYLOAD_BYTES = 1_048_576;

/** The most body bytes in one frame, and the credit each direction of a stream begins with. */
const MAX_BODY_BYTES = 262_144;

const MAX_STREAM_ID = 0x7fffffff;

/** The peer broke the protocol: its connection is closed, and nothing else. */
class ProtocolError extends Error {}

/** Big-endian u32 at `at`; readUInt32BE's checks are ours already. */
function readU32(bytes, at) {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function writeU32(bytes, at, value) {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a frame's header; the payload follows at `at + HEADER_BYTES`. */
function writeHeader(bytes, at, length, type, streamId) {
  writeU32(bytes, at, length);
  bytes[at + 4] = type;
  writeU32(bytes, at + 5, streamId);
}

/** One frame as a buffer of its own; the request path writes into the connection's outbox instead. */
function encodeFrame(type, streamId, payload) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  writeHeader(frame, 0, payload.length, type, streamId);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream into frames; what is not all here yet waits for the next chunk. */
class FrameReader {
  #onFrame;
  #parts = [];
  #held = 0;
  #needed = 0;

  /** @param {(type: number, streamId: number, bytes: Buffer, start: number, end: number) => void} onFrame */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  /** Calls onFrame for every frame that is complete with `chunk`. Throws ProtocolError. */
  push(chunk) {
    if (this.#held === 0) return this.#cut(chunk);
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    // Only now: joining at every chunk would copy a large frame once per chunk.
    const bytes = Buffer.concat(this.#parts, this.#held);
    this.#parts = [];
    this.#held = 0;
    this.#cut(bytes);
  }

  #cut(bytes) {
    const size = bytes.length;
    let at = 0;
    let needed = HEADER_BYTES;
    while (size - at >= HEADER_BYTES) {
      const length = readU32(bytes, at);
      if (length > MAX_PAYLOAD_BYTES) {
        throw new ProtocolError(`payload of ${length} bytes, limit ${MAX_PAYLOAD_BYTES}`);
      }
      const start = at + HEADER_BYTES;
      if (size - start < length) {
        needed = HEADER_BYTES + length;
        break;
      }
      this.#onFrame(bytes[at + 4], readU32(bytes, at + 5), bytes, start, start + length);
      at = start + length;
    }
    if (at === size) return;
    this.#parts = [bytes.subarray(at)];
    this.#held = size - at;
    this.#needed = needed;
  }
}

module.exports = {
  Type,
  Flag,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_BODY_BYTES,
  MAX_STREAM_ID,
  ProtocolError,
  FrameReader,
  encodeFrame,
  readU32,
  writeU32,
  writeHeader,
};
